package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// stored is a record as the ledger sees it, with the live codes.
type stored struct {
	Mark                    time.Time
	Fails                   int
	Disabled                bool
	Locked                  time.Time
	Failures, Sends, Starts []time.Time // charges
	Txs                     []storedTx
	Owed                    []authn.Effect
}

// storedTx has the fields of a transaction that only a step may change.
type storedTx struct {
	ID                 string
	State              authn.State
	Steps, Tries, Sent int
	Code               authn.Code // the live one, or the token for the phone; "" if there is none
	CodeExpires        time.Time
	Expires, Born      time.Time
	Session            bool // not yet redeemed
	challenge
}

// challenge is what a transaction asks for beyond a code that was sent.
type challenge struct {
	Secret  authn.Secret // of the app that is enrolled
	Codes   string       // that are enrolled, each with a line of its own
	Options string       // what the token is to respond to
	Number  string       // for the phone
	Replied string       // by the phone
	seen    bool         // by somebody
}

// look opens a record. It learns a new code from its pending message.
func (l *ledger) look(key string, value []byte) (st stored, err error) {
	m := l.sim.machine
	a, err := m.Open(value, key)
	if err != nil {
		return st, err
	}
	v := a.View()
	for _, e := range v.Owed {
		if err := l.learn(&a, key, e, v.Saved); err != nil {
			return st, fmt.Errorf("what is owed, %+v: %w", e, err)
		}
	}
	st = stored{
		Mark: v.Saved, Fails: v.Failures, Disabled: v.Disabled, Locked: v.LockedUntil,
		Failures: v.WrongCodes, Sends: v.Sends, Starts: v.Starts, Owed: v.Owed,
	}
	for _, t := range v.Transactions {
		x := storedTx{ID: t.ID, State: t.State, Steps: t.Steps, Tries: t.Tries, Sent: t.Sent, Expires: t.Expires, Born: t.Began, Session: t.Session}
		if !t.CodeExpires.IsZero() {
			x.Code, x.CodeExpires = l.known[generation(t.ID, t.Sent)], t.CodeExpires
		}
		if x.challenge, err = l.challenge(value, v, t); err != nil {
			return st, err
		}
		st.Txs = append(st.Txs, x)
	}
	return st, nil
}

// learn takes down a new code, a new question to the phone, or what the Directory is
// to be handed.
func (l *ledger) learn(a *authn.Account, key string, e authn.Effect, now time.Time) error {
	name := generation(e.Transaction, e.Generation)
	_, known := l.handed[e.Key]
	if known || e.Name != handOver && (e.Name != sendCode || l.known[name] != "") {
		return nil
	}
	job, err := l.sim.machine.Job(a, key, e, l.sim.world.FactorsOf(e.User), now)
	switch {
	case err != nil:
		return err
	case job.Activated != nil:
		l.handing(e.Key, e.User, *job.Activated)
		return nil
	}
	if l.known[name] = job.Message.Code; job.Message.Approval != "" {
		l.known[name] = authn.Code(job.Message.Approval)
		l.asked[job.Message.Approval] = e.Transaction
	}
	return nil
}

// challenge is what a transaction asks for, as somebody sees it who has its token. What
// nobody can see, since the answer with the token was lost, nobody can prove.
func (l *ledger) challenge(value []byte, v authn.AccountView, t authn.TransactionView) (c challenge, err error) {
	token, ok := l.tokens[t.ID]
	if !ok || t.State != authn.MFAChallenge && t.State != authn.MFAEnrollActivate {
		return c, nil
	}
	name := fmt.Sprint(t.ID, " ", t.Steps, " ", t.CodeExpires)
	if c, ok := l.seen[name]; ok {
		return c, nil
	}
	l.eye.record, l.eye.now = authn.Record{Value: value, Version: 1}, v.Saved
	a, err := l.eye.Status(context.Background(), token)
	if errors.Is(err, authn.ErrFinished) { // its time is up, and nobody has said so yet
		return c, nil
	}
	if err != nil {
		return c, err
	}
	p := a.Prompt
	c = challenge{Secret: p.Secret, Options: string(p.Options), Number: p.Number, Replied: p.Replied, seen: true}
	var codes []string
	for _, code := range p.Codes {
		codes = append(codes, string(code))
	}
	c.Codes = strings.Join(codes, "\n")
	if p.Pairing != "" {
		l.asked[p.Pairing] = t.ID
	}
	l.seen[name] = c
	return c, nil
}

// eye is a service that looks at one record, and has the Directory to itself.
type eye struct {
	*authn.Service
	*authntest.World
	record authn.Record
	now    time.Time
}

func (s *sim) newEye() *eye {
	e := &eye{World: s.world}
	cfg := s.config()
	cfg.Store, cfg.Directory, cfg.Auditor, cfg.Now = e, e, nil, func() time.Time { return e.now }
	var err error
	if e.Service, err = authn.New(cfg); err != nil {
		panic(err)
	}
	return e
}

func (e *eye) Load(context.Context, string) (authn.Record, error) { return e.record, nil }

func (e *eye) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return e.FactorsOf(user), nil
}

// generation returns the key of a code.
func generation(tx string, n int) string { return fmt.Sprint(tx, " ", n) }
