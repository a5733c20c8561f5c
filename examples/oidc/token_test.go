package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"
)

// Who is no client uses no code up, and ends no access token (RFC 6749 section 4.1.3).
func TestTokenOfNoClient(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url).byMail("ada")
	f = s.ask("app")
	code := b.open(f.url).back
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code.Get("code")}, "redirect_uri": {appURI}, "code_verifier": {f.verifier}}
	strangers := []struct {
		header, id, secret string
		challenged         bool
	}{
		{"", "", "", false},
		{"", "app", "", false},
		{"", "app", "wrong", false},
		{"", "nobody", secret, false},
		{basic("app", "wrong"), "", "", true},
		{basic("app", "%"), "", "", true},
		{"Bearer x", "", "", true},
	}
	refused := func() {
		t.Helper()
		for _, c := range strangers {
			sent := url.Values{}
			for name, v := range form {
				sent[name] = v
			}
			if c.id != "" {
				sent.Set("client_id", c.id)
				sent.Set("client_secret", c.secret)
			}
			r, err := http.NewRequestWithContext(t.Context(), "POST", s.issuer+"/oauth/token", strings.NewReader(sent.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if c.header != "" {
				r.Header.Set("Authorization", c.header)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if told := resp.Header.Get("WWW-Authenticate") != ""; resp.StatusCode != 401 || told != c.challenged {
				t.Errorf("%+v: %d, %v", c, resp.StatusCode, resp.Header)
			}
		}
	}
	refused()
	c := f.redeem(code)
	refused()
	if _, err := f.userinfo(c); err != nil {
		t.Errorf("the access token: %v", err)
	}
	if _, err := f.conf.Exchange(t.Context(), code.Get("code"), oauth2.VerifierOption(f.verifier)); err == nil {
		t.Error("the code is good twice")
	}
	if _, err := f.userinfo(c); err == nil {
		t.Error("the access token of a code that its client has used twice is good")
	}
}

func basic(id, secret string) string {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(id, secret)
	return r.Header.Get("Authorization")
}

// RFC 6750 section 3.1: who brings no token is told no error.
func TestUserinfoChallenge(t *testing.T) {
	s := start(t)
	for header, want := range map[string]string{"": "Bearer", "Bearer abc": `Bearer error="invalid_token"`} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.issuer+"/userinfo", nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("WWW-Authenticate"); resp.StatusCode != 401 || got != want {
			t.Errorf("%q: %d, %q", header, resp.StatusCode, got)
		}
	}
}

// RFC 6749 section 3.1: a parameter without a value is none, and none comes twice.
func TestParameters(t *testing.T) {
	s := start(t)
	b, f := s.browser(), s.ask("app")
	b.open(f.url).byMail("ada")
	for _, name := range []string{"max_age", "prompt", "request_uri", "acr_values", "id_token_hint", "response_mode"} {
		f := s.ask("app", name, "")
		if b.open(f.url); b.back.Get("code") == "" {
			t.Errorf("%s without a value: %d, %v", name, b.status, b.back)
		}
	}
	for _, name := range []string{"prompt", "state", "redirect_uri", "unknown"} {
		f := s.ask("app", name, "none")
		if b.open(f.url + "&" + name + "=login"); b.status != 400 || b.back != nil || !strings.Contains(b.page, name) {
			t.Errorf("%s twice: %d, %v", name, b.status, b.back)
		}
	}
}
