package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn/examples/host"
)

// server is a provider that listens.
type server struct {
	*provider
	url string
}

// serve starts one with these flags, with cheap hashes, until the test ends
// or stop is called.
func serve(t *testing.T, args ...string) (s *server, stop func()) {
	t.Helper()
	o, err := parse(args, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.cost = bcrypt.MinCost
	st, err := host.Open(t.Context(), o.store)
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewUnstartedServer(nil)
	base := "http://" + ts.Listener.Addr().String()
	p, err := newProvider(t.Context(), o, st, baseURL(ts.Listener.Addr().(*net.TCPAddr)), log.New(&bytes.Buffer{}, "", 0))
	if err != nil {
		t.Fatal(err)
	}
	ts.Config.Handler = p.handler()
	ts.Start()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			p.close()
			ts.Close()
			p.svc.Wait(context.Background())
			st.Close()
		}
	}
	t.Cleanup(stop)
	return &server{p, base}, stop
}

// running runs the program on a free port, until ctx ends.
func running(ctx context.Context, args ...string) (base string, done <-chan error) {
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, append(args, "-addr", "127.0.0.1:0"), in, io.Discard)
		in.Close()
	}()
	for lines := bufio.NewScanner(out); base == "" && lines.Scan(); {
		if at, ok := strings.CutPrefix(strings.TrimSpace(lines.Text()), "Sign in"); ok {
			base = strings.TrimSuffix(strings.TrimSpace(at), "/")
		}
	}
	go io.Copy(io.Discard, out)
	return base, ended
}

// browser is a client with cookies that follows no redirects by itself.
type browser struct {
	t     *testing.T
	base  string
	c     http.Client
	token string // the last answer's

	header http.Header // more of each request
}

func (s *server) browser(t *testing.T) *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{t: t, base: s.url, c: http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// reply is an answer, read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (b *browser) do(r *http.Request) *reply {
	b.t.Helper()
	resp, err := b.c.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return &reply{b.t, resp.StatusCode, resp.Header, string(body)}
}

func (b *browser) get(path string) *reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(r)
}

// post sends JSON; the last state token goes with it unless there are members
// that do not want it.
func (b *browser) post(path string, members ...string) *reply {
	b.t.Helper()
	m := map[string]string{}
	if path != "/api/v1/sessions" && (len(members) == 0 || members[0] != "username") {
		m["stateToken"] = b.token
	}
	for i := 0; i < len(members); i += 2 {
		m[members[i]] = members[i+1]
	}
	body, _ := json.Marshal(m)
	return b.send(path, string(body))
}

// send sends JSON as it is.
func (b *browser) send(path, body string) *reply {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.base+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(r.Header, b.header)
	r.Header.Set("Content-Type", "application/json")
	a := b.do(r)
	if s := a.str("stateToken"); s != "" {
		b.token = s
	}
	return a
}

func (b *browser) login(user string) *reply {
	b.t.Helper()
	return b.post("/api/v1/authn", "username", user, "password", password)
}

// code is the newest one that was mailed to an address.
func (b *browser) code(to string) string {
	b.t.Helper()
	var list []struct{ Text string }
	if err := json.Unmarshal([]byte(b.get("/inbox.json?to="+strings.ReplaceAll(to, "+", "%2B")).body), &list); err != nil || len(list) == 0 {
		b.t.Fatalf("no mail to %s: %v", to, err)
	}
	return regexp.MustCompile(`(?m)^\d{6}$`).FindString(list[len(list)-1].Text)
}

// is checks the HTTP status, and the transaction's state or the error's code.
func (r *reply) is(status int, word string) *reply {
	r.t.Helper()
	if got := r.str("status") + r.str("errorCode"); r.status != status || got != word {
		r.t.Fatalf("got %d %s, want %d %s\n%s", r.status, got, status, word, r.body)
	}
	return r
}

// str is a member of a JSON answer by its path, "_links.resend.0.href".
func (r *reply) str(path string) string {
	var v any
	if json.Unmarshal([]byte(r.body), &v) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		switch c := v.(type) {
		case map[string]any:
			v = c[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(c) {
				return ""
			}
			v = c[i]
		default:
			return ""
		}
	}
	s, _ := v.(string)
	return s
}

const (
	firstVerify = "_embedded.factors.0._links.verify.href"
	firstEnroll = "_embedded.factors.0._links.enroll.href"
	next        = "_links.next.href"
)

// signIn goes all the way to a session by the verified address.
func (b *browser) signIn(user string) {
	b.t.Helper()
	r := b.login(user).is(200, "MFA_REQUIRED")
	r = b.post(r.str(firstVerify)).is(200, "MFA_CHALLENGE")
	r = b.post(r.str(next), "passCode", b.code(user)).is(200, "SUCCESS")
	b.post("/api/v1/sessions", "sessionToken", r.str("sessionToken")).is(200, "ACTIVE")
}

func (r *reply) shows(words ...string) {
	r.t.Helper()
	for _, w := range words {
		if !strings.Contains(html.UnescapeString(r.body), w) {
			r.t.Errorf("%q is not shown", w)
		}
	}
	if r.status != http.StatusOK || r.t.Failed() {
		r.t.Fatalf("%d\n%s", r.status, r.body)
	}
}

func background(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(stop)
	return ctx
}
