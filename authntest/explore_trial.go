package authntest

import (
	"encoding/hex"
	"errors"
	"slices"
	"strings"
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

	check     *authn.Check // what the Verifier was asked; nil: nothing
	hostAsked bool         // the host was asked about an input
	r         authn.Result
	to        spot
	row       string // that the event was answered by
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
	t.Now = here.Now.Add(l.Wait)
	for i := range t.s.tabs {
		if t.s.tabs[i].n == l.Tab {
			t.g = &t.s.tabs[i]
		}
	}
	t.env = authn.Env{Now: t.Now, Entropy: entropy(int(t.at), n), ListLater: true, Needed: x.needed(&l.Listing)}
	if asks(l.Event) || l.asked {
		t.Factors = x.list(&l.Listing, t.s)
	}
	if asks(l.Event) {
		t.env.Factors, t.env.NoUser, t.env.ListLater = t.Factors, l.Listing.NoUser, false
	}
	if limits(l.Event) && l.Listing.Limit > 0 {
		t.env.Limited = t.Now.Add(l.Listing.Limit)
	}
	if t.Event == authn.EventPrimary {
		t.Transaction = hex.EncodeToString(t.env.Entropy[:16])
	} else if t.g != nil {
		t.Transaction = t.g.id
		t.Payload = x.payload(t.s, t.g, t.Was(), &l, t.at, t.Now)
	}
	var es []authn.Effect
	x.check, x.hostAsked = nil, false
	es, t.Assertion, t.Err = x.perform(t, t.Account, t.env, &t.r)
	t.check, t.hostAsked = x.check, x.hostAsked
	if t.Err != nil {
		t.Refusal, _ = t.Err.(*authn.Refusal)
		return t
	}
	t.Changed, t.Ended, t.Outcome = t.r.Changed || t.Event == eventTend, t.r.Ended, t.r.Outcome
	t.Moves, t.Effects = x.p.Moves(&t.r), es
	if t.Event != eventTend {
		t.Effects = x.p.Effects(&t.r)
	}
	t.After = x.view(&t.r.Account, t.s, t.Moves)
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
		if lack, ok := err.(*authn.Lack); ok && lack.Owed != nil && t.Delivery != authn.Pending { // the host stores it first
			next, _, failed := x.p.Acknowledge(a, []authn.Effect{*lack.Owed}, []error{nil}, env.Now)
			if failed == nil {
				as, err = x.p.Redeem(&next, h, env, r)
			}
		}
		return nil, as, err
	case authn.EventRespond:
		h, reply := t.reply()
		return nil, nil, x.p.Respond(a, h, reply, env, r)
	case eventTend:
		es, err = x.p.Tend(a, env.Now, r)
		return es, nil, err
	}
	return nil, nil, x.step(t, a, t.Payload, env, r)
}

// step has the machine take the event, and finds out what it lacks.
func (x *explorer) step(t *Trial, a *authn.Account, ev authn.Event, env authn.Env, r *authn.Result) error {
	for {
		err := x.p.Step(a, t.g.secret, ev, env, r)
		lack, ok := err.(*authn.Lack)
		if !ok || !t.supply(lack, &env) {
			return err
		}
	}
}

// supply finds out what a step lacks; false if it has been told that already.
func (t *Trial) supply(lack *authn.Lack, env *authn.Env) bool {
	switch {
	case lack.Factors && env.ListLater:
		env.ListLater = false
		if env.NoUser = t.leg.Listing.NoUser; !env.NoUser {
			env.Factors = t.x.list(&t.leg.Listing, t.s)
		}
	case lack.Check != nil && env.Verdict == nil:
		v := judgment(t.Typed, lack.Check)
		env.Verdict, t.x.check = &v, lack.Check
	case (lack.Password != nil || lack.Input != nil) && env.Verdict == nil:
		v := hostVerdict(t.Typed)
		env.Verdict, t.x.hostAsked = &v, true
	case lack.Gate != "" && env.Needed == nil:
		env.Needed = t.x.needed(&t.leg.Listing)
	default:
		return false
	}
	return true
}

