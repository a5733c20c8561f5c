package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// visitor is a browser that goes wherever it is sent.
type visitor struct {
	t *testing.T
	http.Client
	page string
}

func (v *visitor) open(u string, form url.Values) *visitor {
	v.t.Helper()
	resp, err := v.Get(u)
	if form != nil {
		resp, err = v.PostForm(u, form)
	}
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	v.page = string(b)
	return v
}

func (v *visitor) shows(text string) *visitor {
	v.t.Helper()
	if !strings.Contains(v.page, text) {
		v.t.Fatalf("%q is not on the page: %s", text, v.page)
	}
	return v
}

// TestRun starts the program, signs in to its application, and out again.
func TestRun(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0", "-client-addr", "127.0.0.1:0"}, in, io.Discard)
		in.Close()
		ended <- err
	}()
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if text.WriteString(lines.Text() + "\n"); strings.Contains(lines.Text(), "ask for more") {
			break
		}
	}
	go io.Copy(io.Discard, out)
	at := regexp.MustCompile(`http://[\w.]+:\d+`).FindAllString(text.String(), 2)
	if len(at) != 2 || !strings.Contains(text.String(), password) || !strings.Contains(text.String(), "radia@example.com") {
		t.Fatal(text.String())
	}
	app, provider := at[0], at[1]
	jar, _ := cookiejar.New(nil)
	v := &visitor{t: t, Client: http.Client{Jar: jar}}
	v.open(app, nil).shows("An application")
	v.open(app+"/login/silent", nil).shows("login_required")
	v.open(app+"/login/plain", nil).shows("Sign in")
	do := func(event string, fields url.Values) {
		t.Helper()
		fields.Set("request", requestID.FindStringSubmatch(v.page)[1])
		v.open(provider+"/signin/"+event, fields)
	}
	do("password", url.Values{"name": {"ada@example.com"}, "password": {password}})
	do("challenge", url.Values{"factor": {"mail"}})
	signing := v.page
	code := regexp.MustCompile(`class="digits">(\d{6})<`).FindStringSubmatch(v.open(provider+"/inbox", nil).page)
	v.page = signing
	do("verify", url.Values{"code": {code[1]}})
	v.shows("Hello, Ada Lovelace").shows(acrTwoFactors)
	v.open(app+"/login/silent", nil).shows("Hello, Ada Lovelace")
	v.open(app+"/login/none", nil).shows("404")
	for _, query := range []string{"", "?code=x&state=y", "?error=access_denied&state=y"} {
		v.open(app+"/callback"+query, nil).shows("This browser has not asked for that")
	}
	v.open(app+"/logout", url.Values{}).shows("An application")
	v.open(app+"/login/silent", nil).shows("login_required")
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pkcs8 := func(key any) string {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
	}
	good, _ := rsa.GenerateKey(rand.Reader, keyBits)
	curve, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key := file("key.pem", pkcs8(good))
	clients := file("clients.json", `[{"id": "suite", "secret": "sixteen bytes or", "redirect_uris": ["https://suite.example/callback"], "no_pkce": true}]`)
	c := config{issuer: "https://login.example.com", keyFile: key, clientsFile: clients, clients: registrations[:1], rounds: 1}
	p, err := newProvider(c)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := newProvider(c); err != nil || again.store.key.id != p.store.key.id || !p.store.clients["suite"].NoPKCE || p.store.clients["app"] == nil {
		t.Errorf("%v, %+v", err, p.store.clients)
	}
	for what, bad := range map[string]func(c *config){
		"no PEM":         func(c *config) { c.keyFile = clients },
		"no file":        func(c *config) { c.keyFile = key + "x" },
		"another curve":  func(c *config) { c.keyFile = file("curve.pem", pkcs8(curve)) },
		"no JSON":        func(c *config) { c.clientsFile = key },
		"no clients":     func(c *config) { c.clientsFile = clients + "x" },
		"a short secret": func(c *config) { c.clientsFile = file("short.json", `[{"id": "x", "secret": "15 bytes of it."}]`) },
		"an id twice": func(c *config) {
			c.clients = registrations
			c.clientsFile = file("twice.json", `[{"id": "app", "secret": "sixteen bytes or"}]`)
		},
		"a path":          func(c *config) { c.issuer += "/path" },
		"no host":         func(c *config) { c.issuer = "login" },
		"no TLS, no name": func(c *config) { c.issuer = "http://login.example.com" },
	} {
		c := c
		bad(&c)
		if _, err := newProvider(c); err == nil {
			t.Errorf("%s is accepted", what)
		}
	}
	if err := run(t.Context(), []string{"-addr", "nowhere"}, io.Discard, io.Discard); err == nil {
		t.Error("an address that is none is accepted")
	}
	if err := run(t.Context(), []string{"-unknown"}, io.Discard, io.Discard); err == nil {
		t.Error("an option that is none is accepted")
	}
}

// The phone shows what RFC 6238 says, in its appendix B: the last six digits for SHA-1.
func TestTOTP(t *testing.T) {
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"} {
		if got := totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at); got != want {
			t.Errorf("at %d: %s", at, got)
		}
	}
}
