package httphost_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// people is a Directory: every user has the e-mail address that is the id.
type people struct{}

func (people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active}}, nil
}

func (people) Activated(context.Context, string, string, authn.Factor) error { return nil }

// check knows one password. A real one compares a slow hash, also for a name that it does
// not know.
func check(_ context.Context, name string, password authn.Secret) (authn.Login, error) {
	if password != "correct horse battery" {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: name}, nil
}

// session makes the host's session, from the assertion alone.
func session(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
	http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: rand.Text(), Path: "/", Secure: true, HttpOnly: true})
	fmt.Println("a session for", a.User, a.Methods)
	return nil
}

// newKey makes a key. A server makes its keys once, and keeps them outside the store.
func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

func ExampleNew() {
	mail := new(memsender.Sender)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    people{},
	})
	if err != nil {
		panic(err)
	}
	h, err := httphost.New(httphost.Config{Service: svc, Password: check, Session: session})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/signin/", http.StripPrefix("/signin", h))

	// What a browser does.
	srv := httptest.NewTLSServer(mux)
	defer srv.Close()
	browser := srv.Client()
	browser.Jar, _ = cookiejar.New(nil)
	tab := ""
	post := func(event, members string) {
		r, _ := http.NewRequest(http.MethodPost, srv.URL+"/signin/"+event, strings.NewReader(members))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(httphost.SignInHeader, tab)
		resp, err := browser.Do(r)
		if err != nil {
			panic(err)
		}
		defer resp.Body.Close()
		var v httphost.View
		json.NewDecoder(resp.Body).Decode(&v)
		fmt.Println(resp.StatusCode, cmp.Or(v.Error, string(v.State)))
		tab = v.SignIn
	}
	post("begin", `{"name":"ada@example.com","password":"correct horse battery"}`)
	post("challenge", `{"factor":"mail"}`)
	post("resend", `{}`)
	post("verify", `{"code":"`+string(mail.Last("ada@example.com").Code)+`"}`)
	// Output:
	// 200 MFA_REQUIRED
	// 200 MFA_CHALLENGE
	// 429 too_soon
	// a session for ada@example.com [pwd otp]
	// 200 SUCCESS
}

// A sign-in that the host begins itself, to ask for a factor once more, is answered as by
// the handler, and goes on there.
func ExampleHandler_Reply() {
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: newKey()}}, PseudonymKey: newKey(),
		Store: new(memstore.Store), Mailer: new(memsender.Sender), Directory: people{},
	})
	if err != nil {
		panic(err)
	}
	h, err := httphost.New(httphost.Config{Service: svc, Password: check, Session: session})
	if err != nil {
		panic(err)
	}
	stepUp := func(w http.ResponseWriter, r *http.Request) {
		a, err := svc.Begin(r.Context(), authn.Login{User: "ada@example.com", Fresh: true, Purpose: "remove factor"})
		h.Reply(w, r, a, err)
	}
	w := httptest.NewRecorder()
	stepUp(w, httptest.NewRequest(http.MethodPost, "/stepup", nil))
	var v httphost.View
	json.NewDecoder(w.Body).Decode(&v)
	fmt.Println(w.Code, v.State)
	// Output:
	// 200 MFA_REQUIRED
}

// A host with a transport of its own shows answers and refusals in the same form.
func ExampleNewView() {
	v, err := httphost.NewView(&authn.Answer{
		State: authn.MFAChallenge, Token: "never shown", TriesLeft: 5,
		Allowed: []authn.Allowed{{Event: authn.EventVerify}},
	}, nil)
	b, _ := json.Marshal(v)
	fmt.Println(string(b), err)
	v, err = httphost.NewView(nil, &authn.Refusal{Event: authn.EventVerify, Err: authn.ErrFinished})
	b, _ = json.Marshal(v)
	fmt.Println(string(b), err)
	_, err = httphost.NewView(nil, errors.New("the database is away"))
	fmt.Println(err)
	// Output:
	// {"state":"MFA_CHALLENGE","allowed":[{"event":"verify"}],"triesLeft":5} <nil>
	// {"error":"finished"} <nil>
	// the database is away
}

// A host serves the description beside the handler.
func ExampleOpenAPI() {
	var d struct {
		OpenAPI string         `json:"openapi"`
		Paths   map[string]any `json:"paths"`
	}
	err := json.Unmarshal(httphost.OpenAPI(), &d)
	fmt.Println(d.OpenAPI, d.Paths["/verify"] != nil, err)
	// Output:
	// 3.1.1 true <nil>
}