// judgment is what the Verifier says.
func judgment(typed Typed, c *authn.Check) (v authn.Verdict) {
	switch typed {
	case TypedRight:
		v.Right = true
	case TypedChanged:
		v.Right, v.Data, v.Methods = true, []byte("what is kept from now on"), []string{"hwk", "user"}
	case TypedMalformed:
		v.Malformed = true
	case TypedAnother:
		if v.Right, v.Factor = true, nobody; len(c.Others) > 0 {
			v.Factor = c.Others[0].ID
		}
	}
	return v
}

// reply is what the device says, and to what.
func (t *Trial) reply() (to authn.Secret, r authn.Reply) {
	if to = t.g.asked; t.Typed == TypedOld {
		to = t.g.before
	}
	return to, replies(t.Typed, t.g.number)
}

// replies are what a device can say that is to name a number, or none.
func replies(typed Typed, number string) authn.Reply {
	if typed == TypedWrong {
		number = string(turned(authn.Code(number), 1, 1))
	}
	return authn.Reply{Approve: typed != TypedNo, Number: number}
}

var errDown = errors.New("down")

// settle attempts the effects, as a host does after its save, and makes the
// spot that this leads to.
func (t *Trial) settle() {
	x := t.x
	n := *t.s
	n.now, n.from, n.leg, n.tabs, n.handed, n.held = t.Now, t.at, t.leg, slices.Clone(n.tabs), slices.Clone(n.handed), slices.Clone(n.held)
	for i := range n.tabs {
		n.tabs[i].proven, n.tabs[i].called = slices.Clone(n.tabs[i].proven), slices.Clone(n.tabs[i].called)
	}
	if t.Event == authn.EventPrimary {
		n.begun++
		n.tabs = append(n.tabs, tab{
			id: t.Transaction, n: n.begun, secret: authn.TokenSecret(t.env.Entropy[16:48]),
			require: t.Login.Require, adding: t.Login.Adding, more: t.Login.OfferMore, list: t.offered(), listing: t.leg.Listing, password: t.Login.Password, free: t.free(t.Login.Require),
		})
	}
	for _, m := range t.Moves {
		if g := n.tab(m.Transaction); g != nil {
			g.at = m.Row.To
		}
	}
	t.handOver(&n)
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
	t.Settled = x.view(&a, &n, nil)
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
			g.sends(job.Message)
		}
		return failed
	}
	if t.Delivery == authn.Pending {
		return failed
	}
	if job.Activated != nil {
		n.takes(job.Activated)
	}
	return nil // the Directory and the Auditor never give up
}

// sends notes what goes out.
func (g *tab) sends(m *authn.Message) {
	if m.Approval != "" {
		g.before, g.asked = g.asked, m.Approval
		return
	}
	g.old, g.code = g.code, m.Code
}

// handOver notes which factor's change is owed to the Directory.
func (t *Trial) handOver(n *spot) {
	if !t.Accepted() || !slices.ContainsFunc(t.Effects, func(e authn.Effect) bool { return e.Name == handOver }) {
		return
	}
	f := t.subject()
	n.handed = slices.DeleteFunc(n.handed, func(h authn.Factor) bool { return h.ID == f.ID })
	n.handed = append(n.handed, f)
}

// listing is what the Directory says to whoever delivers.
func (t *Trial) listing() []authn.Factor { return t.x.list(&t.leg.Listing, t.s) }

