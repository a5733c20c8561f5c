package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// conformance has the modules of the OpenID conformance suite that run here, by their
// names there. Each starts with a browser that nobody has signed in with.
var conformance = map[string]func(s *site, b *browser){
	"oidcc-server": func(s *site, b *browser) {
		f := s.ask("suite")
		f.redeem(b.open(f.url).byMail("ada").back)
	},
	"oidcc-response-type-missing": func(s *site, b *browser) {
		f := s.ask("suite", "response_type", "")
		b.open(f.url).refused(f, "invalid_request")
	},
	"oidcc-userinfo-get":         userinfo("GET", "header"),
	"oidcc-userinfo-post-header": userinfo("POST", "header"),
	"oidcc-userinfo-post-body":   userinfo("POST", "body"),
	"oidcc-ensure-request-without-nonce-succeeds-for-code-flow": func(s *site, b *browser) {
		f := s.ask("suite", "nonce", "")
		f.nonce = ""
		f.redeem(b.open(f.url).byMail("ada").back)
	},
	"oidcc-scope-profile":                                  scope("openid profile", "name", "given_name", "family_name", "preferred_username"),
	"oidcc-scope-email":                                    scope("openid email", "email", "email_verified"),
	"oidcc-scope-address":                                  scope("openid address"),
	"oidcc-scope-phone":                                    scope("openid phone"),
	"oidcc-scope-all":                                      scope("openid profile email address phone", "name", "email"),
	"oidcc-ensure-other-scope-order-succeeds":              scope("email openid", "email"),
	"oidcc-display-page":                                   accepts("display", "page"),
	"oidcc-display-popup":                                  accepts("display", "popup"),
	"oidcc-ui-locales":                                     accepts("ui_locales", "se"),
	"oidcc-claims-locales":                                 accepts("claims_locales", "se"),
	"oidcc-login-hint":                                     accepts("login_hint", "ada@example.com"),
	"oidcc-ensure-request-with-acr-values-succeeds":        accepts("acr_values", "1 2"),
	"oidcc-ensure-request-with-unknown-parameter-succeeds": accepts("extra", "foobar"),
	"oidcc-prompt-login": func(s *site, b *browser) {
		f := s.ask("suite")
		first := f.redeem(b.open(f.url).byMail("ada").back)
		s.advance(5 * time.Second)
		f = s.ask("suite", "prompt", "login")
		if again := f.redeem(b.open(f.url).shows("Password").byMail("ada").back); again.AuthTime <= first.AuthTime || again.Subject != first.Subject {
			s.t.Errorf("%+v, %+v", first, again)
		}
	},
	"oidcc-prompt-none-not-logged-in": func(s *site, b *browser) {
		f := s.ask("suite", "prompt", "none")
		b.open(f.url).refused(f, "login_required")
	},
	"oidcc-prompt-none-logged-in": func(s *site, b *browser) {
		f := s.ask("suite")
		first := f.redeem(b.open(f.url).byMail("ada").back)
		f = s.ask("suite", "prompt", "none")
		if again := f.redeem(b.open(f.url).back); again.AuthTime != first.AuthTime || again.Subject != first.Subject {
			s.t.Errorf("%+v, %+v", first, again)
		}
	},
	"oidcc-max-age-1": func(s *site, b *browser) {
		f := s.ask("suite")
		first := f.redeem(b.open(f.url).byMail("ada").back)
		s.advance(2 * time.Second)
		f = s.ask("suite", "max_age", "1")
		if again := f.redeem(b.open(f.url).shows("Password").byMail("ada").back); again.AuthTime <= first.AuthTime {
			s.t.Errorf("%+v, %+v", first, again)
		}
	},
	"oidcc-max-age-10000": func(s *site, b *browser) {
		f := s.ask("suite", "max_age", "10000")
		first := f.redeem(b.open(f.url).byMail("ada").back)
		f = s.ask("suite", "max_age", "10000")
		if again := f.redeem(b.open(f.url).back); again.AuthTime != first.AuthTime || again.AuthTime == 0 {
			s.t.Errorf("%+v, %+v", first, again)
		}
	},
	"oidcc-id-token-hint": func(s *site, b *browser) {
		f := s.ask("suite")
		first := f.redeem(b.open(f.url).byMail("ada").back)
		f = s.ask("suite", "prompt", "none", "id_token_hint", first.raw)
		if again := f.redeem(b.open(f.url).back); again.Subject != first.Subject {
			s.t.Errorf("%+v, %+v", first, again)
		}
	},
	"oidcc-codereuse":           codeReuse(0),
	"oidcc-codereuse-30seconds": codeReuse(30 * time.Second),
	"oidcc-ensure-registered-redirect-uri": func(s *site, b *browser) {
		f := s.ask("suite", "redirect_uri", appURI+"/more")
		if b.open(f.url); b.status != 400 || b.back != nil {
			s.t.Errorf("%d %v", b.status, b.back)
		}
	},
	"oidcc-ensure-post-request-succeeds": func(s *site, b *browser) {
		f := s.ask("suite")
		at, _ := url.Parse(f.url)
		f.redeem(b.send("POST", s.issuer+at.Path, at.Query(), "Sec-Fetch-Site", "cross-site", "Origin", "https://app.example").byMail("ada").back)
	},
	"oidcc-server-client-secret-post": func(s *site, b *browser) {
		f := s.ask("suite")
		f.conf.Endpoint.AuthStyle = oauth2.AuthStyleInParams
		f.redeem(b.open(f.url).byMail("ada").back)
	},
	"oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported": func(s *site, b *browser) {
		f := s.ask("suite", "request", "eyJhbGciOiJub25lIn0.e30.")
		b.open(f.url).refused(f, "request_not_supported")
	},
	"oidcc-ensure-request-with-valid-pkce-succeeds": func(s *site, b *browser) {
		f := s.ask("app")
		f.redeem(b.open(f.url).byMail("ada").back)
	},
	"oidcc-discovery-endpoint-verification": func(s *site, b *browser) {
		var d struct {
			Issuer    string
			Auth      string   `json:"authorization_endpoint"`
			Token     string   `json:"token_endpoint"`
			Userinfo  string   `json:"userinfo_endpoint"`
			End       string   `json:"end_session_endpoint"`
			Keys      string   `json:"jwks_uri"`
			Types     []string `json:"response_types_supported"`
			Subjects  []string `json:"subject_types_supported"`
			Algs      []string `json:"id_token_signing_alg_values_supported"`
			Scopes    []string `json:"scopes_supported"`
			Grants    []string `json:"grant_types_supported"`
			ACR       []string `json:"acr_values_supported"`
			Challenge []string `json:"code_challenge_methods_supported"`
		}
		if err := json.Unmarshal([]byte(b.open(s.issuer+"/.well-known/openid-configuration").page), &d); err != nil {
			s.t.Fatal(err)
		}
		one := func(list []string, want string) bool { return slices.Equal(list, []string{want}) }
		if d.Issuer != s.issuer || !one(d.Types, "code") || !one(d.Grants, "authorization_code") || !one(d.Subjects, "public") ||
			!one(d.Algs, "RS256") || !one(d.Challenge, "S256") || !slices.Contains(d.Scopes, "openid") || !slices.Contains(d.ACR, acrPasskey) {
			s.t.Errorf("%+v", d)
		}
		for _, at := range []string{d.Auth, d.Token, d.Userinfo, d.End, d.Keys} {
			if !strings.HasPrefix(at, s.issuer+"/") {
				s.t.Errorf("%q", at)
			}
		}
		var keys struct{ Keys []map[string]string }
		if err := json.Unmarshal([]byte(b.open(d.Keys).page), &keys); err != nil || len(keys.Keys) != 1 || keys.Keys[0]["kid"] == "" || keys.Keys[0]["d"] != "" {
			s.t.Errorf("%v, %v", keys, err)
		}
	},
	"oidcc-rp-initiated-logout": func(s *site, b *browser) {
		b.endSession(s, homeURI, "post_logout_redirect_uri", homeURI, "state", "x")
	},
	"oidcc-rp-initiated-logout-no-state": func(s *site, b *browser) {
		b.endSession(s, homeURI, "post_logout_redirect_uri", homeURI)
	},
	"oidcc-rp-initiated-logout-no-post-logout-redirect-uri": func(s *site, b *browser) {
		b.endSession(s, "")
		b.shows("You are signed out")
	},
	"oidcc-rp-initiated-logout-bad-post-logout-redirect-uri": func(s *site, b *browser) {
		b.endSession(s, "", "post_logout_redirect_uri", homeURI+"more")
	},
	"oidcc-rp-initiated-logout-modified-id-token-hint": func(s *site, b *browser) {
		b.endSession(s, "", "id_token_hint", "modified")
	},
	"oidcc-rp-initiated-logout-no-id-token-hint": func(s *site, b *browser) {
		b.endSession(s, "", "id_token_hint", "", "post_logout_redirect_uri", homeURI)
		b.shows("Sign out?")
	},
	"oidcc-rp-initiated-logout-no-params": func(s *site, b *browser) {
		f := s.ask("suite")
		f.redeem(b.open(f.url).byMail("ada").back)
		b.open(s.issuer + "/end_session").shows("Sign out?")
	},
}

