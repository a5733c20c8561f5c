package okta_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/okta"
)

const (
	goodPassword = "correct horse battery"
	base         = "https://id.example.com"
	app          = "https://app.example.com"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// spy is a Store that remembers what it holds.
type spy struct {
	memstore.Store
	mu      sync.Mutex
	records map[string]authn.Record
	loads   int
	down    bool
}

func (s *spy) Load(ctx context.Context, key string) (authn.Record, error) {
	s.mu.Lock()
	s.loads++
	down := s.down
	s.mu.Unlock()
	if down {
		return authn.Record{}, fmt.Errorf("the network is down")
	}
	return s.Store.Load(ctx, key)
}

func (s *spy) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	kept := r
	kept.Value = bytes.Clone(r.Value)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Store.Save(ctx, key, old, r); err != nil {
		return err
	}
	s.records[key] = kept
	return nil
}

// damage makes every record one that cannot be opened.
func (s *spy) damage() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, r := range s.records {
		r.Value = bytes.Repeat([]byte{1}, len(r.Value))
		if err := s.Store.Save(context.Background(), k, r.Version, r); err != nil {
			panic(err)
		}
	}
}

// snapshot is everything stored, byte for byte.
func (s *spy) snapshot() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := map[string]string{}
	for k, r := range s.records {
		m[k] = fmt.Sprintf("%d %s %x", r.Version, r.Due, r.Value)
	}
	return m
}

// people is the host: its users, their factors and passwords, and its sessions.
type people struct {
	mu      sync.Mutex
	factors map[string][]authn.Factor
	require map[string]authn.Requirement
	login   func(*authn.Login) // what else the host knows; nil: nothing
	started []*authn.Assertion
	broken  error // of every port
	panics  bool
}

func (p *people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fs, ok := p.factors[user]
	if !ok {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(fs), nil
}

func (p *people) Activated(_ context.Context, _, user string, f authn.Factor) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.factors[user] {
		if g := &p.factors[user][i]; g.ID == f.ID {
			if g.Status = authn.Active; f.Revision > g.Revision {
				g.Data, g.Revision = bytes.Clone(f.Data), f.Revision
			}
		}
	}
	return nil
}

func (p *people) set(user string, i int, st authn.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.factors[user][i].Status = st
}

// VerifyPassword knows "ada" as the user "user-ada", and so on; and "ghost",
// whom the directory does not know any more.
func (p *people) VerifyPassword(_ context.Context, name string, password authn.Secret) (okta.Verified, error) {
	if p.panics {
		panic("password is " + string(password))
	}
	if p.broken != nil {
		return okta.Verified{}, p.broken
	}
	first, _, _ := strings.Cut(name, "@")
	if _, ok := p.factors["user-"+first]; !ok && first != "ghost" || string(password) != goodPassword {
		return okta.Verified{}, okta.ErrPassword
	}
	v := okta.Verified{Login: authn.Login{User: "user-" + first, Require: p.require["user-"+first]}}
	orNothing(p.login)(&v.Login)
	return v, nil
}

func (p *people) StartSession(w http.ResponseWriter, _ *http.Request, a *authn.Assertion) (okta.Session, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return okta.Session{}, p.broken
	}
	p.started = append(p.started, a)
	http.SetCookie(w, &http.Cookie{Name: "session", Value: "s1", HttpOnly: true, Path: "/"})
	return okta.Session{ID: "s1", Expires: t0.Add(12 * time.Hour)}, nil
}

func mailFactor(name string, st authn.Status) authn.Factor {
	return authn.Factor{ID: "emf-" + name, Type: authn.Email, Address: name + ".private@example.com", Status: st}
}

// world is a host with its handler.
type world struct {
	t        testing.TB
	mu       sync.Mutex
	time     time.Time
	store    *spy
	mail     *memsender.Sender
	people   *people
	svc      *authn.Service
	h        *okta.Handler
	reported []string
	authn    func(*authn.Config) // what else a host configures; nil: nothing
	okta     func(*okta.Config)
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.time = w.time.Add(d)
}

func newWorld(t testing.TB, p authn.Policy) *world {
	w := &world{
		t: t, time: t0, store: &spy{records: map[string]authn.Record{}}, mail: new(memsender.Sender),
		people: &people{
			factors: map[string][]authn.Factor{
				"user-ada":   {mailFactor("ada", authn.Active), mailFactor("spare", authn.Active)},
				"user-bob":   {mailFactor("bob", authn.Active)},
				"user-grace": {mailFactor("grace", authn.NotSetUp)},
				"user-may":   {mailFactor("may", authn.NotSetUp)},
				"user-two":   {mailFactor("two", authn.NotSetUp), mailFactor("more", authn.NotSetUp)},
				"user-alan":  {},
				"user-none":  {},
				"user-joan":  {mailFactor("joan", authn.Disabled)},
			},
			require: map[string]authn.Requirement{"user-alan": authn.RequireNothing, "user-may": authn.RequireIfActive},
		},
	}
	for i := range w.people.factors["user-two"] {
		w.people.factors["user-two"][i].Required = true
	}
	w.svc, w.h = w.node(p, "acme")
	return w
}

func orNothing[T any](f func(*T)) func(*T) {
	if f == nil {
		return func(*T) {}
	}
	return f
}

// node makes one more process of the same host.
func (w *world) node(p authn.Policy, tenant string) (*authn.Service, *okta.Handler) {
	p.SessionLife = okta.SessionLife
	cfg := authn.Config{
		Tenant: tenant, Keys: []authn.Key{{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}},
		PseudonymKey: []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L"),
		Store:        w.store, Mailer: w.mail, Directory: w.people, Policy: p, Now: w.now,
	}
	orNothing(w.authn)(&cfg)
	svc, err := authn.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	wire := okta.Config{
		Service: svc, Passwords: w.people, Sessions: w.people,
		BaseURL: base, Origins: []string{app}, RedirectURLs: []string{app, "https://shop.example.com/welcome"},
		CookieKey: []byte("cookies 8Hn2Vb6Tg0Rf4Ed9Ws3Qa7Zx"),
		Report: func(_ context.Context, id string, err error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reported = append(w.reported, id+" "+err.Error())
		},
	}
	orNothing(w.okta)(&wire)
	h, err := okta.New(wire)
	if err != nil {
		w.t.Fatal(err)
	}
	return svc, h
}

// code is the last one mailed to a user's first address; wrong is another.
func (w *world) code(name string) string {
	for _, m := range slices.Backward(w.mail.All()) {
		if m.Kind == authn.CodeMessage && m.To == name+".private@example.com" {
			return string(m.Code)
		}
	}
	return ""
}

func (w *world) wrong(name string) string {
	c := []byte(w.code(name))
	if len(c) == 0 {
		return "000000"
	}
	c[0] = '0' + (c[0]-'0'+1)%10
	return string(c)
}

// unchanged runs f and fails if anything stored is another afterwards.
func (w *world) unchanged(f func()) {
	w.t.Helper()
	before := w.store.snapshot()
	f()
	if after := w.store.snapshot(); !maps.Equal(before, after) {
		w.t.Errorf("a refused request has changed what is stored")
	}
}
