package okta_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
)

// shop is a host with one user. A real one compares a slow hash of the
// password, also for a name that it does not know.
type shop struct{}

func (shop) VerifyPassword(_ context.Context, name string, password authn.Secret) (okta.Verified, error) {
	if name != "ada" || password != "correct horse battery" {
		return okta.Verified{}, okta.ErrPassword
	}
	return okta.Verified{Login: authn.Login{User: "u1"}}, nil
}

func (shop) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}}, nil
}

func (shop) Activated(context.Context, string, string, authn.Factor) error { return nil }

func (shop) StartSession(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) (okta.Session, error) {
	fmt.Println("a session for", a.User, a.Methods)
	http.SetCookie(w, &http.Cookie{Name: "__Host-shop", Value: "a random id", Path: "/", Secure: true, HttpOnly: true})
	return okta.Session{}, nil
}

// newKey makes a key. A server makes its keys once, and keeps them outside the
// store.
func newKey() []byte {
	key := make([]byte, 32)
	rand.Read(key)
	return key
}

// mount is all that a host on net/http has to write besides.
func mount(mux *http.ServeMux, mail authn.Sender) error {
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: newKey()}},
		PseudonymKey: newKey(),
		Store:        new(memstore.Store),
		Mailer:       mail,
		Directory:    shop{},
		Policy:       authn.Policy{SessionLife: okta.SessionLife},
	})
	if err != nil {
		return err
	}
	h, err := okta.New(okta.Config{
		Service:      svc,
		Passwords:    shop{},
		Sessions:     shop{},
		BaseURL:      "https://id.example.com",
		RedirectURLs: []string{"https://shop.example.com"},
	})
	if err != nil {
		return err
	}
	mux.Handle("/api/v1/", h)
	mux.Handle("/login/", h)
	return nil
}

func Example() {
	mux, mail := http.NewServeMux(), new(memsender.Sender)
	if err := mount(mux, mail); err != nil {
		panic(err)
	}
	srv := httptest.NewServer(mux)
	defer srv.Close()

	// What a client does: it posts, and follows links.
	post := func(path string, body map[string]string) (t struct{ Status, StateToken, SessionToken string }) {
		b, _ := json.Marshal(body)
		r, err := http.Post(srv.URL+path, "application/json", bytes.NewReader(b))
		if err != nil {
			panic(err)
		}
		defer r.Body.Close()
		json.NewDecoder(r.Body).Decode(&t)
		fmt.Println(r.StatusCode, t.Status)
		return t
	}
	t := post("/api/v1/authn", map[string]string{"username": "ada", "password": "correct horse battery"})
	st := t.StateToken
	post("/api/v1/authn/factors/mail/verify", map[string]string{"stateToken": st})
	code := string(mail.Last("ada@example.com").Code)
	t = post("/api/v1/authn/factors/mail/verify", map[string]string{"stateToken": st, "passCode": code})
	post("/api/v1/sessions", map[string]string{"sessionToken": t.SessionToken})
	// Output:
	// 200 MFA_REQUIRED
	// 200 MFA_CHALLENGE
	// 200 SUCCESS
	// a session for u1 [pwd otp]
	// 200 ACTIVE
}

// A host that speaks Okta's language over a transport of its own: what the
// service returned, in one call.
func ExampleErrorCode() {
	fmt.Println(okta.ErrorCode(nil, &authn.Refusal{State: authn.MFARequired, Event: "verify", Err: authn.ErrNotAllowed}))
	fmt.Println(okta.ErrorCode(&authn.Answer{State: authn.MFAChallenge, Outcome: authn.WrongCode}, nil))
	fmt.Println(okta.ErrorCode(nil, &authn.Refusal{State: authn.MFARequired, Event: "verify", Err: authn.ErrUsed}))
	fmt.Println(okta.ErrorCode(nil, &authn.Refusal{State: authn.MFAChallenge, Event: "verify", Err: authn.ErrWaiting}))
	fmt.Println(okta.ErrorCode(&authn.Answer{State: authn.Success}, nil))
	// Output:
	// E0000079 403
	// E0000068 403
	// E0000068 403
	//  200
	//  200
}
