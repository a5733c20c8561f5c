package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// The world is a host: a clock, a directory of users, a store, a mailer and an
// auditor, each of which records its calls and can fail.

var (
	worldStart = time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC)
	errDown    = errors.New("the network is down")
	errNoBox   = fmt.Errorf("no such mailbox: %w", authn.ErrUndeliverable)
	zones      = []*time.Location{time.UTC, time.FixedZone("east", 5*3600+1800), time.FixedZone("west", -9*3600)}
)

// spy is a Store that keeps every saved record.
type spy struct {
	memstore.Store
	records      map[string]authn.Record
	loads, saves int
	lastKey      string
	versions     map[uint64]bool
	repeated     bool // a version was used again
}

func (s *spy) Load(ctx context.Context, key string) (authn.Record, error) {
	s.loads++
	s.lastKey = key
	return s.Store.Load(ctx, key)
}

func (s *spy) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	kept := r
	kept.Value = bytes.Clone(r.Value)
	if err := s.Store.Save(ctx, key, old, r); err != nil {
		return err
	}
	s.saves++
	if len(kept.Value) == 0 {
		delete(s.records, key)
		return nil
	}
	s.repeated = s.repeated || s.versions[kept.Version] || kept.Version == 0
	s.versions[kept.Version] = true
	s.records[key] = kept
	return nil
}

// same reports whether two records are equal.
func same(a, b authn.Record) bool {
	return a.Version == b.Version && a.Due.Equal(b.Due) && bytes.Equal(a.Value, b.Value)
}

// attempt is one call of the mailer.
type attempt struct {
	authn.Message
	err   error
	saves int // of the store so far
}

// post is a Sender that can fail. The test sees each message even then.
type post struct {
	memsender.Sender
	mood     error
	attempts []attempt
	store    *spy
}

func (p *post) Send(ctx context.Context, m authn.Message) error {
	p.attempts = append(p.attempts, attempt{m, p.mood, p.store.saves})
	if p.mood != nil {
		return p.mood
	}
	return p.Sender.Send(ctx, m)
}

// handing is one call of Activated.
type handing struct {
	key, user string
	factor    authn.Factor
	err       error
	saves     int
}

// directory is a Directory that activates factors.
type directory struct {
	users    map[string][]authn.Factor
	down     bool // Factors fails
	deaf     bool // Activated fails
	handings []handing
	store    *spy
}

func (d *directory) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	fs, ok := d.users[user]
	switch {
	case d.down:
		return nil, errDown
	case !ok:
		return nil, authn.ErrNoUser
	}
	return slices.Clone(fs), nil
}

func (d *directory) Activated(_ context.Context, key, user string, f authn.Factor) error {
	h := handing{key: key, user: user, factor: f, saves: d.store.saves}
	if d.deaf {
		h.err = errDown
	}
	d.handings = append(d.handings, h)
	for i := range d.users[user] {
		if g := &d.users[user][i]; h.err == nil && g.ID == f.ID {
			g.Status = authn.Active
		}
	}
	return h.err
}

// auditLog is an Auditor that can fail.
type auditLog struct {
	events []authn.AuditEvent
	deaf   bool
}

func (l *auditLog) Audit(_ context.Context, e authn.AuditEvent) error {
	l.events = append(l.events, e)
	if l.deaf {
		return errDown
	}
	return nil
}

// ticket has what a client and the test know of a transaction.
type ticket struct {
	token     authn.StateToken
	session   authn.SessionToken
	last      call        // as sent, accepted or not
	id        string      // public
	trail     authn.State // state according to the audit events
	began     time.Time
	succeeded time.Time
}

// account is a user with the oracle's view of it.
type account struct {
	user    string
	key     string // of the record
	o       *oracle
	tickets []*ticket
	letters map[string]authn.Message // by key
	owed    map[string]string        // factor to handing key
	most    int                      // maximal number of pending effects
}

// world is the environment of the services. All services share one store and are
// used in turn, so that a service that keeps other state fails.
type world struct {
	t        failer
	now      time.Time
	zone     int
	store    *spy
	post     *post
	dir      *directory
	log      *auditLog
	services []*authn.Service
	turn     int
	p        authn.Policy
	digits   int
	accounts []*account
	story    []string // printed with a failure
	cover    map[string]int
	keys     map[string]bool // of audit events
	floor    time.Time       // the clock does not go back beyond it
	blur     bool            // the directory is temporarily wrong: do not compare answers
}

