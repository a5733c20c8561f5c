package nodes

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/smtpmail"
)

// config is what a node is told when it starts. Nodes that share a store have
// the same, but for the clock.
type config struct {
	Store  string        // as host.Open takes it
	Relay  string        // where its mail goes
	People string        // the folder of its Directory
	Ahead  time.Duration // how far its clock is
	Spoil  string        // what is broken on purpose: see spoilers
	Policy authn.Policy
}

// A node is a host: a service on a store, with a Directory and real mail.
type node struct {
	svc     *authn.Service
	storage *host.Storage
	points  *points
	ahead   time.Duration
	clock   atomic.Pointer[reading]
}

// A reading is what the clock of the test showed at some moment.
type reading struct{ shown, at time.Time }

func (n *node) now() time.Time {
	r := n.clock.Load()
	return r.shown.Add(n.ahead + time.Since(r.at))
}

func (c config) open(ctx context.Context, p *points) (*node, error) {
	n := &node{points: p, ahead: c.Ahead}
	n.clock.Store(&reading{at: time.Now()})
	var err error
	if n.storage, err = host.Open(ctx, c.Store); err != nil {
		return nil, err
	}
	mail, err := smtpmail.New(smtpmail.Config{
		Addr: c.Relay, TLS: smtpmail.Plaintext, From: "sign-in@example.com", Service: "Example", Now: n.now,
	})
	if err != nil {
		return nil, err
	}
	cfg := authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte("the key of a test, which is no secret")}},
		PseudonymKey: []byte("the other key of a test: no secret either"),
		Store:        n.storage.Store, Mailer: mail, Directory: people(c.People), Auditor: people(c.People),
		Policy: c.Policy, Now: n.now,
	}
	if spoil := spoilers[c.Spoil]; spoil != nil {
		spoil(&cfg)
	}
	p.watch(&cfg)
	n.svc, err = authn.New(cfg)
	return n, err
}

// A request is what the users of a node do.
type request struct {
	Event string // "primary", "redeem", "tend", or one of authn.ParseEvent
	User  string // of primary
	Token string // of redeem the session token
	Key   string // for authn.WithKey
	Code  string

	Callers int  // so many at once; 0 is one
	Patient bool // they ask again as long as there is no verdict
}

// A reply is what one of the callers was told, and how often each thing was.
type reply struct {
	State    authn.State
	Outcome  authn.Outcome
	Delivery authn.Delivery
	Token    string
	Session  string
	User     string // of an assertion
	Err      string
	Tally    map[string]int
}

// serve lets all callers of all requests go at once, when the clock shows now.
func (n *node) serve(ctx context.Context, now time.Time, rs []request) []reply {
	n.clock.Store(&reading{shown: now, at: time.Now()})
	replies := make([]reply, len(rs))
	start := make(chan struct{})
	var mu sync.Mutex // guards replies
	var wg sync.WaitGroup
	for i, r := range rs {
		replies[i].Tally = map[string]int{}
		for range max(1, r.Callers) {
			wg.Go(func() {
				<-start
				p, all := n.call(ctx, r)
				mu.Lock()
				defer mu.Unlock()
				for k, v := range all {
					replies[i].Tally[k] += v
				}
				p.Tally = replies[i].Tally
				if replies[i].State == "" || p.State == authn.Success {
					replies[i] = p
				}
			})
		}
	}
	close(start)
	wg.Wait()
	return replies
}

// call is one caller.
func (n *node) call(ctx context.Context, r request) (reply, map[string]int) {
	tally := map[string]int{}
	for {
		p, err := n.do(ctx, r)
		if err != nil {
			p.Err = err.Error()
		}
		what := named(p, err)
		tally[what]++
		if !r.Patient || what != unavailable {
			return p, tally
		}
	}
}

const (
	wrongCode   = "wrong code"
	lateCode    = "late code"
	redeemed    = "redeemed"
	unavailable = "unavailable"
	other       = "an error without a name"
)

// named is how a call turned out, in a word.
func named(p reply, err error) string {
	for _, is := range []error{authn.ErrFinished, authn.ErrTooSoon, authn.ErrNoCode, authn.ErrExhausted, authn.ErrLocked, authn.ErrNotAllowed} {
		if errors.Is(err, is) {
			return is.Error()
		}
	}
	switch {
	case errors.Is(err, authn.ErrUnavailable):
		return unavailable
	case err != nil:
		return other
	case p.Outcome == authn.WrongCode:
		return wrongCode
	case p.Outcome == authn.LateCode:
		return lateCode
	case p.User != "":
		return redeemed
	}
	return string(p.State)
}

func (n *node) do(ctx context.Context, r request) (reply, error) {
	switch r.Event {
	case "tend":
		_, err := n.svc.Tend(ctx)
		return reply{}, err
	case "redeem":
		who, err := n.svc.Redeem(ctx, authn.SessionToken(r.Token))
		if err != nil {
			return reply{}, err
		}
		return reply{User: who.User}, nil
	case "primary":
		return told(n.svc.Begin(ctx, authn.Login{User: r.User}))
	}
	factors := map[string]string{"enroll": authn.Email, "challenge": factorID}
	ev, err := authn.ParseEvent(r.Event, factors[r.Event], authn.Code(r.Code))
	if err != nil {
		return reply{}, err
	}
	if r.Key != "" {
		ev = authn.WithKey(r.Key, ev)
	}
	return told(n.svc.Do(ctx, authn.StateToken(r.Token), ev))
}

func told(a *authn.Answer, err error) (reply, error) {
	if err != nil {
		return reply{}, err
	}
	return reply{State: a.State, Outcome: a.Outcome, Delivery: a.Delivery, Token: string(a.Token), Session: string(a.Session)}, nil
}
