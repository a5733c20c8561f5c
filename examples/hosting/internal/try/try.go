// Package try is what the tests of the hosts share.
package try

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/httphost"
	"github.com/authnfsm/authn/memsender"
)

// Users of every test: ada has a factor, grace may enroll one.
const (
	Ada      = "ada@example.com"
	Grace    = "grace@example.com"
	Password = "correct horse battery"
)

// Key is a secret that nobody else has.
func Key() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

// Service is one over that store, with its mailbox.
func Service(t *testing.T, store authn.Store, limit authn.Limiter) (*authn.Service, *memsender.Sender) {
	t.Helper()
	dir, mail := new(people.Directory), new(memsender.Sender)
	dir.Add("ada", Ada, true)
	dir.Add("grace", Grace, false)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: Key()}},
		PseudonymKey: Key(),
		Store:        store, Mailer: mail, Directory: dir, Limiter: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc, mail
}

// Check knows the users' one password.
func Check(_ context.Context, name string, password authn.Secret) (authn.Login, error) {
	if password != Password || name != "ada" && name != "grace" {
		return authn.Login{}, httphost.ErrPassword
	}
	return authn.Login{User: name}, nil
}

// Handler serves sign-ins of these users, and tells of each session.
func Handler(t *testing.T, svc *authn.Service, session func(*authn.Assertion)) http.Handler {
	t.Helper()
	h, err := httphost.New(httphost.Config{Service: svc, Password: Check, Session: func(_ http.ResponseWriter, _ *http.Request, a *authn.Assertion) error {
		session(a)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// Code is the last one that was mailed; Wrong is another.
func Code(mail *memsender.Sender, to string) string { return string(mail.Last(to).Code) }

// Wrong is a code that is not the last one.
func Wrong(mail *memsender.Sender, to string) string {
	c := []byte(Code(mail, to))
	c[0] = '0' + (c[0]-'0'+1)%10
	return string(c)
}

// A Browser keeps cookies and shows what comes back. It has one tab open.
type Browser struct {
	t      *testing.T
	client *http.Client
	URL    string
	signIn string // that the tab is about
}

// NewBrowser opens one at a handler that is served over TLS.
func NewBrowser(t *testing.T, h http.Handler) *Browser {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	b := &Browser{t: t, client: srv.Client(), URL: srv.URL}
	b.client.Jar, _ = cookiejar.New(nil)
	return b
}

// Cookies are those that the browser has.
func (b *Browser) Cookies() []*http.Cookie {
	u, _ := url.Parse(b.URL)
	return b.client.Jar.Cookies(u)
}

// SetCookies gives it others.
func (b *Browser) SetCookies(list []*http.Cookie) {
	u, _ := url.Parse(b.URL)
	for _, c := range list {
		c.Path, c.Secure = "/", true
	}
	b.client.Jar.SetCookies(u, list)
}

// Post sends members of a body, and demands the status and the state. A member "key" is
// the idempotency key.
func (b *Browser) Post(path string, status int, state authn.State, members ...string) (httphost.View, http.Header) {
	b.t.Helper()
	body, key := map[string]string{}, ""
	for i := 0; i+1 < len(members); i += 2 {
		if members[i] == "key" {
			key = members[i+1]
			continue
		}
		body[members[i]] = members[i+1]
	}
	text, err := json.Marshal(body)
	if err != nil {
		b.t.Fatal(err)
	}
	q, err := http.NewRequest(http.MethodPost, b.URL+path, bytes.NewReader(text))
	if err != nil {
		b.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/json")
	if b.signIn != "" {
		q.Header.Set(httphost.SignInHeader, b.signIn)
	}
	if key != "" {
		q.Header.Set("Idempotency-Key", key)
	}
	r, err := b.client.Do(q)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	var v httphost.View
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil && state != "" {
		b.t.Fatalf("%s: %d: %v", path, r.StatusCode, err)
	}
	if r.StatusCode != status || v.State != state {
		b.t.Fatalf("%s: got %d %+v, want %d %s", path, r.StatusCode, v, status, state)
	}
	if v.SignIn != "" {
		b.signIn = v.SignIn
	}
	return v, r.Header
}

// Origin posts from a page of another site and returns the status.
func (b *Browser) Origin(path, origin string) int {
	r, err := http.NewRequest(http.MethodPost, b.URL+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Origin", origin)
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Get returns the text of a page.
func (b *Browser) Get(path string) string {
	b.t.Helper()
	r, err := b.client.Get(b.URL + path)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