type failer interface {
	Helper()
	Fatalf(string, ...any)
	Logf(string, ...any)
}

var keyOne, keyTwo = authn.Key{ID: 1, Secret: []byte("one 5Zb8w1kqXn3sPz7RtYv2cEh4Lm6D")}, authn.Key{ID: 2, Secret: []byte("two q9WmT4xKd7Bv1Hs8Gf3Jr6Np2Cz5L")}

func config(w *world, p authn.Policy) authn.Config {
	return authn.Config{
		Tenant: "acme", Keys: []authn.Key{keyOne}, PseudonymKey: []byte("pseudonyms u7Yt5Re3Wq1As9Df2Gh4Jk6L"),
		Store: w.store, Mailer: w.post, Directory: w.dir, Auditor: w.log, Policy: p,
		Now: func() time.Time { return w.now.In(zones[w.zone%len(zones)]) }, // B9: time zones do not matter
	}
}

// newWorld returns a world with n services. The oracle expects codes with this
// number of digits; 0 means that of the policy.
func newWorld(t failer, p authn.Policy, digits, n int) *world {
	w := &world{
		t: t, now: worldStart, p: settled(p), digits: digits, cover: map[string]int{}, keys: map[string]bool{},
		store: &spy{records: map[string]authn.Record{}, versions: map[uint64]bool{}}, log: &auditLog{},
	}
	w.post, w.dir = &post{store: w.store}, &directory{users: map[string][]authn.Factor{}, store: w.store}
	for range n {
		s, err := authn.New(config(w, p))
		if err != nil {
			t.Fatalf("New(%+v): %v", p, err)
		}
		w.services = append(w.services, s)
	}
	if digits == 0 {
		w.digits = w.p.Digits
	}
	return w
}

// add adds a user. Every factor has a different address.
func (w *world) add(fs ...authn.Factor) *account {
	n := len(w.accounts)
	a := &account{user: fmt.Sprintf("user-%d", n), letters: map[string]authn.Message{}, owed: map[string]string{}}
	for i, f := range fs {
		if f.ID = fmt.Sprintf("f%d-%d", n, i); f.Type == "" {
			f.Type = authn.Email
		}
		f.Address = fmt.Sprintf("box%d@user%d.example", i, n)
		fs[i] = f
	}
	w.dir.users[a.user] = slices.Clone(fs)
	a.o = &oracle{p: w.p, digits: w.digits, ask: func() []authn.Factor { return w.dir.users[a.user] }}
	w.accounts = append(w.accounts, a)
	return a
}

func (w *world) address(a *account, factor string) string {
	for _, f := range w.dir.users[a.user] {
		if f.ID == factor {
			return f.Address
		}
	}
	return ""
}

func (w *world) owner(a *account, address string) string {
	for _, f := range w.dir.users[a.user] {
		if f.Address == address {
			return f.ID
		}
	}
	return ""
}

// seen has the effects of one call of a service.
type seen struct {
	answer        *authn.Answer
	assertion     *authn.Assertion
	err           error
	before, after map[string]authn.Record
	loads, saves  int
	savesBefore   int
	mails         []attempt
	hands         []handing
	audits        []authn.AuditEvent
}

// watch runs f on one of the services and returns its effects.
func (w *world) watch(f func(*authn.Service) (*authn.Answer, *authn.Assertion, error)) (g seen) {
	g.before = maps.Clone(w.store.records)
	loads, saves, mails, hands, audits := w.store.loads, w.store.saves, len(w.post.attempts), len(w.dir.handings), len(w.log.events)
	w.turn++
	g.answer, g.assertion, g.err = f(w.services[w.turn%len(w.services)])
	g.after = maps.Clone(w.store.records)
	g.loads, g.saves, g.savesBefore = w.store.loads-loads, w.store.saves-saves, saves
	g.mails, g.hands, g.audits = w.post.attempts[mails:], w.dir.handings[hands:], w.log.events[audits:]
	return g
}

// tell adds a line to the log of this run.
func (w *world) tell(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%s ", w.now.Sub(worldStart))+fmt.Sprintf(format, args...))
}

// failf fails and prints the log of the run.
func (w *world) failf(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.story {
		w.t.Logf("%s", line)
	}
	w.t.Fatalf(format, args...)
}