func userinfo(method, place string) func(*site, *browser) {
	return func(s *site, b *browser) {
		f := s.ask("suite")
		c := f.redeem(b.open(f.url).byMail("ada").back)
		if place == "header" {
			b.send(method, s.issuer+"/userinfo", nil, "Authorization", "Bearer "+c.access.AccessToken)
		} else {
			b.send(method, s.issuer+"/userinfo", url.Values{"access_token": {c.access.AccessToken}})
		}
		if b.status != http.StatusOK || !strings.Contains(b.page, `"sub":"ada"`) {
			s.t.Errorf("%d %s", b.status, b.page)
		}
		if b.open(s.issuer + "/userinfo?access_token=" + c.access.AccessToken); b.status != http.StatusUnauthorized {
			s.t.Errorf("a token in the URL: %d", b.status)
		}
		s.advance(tokenLife)
		if b.send(method, s.issuer+"/userinfo", nil, "Authorization", "Bearer "+c.access.AccessToken); b.status != http.StatusUnauthorized {
			s.t.Errorf("a late token: %d", b.status)
		}
	}
}

func scope(scopes string, want ...string) func(*site, *browser) {
	return func(s *site, b *browser) {
		f := s.ask("suite", "scope", scopes)
		got, err := f.userinfo(f.redeem(b.open(f.url).byMail("ada").back))
		for _, name := range want {
			if got[name] == nil || got[name] == "" {
				s.t.Errorf("no %s in %v, %v", name, got, err)
			}
		}
		for _, name := range []string{"name", "email"} {
			if got[name] != nil && !slices.Contains(want, name) {
				s.t.Errorf("%s in %v", name, got)
			}
		}
		if err != nil || got["sub"] != "ada" {
			s.t.Errorf("%v, %v", got, err)
		}
	}
}

