package okta_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
)

// crowd is a host with any number of users, all with the same password check,
// which costs nothing here: what is measured is the library.
type crowd struct{}

func (crowd) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "emf1", Type: authn.Email, Address: user + "@example.com", Status: authn.Active}}, nil
}

func (crowd) Activated(context.Context, string, string, authn.Factor) error { return nil }

func (crowd) VerifyPassword(_ context.Context, name string, _ authn.Secret) (okta.Verified, error) {
	return okta.Verified{Login: authn.Login{User: name}}, nil
}

func (crowd) StartSession(http.ResponseWriter, *http.Request, *authn.Assertion) (okta.Session, error) {
	return okta.Session{ID: "s", Expires: t0}, nil
}

// post is a Mailer that hands codes to the benchmark.
type post struct{ codes sync.Map }

func (p *post) Send(_ context.Context, m authn.Message) error {
	p.codes.Store(m.User, string(m.Code))
	return nil
}

func benchHandler(b *testing.B) (*okta.Handler, *post) {
	p := new(post)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}}, PseudonymKey: []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L"),
		Store: new(memstore.Store), Mailer: p, Directory: crowd{}, Policy: authn.Policy{SessionLife: okta.SessionLife},
	})
	if err != nil {
		b.Fatal(err)
	}
	h, err := okta.New(okta.Config{Service: svc, Passwords: crowd{}, Sessions: crowd{}, BaseURL: base})
	if err != nil {
		b.Fatal(err)
	}
	return h, p
}

// shot sends one request and returns the answer's body.
type shot func(path, body string) []byte

// signIn makes four requests: password, code please, code, session. codes
// gives the code that was mailed.
func signIn(b testing.TB, do shot, user string, codes func(user string) string) {
	type answer struct{ Status, StateToken, SessionToken string }
	step := func(path, body, want string) (a answer) {
		raw := do(path, body)
		i := bytes.Index(raw, []byte(`"status":"`))
		if i < 0 || !bytes.HasPrefix(raw[i+10:], []byte(want)) {
			b.Fatalf("%s: %s", path, raw)
		}
		a.StateToken, a.SessionToken = value(raw, `"stateToken":"`), value(raw, `"sessionToken":"`)
		return a
	}
	const verify = "/api/v1/authn/factors/emf1/verify"
	a := step("/api/v1/authn", `{"username":"`+user+`","password":"correct horse battery"}`, "MFA_REQUIRED")
	step(verify, `{"stateToken":"`+a.StateToken+`"}`, "MFA_CHALLENGE")
	a = step(verify, `{"stateToken":"`+a.StateToken+`","passCode":"`+codes(user)+`"}`, "SUCCESS")
	step("/api/v1/sessions", `{"sessionToken":"`+a.SessionToken+`"}`, "ACTIVE")
}

func value(raw []byte, name string) string {
	_, v, _ := bytes.Cut(raw, []byte(name))
	v, _, _ = bytes.Cut(v, []byte(`"`))
	return string(v)
}

// direct calls a handler without a network.
func direct(h http.Handler) shot {
	return func(path, body string) []byte {
		r := httptest.NewRequest("POST", path, io.NopCloser(bytes.NewReader([]byte(body))))
		r.Header["Content-Type"] = []string{"application/json"}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Body.Bytes()
	}
}

// BenchmarkSignIn is a whole sign-in, four requests, without a network. How it
// compares with a handler that only moves the same JSON is in bench/.
func BenchmarkSignIn(b *testing.B) {
	h, p := benchHandler(b)
	mailed := func(user string) string { c, _ := p.codes.LoadAndDelete(user); return c.(string) }
	do := direct(h)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		signIn(b, do, "user"+strconv.Itoa(i), mailed)
	}
}

// BenchmarkRequest is each request of a sign-in alone, without a network:
// how long, and how many allocations of the handler and the library.
func BenchmarkRequest(b *testing.B) {
	h, p := benchHandler(b)
	mailed := func(user string) string { c, _ := p.codes.LoadAndDelete(user); return c.(string) }
	do := direct(h)
	var token string
	b.Run("get state", func(b *testing.B) {
		raw := do("/api/v1/authn", `{"username":"solo","password":"x"}`)
		token = value(raw, `"stateToken":"`)
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn", `{"stateToken":"`+token+`"}`)
		}
	})
	do("/api/v1/authn/factors/emf1/verify", `{"stateToken":"`+token+`"}`)
	mailed("solo")
	b.Run("malformed code", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn/factors/emf1/verify", `{"stateToken":"`+token+`","passCode":"12"}`)
		}
	})
	b.Run("resend too soon", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			do("/api/v1/authn/factors/emf1/verify/resend", `{"stateToken":"`+token+`"}`)
		}
	})
}