// learn notes what the step has told.
func (t *Trial) learn(n *spot, a *authn.Account) {
	g := n.tab(t.Transaction)
	if !t.Taken() || g == nil {
		return
	}
	is := t.Is()
	if t.check != nil && (t.Accepted() || t.Outcome == authn.WrongCode) {
		g.judged = t.check.Challenge
	}
	switch {
	case t.Outcome == authn.LateCode:
		g.late = t.Was().Sent
	case t.Outcome == authn.WrongCode:
		g.charged++
	case t.Accepted():
		f := t.subject()
		g.charged, g.proven, g.called = 0, append(g.proven, f), append(g.called, "")
		if t.check != nil && t.Typed == TypedChanged {
			g.called[len(g.called)-1] = strings.Join(judgment(t.Typed, t.check).Methods, " ")
		}
		if g.used = t.Was().Sent; t.kind() != byMessage {
			g.used = 0
		}
		t.x.useUp(n, g, &f, t.Payload, t.Now)
	case t.Event == authn.EventRedeem:
		g.redeems++
	case t.forgives():
		g.charged = 0
	case t.Event == authn.EventSkip:
		g.charged = 0 // what was wrong is not made good elsewhere
		if t.Was().State == authn.MFAEnroll {
			g.free = t.free(g.require)
		}
	}
	if t.settlesPassword() {
		g.password = authn.PasswordFine
	}
	switch {
	case t.Event == authn.EventRespond:
		g.reply = t.Typed
	case t.isTold():
		g.reply = TypedNothing
	}
	if t.begins() {
		g.list, g.listing, g.reply = t.offered(), t.leg.Listing, TypedNothing
		for _, f := range g.list {
			if f.ID == is.Factor {
				g.hand = f
			}
		}
		t.read(g, a)
	}
	for i := range n.tabs {
		if o := &n.tabs[i]; o.id != g.id && t.begins() && t.isAsked(&t.Before, o) && !t.isAsked(&t.After, o) {
			o.reply = typedElsewhere
		}
	}
	if is != nil && is.Session {
		g.session, _ = t.x.p.Session(a, g.secret)
	}
}

// useUp notes what a factor was proved by.
func (o *Options) useUp(s *spot, g *tab, f *authn.Factor, ev authn.Event, now time.Time) {
	k := o.kind(f.Type)
	if k != byApp && k != byList {
		return
	}
	h := s.hold(f.ID)
	_, enrolls := ev.(authn.Activate)
	if enrolls {
		h.app, h.codes, h.step, h.spent = g.app, g.codes, 0, 0
	}
	if k == byApp {
		h.step = h.app.match(codeOf(ev), now, &o.Policy)
	} else if i := h.place(codeOf(ev)); i >= 0 && !enrolls { // who enrolls a list only shows to have it
		h.spent |= 1 << i
	}
}

// codeOf is what an event submits.
func codeOf(ev authn.Event) authn.Code {
	switch e := ev.(type) {
	case authn.Verify:
		return e.Code
	case authn.Activate:
		return e.Code
	}
	return ""
}

// begins says that the event has begun another challenge.
func (t *Trial) begins() bool {
	switch t.Event {
	case authn.EventEnroll, authn.EventChallenge, authn.EventResend:
		return t.sent() || !t.x.sends(t.x.factorType(t.Is().Factor), t.Event == authn.EventEnroll)
	}
	return false
}

// read notes what the answer shows of a challenge.
func (t *Trial) read(g *tab, a *authn.Account) {
	ans, err := t.x.p.Status(a, g.secret, authn.Env{Now: t.Now, Factors: t.Factors})
	if err != nil || ans.Prompt.Secret+ans.Prompt.Pairing == "" && ans.Prompt.Number == "" && ans.Prompt.Codes == nil {
		return
	}
	p := &ans.Prompt
	g.app, _ = readApp(p.URI)
	g.codes, g.number = p.Codes, p.Number
	if p.Pairing != "" {
		g.before, g.asked = g.asked, p.Pairing
	}
}

// sent says that a code goes out by the event.
func (t *Trial) sent() bool {
	return t.Event != eventTend && slices.ContainsFunc(t.Effects, func(e authn.Effect) bool { return e.Name == sendCode })
}
