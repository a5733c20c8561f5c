package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/client"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/internal/servers"
	"github.com/authnfsm/authn/memsender"
)

func TestMain(m *testing.M) {
	cost = bcrypt.MinCost
	m.Run()
}

// open returns a host over a schema of its own, and its mailbox.
func open(t *testing.T) (*host, *memsender.Sender) {
	t.Helper()
	dsn := servers.Named(t, servers.PostgreSQL)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal("AUTHN_TEST_POSTGRES cannot be parsed")
	}
	admin := database(t, dsn)
	if err := admin.PingContext(t.Context()); err != nil {
		servers.Missing(t, "the server for tests does not answer: %v", err)
	}
	schema := "authn_production_" + strings.ToLower(rand.Text()[:8])
	if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Exec("DROP SCHEMA " + schema + " CASCADE") })
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()

	t.Setenv("AUTHN_KEYS", "2:"+secret()+",1:"+secret())
	t.Setenv("AUTHN_PSEUDONYM_KEY", secret())
	mail := new(memsender.Sender)
	h, err := newHost(t.Context(), database(t, u.String()), mail)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name, email string
		verified    bool
	}{{"ada", try.Ada, true}, {"grace", try.Grace, false}} {
		if err := h.users.Add(t.Context(), "id of "+x.name, x.name, try.Password, x.email, x.verified); err != nil {
			t.Fatal(err)
		}
	}
	return h, mail
}

func database(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func secret() string { return base64.StdEncoding.EncodeToString(try.Key()) }

func TestSignIn(t *testing.T) {
	var log bytes.Buffer
	defer slog.SetDefault(slog.Default())
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	h, mail := open(t)
	b := try.NewBrowser(t, h.handler())
	if got := b.Get("/"); got != "sign in\n" {
		t.Errorf("a stranger sees %q", got)
	}
	b.Post("/signin/begin", 401, "", "name", "ada", "password", "guess")
	b.Post("/signin/begin", 401, "", "name", "nobody", "password", try.Password)
	v, _ := b.Post("/signin/begin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", v.Factors[0].ID)
	b.Post("/signin/verify", 200, authn.MFAChallenge, "code", try.Wrong(mail, try.Ada))
	b.Post("/signin/verify", 200, authn.Success, "code", try.Code(mail, try.Ada))
	if got := b.Get("/"); got != "signed in as id of ada\n" {
		t.Errorf("the session's page is %q", got)
	}
	if s := log.String(); !strings.Contains(s, "audit.outcome=\"wrong code\"") || strings.Contains(s, try.Code(mail, try.Ada)) || strings.Contains(s, try.Ada) {
		t.Errorf("the log lacks the wrong code, or holds a code or an address:\n%s", s)
	}
}

func TestEnroll(t *testing.T) {
	h, mail := open(t)
	b := try.NewBrowser(t, h.handler())
	b.Post("/signin/begin", 200, authn.MFAEnroll, "name", "grace", "password", try.Password)
	b.Post("/signin/enroll", 200, authn.MFAEnrollActivate, "factor", authn.Email)
	b.Post("/signin/activate", 200, authn.Success, "code", try.Code(mail, try.Grace))
	b.Post("/signin/begin", 200, authn.MFARequired, "name", "grace", "password", try.Password)
	if fs, err := h.users.Factors(t.Context(), "id of grace"); err != nil || fs[0].Status != authn.Active {
		t.Errorf("got %v, %v", fs, err)
	}
}

// An address that has changed is not verified by a code for the old one.
func TestActivatedOldAddress(t *testing.T) {
	h, _ := open(t)
	f := authn.Factor{ID: "email", Type: authn.Email, Address: "old@example.com"}
	if err := h.users.Activated(t.Context(), "key", "id of grace", f); err != nil {
		t.Fatal(err)
	}
	if fs, err := h.users.Factors(t.Context(), "id of grace"); err != nil || fs[0].Status != authn.NotSetUp {
		t.Errorf("got %v, %v", fs, err)
	}
}

// Each client has attempts of its own, for each event by itself.
func TestLimiter(t *testing.T) {
	h, _ := open(t)
	h.limit.perHour = 2
	allow := func(from, event string) (allowed bool) {
		r, _ := http.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Client", from)
		client.Handler("X-Client", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			at, err := h.limit.Allow(r.Context(), authn.Attempt{Event: authn.EventName(event)})
			if err != nil {
				t.Fatal(err)
			}
			allowed = at.IsZero()
			if !allowed && (time.Until(at) <= 0 || time.Until(at) > time.Hour) {
				t.Errorf("retry at %v", at)
			}
		})).ServeHTTP(nil, r)
		return allowed
	}
	for i, c := range []struct {
		from, event string
		want        bool
	}{
		{"192.0.2.1", "resend", true}, {"192.0.2.1", "resend", true}, {"192.0.2.1", "resend", false},
		{"192.0.2.1", "challenge", true}, {"192.0.2.2", "resend", true},
		{"2001:db8::1", "resend", true}, {"2001:db8::2", "resend", true}, {"2001:db8::3", "resend", false}, // of one network
	} {
		if got := allow(c.from, c.event); got != c.want && time.Now().Minute() > 0 { // a new hour has a new limit
			t.Errorf("attempt %d: %t", i, got)
		}
	}
	if err := h.limit.removeExpired(t.Context()); err != nil {
		t.Error(err)
	}
	if err := h.users.removeExpired(t.Context()); err != nil {
		t.Error(err)
	}
}

