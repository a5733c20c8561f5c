package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/sendertest"
)

const password = "correct horse battery"

// The program is what it says: short.
func TestShort(t *testing.T) {
	text, err := os.ReadFile("main.go")
	if n := bytes.Count(text, []byte("\n")); err != nil || n >= 120 {
		t.Errorf("%d lines, %v", n, err)
	}
}

// The program runs as it is: a user signs in with a mailed code and sets up the app that
// is required, signs in with the app, and the metrics tell of it.
func TestLogin(t *testing.T) {
	p := start(t)
	ada := p.browser(t)
	ada.post("begin", 401, "password", "name", "ada", "password", "guess")
	ada.post("begin", 401, "password", "name", "nobody", "password", password)
	if got := ada.home(); got != "signed in as \"\"\n" {
		t.Errorf("a stranger sees %q", got)
	}
	ada.post("begin", 200, "MFA_REQUIRED", "name", "ada", "password", password)
	ada.post("challenge", 200, "MFA_CHALLENGE", "factor", "mail")
	ada.post("verify", 200, "MFA_ENROLL", "code", p.code(t))
	secret := ada.post("enroll", 200, "MFA_ENROLL_ACTIVATE", "factor", "totp").Prompt.Secret
	now := time.Now()
	ada.post("activate", 200, "SUCCESS", "code", totp(t, secret, now))
	if got := ada.home(); got != "signed in as \"u1\"\n" {
		t.Errorf("the session's page is %q", got)
	}

	ada = p.browser(t)
	ada.post("begin", 200, "MFA_REQUIRED", "name", "ada", "password", password)
	ada.post("verify", 200, "SUCCESS", "factor", "app", "code", totp(t, secret, now.Add(30*time.Second)))
	if got := ada.home(); got != "signed in as \"u1\"\n" {
		t.Errorf("the session's page is %q", got)
	}
	metrics := get(t, http.DefaultClient, p.metrics)
	for _, want := range []string{`authn_steps_total{.*authn_event="verify".*authn_to="SUCCESS"`, `authn_messages_total{.*"email"`} {
		if !regexp.MustCompile(want).MatchString(metrics) {
			t.Errorf("%s is not in\n%s", want, metrics)
		}
	}
}

// program is the running program.
type program struct {
	url     string // of the proxy that ends TLS
	trusts  *http.Client
	metrics string
	mail    chan sendertest.Mail
}

// start builds the program and runs it, with a database of its own and a mail server.
func start(t *testing.T) *program {
	t.Helper()
	dsn := schemaOf(t, servers.Named(t, servers.PostgreSQL))
	bin := filepath.Join(t.TempDir(), "login")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := &program{mail: make(chan sendertest.Mail, 8)}
	smtpAddr, roots := p.serveMail(t)
	listen, metrics := free(t), free(t)
	p.metrics = "http://" + metrics + "/metrics"

	var out bytes.Buffer
	cmd := exec.Command(bin)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), "DATABASE_URL="+dsn, "SMTP_ADDR="+smtpAddr, "SMTP_FROM=no-reply@example.com", "SMTP_USERNAME=app", "SMTP_PASSWORD=secret",
		"SSL_CERT_FILE="+roots, "AUTHN_KEY="+key(), "AUTHN_PSEUDONYM_KEY="+key(), "LISTEN="+listen, "METRICS="+metrics)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("the program says\n%s", &out)
		}
	})
	at, _ := url.Parse("http://" + listen)
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", listen)
		if err == nil {
			c.Close()
			break
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("it has ended: %v\n%s", err, &out)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatal("it does not listen")
		}
	}
	proxy := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(at))
	t.Cleanup(proxy.Close)
	p.url, p.trusts = proxy.URL, proxy.Client()
	addUser(t, dsn)
	return p
}

// schemaOf returns the address of a schema that only this test has.
func schemaOf(t *testing.T, dsn string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("AUTHN_TEST_POSTGRES cannot be parsed")
	}
	db := open(t, dsn)
	if err := db.PingContext(t.Context()); err != nil {
		servers.Missing(t, "the server for tests does not answer: %v", err)
	}
	schema := "authn_login_" + strings.ToLower(rand.Text()[:8])
	if _, err := db.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Exec("DROP SCHEMA " + schema + " CASCADE") })
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// addUser adds a user whose address is verified, and who has to set up an app.
func addUser(t *testing.T, dsn string) {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, dsn)
	if _, err := db.Exec("INSERT INTO users VALUES ('u1', 'ada', $1)", hash); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec(`INSERT INTO factors (owner, id, type, address, status, required) VALUES
		('u1', 'mail', 'email', 'ada@example.com', $1, false), ('u1', 'app', 'totp', 'ada', $2, true)`, authn.Active, authn.NotSetUp)
	if err != nil {
		t.Fatal(err)
	}
}

// serveMail runs a mail server that demands STARTTLS. It returns its address and a file
// with its certificate.
func (p *program) serveMail(t *testing.T) (addr, roots string) {
	t.Helper()
	cert, roots := certificate(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{p: p}, nil }))
	srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ln) }()
	t.Cleanup(func() { srv.Close(); <-done })
	return ln.Addr().String(), roots
}

// code is that of the next mail.
func (p *program) code(t *testing.T) string {
	t.Helper()
	select {
	case m := <-p.mail:
		code := regexp.MustCompile(`\b\d{6}\b`).FindString(m.Text)
		if len(m.To) != 1 || m.To[0] != "ada@example.com" || code == "" {
			t.Errorf("the mail to %q is %q", m.To, m.Text)
		}
		return code
	case <-time.After(time.Minute):
		t.Fatal("no mail")
		return ""
	}
}

func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func key() string {
	b := make([]byte, 32)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// totp is the code of an authenticator app: RFC 6238.
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha1.New, seed)
	binary.Write(mac, binary.BigEndian, at.Unix()/30)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[19]&15:])&(1<<31-1)%1e6)
}

// browser has cookies, and one tab.
type browser struct {
	*testing.T
	client *http.Client
	url    string
	tab    string
}

func (p *program) browser(t *testing.T) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{T: t, client: &http.Client{Transport: p.trusts.Transport, Jar: jar}, url: p.url}
}

// post sends an event, and wants a status, and a state or an error.
func (b *browser) post(event string, status int, says string, members ...string) httphost.View {
	b.Helper()
	body := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		body[members[i]] = members[i+1]
	}
	text, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, b.url+"/signin/"+event, bytes.NewReader(text))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(httphost.SignInHeader, b.tab)
	resp, err := b.client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	var v httphost.View
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		b.Fatal(err)
	}
	if resp.StatusCode != status || v.Error != says && string(v.State) != says {
		b.Fatalf("%s: got %d %+v, want %d %s", event, resp.StatusCode, v, status, says)
	}
	if v.SignIn != "" {
		b.tab = v.SignIn
	}
	return v
}

func (b *browser) home() string { b.Helper(); return get(b.T, b.client, b.url+"/") }

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
