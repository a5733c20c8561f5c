package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/httphost"
)

// described is the description with closed objects: a member that it does not have is one
// that it lacks.
func described(t *testing.T, text []byte) validator.Validator {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	schemas := d["components"].(map[string]any)["schemas"].(map[string]any)
	for _, name := range []string{"View", "Move", "Factor", "Prompt"} {
		schemas[name].(map[string]any)["additionalProperties"] = false
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	v, errs := validator.NewValidator(document, config.WithFormatAssertions())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return v
}

// The description, as it is recorded, is one of OpenAPI.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile("../../docs/openapi.json")
	if err != nil || !bytes.Equal(text, httphost.OpenAPI()) {
		t.Fatal("docs/openapi.json is not up to date: go run ./internal/regen", err)
	}
	if ok, errs := described(t, text).ValidateDocument(); !ok {
		for _, e := range errs {
			t.Error(e.Message, e.Reason, e.SchemaValidationErrors)
		}
	}
}

// judge passes requests on, and compares them and their answers with the description.
type judge struct {
	*testing.T
	v    validator.Validator
	next http.Handler
	seen map[string]bool // "path status", and "path state"
}

func (j *judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	rewind := func() {
		if r.Body != nil {
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
	}
	rewind()
	rec := httptest.NewRecorder()
	http.StripPrefix("/signin", j.next).ServeHTTP(rec, r)
	rewind()
	op := strings.TrimPrefix(r.URL.Path, "/signin")
	if ok, errs := j.v.ValidateHttpResponse(r, rec.Result()); !ok {
		for _, e := range errs {
			j.Errorf("%s: %d %s: %s %s %v", op, rec.Code, rec.Body, e.Message, e.Reason, causes(e.SchemaValidationErrors))
		}
	}
	rewind()
	ok, errs := j.v.ValidateHttpRequest(r)
	if rec.Code == http.StatusOK && !ok {
		for _, e := range errs {
			j.Errorf("%s: the request %s was taken: %s %s", op, body, e.Message, e.Reason)
		}
	}
	if rec.Code == http.StatusBadRequest && ok && !bytes.Contains(rec.Body.Bytes(), []byte("state")) && !strings.Contains(string(body), "malformed") {
		j.Errorf("%s: the request %s is as described, and was refused", op, body)
	}
	var v httphost.View
	json.Unmarshal(rec.Body.Bytes(), &v)
	j.seen[fmt.Sprint(op, " ", rec.Code, " ", v.Error)] = true
	if v.Error == "" {
		j.seen[fmt.Sprint(op, " ", v.State)] = true
	}
	maps.Copy(w.Header(), rec.Header())
	w.WriteHeader(rec.Code)
	w.Write(rec.Body.Bytes())
}

func causes[T any](list []T) (s []string) {
	for _, x := range list {
		s = append(s, fmt.Sprint(x))
	}
	return s
}

// Sign-ins of every kind are as described: every request that is taken, and every answer.
func TestExchanges(t *testing.T) {
	v, seen := described(t, httphost.OpenAPI()), map[string]bool{}
	for name, walk := range walks {
		t.Run(name, func(t *testing.T) {
			h, svc, w := open(t)
			walk(&tab{T: t, h: &judge{t, v, h, seen}, svc: svc, w: w, cookies: map[string]string{}})
		})
	}
	for _, s := range authn.NewReference().States {
		if s.State == authn.Unauthenticated || s.State == authn.OtherGate || s.State == authn.Expired {
			continue // of the last, Status alone could tell
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(seen)), func(x string) bool { return strings.HasSuffix(x, " "+string(s.State)) }) {
			t.Errorf("no answer was in %s", s.State)
		}
	}
	var d struct{ Paths map[string]any }
	json.Unmarshal(httphost.OpenAPI(), &d)
	for path := range d.Paths {
		if !seen[path+" 200 "] {
			t.Errorf("%s was never taken", path)
		}
	}
	if testing.Verbose() {
		for _, x := range slices.Sorted(maps.Keys(seen)) {
			t.Log(x)
		}
	}
}