// A request that is in progress when the host is asked to stop is answered.
func TestShutdown(t *testing.T) {
	h, _ := open(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- h.serve(ctx, ln) }()

	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	body := `{"name":"ada","password":"` + try.Password + `"}`
	io.WriteString(conn, "POST /signin/begin HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Expect: 100-continue\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\nConnection: close\r\n\r\n")
	first := make([]byte, len("HTTP/1.1 100"))
	if _, err := io.ReadFull(conn, first); err != nil || string(first) != "HTTP/1.1 100" {
		t.Fatalf("%q, %v", first, err) // the handler reads the body
	}
	stop()
	io.WriteString(conn, body)
	if rest, err := io.ReadAll(conn); err != nil || !strings.Contains(string(rest), string(authn.MFARequired)) {
		t.Errorf("got %q, %v", rest, err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestKeys(t *testing.T) {
	good := secret()
	for _, c := range []struct {
		keys, pseudonym string
		n               int
	}{{"2:" + good + ",1:" + good, good, 2}, {"1:" + good, good, 1}, {"", good, 0}, {good, good, 0}, {"x:" + good, good, 0}, {"1:!", good, 0}, {"1:" + good, "!" + good, 0}} {
		ring, _, err := keysFrom(func(name string) string {
			return map[string]string{"AUTHN_KEYS": c.keys, "AUTHN_PSEUDONYM_KEY": c.pseudonym}[name]
		})
		if len(ring) != c.n && err == nil || (err == nil) != (c.n > 0) {
			t.Errorf("%q: %d keys, %v", c.keys, len(ring), err)
		}
		if err != nil && strings.Contains(err.Error(), good) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
}

// Without its environment the host does not start.
func TestRun(t *testing.T) {
	for _, name := range []string{"SMTP_ADDR", "SMTP_FROM", "DATABASE_URL"} {
		t.Setenv(name, "")
	}
	if err := run(t.Context()); err == nil || !strings.Contains(err.Error(), "Addr") {
		t.Errorf("got %v", err)
	}
	t.Setenv("SMTP_ADDR", "127.0.0.1:1")
	t.Setenv("SMTP_FROM", "no-reply@example.com")
	t.Setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=1")
	if err := run(t.Context()); err == nil {
		t.Error("it runs without a database")
	}
}
