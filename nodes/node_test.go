package nodes

import (
	"context"
	"errors"
	"os"
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
	People string        // the folder of its Directory, its Auditor and its users' phones
	Ahead  time.Duration // how far its clock is
	Spoil  string        // what is broken on purpose: see spoilers
	Policy authn.Policy
}

// A node is a host: a service on a store, with a Directory and real mail.
type node struct {
	svc     *authn.Service
	keyOf   func(user string) string // of a record
	storage *host.Storage
	points  *points
	ahead   time.Duration
	clock   atomic.Pointer[time.Time] // of the test: it stands still while requests are served, however long that takes
}

func (n *node) now() time.Time { return n.clock.Load().Add(n.ahead) }

func (c config) open(ctx context.Context, p *points) (*node, error) {
	n := &node{points: p, ahead: c.Ahead}
	n.clock.Store(new(time.Time))
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
		Types: []authn.FactorType{pushType}, Senders: map[string]authn.Sender{pushType.Channel: people(c.People)},
		Policy: c.Policy, Now: n.now, Issuer: "Example",
		AcknowledgeLater: c.Spoil == "" && os.Getpid()%2 == 0, // nodes of both kinds work together
		Passwords:        vault{people(c.People)}, Gates: []authn.Gate{{State: terms, Keeper: porter{people(c.People)}}},
	}
	if spoil := spoilers[c.Spoil]; spoil != nil {
		spoil(&cfg)
	}
	m, err := authn.NewMachine(cfg)
	if err != nil {
		return nil, err
	}
	n.keyOf = m.Key
	p.watch(&cfg)
	n.svc, err = authn.New(cfg)
	return n, err
}

// A request is what the users of a node do.
type request struct {
	Event  string // "primary", "add", "redeem", "respond", "tend", or one of authn.ParseEvent
	User   string // of primary, and of add, which is to add a factor
	Token  string // of redeem the session token, of respond the phone's
	Key    string // for authn.WithKey
	Factor string // or its type
	Code   string // of respond the number; or a password, or what is handed in to the gate

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

	// What the user is shown.
	Secret string   // for the app
	Codes  []string // the list
	Left   int      // of the list
	Number string   // for the phone

	Tally map[string]int
}

// serve lets all callers of all requests go at once, when the clock shows now.
func (n *node) serve(ctx context.Context, now time.Time, rs []request) []reply {
	n.clock.Store(&now)
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
		if !r.Patient || what != unavailable && what != waiting {
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
	for _, is := range []error{authn.ErrFinished, authn.ErrTooSoon, authn.ErrNoCode, authn.ErrUsed, authn.ErrWaiting, authn.ErrExhausted, authn.ErrLocked, authn.ErrNotAllowed} {
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
	case "primary", "add":
		l := authn.Login{User: r.User, Adding: r.Event == "add"}
		if kind(r.User) == resetUsers {
			l.Password = authn.PasswordNeedsReset
		}
		return told(n.svc.Begin(ctx, l))
	case "respond":
		return told(n.svc.Respond(ctx, authn.Secret(r.Token), authn.Reply{Approve: true, Number: r.Code}))
	}
	ev, err := authn.ParseEvent(r.Event, authn.Fields{Factor: r.Factor, Code: authn.Code(r.Code), New: authn.Secret(r.Code), Gate: terms, Input: authn.Secret(r.Code)})
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
	r := reply{
		State: a.State, Outcome: a.Outcome, Delivery: a.Delivery, Token: string(a.Token), Session: string(a.Session),
		Secret: string(a.Prompt.Secret), Left: a.Prompt.Left, Number: a.Prompt.Number,
	}
	for _, c := range a.Prompt.Codes {
		r.Codes = append(r.Codes, string(c))
	}
	return r, nil
}
