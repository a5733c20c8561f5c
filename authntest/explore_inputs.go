package authntest

import (
	"slices"

	"github.com/authnfsm/authn"
)

// What the host judges: passwords, and what its gates ask for. The exploration takes the
// place of [authn.Passwords] and of every [authn.Gatekeeper].

const (
	storePassword  = "store password"
	notifyPassword = "notify of password"
)

// inputs are what the user hands in for the host to judge.
const (
	typedOld   = authn.Secret("the old password")
	typedNew   = authn.Secret("a new password")
	typedInput = authn.Secret("an input")
)

// hostVerdict is what the host says of it.
func hostVerdict(typed Typed) authn.Verdict {
	v := authn.Verdict{Right: typed == TypedRight, Rejected: typed == TypedRejected, Denied: typed == TypedDenied}
	if v.Right {
		v.Data = []byte("what the host is to keep")
	}
	return v
}

// gatesOf are the gates of a machine, in their order.
func gatesOf(p probe) (gs []authn.Gate) {
	for _, st := range p.Reference().States[len(authn.NewReference().States):] {
		gs = append(gs, authn.Gate{State: st.State, Means: st.Means, Shows: st.Shows})
	}
	return gs
}

// view is the account as data, with the names of the gates that its transactions are in.
func (x *explorer) view(a *authn.Account, s *spot, moves []authn.Move) authn.AccountView {
	v := x.p.View(a)
	for i := range v.Transactions {
		t := &v.Transactions[i]
		if t.State != authn.OtherGate {
			continue
		}
		if g := s.tab(t.ID); g != nil {
			t.State = g.at
		}
		for _, m := range moves {
			if m.Transaction == t.ID {
				t.State = m.Row.To
			}
		}
	}
	return v
}

// isInput says that the host judges what comes with the event.
func isInput(e authn.EventName) bool {
	return e == authn.EventChangePassword || e == authn.EventResetPassword || e == authn.EventPass
}

// judges says that the event is tried: that a state may ask for it.
func (x *explorer) judges(e authn.EventName) bool {
	switch {
	case e == authn.EventPass:
		return len(x.gates) > 0
	case isInput(e):
		return slices.ContainsFunc(x.Logins, func(l authn.Login) bool { return l.Password != authn.PasswordFine })
	}
	return true
}

// inputs are what may be handed in by one event. To another gate one is as good as any.
func (x *explorer) inputs(s *spot, g *tab, e authn.EventName, at authn.State) (ls []Leg) {
	gates := []authn.State{""}
	if e == authn.EventPass {
		gates = nil
		for _, gate := range x.gates {
			gates = append(gates, gate.State)
		}
	}
	for _, gate := range gates {
		here := x.asked(at) == e && (gate == "" || gate == at)
		for _, typed := range []Typed{TypedRight, TypedWrong, TypedRejected, TypedDenied} {
			if slices.Contains(x.Typed, typed) && (here || typed == TypedRight) {
				l := Leg{Event: e, Tab: g.n, Gate: gate, Typed: typed}
				if here && typed == TypedRight && e != authn.EventPass && !s.nudged {
					l.Wait = 1 // a new password has a time of its own, which is later than the last save
				}
				ls = append(ls, x.views(s, l, here && (typed == TypedRight || typed == TypedWrong))...)
			}
		}
	}
	return ls
}

// asked is the event by which a state is left, if the host judges it; "" for another.
func (x *explorer) asked(st authn.State) authn.EventName {
	switch {
	case st == authn.PasswordWarn, st == authn.PasswordExpired:
		return authn.EventChangePassword
	case st == authn.PasswordReset:
		return authn.EventResetPassword
	case x.gate(st) >= 0:
		return authn.EventPass
	}
	return ""
}

// gate is the place of a state in the list of gates, or -1.
func (x *explorer) gate(st authn.State) int {
	return slices.IndexFunc(x.gates, func(g authn.Gate) bool { return g.State == st })
}