func accepts(params ...string) func(*site, *browser) {
	return func(s *site, b *browser) {
		f := s.ask("suite", params...)
		f.redeem(b.open(f.url).byMail("ada").back)
	}
}

func codeReuse(after time.Duration) func(*site, *browser) {
	return func(s *site, b *browser) {
		f := s.ask("suite")
		back := b.open(f.url).byMail("ada").back
		c := f.redeem(back)
		s.advance(after)
		if _, err := f.conf.Exchange(s.t.Context(), back.Get("code"), oauth2.VerifierOption(f.verifier)); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
			s.t.Errorf("%v", err)
		}
		if _, err := f.userinfo(c); err == nil {
			s.t.Error("the access token is good")
		}
	}
}

// endSession signs in, and out again with these parameters beside the ID token, which is
// "modified" or left out if they say so.
func (b *browser) endSession(s *site, to string, params ...string) {
	s.t.Helper()
	f := s.ask("suite")
	v := url.Values{"id_token_hint": {f.redeem(b.open(f.url).byMail("ada").back).raw}, "client_id": {"suite"}}
	for i := 0; i < len(params); i += 2 {
		if params[i+1] == "modified" {
			params[i+1] = v.Get("id_token_hint") + "x"
		}
		v.Set(params[i], params[i+1])
	}
	if b.open(s.issuer + "/end_session?" + v.Encode()); b.to != to || b.back.Get("state") != v.Get("state") {
		s.t.Errorf("%d %q %v", b.status, b.to, b.back)
	}
}

// The modules run, and the table of README.md has just their names.
func TestConformance(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(oidcc-[a-z0-9-]+)` \\| runs").FindAllStringSubmatch(string(readme), -1) {
		named = append(named, m[1])
		if conformance[m[1]] == nil {
			t.Errorf("%s does not run, and README.md says that it does", m[1])
		}
	}
	for name, run := range conformance {
		if !slices.Contains(named, name) {
			t.Errorf("README.md does not name %s", name)
		}
		t.Run(name, func(t *testing.T) {
			s := start(t)
			run(s, s.browser())
		})
	}
}
