// Package try is what the tests of the hosts share.
package try

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/examples/hosting/view"
	"github.com/authnfsm/authn/memsender"
)

// Users of every test: ada has a factor, grace may enroll one.
const (
	Ada      = "ada@example.com"
	Grace    = "grace@example.com"
	Password = "correct horse battery"
)

// Service is one over that store, with its mailbox.
func Service(t *testing.T, store authn.Store, limit authn.Limiter) (*authn.Service, *memsender.Sender) {
	t.Helper()
	dir, mail := new(people.Directory), new(memsender.Sender)
	dir.Add("ada", Ada, true)
	dir.Add("grace", Grace, false)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte("32 random bytes or more, kept outside the store")}},
		PseudonymKey: []byte("32 other random bytes, which never ever change"),
		Store:        store, Mailer: mail, Directory: dir, Limiter: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	return svc, mail
}

// Check knows the users' one password.
func Check(_ context.Context, name, password string) (string, bool) {
	return name, password == Password && (name == "ada" || name == "grace")
}

// Code is the last one that was mailed; Wrong is another.
func Code(mail *memsender.Sender, to string) string { return string(mail.Last(to).Code) }

// Wrong is a code that is not the last one.
func Wrong(mail *memsender.Sender, to string) string {
	c := []byte(Code(mail, to))
	c[0] = '0' + (c[0]-'0'+1)%10
	return string(c)
}

// A Browser keeps cookies and shows what comes back.
type Browser struct {
	t      *testing.T
	client *http.Client
	URL    string
}

// NewBrowser opens one at a handler that is served over TLS.
func NewBrowser(t *testing.T, h http.Handler) *Browser {
	srv := httptest.NewTLSServer(h)
	t.Cleanup(srv.Close)
	b := &Browser{t, srv.Client(), srv.URL}
	b.client.Jar, _ = cookiejar.New(nil)
	return b
}

// Post sends names and values, and demands the status and the state.
func (b *Browser) Post(path string, status int, state authn.State, form ...string) (view.View, http.Header) {
	b.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := b.client.PostForm(b.URL+path, values)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Body.Close()
	var v view.View
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil && state != "" {
		b.t.Fatalf("%s: %d: %v", path, r.StatusCode, err)
	}
	if r.StatusCode != status || v.State != state {
		b.t.Fatalf("%s: got %d %+v, want %d %s", path, r.StatusCode, v, status, state)
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