// needed is what every Keeper says.
func (x *explorer) needed(l *Listing) map[authn.State]bool {
	if len(x.gates) == 0 {
		return nil
	}
	m := map[authn.State]bool{}
	for _, g := range x.gates {
		m[g.State] = slices.Contains(l.Needs, g.State)
	}
	return m
}

// judged says that an input is one that the state asks for, and that nothing stands
// against its being looked at.
func (t *Trial) judged() bool {
	was := t.Was()
	if !isInput(t.Event) || was == nil || t.overdue(was) || t.Now.Before(t.env.Limited) || t.Now.Before(t.Before.BackoffUntil) || t.full() {
		return false
	}
	if t.Event == authn.EventResetPassword && (t.leg.Listing.NoUser || t.appeared()) {
		return false
	}
	return t.x.asked(was.State) == t.Event && (t.Event != authn.EventPass || t.leg.Gate == was.State)
}

// appeared says that a factor has become active which the sign-in has to prove, and was
// not asked for.
func (t *Trial) appeared() bool {
	active := func(f authn.Factor) bool { return f.Status == authn.Active }
	return t.g.require == authn.RequireIfActive && len(t.g.proven) == 0 && slices.ContainsFunc(t.leg.Listing.Factors, active)
}

// newPassword says that a new password was judged right.
func (t *Trial) newPassword() bool {
	return t.Taken() && t.judged() && t.Event != authn.EventPass && t.Typed == TypedRight
}

// forgives says that the event takes back what its transaction was charged: a reset does
// not, since nothing was proved by it.
func (t *Trial) forgives() bool {
	return t.Accepted() || t.Taken() && t.judged() && t.Typed == TypedRight && t.Event != authn.EventResetPassword
}

// free says that no factor is demanded, by what the Directory says now.
func (t *Trial) free(r authn.Requirement) bool {
	return r == authn.RequireNothing || r == authn.RequireIfActive && !t.has(authn.Active)
}

// settlesPassword says that after the event nothing more is asked of the password.
func (t *Trial) settlesPassword() bool {
	return t.newPassword() || t.Taken() && t.Event == authn.EventSkip && t.Was().State == authn.PasswordWarn
}

var passwordStates = map[authn.PasswordStatus]authn.State{
	authn.PasswordExpiresSoon: authn.PasswordWarn, authn.PasswordHasExpired: authn.PasswordExpired, authn.PasswordNeedsReset: authn.PasswordReset,
}

// asks is what is still asked of the password after the event.
func (t *Trial) asks() authn.PasswordStatus {
	switch {
	case t.Event == authn.EventPrimary:
		return t.Login.Password
	case t.g == nil || t.settlesPassword():
		return authn.PasswordFine
	}
	return t.g.password
}

// onward is where a transaction is led that has proved everything.
func (t *Trial) onward() authn.State {
	if st, ok := passwordStates[t.asks()]; ok {
		return st
	}
	first := 0
	if was := t.Was(); was != nil {
		first = t.x.gate(was.State) + 1
	}
	for _, g := range t.x.gates[first:] {
		if slices.Contains(t.leg.Listing.Needs, g.State) {
			return g.State
		}
	}
	return authn.Success
}

// place is how far a state is on the way: 0 until everything is proved, 1 while a new
// password is asked for, then the gates, and behind them SUCCESS.
func (x *explorer) place(st authn.State) int {
	switch {
	case st == authn.Success:
		return 2 + len(x.gates)
	case x.asked(st) == authn.EventPass:
		return 2 + x.gate(st)
	case x.asked(st) != "":
		return 1
	}
	return 0
}

// advance is how far the event has led its transaction, which is not over.
func (t *Trial) advance() (from, to int, ok bool) {
	is := t.Is()
	if !t.Taken() || is == nil || t.Event == authn.EventRedeem || isTerminal(is.State) && is.State != authn.Success {
		return 0, 0, false
	}
	if was := t.Was(); was != nil {
		from = t.x.place(was.State)
	}
	return from, t.x.place(is.State), true
}

