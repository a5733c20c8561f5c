package clusters

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// A fleet is a number of nodes with one store, one clock and the same world.
type fleet struct {
	t     *testing.T
	nodes []*authn.Service
	tends bool
	mail  mailbox
	trail trail
	start time.Time
	ahead atomic.Int64 // of the clock, which else stands still: an election may outlast a cool-down

	finished, lost atomic.Int64 // visitors; answers
	atKill         int64        // visitors that had not finished
}

// The keys of all nodes.
const (
	key      = "the key of a test, which is no secret"
	otherKey = "the other key of a test: no secret either"
)

func newFleet(t *testing.T) *fleet { return &fleet{t: t, start: time.Now()} }

func (f *fleet) now() time.Time { return f.start.Add(time.Duration(f.ahead.Load())) }

func (f *fleet) add(s authn.Store) {
	f.t.Helper()
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(key)}},
		PseudonymKey: []byte(otherKey),
		Store:        s, Mailer: &f.mail, Directory: people{}, Auditor: &f.trail,
		Policy: authn.Policy{Digits: 8, NoBackoff: true, SessionLife: 5 * time.Minute}, Now: f.now,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.nodes = append(f.nodes, svc)
	_, f.tends = s.(authn.Sweeper)
}

// each lets all visitors go at once.
func (f *fleet) each(all []*visitor, do func(*visitor) error) {
	f.t.Helper()
	errs := make([]error, len(all))
	var wg sync.WaitGroup
	for i, v := range all {
		wg.Go(func() { errs[i] = do(v) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			f.t.Errorf("%s: %v", all[i].user, err)
		}
	}
}

// tend makes good what was left undone, if the store tells what that is.
func (f *fleet) tend() {
	f.t.Helper()
	if !f.tends {
		return
	}
	if err := persist(func(ctx context.Context) error {
		_, err := f.nodes[0].Tend(ctx)
		return err
	}); err != nil {
		f.t.Error(err)
	}
}

// A visitor signs in, or guesses.
type visitor struct {
	f       *fleet
	user    string
	home    int  // the node of the first step
	guesses bool // and does nothing else
	late    bool // redeems the session token after the crash of all
	granted int  // codes

	mu      sync.Mutex // guards the fields below
	token   authn.StateToken
	session authn.SessionToken
	told    map[string]int
	unsure  bool // an answer was lost
}

func (f *fleet) visitors() (all []*visitor) {
	for i := range visitors {
		all = append(all, &visitor{
			f: f, user: fmt.Sprint("user", i), home: i % len(f.nodes),
			guesses: i%(visitors/guessers) == 0, late: i%2 == 0, told: map[string]int{},
		})
	}
	return all
}

// begin gets the first code.
func (v *visitor) begin() error {
	if _, err := v.try(v.home, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
		return s.Begin(ctx, authn.Login{User: v.user})
	}); err != nil {
		return err
	}
	got, err := v.try(v.home, func(ctx context.Context, s *authn.Service) (*authn.Answer, error) {
		return s.Do(ctx, v.token, authn.WithKey("challenge", authn.Challenge{Factor: "mail"}))
	})
	if err == nil && got != string(authn.MFAChallenge) {
		err = fmt.Errorf("challenge: %s", got)
	}
	v.granted++
	return err
}

// hasCode says that the last code that was granted has come.
func (v *visitor) hasCode() bool { return v.newest().Generation == v.granted }

// code is the newest one.
func (v *visitor) code() string { return string(v.newest().Code) }

func (v *visitor) newest() authn.Message {
	v.f.mail.mu.Lock()
	defer v.f.mail.mu.Unlock()
	var newest authn.Message
	for _, m := range v.f.mail.in[v.user] {
		if m.Generation >= newest.Generation {
			newest = m
		}
	}
	return newest
}

// people are all the users there could be.
type people struct{}

func (people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user + "@example.com", Status: authn.Active}}, nil
}

func (people) Activated(context.Context, string, string, authn.Factor) error { return nil }

// A mailbox has the codes of all users.
type mailbox struct {
	mu sync.Mutex
	in map[string][]authn.Message
}

func (b *mailbox) Send(_ context.Context, m authn.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.Kind != authn.CodeMessage {
		return nil
	}
	if b.in == nil {
		b.in = map[string][]authn.Message{}
	}
	b.in[m.User] = append(b.in[m.User], m)
	return nil
}

// codes is how many different codes a user got: the same one may be sent again, under
// the same key.
func (b *mailbox) codes(user string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := map[string]bool{}
	for _, m := range b.in[user] {
		n[m.Key+" "+string(m.Code)] = true
	}
	return len(n)
}

// A trail has the sign-ins that were audited.
type trail struct {
	mu   sync.Mutex
	keys map[string]map[string]bool // by user
}

func (a *trail) Audit(_ context.Context, e authn.AuditEvent) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Event != "signed_in" {
		return nil
	}
	if a.keys == nil {
		a.keys = map[string]map[string]bool{}
	}
	if a.keys[e.User] == nil {
		a.keys[e.User] = map[string]bool{}
	}
	a.keys[e.User][e.Key] = true
	return nil
}

func (a *trail) signedIn(user string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.keys[user])
}
