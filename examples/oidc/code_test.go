package main

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// A client can prove a code's origin, once, with the right verifier, at the URI that it
// asked for.
func TestCode(t *testing.T) {
	s := start(t)
	b := s.browser()
	f := s.ask("app")
	b.open(f.url).byMail("ada")
	fresh := func() string {
		f = s.ask("app")
		return b.open(f.url).back.Get("code")
	}
	exchange := func(f *flow, code string, o ...oauth2.AuthCodeOption) (*oauth2.Token, error) {
		return f.conf.Exchange(t.Context(), code, o...)
	}
	refused := func(what, want string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	code := fresh()
	_, err := exchange(f, code, oauth2.VerifierOption(oauth2.GenerateVerifier()))
	refused("another verifier", "invalid_grant", err)
	_, err = exchange(f, code, oauth2.VerifierOption(f.verifier))
	refused("after another verifier", "invalid_grant", err)
	code = fresh()
	_, err = exchange(f, code)
	refused("no verifier", "invalid_request", err)
	code = fresh()
	wrong := *f
	wrong.conf.ClientSecret = "another secret of 16 bytes"
	_, err = exchange(&wrong, code, oauth2.VerifierOption(f.verifier))
	refused("another secret", "invalid_client", err)
	code = fresh()
	other := *f
	other.conf.ClientID = "other"
	_, err = exchange(&other, code, oauth2.VerifierOption(f.verifier))
	refused("another client", "invalid_grant", err)
	code = fresh()
	other = *f
	other.conf.RedirectURL = otherURI
	_, err = exchange(&other, code, oauth2.VerifierOption(f.verifier))
	refused("another redirect URI", "invalid_grant", err)
	code = fresh()
	s.advance(codeLife - time.Second)
	if _, err = exchange(f, code, oauth2.VerifierOption(f.verifier)); err != nil {
		t.Error(err)
	}
	code = fresh()
	s.advance(codeLife)
	_, err = exchange(f, code, oauth2.VerifierOption(f.verifier))
	refused("a late code", "invalid_grant", err)

	f = s.ask("app")
	back := b.open(f.url).back
	c := f.redeem(back)
	if _, err := f.userinfo(c); err != nil {
		t.Error(err)
	}
	_, err = exchange(f, back.Get("code"), oauth2.VerifierOption(f.verifier))
	refused("the same code", "invalid_grant", err)
	if _, err := f.userinfo(c); err == nil {
		t.Error("the access token of a code that was used twice is good")
	}
}

// Of many that exchange one code at once, one gets a token at most.
func TestCodeAtOnce(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	code := b.open(f.url).byMail("ada").back.Get("code")
	const many = 8
	got := make(chan error, many)
	for range many {
		go func() {
			_, err := f.conf.Exchange(t.Context(), code, oauth2.VerifierOption(f.verifier))
			got <- err
		}()
	}
	n := 0
	for range many {
		if <-got == nil {
			n++
		}
	}
	if len(s.store.tokens) != 0 || n > 1 {
		t.Errorf("%d have got a token, and %d are good", n, len(s.store.tokens))
	}
}

// The second use of a code may come while the first is being answered.
func TestCodeBetween(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	code := b.open(f.url).byMail("ada").back.Get("code")
	first, err := s.store.AuthRequestByCode(t.Context(), code)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.store.AuthRequestByCode(t.Context(), code); err == nil {
		t.Error("the code is good twice")
	}
	if _, _, err := s.store.CreateAccessToken(t.Context(), first); err == nil || len(s.store.tokens) != 0 {
		t.Errorf("%v, %d tokens", err, len(s.store.tokens))
	}
}