func checkPassword(t *Trial) (applies bool, wrong string) {
	from, to, ok := t.advance()
	if !ok || to == 0 || from > 1 {
		return false, ""
	}
	want, asked := passwordStates[t.asks()]
	if !asked {
		return from == 1 || to == 1, says(to == 1, "in %s, although nothing is asked of the password", t.Is().State)
	}
	return true, says(t.Is().State != want, "in %s, although the password leads to %s", t.Is().State, want)
}

func checkGates(t *Trial) (applies bool, wrong string) {
	from, to, ok := t.advance()
	if !ok || len(t.x.gates) == 0 || to < 2 || from == to {
		return false, ""
	}
	switch want := t.onward(); {
	case from >= 2 && (!t.judged() || t.Typed != TypedRight):
		return true, says(true, "past %s by %s", t.Was().State, t.leg)
	case t.Is().State != want:
		return true, says(true, "in %s, and the next gate is %s", t.Is().State, want)
	}
	return true, ""
}

// stores counts the new passwords that are owed.
func stores(v *authn.AccountView) (n int, last *authn.Effect) {
	for i := range v.Owed {
		if v.Owed[i].Name == storePassword {
			n, last = n+1, &v.Owed[i]
		}
	}
	return n, last
}

func checkNewPassword(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	was, before := stores(&t.Before)
	n, owed := stores(&t.After)
	if t.Event == authn.EventRedeem && !t.Ended {
		return was > 0, says(n > 0, "the session is redeemed, and the host has not got the new password")
	}
	if !t.newPassword() {
		return was > 0, says(n != was || n > 0 && owed.Key != before.Key, "%d new passwords are owed after %d, and none was judged right", n, was)
	}
	proved := len(t.g.proven) > 0 || t.g.free
	if !proved || n != 1 || owed.Transaction != t.Transaction || before != nil && (owed.Key == before.Key || !owed.At.After(before.At)) {
		return true, says(true, "%d new passwords are owed; what was to be proved is: %t", n, proved)
	}
	job, err := t.x.p.Job(&t.r.Account, "", *owed, nil, t.Now)
	if err != nil || job.Password == nil || string(job.Password.Data) != string(hostVerdict(TypedRight).Data) || !job.Password.At.Equal(owed.At) {
		return true, says(true, "the host would not get what it has judged: %v", err)
	}
	for i := range t.After.Transactions {
		if tx := &t.After.Transactions[i]; tx.ID != t.Transaction && isLive(tx) {
			return true, says(true, "%s was begun with the old password, and lives", tx.State)
		}
	}
	return true, ""
}

func checkInputs(t *Trial) (applies bool, wrong string) {
	if !isInput(t.Event) || t.Was() == nil || t.full() {
		return false, ""
	}
	if t.hostAsked != t.judged() {
		return true, says(true, "the host is asked: %t", t.hostAsked)
	}
	if !t.judged() || t.Typed == TypedWrong {
		return t.judged(), "" // "counted" says the rest
	}
	is, was, a, b := t.Is(), t.Was(), &t.After, &t.Before
	costs := a.Failures > b.Failures || len(a.WrongCodes) > len(b.WrongCodes) || a.BackoffUntil.After(b.BackoffUntil) || !isTerminal(is.State) && is.Tries > was.Tries
	want := map[Typed]authn.Outcome{TypedRight: authn.Done, TypedRejected: authn.Rejected, TypedDenied: authn.Denied}[t.Typed]
	switch {
	case costs || !t.Taken() || t.Outcome != want:
		return true, says(true, "it was answered by %q, and counted: %t", t.Outcome, costs)
	case t.Typed == TypedRejected:
		return true, says(is.State != was.State, "it leads to %s", is.State)
	case t.Typed == TypedDenied:
		return true, says(is.State != authn.Canceled, "it leads to %s", is.State)
	}
	return true, ""
}
