package okta_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// TestBaseURLs: links begin with the base URL of the host that was asked, and
// are paths if it is none of the list: what a client writes into the Host header
// is never in an answer.
func TestBaseURLs(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	h, err := okta.New(okta.Config{
		Service: w.svc, Passwords: w.people, Sessions: w.people,
		BaseURLs: []string{"https://id.example.com", "https://login.example.org:8443/idp", "http://localhost:8080", "http://[::1]", "https://Caps.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]string{
		"id.example.com":           "https://id.example.com",
		"ID.Example.com":           "https://id.example.com",
		"id.example.com:443":       "https://id.example.com",
		"login.example.org:8443":   "https://login.example.org:8443/idp",
		"localhost:8080":           "http://localhost:8080",
		"[::1]":                    "http://[::1]",
		"[::1]:80":                 "http://[::1]",
		"caps.example":             "https://Caps.example",
		"id.example.com:80":        "",
		"id.example.com:":          "",
		"id.example.com.":          "",
		"login.example.org":        "",
		"localhost":                "",
		"evil.example":             "",
		"id.example.com.evil.test": "",
		"evil.test:443":            "",
		`"><script>`:               "",
	} {
		c := w.client("bob")
		c.h = h
		ask := func(path, body string) *reply {
			t.Helper()
			r := c.request("POST", path, body, "X-Forwarded-Host", "id.example.com", "X-Forwarded-Proto", "gopher")
			if s := r.Body.String(); want == "" && (strings.Contains(s, `"http`) || strings.Contains(s, "POST http") || strings.Contains(s, host)) {
				t.Errorf("%q: %s", host, s)
			}
			return r
		}
		c.host = host
		r := c.is(ask(authnPath, `{"username":"bob","password":"`+goodPassword+`"}`), 200, "MFA_REQUIRED")
		state := `{"stateToken":"` + r.str("stateToken") + `"}`
		if href := r.str(firstVerify); href != want+verifyPath {
			t.Errorf("%q: the link is %s", host, href)
		}
		if href := r.str(cancel); href != want+cancelPath {
			t.Errorf("%q: the link is %s", host, href)
		}
		if r := c.is(ask(authnPath+"/skip", state), 403, "E0000079"); r.str("errorCauses.1.href") != want+verifyPath {
			t.Errorf("%q: %s", host, r.Body)
		}
		if r := c.is(ask("/api/v1/users/u/factors/f/verify", "{}"), 404, "E0000008"); !strings.HasSuffix(r.str("errorCauses.0.errorSummary"), "below "+want+authnPath+".") {
			t.Errorf("%q: %s", host, r.Body)
		}
		if r := c.is(ask("/api/v1/sessions", `{"sessionToken":"00`+strings.Repeat("A", 64)+`"}`), 403, "E0000005"); r.str("errorCauses.1.href") != want+authnPath {
			t.Errorf("%q: %s", host, r.Body)
		}
		if r := c.is(ask(authnPath, `{"stateToken":"20`+strings.Repeat("A", 64)+`"}`), 401, "E0000011"); !strings.HasSuffix(r.str("errorCauses.0.errorSummary"), " to "+want+"/api/v1/sessions") {
			t.Errorf("%q: %s", host, r.Body)
		}
		c.is(ask(cancelPath, state), 200, "")
		c.wait(time.Hour)
	}
}

// TestBaseURLsAreChecked: New names the field and the entry.
func TestBaseURLsAreChecked(t *testing.T) {
	w := newWorld(t, authn.Policy{})
	for want, list := range map[string][]string{
		`BaseURLs: "https://a.example/" is not`:                     {"https://a.example/"},
		`BaseURLs: "a.example" is not`:                              {"a.example"},
		`BaseURLs: "" is not`:                                       {"https://a.example", ""},
		`BaseURLs: "https://a.example?" is not`:                     {"https://a.example?"},
		`BaseURLs: "https://A.example/b" has the host of another`:   {"https://a.example", "https://A.example/b"},
		`BaseURLs: "https://a.example:443" has the host of another`: {"https://a.example", "https://a.example:443"},
		`BaseURLs: "http://a.example" has the host of another`:      {"https://a.example", "http://a.example"},
		`BaseURLs: "https://a.example:80" has the host of another`:  {"http://a.example", "https://a.example:80"},
	} {
		_, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people, BaseURLs: list})
		if err == nil || !strings.HasPrefix(err.Error(), "okta: "+want) {
			t.Errorf("%q: %v", list, err)
		}
	}
	_, err := okta.New(okta.Config{Service: w.svc, Passwords: w.people, BaseURL: base, BaseURLs: []string{base}})
	if err == nil || err.Error() != "okta: BaseURLs: BaseURL is set as well" {
		t.Error(err)
	}
}
