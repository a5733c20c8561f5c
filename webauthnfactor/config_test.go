package webauthnfactor_test

import (
	"strings"
	"testing"

	"github.com/authnfsm/authn/webauthnfactor"
)

func TestConfig(t *testing.T) {
	for _, c := range []struct {
		rpID    string
		origins string
		related string
		wrong   string // field; "" is none
	}{
		{"example.com", "https://example.com", "", ""},
		{"example.com", "https://login.example.com:8443 https://example.com", "", ""},
		{"localhost", "http://localhost:8080 https://localhost http://app.localhost", "", ""},
		{"example.com", app + " https://example.com", "", ""},
		{"xn--bcher-kva.example", "https://xn--bcher-kva.example", "", ""},
		{"example.com", "https://example.com", "https://example.org https://example.co.uk:8443", ""},

		{"", "https://example.com", "", "RPID"},
		{"Example.com", "https://example.com", "", "RPID"},
		{"example.com.", "https://example.com", "", "RPID"},
		{"https://example.com", "https://example.com", "", "RPID"},
		{"example.com:8443", "https://example.com:8443", "", "RPID"},
		{"192.0.2.1", "https://192.0.2.1", "", "RPID"},
		{"bücher.example", "https://xn--bcher-kva.example", "", "RPID"},
		{"com", "https://example.com", "", "RPID"},

		{"example.com", "", "", "Origins"},
		{"example.com", "example.com", "", "Origins"},
		{"example.com", "https://example.com https://example.org", "", "Origins"},
		{"example.com", "https://notexample.com", "", "Origins"},
		{"login.example.com", "https://example.com", "", "Origins"},
		{"example.com", "https://Example.com", "", "Origins"},
		{"example.com", "https://example.com/", "", "Origins"},
		{"example.com", "https://example.com/login", "", "Origins"},
		{"example.com", "https://example.com.", "", "Origins"},
		{"example.com", "https://example.com:443", "", "Origins"},
		{"example.com", "https://example.com:0443", "", "Origins"},
		{"example.com", "https://example.com:0", "", "Origins"},
		{"example.com", "https://example.com:65536", "", "Origins"},
		{"example.com", "https://example.com:", "", "Origins"},
		{"example.com", "https://example.com?", "", "Origins"},
		{"example.com", "https://example.com#", "", "Origins"},
		{"example.com", "https://ada@example.com", "", "Origins"},
		{"example.com", "http://example.com", "", "Origins"},
		{"localhost", "http://localhost:80", "", "Origins"},
		{"example.com", "https://*.example.com", "", "Origins"},
		{"example.com", "null", "", "Origins"},
		{"example.com", "https://[::1]", "", "Origins"},
		{"example.com", strings.TrimSuffix(app, "E"), "", "Origins"},
		{"example.com", app + "=", "", "Origins"},
		{"example.com", strings.TrimSuffix(app, "E") + "F", "", "Origins"},

		{"example.com", "https://example.com", "http://localhost", "Related"},
		{"example.com", "https://example.com", "https://example.org/", "Related"},
		{"example.com", "https://example.com", app, "Related"},
	} {
		y, err := webauthnfactor.New(webauthnfactor.Config{RPID: c.rpID, Origins: strings.Fields(c.origins), Related: strings.Fields(c.related)})
		switch {
		case c.wrong == "" && (err != nil || y.Verifier == nil || y.Name != "webauthn"):
			t.Errorf("%q, %q: %v", c.rpID, c.origins, err)
		case c.wrong != "" && (err == nil || !strings.HasPrefix(err.Error(), "webauthnfactor: Config."+c.wrong+":")):
			t.Errorf("%q, %q, %q: %v", c.rpID, c.origins, c.related, err)
		}
	}
}
