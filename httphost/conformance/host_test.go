package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/httphost"
)

// ports are what a host has besides a World.
type ports struct{ *authntest.World }

// Find implements [authn.Finder]: a name is a user's id.
func (p ports) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	user := string(c.Name)
	if p.FactorsOf(user) == nil {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: user, Address: user + "@example.com"}, nil
}

// Question implements [authn.Questions].
func (ports) Question(context.Context, string) (string, error) { return "Who?", nil }

// questions judge what users say.
type questions struct{ ports }

func (questions) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	return authn.Verdict{Right: in.Answer == "me"}, nil
}

// passwords takes what is long.
type passwords struct{}

func (passwords) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	if len(in.New) < 10 {
		return authn.Verdict{Rejected: true, Reasons: []string{"too short"}}, nil
	}
	return authn.Verdict{Right: true, Data: []byte("hash")}, nil
}

func (passwords) Store(context.Context, authn.Change) error { return nil }

// terms are the gate of one user.
type terms struct{}

func (terms) Needed(_ context.Context, user string) (bool, error) { return user == "gina", nil }

func (terms) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	return authn.Verdict{Right: in.Input == `{"version":2}`, Rejected: in.Input == "1", Denied: in.Input == "no"}, nil
}

func (terms) Passed(context.Context, authn.Change) error { return nil }

// keys are passkeys: a response is the handle and the challenge.
type keys struct{}

type response struct{ Handle, Sign string }

func (keys) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	return json.Marshal(response{Sign: fmt.Sprintf("%x", c.Challenge)})
}

func (keys) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	var r response
	if err := json.Unmarshal(c.Response, &r); err != nil {
		return authn.Verdict{Malformed: true}, nil
	}
	return authn.Verdict{Right: r.Sign == fmt.Sprintf("%x", c.Challenge), Data: []byte(r.Handle)}, nil
}

func (keys) Handle(b []byte) string {
	var r response
	json.Unmarshal(b, &r)
	return r.Handle
}

func (keys) HandleOf(data []byte) string { return string(data) }

// open returns a handler with every path, and its world: of each user the name says what
// the password or the sign-in is like.
func open(t *testing.T) (*httphost.Handler, *authn.Service, *authntest.World) {
	t.Helper()
	w := new(authntest.World)
	for _, user := range []string{"ada", "warn", "expired", "reset", "gina"} {
		w.SetFactors(user, authntest.Mail(user+"@example.com", authn.Active))
	}
	w.SetFactors("none")
	w.SetFactors("grace", authntest.Mail("grace@example.com", authn.NotSetUp), authn.Factor{ID: "app", Type: authn.TOTP, Address: "grace", Status: authn.NotSetUp})
	w.SetFactors("key", authn.Factor{ID: "k", Type: "key", Status: authn.NotSetUp})
	w.SetFactors("two", authntest.Mail("two@example.com", authn.Active), authn.Factor{ID: "app", Type: authn.TOTP, Address: "two", Status: authn.NotSetUp, Required: true})
	svc := w.Service(t, func(c *authn.Config) {
		p := ports{w}
		c.Directory, c.Questions, c.Passwords = p, questions{p}, passwords{}
		c.Gates = []authn.Gate{{State: "TERMS", Keeper: terms{}}}
		c.Types = []authn.FactorType{{Name: "key", Methods: []string{"pop"}, Verifier: keys{}}}
		c.Policy = authn.Policy{Remember: time.Hour, Tries: 3, CodeTries: 3}
	})
	h, err := httphost.New(httphost.Config{
		Service: svc, Passkeys: "key", ClaimRequire: authn.RequireIfActive,
		Claims: []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock},
		Password: func(_ context.Context, name string, p authn.Secret) (authn.Login, error) {
			l := authn.Login{User: name}
			switch {
			case p != "right":
				return l, httphost.ErrPassword
			case name == "warn":
				l.Password, l.PasswordExpires = authn.PasswordExpiresSoon, w.Now().Add(24*time.Hour)
			case name == "expired":
				l.Password = authn.PasswordHasExpired
			case name == "reset":
				l.Password = authn.PasswordNeedsReset
			}
			return l, nil
		},
		Session: func(http.ResponseWriter, *http.Request, *authn.Assertion) error { return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return h, svc, w
}

// tab is a browser with one tab.
type tab struct {
	*testing.T
	h       http.Handler
	svc     *authn.Service
	w       *authntest.World
	name    string
	cookies map[string]string
	last    httphost.View
}

// do sends an event with these members, "" is a GET, and wants a state or an error.
func (b *tab) do(says, path, body string, header ...string) *tab {
	b.Helper()
	method := http.MethodPost
	if path == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequest(method, "https://site.example/signin/"+path, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body = nil
	}
	if b.name != "" {
		r.Header.Set(httphost.SignInHeader, b.name)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	b.last = httphost.View{}
	if err := json.Unmarshal(w.Body.Bytes(), &b.last); err != nil {
		b.Fatalf("%s: %v\n%s", path, err, w.Body)
	}
	if got := b.last.Error; got != says && (got != "" || string(b.last.State) != says) {
		b.Fatalf("%s %s: %d %s, want %s", path, body, w.Code, w.Body, says)
	}
	if b.last.SignIn != "" {
		b.name = b.last.SignIn
	}
	return b
}

// begin signs a user in with the password.
func (b *tab) begin(says, user string) *tab {
	b.Helper()
	return b.do(says, "begin", `{"name":"`+user+`","password":"right"}`)
}

// mailed signs a user in with the password and a code.
func (b *tab) mailed(says, user string) *tab {
	b.Helper()
	b.begin("MFA_REQUIRED", user).do("MFA_CHALLENGE", "challenge", `{"factor":"mail"}`)
	return b.do(says, "verify", `{"code":"`+b.code(user)+`"}`)
}

// code is the last one that was sent to a user.
func (b *tab) code(user string) string { return string(b.message(user).Code) }

func (b *tab) message(user string) (last authn.Message) {
	b.Helper()
	if err := b.svc.Wait(b.Context()); err != nil {
		b.Fatal(err)
	}
	for _, c := range b.w.Calls(authntest.Send) {
		if c.Message.To == user+"@example.com" {
			last = c.Message
		}
	}
	return last
}

// response is what a key says to the options at hand.
func (b *tab) response() string {
	b.Helper()
	if b.last.Prompt == nil {
		b.Fatal("no options")
	}
	var r response
	json.Unmarshal(b.last.Prompt.Options, &r)
	r.Handle = "key"
	text, _ := json.Marshal(r)
	return `{"response":` + string(text) + `}`
}
