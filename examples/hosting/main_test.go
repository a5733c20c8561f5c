package main

import (
	"net/http/httptest"
	"testing"

	"github.com/authnfsm/authn"
)

// The whole of it runs with the commands of the page on hosting; here is what
// they do not reach.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name, password string
		ok             bool
	}{{"ada", "correct horse battery", true}, {"ada", "", false}, {"", "correct horse battery", false}} {
		if l, err := check(t.Context(), c.name, authn.Secret(c.password)); (err == nil) != c.ok || (l.User == "u1") != c.ok {
			t.Errorf("%q, %q: %q, %v", c.name, c.password, l.User, err)
		}
	}
}

func TestSession(t *testing.T) {
	w := httptest.NewRecorder()
	if err := session(w, nil, &authn.Assertion{User: "u1"}); err != nil {
		t.Fatal(err)
	}
	if c := w.Result().Cookies(); len(c) != 1 || len(c[0].Value) < 26 || !c[0].HttpOnly || !c[0].Secure {
		t.Errorf("got %v", c)
	}
}