var walks = map[string]func(*tab){
	"a mail": func(b *tab) {
		b.do("finished", "", "").do("password", "begin", `{"name":"ada","password":"wrong"}`).do("no_user", "begin", `{"name":"zoe","password":"right"}`)
		b.begin("no_factor", "none").begin("MFA_REQUIRED", "ada").do("MFA_REQUIRED", "", "")
		b.do("not_allowed", "verify", `{"code":"123456"}`).do("not_offered", "challenge", `{"factor":"x"}`)
		b.do("MFA_CHALLENGE", "challenge", `{"factor":"mail"}`, "Idempotency-Key", "k").do("key_reused", "cancel", `{}`, "Idempotency-Key", "k")
		b.do("too_soon", "resend", `{}`).do("MFA_CHALLENGE", "verify", `{"code":"000000"}`).do("MFA_REQUIRED", "previous", `{}`)
		b.w.Advance(time.Minute)
		b.do("MFA_CHALLENGE", "challenge", `{"factor":"mail"}`)
		b.w.Advance(time.Minute)
		b.do("MFA_CHALLENGE", "resend", `{}`).do("SUCCESS", "verify", `{"code":"`+b.code("ada")+`","remember":true}`)
		b.begin("SUCCESS", "ada")
	},
	"bad requests": func(b *tab) {
		b.begin("MFA_REQUIRED", "ada").do("malformed", "challenge", `{}`).do("malformed", "challenge", `{"factor":1}`).do("malformed", "challenge", `{"factor":"mail","x":1}`)
		b.do("malformed", "cancel", `{}`, "Idempotency-Key", "not one").do("media_type", "cancel", `{}`, "Content-Type", "text/plain")
		b.do("cross_origin", "cancel", `{}`, "Origin", "https://evil.example").do("too_large", "challenge", `{"factor":"`+strings.Repeat("x", 40<<10)+`"}`)
		b.w.FailOnce(authntest.Load, authntest.Fault{Err: authntest.ErrDown})
		b.do("unavailable", "", "").do("CANCELED", "cancel", `{}`)
	},
	"an app": func(b *tab) {
		b.begin("MFA_ENROLL", "grace").do("MFA_ENROLL_ACTIVATE", "enroll", `{"factor":"totp"}`)
		b.do("MFA_ENROLL_ACTIVATE", "activate", `{"code":"000000"}`).do("MFA_ENROLL_ACTIVATE", "", "").do("MFA_ENROLL", "previous", `{}`)
		b.do("required", "skip", `{}`).do("MFA_ENROLL_ACTIVATE", "enroll", `{"factor":"email"}`).do("SUCCESS", "activate", `{"code":"`+b.code("grace")+`"}`)
	},
	"two factors": func(b *tab) { b.mailed("MFA_ENROLL", "two").do("required", "skip", `{}`) },
	"a lock": func(b *tab) {
		b.begin("MFA_REQUIRED", "ada").do("MFA_CHALLENGE", "challenge", `{"factor":"mail"}`)
		b.do("MFA_CHALLENGE", "verify", `{"code":"000000"}`).do("MFA_CHALLENGE", "verify", `{"code":"000000"}`).do("LOCKED_OUT", "verify", `{"code":"000000"}`)
		b.do("finished", "cancel", `{}`)
	},
	"an expired sign-in": func(b *tab) {
		b.begin("MFA_REQUIRED", "ada")
		b.w.Advance(24 * time.Hour)
		b.do("finished", "challenge", `{"factor":"mail"}`)
	},
	"a password that expires soon": func(b *tab) {
		b.mailed("PASSWORD_WARN", "warn").do("PASSWORD_WARN", "change_password", `{"old":"right","new":"short"}`).do("SUCCESS", "skip", `{}`)
	},
	"a password that has expired": func(b *tab) {
		b.mailed("PASSWORD_EXPIRED", "expired").do("SUCCESS", "change_password", `{"old":"right","new":"a difference engine"}`)
	},
	"a password that is reset": func(b *tab) {
		b.mailed("PASSWORD_RESET", "reset").do("SUCCESS", "reset_password", `{"new":"a difference engine"}`)
	},
	"a gate": func(b *tab) {
		b.mailed("TERMS", "gina").do("not_allowed", "pass", `{"gate":"PROFILE","input":"1"}`).do("TERMS", "pass", `{"gate":"TERMS","input":"1"}`)
		b.do("TERMS", "", "").do("SUCCESS", "pass", `{"gate":"TERMS","input":{"version":2}}`)
		b.mailed("TERMS", "gina").do("CANCELED", "pass", `{"gate":"TERMS","input":"no"}`)
	},
	"a recovery": func(b *tab) {
		b.do("RECOVERY_CHALLENGE", "claim", `{"name":"ada","for":"recover"}`).do("RECOVERY_CHALLENGE", "verify", `{"code":"00000000"}`)
		b.do("RECOVERY", "verify", `{"code":"`+b.code("ada")+`"}`).do("RECOVERY", "answer", `{"input":"you"}`).do("PASSWORD_RESET", "answer", `{"input":"me"}`)
		b.do("SUCCESS", "reset_password", `{"new":"a difference engine"}`)
	},
	"a link": func(b *tab) {
		b.do("RECOVERY_CHALLENGE", "claim", `{"name":"ada","for":"unlock"}`).do("RECOVERY", "open", `{"link":"`+string(b.message("ada").Link)+`"}`, "Idempotency-Key", "k")
		b.do("finished", "open", `{"link":"nonsense"}`).do("malformed", "claim", `{"name":"ada","for":"malformed"}`).do("not_allowed", "claim", `{"name":"a@example.com","for":"sign_up"}`)
	},
	"a sign-in without a password": func(b *tab) {
		b.do("FACTOR_CHALLENGE", "claim", `{"name":"ada"}`).do("FACTOR_CHALLENGE", "", "").do("SUCCESS", "verify", `{"code":"`+b.code("ada")+`"}`)
	},
	"a passkey": func(b *tab) {
		b.begin("MFA_ENROLL", "key").do("MFA_ENROLL_ACTIVATE", "enroll", `{"factor":"key"}`)
		b.do("SUCCESS", "activate", b.response())
		b.begin("MFA_REQUIRED", "key").do("MFA_CHALLENGE", "challenge", `{"factor":"k"}`)
		b.do("SUCCESS", "verify", b.response())
		b.do("", "passkey/request", `{}`)
		b.do("SUCCESS", "passkey", b.response()).do("finished", "passkey", `{"response":{"Handle":"key"}}`)
	},
}
