package authntest

import (
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// A Trial is one event on one account, and what came of it; for a rule about
// accounts it is the account alone. A rule only reads it, and does not keep it.
type Trial struct {
	Event       authn.EventName // "" for an account; "tend" for [authn.Machine.Tend]
	Payload     authn.Event     // what [authn.Machine.Step] got
	Login       authn.Login     // what [authn.Machine.Begin] got
	Typed       Typed           // as a code, or as a session token
	Delivery    authn.Delivery  // what becomes of the effects
	Now         time.Time
	Factors     []authn.Factor // what the Directory says
	Transaction string         // id of the event's
	Policy      authn.Policy   // in force, with defaults

	Account       *authn.Account    // before
	Before, After authn.AccountView // After is Before if nothing changed
	Settled       authn.AccountView // after the effects were attempted
	Moves         []authn.Move      // rows that were taken
	Effects       []authn.Effect    // that the step asks for
	Attempts      []error           // what became of each
	Changed       bool              // there is something to save
	Ended         bool              // time was up
	Outcome       authn.Outcome
	Refusal       *authn.Refusal // nil if it was taken
	Err           error          // any
	Assertion     *authn.Assertion

	was *authn.Account // a copy of Account
	x   *explorer
	s   *spot
	at  int32
	g   *tab // of the transaction, before; nil if it is unknown
	leg Leg
	env authn.Env
	r   authn.Result
	to  spot
	row string // that the event was answered by
}

// Was is the event's transaction before the event; nil if there was none.
func (t *Trial) Was() *authn.TransactionView { return transaction(&t.Before, t.Transaction) }

// Is is the event's transaction after it; nil if there is none.
func (t *Trial) Is() *authn.TransactionView { return transaction(&t.After, t.Transaction) }

// Taken says that the event itself was taken by its transaction.
func (t *Trial) Taken() bool { return t.Err == nil && t.Changed && !t.Ended && t.Event != eventTend }

// Refused says that the event was refused with err.
func (t *Trial) Refused(err error) bool { return t.Refusal != nil && errors.Is(t.Refusal, err) }

// Accepted says that a code was accepted.
func (t *Trial) Accepted() bool { return t.Taken() && t.isCode() && t.Outcome == authn.Done }

// hostRefuses says that the host stands against the event: it knows no such
// user, or its Limiter says to wait.
func (t *Trial) hostRefuses() bool {
	l := &t.leg.Listing
	return asks(t.Event) && t.Event != eventTend && l.NoUser || limits(t.Event) && l.Limit > 0
}

func (t *Trial) isCode() bool { return t.Event == authn.EventVerify || t.Event == authn.EventActivate }

// try lets one thing happen at a spot.
func (x *explorer) try(here *Trial, l Leg, n int) *Trial {
	t := &x.trial
	*t = *here
	t.Event, t.Login, t.Typed, t.Delivery, t.leg = l.Event, l.Login, l.Typed, l.Delivery, l
	for i := range t.s.tabs {
		if t.s.tabs[i].n == l.Tab {
			t.g = &t.s.tabs[i]
		}
	}
	t.env = authn.Env{Now: t.Now, Entropy: entropy(int(t.at), n)}
	if asks(l.Event) {
		t.Factors, t.env.Factors, t.env.NoUser = l.Listing.Factors, l.Listing.Factors, l.Listing.NoUser
		if limits(l.Event) && l.Listing.Limit > 0 {
			t.env.Limited = t.Now.Add(l.Listing.Limit)
		}
	}
	if t.Event == authn.EventPrimary {
		t.Transaction = hex.EncodeToString(t.env.Entropy[:16])
	} else if t.g != nil {
		t.Transaction = t.g.id
		t.Payload = x.payload(t.s, t.g, &l, t.at)
	}
	var es []authn.Effect
	es, t.Assertion, t.Err = x.perform(t, t.Account, t.env, &t.r)
	if t.Err != nil {
		t.Refusal, _ = t.Err.(*authn.Refusal)
		return t
	}
	t.Changed, t.Ended, t.Outcome = t.r.Changed || t.Event == eventTend, t.r.Ended, t.r.Outcome
	t.Moves, t.Effects = x.p.Moves(&t.r), es
	if t.Event != eventTend {
		t.Effects = x.p.Effects(&t.r)
	}
	t.After = x.p.View(&t.r.Account)
	t.settle()
	return t
}

// perform has the machine do it.
func (x *explorer) perform(t *Trial, a *authn.Account, env authn.Env, r *authn.Result) (es []authn.Effect, as *authn.Assertion, err error) {
	switch t.Event {
	case authn.EventPrimary:
		return nil, nil, x.p.Begin(a, t.Login, env, r)
	case authn.EventRedeem:
		h := t.g.session
		if t.Typed == TypedWrong {
			h = authn.TokenSecret{1}
		}
		as, err = x.p.Redeem(a, h, env, r)
		return nil, as, err
	case eventTend:
		es, err = x.p.Tend(a, env.Now, r)
		return es, nil, err
	}
	return nil, nil, x.p.Step(a, t.g.secret, t.Payload, env, r)
}

var errDown = errors.New("down")

// settle attempts the effects, as a host does after its save, and makes the
// spot that this leads to.
func (t *Trial) settle() {
	x := t.x
	n := *t.s
	n.from, n.leg, n.tabs, n.handed = t.at, t.leg, slices.Clone(n.tabs), slices.Clone(n.handed)
	for i := range n.tabs {
		n.tabs[i].pins = slices.Clone(n.tabs[i].pins)
	}
	if t.Event == authn.EventPrimary {
		n.begun++
		n.tabs = append(n.tabs, tab{
			id: t.Transaction, n: n.begun, secret: authn.TokenSecret(t.env.Entropy[16:48]),
			require: t.Login.Require, pins: t.offered(),
		})
	}
	t.Attempts = make([]error, len(t.Effects))
	for i, e := range t.Effects {
		t.Attempts[i] = t.attempt(&n, e)
	}
	a := t.r.Account
	if len(t.Effects) > 0 {
		next, _, err := x.p.Acknowledge(&a, t.Effects, t.Attempts, t.Now)
		if err == nil {
			a = next
		}
	}
	t.learn(&n, &a)
	t.Settled = x.p.View(&a)
	n.finish(&t.Settled)
	n.record = x.p.Record(&a, x.p.Key(n.user), 1).Value
	n.tabs = slices.DeleteFunc(n.tabs, func(g tab) bool { return transaction(&t.Settled, g.id) == nil })
	n.handed = slices.DeleteFunc(n.handed, func(f authn.Factor) bool {
		return !slices.ContainsFunc(t.Settled.Owed, func(o authn.Effect) bool { return o.Name == handOver && o.Factor == f.ID })
	})
	t.to = n
}

// finish numbers the transactions that are over now.
func (s *spot) finish(v *authn.AccountView) {
	n := 1
	for i := range s.tabs {
		n = max(n, s.tabs[i].over+1)
	}
	for i := range s.tabs {
		if g := &s.tabs[i]; g.over == 0 && !isLive(transaction(v, g.id)) {
			g.over = n
		}
	}
}

// attempt makes one attempt at an effect; what is sent is learned by the tab.
func (t *Trial) attempt(n *spot, e authn.Effect) error {
	x, failed := t.x, error(nil)
	switch t.Delivery {
	case authn.Pending:
		failed = errDown
	case authn.Failed:
		failed = authn.ErrUndeliverable
	}
	job, err := x.p.Job(&t.r.Account, "", e, t.listing(), t.Now)
	if err != nil {
		return err
	}
	if job.Message != nil {
		if g := n.tab(e.Transaction); e.Name == sendCode && g != nil && t.Event != eventTend {
			g.old, g.code = g.code, job.Message.Code
		}
		return failed
	}
	if t.Delivery == authn.Pending {
		return failed
	}
	return nil // the Directory and the Auditor never give up
}

// listing is what the Directory says to whoever delivers.
func (t *Trial) listing() []authn.Factor { return t.leg.Listing.Factors }

// learn notes what the step has told.
func (t *Trial) learn(n *spot, a *authn.Account) {
	g := n.tab(t.Transaction)
	if !t.Taken() || g == nil {
		return
	}
	is := t.Is()
	switch {
	case t.Outcome == authn.LateCode:
		g.late = t.Was().Sent
	case t.Outcome == authn.WrongCode:
		g.charged++
	case t.Accepted():
		g.used, g.charged = t.Was().Sent, 0
	case t.Event == authn.EventRedeem:
		g.redeems++
	}
	if t.sent() {
		g.repin(is.Factor, t.offered())
	}
	if t.Accepted() && t.Event == authn.EventActivate {
		f := g.activate(t.Was().Factor)
		n.handed = append(n.handed, f)
	}
	if is != nil && is.Session {
		g.session, _ = t.x.p.Session(a, g.secret)
	}
}

// sent says that a code goes out by the event.
func (t *Trial) sent() bool {
	return t.Event != eventTend && slices.ContainsFunc(t.Effects, func(e authn.Effect) bool { return e.Name == sendCode })
}

// repin goes by what the Directory says of a factor now.
func (g *tab) repin(id string, fs []authn.Factor) {
	for i := range g.pins {
		for j := range fs {
			if g.pins[i].ID == id && fs[j].ID == id {
				g.pins[i] = fs[j]
			}
		}
	}
}

// activate makes a factor active.
func (g *tab) activate(id string) (f authn.Factor) {
	for i := range g.pins {
		if g.pins[i].ID == id {
			g.pins[i].Status = authn.Active
			f = g.pins[i]
		}
	}
	return f
}
