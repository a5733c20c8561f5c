package webhooksend_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/webhooksend"
)

func TestNew(t *testing.T) {
	good := webhooksend.Config{URL: "https://gateway.example.com/messages?v=1", Secret: secret}
	for _, url := range []string{
		good.URL, "https://gateway.example.com", "HTTPS://gateway.example.com:8443/", "https://[2001:db8::1]:8443/",
		"http://localhost:8080/", "http://127.0.0.1/", "http://127.9.9.9:1/", "http://[::1]:65535/",
	} {
		c := good
		c.URL = url
		if _, err := webhooksend.New(c); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "gateway.example.com", "/messages", "https:", "https:///path", "https://:443/", "https://a:0/", "https://a:65536/", "https://a:b/", "https:a",
		"https://user@gateway.example.com/", "https://user:hidden@gateway.example.com/", "https://gateway.example.com/#hidden", "https://%zz/hidden",
		"http://gateway.example.com/", "http://localhost.example.com/", "http://128.0.0.1/", "http://127.0.0.1.example.com/", "http://0.0.0.0/",
		"http://[::]/", "ftp://localhost/", "file:///hidden", "unix:/hidden", "https://a b/hidden",
	} {
		c := good
		c.URL = url
		wants(t, c, "Config.URL")
	}
	for says, change := range map[string]func(*webhooksend.Config){
		"Config.Secret: want at least 32": func(c *webhooksend.Config) { c.Secret = secret[:31] },
		"Config.Timeout: want 100ms to":   func(c *webhooksend.Config) { c.Timeout = 100*time.Millisecond - 1 },
		"Config.Timeout: want":            func(c *webhooksend.Config) { c.Timeout = 5*time.Minute + 1 },
		"Config.Timeout":                  func(c *webhooksend.Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		wants(t, c, says)
	}
	for _, timeout := range []time.Duration{0, 100 * time.Millisecond, 5 * time.Minute} {
		c := good
		c.Timeout = timeout
		if _, err := webhooksend.New(c); err != nil {
			t.Errorf("%v: %v", timeout, err)
		}
	}
}

func TestNewHeader(t *testing.T) {
	good := webhooksend.Config{URL: "https://gateway.example.com/", Secret: secret}
	for says, header := range map[string]map[string]authn.Secret{
		`"" is not`:                             {"": "x"},
		`"X Y" is not`:                          {"X Y": "x"},
		`"X:" is not`:                           {"X:": "x"},
		`"X\r\nY" is not`:                       {"X\r\nY": "x"},
		"the value of X is not":                 {"x": "hidden\r\nY: z"},
		"the value of Y is not":                 {"Y": ""},
		"the value of Z is not":                 {"Z": "hiddené"},
		"X-Y occurs twice":                      {"x-y": "hidden", "X-Y": "hidden"},
		"Authn-Signature is not the host's":     {"authn-signature": "hidden"},
		"Idempotency-Key is not the host's":     {"idempotency-key": "hidden"},
		"Content-Type is not the host's":        {"Content-Type": "hidden"},
		"Host is not the host's":                {"Host": "hidden"},
		"Content-Length is not the host's":      {"Content-Length": "1"},
		"Transfer-Encoding is not the host's":   {"Transfer-Encoding": "chunked"},
		"Connection is not the host's to set":   {"connection": "close"},
		"Content-Encoding is not the host's to": {"Content-Encoding": "gzip"},
	} {
		c := good
		c.Header = header
		wants(t, c, says)
	}
}

func wants(t *testing.T, c webhooksend.Config, says string) {
	t.Helper()
	s, err := webhooksend.New(c)
	if err == nil || s != nil || !strings.HasPrefix(err.Error(), "webhooksend: Config.") || !strings.Contains(err.Error(), says) {
		t.Errorf("URL %q: error %v, want one about %s", c.URL, err, says)
	}
	if err != nil && strings.Contains(err.Error(), "hidden") {
		t.Errorf("the error quotes what may be secret: %v", err)
	}
}

// A Sender keeps nothing of what the host may change afterwards.
func TestConfigIsCopied(t *testing.T) {
	g, url := start(t, nil)
	header, client := map[string]authn.Secret{"X": "1"}, new(http.Client)
	s := open(t, url, func(c *webhooksend.Config) { c.Header, c.Client = header, client })
	header["X"], client.Timeout = "2", 1
	for range 2 {
		if err := s.Send(t.Context(), code()); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range g.all() {
		if got := r.header.Values("X"); len(got) != 1 || got[0] != "1" {
			t.Errorf("header X is %q, want 1", got)
		}
	}
}

// Neither the configuration nor the sender prints a secret.
func TestSecretsDoNotPrint(t *testing.T) {
	const hidden = "hidden-hidden-hidden-hidden-hidden"
	c := webhooksend.Config{
		URL: "https://gateway.example.com/" + hidden + "?" + hidden, Secret: hidden,
		Header: map[string]authn.Secret{"Authorization": hidden}, Now: clock,
	}
	s, err := webhooksend.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for name, v := range map[string]any{"Config": c, "*Config": &c, "Sender": *s, "*Sender": s, "a struct": struct{ C, S any }{c, s}} {
			said := fmt.Sprintf(verb, v)
			if strings.Contains(said, "hidden") || strings.Contains(said, "68696464656e") || strings.Contains(said, "104 105 100") {
				t.Errorf("%s prints a secret of %s: %s", verb, name, said)
			}
			if !strings.Contains(said, "gateway.example.com") {
				t.Errorf("%s of %s does not say the host: %s", verb, name, said)
			}
		}
	}
	var log strings.Builder
	for _, h := range []slog.Handler{slog.NewJSONHandler(&log, nil), slog.NewTextHandler(&log, nil)} {
		slog.New(h).Info("started", "config", c, "sender", s)
	}
	b, _ := json.Marshal(struct{ C, S any }{c.Header, s})
	if strings.Contains(log.String()+string(b), "hidden") {
		t.Errorf("a log has a secret: %s%s", &log, b)
	}
}
