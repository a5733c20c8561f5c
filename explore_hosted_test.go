package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What only the host judges, in explorations: passwords, and what gates ask for.

const (
	oldOne = Secret("the old password")
	newOne = Secret("the new password")
	form   = "what the host is to keep"
)

// machine is one with the gates and types of the expedition.
func (e *expedition) machine(t testing.TB, p Policy) *Machine {
	t.Helper()
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: p, Types: e.types, Gates: e.gates})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// asksInputs reports whether the host judges anything.
func (e *expedition) asksInputs() bool {
	return len(e.gates) > 0 || slices.ContainsFunc(e.begins, func(b beginning) bool { return b.login.Password != PasswordFine })
}

// needed is what every Keeper says.
func (x *explorer) needed(v *view) map[State]bool {
	if len(x.gates) == 0 {
		return nil
	}
	m := make(map[State]bool, len(x.gates))
	for _, g := range x.gates {
		m[g.State] = slices.Contains(v.needs, g.State)
	}
	return m
}

// inputs are what the user hands in for the host to judge.
func (x *explorer) inputs(a *Account, i int) (as []act) {
	if !x.asksInputs() {
		return nil
	}
	st := x.m.stateOf(&a.txs[i])
	add := func(here bool, named string, ev Event) {
		kinds := []codeKind{rightText}
		if here {
			kinds = append(kinds, wrongText, rejectedText, deniedText)
		}
		for _, k := range kinds {
			for v := range x.views {
				if v == 0 || here && (k == rightText || x.views[v].limit > 0) {
					c := act{text: x.tab(i) + string(ev.on().name()) + named + codeNames[k], op: ev.on(), slot: i, name: i, ev: ev, code: k, view: v}
					c.later = here && k == rightText && c.op != opPass
					as = append(as, c)
				}
			}
		}
	}
	add(st == PasswordWarn || st == PasswordExpired, "", ChangePassword{oldOne, newOne})
	add(st == PasswordReset, "", ResetPassword{newOne})
	for _, g := range x.gates {
		add(st == g.State, " "+string(g.State), Pass{g.State, "an input"})
	}
	return as
}

// pause is what passes before a new password, since it is stored at a time of its own,
// which is later than all before: where transactions follow each other without end, a
// tick, so that their deadlines stay multiples of it.
func (e *expedition) pause() time.Duration {
	if e.live > 1 {
		return tick
	}
	return 1
}

// verdictOn is what the host says of an input.
func verdictOn(k codeKind) *Verdict {
	v := &Verdict{Right: k == rightText, Rejected: k == rejectedText, Denied: k == deniedText}
	if v.Right {
		v.Data = []byte(form)
	}
	return v
}

// isJudged reports whether the host judges what comes with the event.
func (o op) isJudged() bool { return o < ops && opInfos[o].judged }

// isForHost reports whether an effect hands something over to be kept.
func isForHost(name string) bool {
	return name == handOver.String() || name == storePassword.String() || name == passGate.String()
}

// storeOwed is what a service does before it redeems a session that waits for a new
// password: Passwords.Store, once.
func (x *explorer) storeOwed(a *Account, err error, e Env) (*Account, bool) {
	var lack *Lack
	if !errors.As(err, &lack) || lack.Owed == nil || x.deaf {
		return nil, false
	}
	next, _, err := x.m.Acknowledge(a, []Effect{*lack.Owed}, []error{nil}, e.Now)
	if err != nil {
		x.t.Fatal(err)
	}
	return &next, true
}

// forms returns the effects that a new password is stored by.
func forms(a *Account) (list []entry) {
	for i := queue; i < maxOutbox; i++ {
		if a.outbox[i].kind == storePassword {
			list = append(list, a.outbox[i])
		}
	}
	return list
}

func (h *trial) owesPassword() bool { return len(forms(h.a)) > 0 }

// reseal seals the forms of an account, whose transactions had other names, under the
// names that they have now.
func (m *Machine) reseal(was, is *Account, nonce []byte) {
	for i := queue; i < maxOutbox; i++ {
		from, to := &was.outbox[i], &is.outbox[i]
		if to.kind != storePassword && to.kind != passGate {
			continue
		}
		s := m.fresh()
		s.acct = was
		plain, _, fault := s.openFor(forForm, s.formOwner(from.kind, from.tx, from.rev), []byte(from.data))
		if fault != "" {
			panic(fault)
		}
		s.acct = is
		to.data = string(s.sealFor(forForm, s.formOwner(to.kind, to.tx, to.rev), nonce, plain))
	}
}

// rememberInputs updates what the checks need of passwords.
func (x *explorer) rememberInputs(h *trial, next *Account, mem *[maxTx]memory) {
	i := h.c.slot
	if h.c.op == opPrimary && !h.r.Ended {
		i = h.r.slot
		mem[i].asks = h.c.login.Password
		mem[i].free = h.free(h.c.login.Require)
	} else if !h.taken() || next.txs[i].ended() {
		return
	}
	m := &mem[i]
	switch {
	case h.accepted():
		m.proved = true
	case h.c.op == opSkip && h.tx().name() == MFAEnroll:
		m.free = h.free(h.tx().require)
	case h.settlesPassword():
		m.asks = PasswordFine
	}
	if next.txs[i].name() == Success {
		m.asks, m.proved, m.free = PasswordFine, false, false
	}
}

// free reports whether no factor is demanded.
func (h *trial) free(r Requirement) bool {
	return r == RequireNothing || r == RequireIfActive && !h.active()
}

// settlesPassword reports whether after this event nothing more is asked of the password.
func (h *trial) settlesPassword() bool {
	return h.newPassword() || h.taken() && h.c.op == opSkip && h.tx().name() == PasswordWarn
}

// newPassword reports whether a new password was judged right, in a state that asks for one.
func (h *trial) newPassword() bool {
	if !h.taken() || h.c.code != rightText || !h.asksHost() {
		return false
	}
	st := h.tx().name()
	return h.c.op == opChangePassword && (st == PasswordWarn || st == PasswordExpired) || h.c.op == opResetPassword && st == PasswordReset
}

// asksHost reports whether an input is one that the state asks for, and the host may be
// asked about it.
func (h *trial) asksHost() bool {
	st := h.x.m.stateOf(h.tx())
	here := map[op]bool{
		opChangePassword: st == PasswordWarn || st == PasswordExpired, opResetPassword: st == PasswordReset,
		opPass: slices.ContainsFunc(h.x.gates, func(g Gate) bool { return g.State == st }) && h.gate() == st,
	}[h.c.op]
	return here && h.now >= h.a.notBefore && !h.limited() && !(h.c.op == opResetPassword && (h.e.NoUser || h.skips()))
}

// skips reports whether a new password would be looked at before a factor that became
// active since.
func (h *trial) skips() bool {
	if h.c.slot < 0 || h.c.op != opResetPassword {
		return false
	}
	t := h.tx()
	return t.name() == PasswordReset && t.trusted == "" && len(t.proved()) == 0 && t.require == RequireIfActive && h.active() &&
		!h.due() && h.now >= h.a.notBefore && !h.limited() && !h.e.NoUser && !h.again() && h.c.code != longText && h.c.code != noCodeAtAll
}

// at is when the event is saved: a new password comes after all that was saved before.
func (h *trial) at() int64 {
	if h.newPassword() {
		return max(h.now, min(h.a.seen+1, h.e.Now.UnixNano()+int64(MaxSkew)))
	}
	return h.now
}

// gate is the one that the event names.
func (h *trial) gate() State {
	p, _ := h.c.ev.(Pass)
	return p.Gate
}

// placeOf is where a state stands on the way onward: before the password is asked for 0,
// there 1, in a gate 2 and more, in SUCCESS behind them all.
func (x *explorer) placeOf(st State) int {
	switch {
	case st == Success:
		return 2 + len(x.gates)
	case st == PasswordWarn, st == PasswordExpired, st == PasswordReset:
		return 1
	}
	if i := slices.IndexFunc(x.gates, func(g Gate) bool { return g.State == st }); i >= 0 {
		return 2 + i
	}
	return 0
}

var askedIn = map[PasswordStatus]State{PasswordExpiresSoon: PasswordWarn, PasswordHasExpired: PasswordExpired, PasswordNeedsReset: PasswordReset}

// onward is where a transaction comes to from a place, if the password is still asked
// for something.
func (h *trial) onward(from int, asks PasswordStatus) State {
	if st, ok := askedIn[asks]; ok && from == 0 {
		return st
	}
	for i, g := range h.x.gates {
		if from < 2+i && slices.Contains(h.x.views[h.c.view].needs, g.State) {
			return g.State
		}
	}
	return Success
}

// moves returns the places from and to which the event has led its own transaction.
func (h *trial) moves() (from, to int, ok bool) {
	switch {
	case h.err != nil || !h.r.Changed || h.r.Ended || h.c.host != "":
		return 0, 0, false
	case h.c.op == opPrimary:
	case h.c.slot < 0 || h.c.op == opRedeem || h.after().ended():
		return 0, 0, false
	default:
		from = h.x.placeOf(h.x.m.stateOf(h.tx()))
	}
	return from, h.x.placeOf(h.x.m.stateOf(&h.r.Account.txs[h.r.slot])), true
}

// S33: a new password is owed only if it was judged right in this transaction, and a
// factor was proved before, where one counts or is demanded.
func newPasswordIsEarned(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.host != "" {
		return false, ""
	}
	was, is := forms(h.a), forms(&h.r.Account)
	if h.c.op == opRedeem && !h.x.deaf && !h.r.Ended {
		return len(was) > 0, says(len(is) > 0, "redeemed before the new password was stored")
	}
	for _, e := range is {
		if slices.ContainsFunc(was, func(o entry) bool { return o.key() == e.key() }) {
			continue
		}
		m := &h.s.memory[max(h.c.slot, 0)]
		return true, says(!h.newPassword() || !m.proved && !m.free, "a new password is owed: judged right %t, a factor proved %t, none demanded %t", h.newPassword(), m.proved, m.free)
	}
	return h.newPassword(), says(h.newPassword(), "a new password was judged right, and is not owed")
}

// S34: with a password that has expired or is to be reset, nothing comes after it but by a
// new one that was judged right; with one that expires soon, by that or by a skip.
func passwordIsAsked(h *trial) (bool, string) {
	from, to, ok := h.moves()
	if !ok || to == 0 {
		return false, ""
	}
	asks := h.c.login.Password
	if h.c.slot >= 0 {
		asks = h.s.memory[h.c.slot].asks
	}
	if h.settlesPassword() {
		asks = PasswordFine
	}
	st := h.x.m.stateOf(&h.r.Account.txs[h.r.slot])
	if to == 1 {
		return true, says(askedIn[asks] != st, "in %s, and of the password is asked %d", st, asks)
	}
	return from <= 1, says(asks != PasswordFine, "in %s, and of the password is still asked %d", st, asks)
}

// S35: every gate that is needed when a transaction comes to it is passed by an input that
// was judged right, in the order of the list.
func gatesAreInOrder(h *trial) (bool, string) {
	from, to, ok := h.moves()
	if !ok || to < 2 || to == from || len(h.x.gates) == 0 {
		return false, ""
	}
	switch st := h.onward(max(from, 1), PasswordFine); {
	case from > to:
		return true, "back"
	case from >= 2 && (h.c.op != opPass || h.c.code != rightText || h.gate() != h.x.gates[from-2].State):
		return true, fmt.Sprintf("past %s by %s", h.x.gates[from-2].State, h.c.text)
	case st != h.x.m.stateOf(&h.r.Account.txs[h.r.slot]):
		return true, fmt.Sprintf("the next gate is %s", st)
	}
	return true, ""
}

// S36: a wrong input is counted as a wrong code is (S9, S10), one that is rejected or
// denied is not; and the host is asked about nothing else than what may count.
func inputsAreJudged(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.c.op.isJudged() || h.again() {
		return false, ""
	}
	e := h.e
	e.Verdict = nil
	var r Result
	var lack *Lack
	err := h.x.do(h.a, h.c, e, &r)
	asked := errors.As(err, &lack) && (lack.Password != nil) == (h.c.op != opPass) && (lack.Input != nil) == (h.c.op == opPass)
	if asked != h.evaluated() {
		return true, fmt.Sprintf("the host is asked: %t", asked)
	}
	if !asked || h.worth() == wrong {
		return asked, ""
	}
	b, u := &h.r.Account, h.after()
	if h.worth() != right && (b.fails != h.a.fails || b.failures.at != h.a.failures.at || b.notBefore > h.a.notBefore || len(forms(b)) != len(forms(h.a))) {
		return true, "something was counted or kept"
	}
	t := h.tx()
	switch h.worth() {
	case rejection:
		return true, says(!h.taken() || h.r.Outcome != Rejected || u.state != t.state || u.tries != t.tries, "rejected: %s, %q", u.name(), h.r.Outcome)
	case denial:
		return true, says(!h.taken() || h.r.Outcome != Denied || u.name() != Canceled, "denied: %s, %q", u.name(), h.r.Outcome)
	}
	left := int(h.a.fails)
	if h.c.op != opResetPassword { // only its own are forgiven: no factor was proved
		left = max(0, left-strings.Count(h.a.failures.by, string(rune(h.c.slot+1))))
	}
	return true, says(!h.taken() || h.r.Outcome != Done || int(b.fails) != left, "right: %s, %q, %d failures, want %d", u.name(), h.r.Outcome, b.fails, left)
}

// S37: at most one form is owed, that of the latest new password, and it is what the host
// has judged; nothing else drops it, and what was begun with the old password ends.
func newestFormIsOwed(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.hosted() {
		return false, ""
	}
	b := &h.r.Account
	was, is := forms(h.a), forms(b)
	if !h.newPassword() {
		if h.c.op == opRedeem || len(was) == 0 {
			return false, ""
		}
		return true, says(len(is) != 1 || is[0].key() != was[0].key() || is[0].data != was[0].data, "the form that is owed is another one")
	}
	if len(is) != 1 || is[0].tx != h.after().id || is[0].rev != h.after().rev || is[0].at != h.at() {
		return true, fmt.Sprintf("%d forms are owed, or another one", len(is))
	}
	c, err := h.x.m.change(b, &is[0])
	if err != nil || string(c.Data) != form || c.User != b.user {
		return true, fmt.Sprintf("the host would store another form: %v", err)
	}
	for i := range b.txs {
		if t := &b.txs[i]; i != h.c.slot && t.isLive() {
			return true, "a transaction lives that was begun with the old password"
		}
	}
	return true, ""
}

// Logins whose password is not fine.
func withStatus(how string, l Login, view int) (bs []beginning) {
	for status, name := range []string{"", " expiring", " expired", " to-reset"} {
		if status == 0 {
			continue
		}
		l := l
		if l.Password = PasswordStatus(status); l.Password == PasswordExpiresSoon {
			l.PasswordExpires = zero.Add(48 * time.Hour)
		}
		bs = append(bs, beginning{how + name, l, view})
	}
	return bs
}

// near has every limit of a transaction near, and is short.
var near = Policy{
	CodeTries: 1, Tries: 3, Sends: 1, SendsPerHour: 3, SendsPerDay: 4, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 4, FailuresPerDay: 20, DisableAfter: 5, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 3 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

// Passwords after a factor, and without one.
var passwords = expedition{
	name: "passwords", live: 1, falls: 1, single: true, paths: true, policy: near,
	views: append(usual[:1:1],
		view{name: "closed", closed: true},
		view{name: "limited", fs: usual[0].fs, limit: tick},
	),
	begins: append(withStatus("", anyone, 0), withStatus(" password-only", trusted, 0)...),
}

// Passwords after an enrollment, or after it was skipped.
var passwordsEnroll = expedition{
	name: "passwords-enroll", live: 1, single: true, paths: true, policy: near,
	views: []view{
		{name: "usual", fs: []Factor{mailbox(NotSetUp, usualBox, false)}},
		{name: "active", fs: []Factor{mailbox(Active, usualBox, false)}},
	},
	begins: append(withStatus("", anyone, 0), withStatus(" if-active", ifHas, 0)...),
}

// needing are views in which each combination of gates is needed.
func needing(v view) (vs []view) {
	for n, name := range []string{"usual", "terms", "profile", "both"} {
		v := v
		v.name, v.needs = name, nil
		for i, g := range twoGates {
			if n>>i&1 != 0 {
				v.needs = append(v.needs, g.State)
			}
		}
		vs = append(vs, v)
	}
	return vs
}

// Gates after a factor, without one, and after a password.
var gates = expedition{
	name: "gates", live: 1, falls: 1, single: true, paths: true, policy: near, gates: twoGates,
	views: append(needing(usual[0]), view{name: "limited", fs: usual[0].fs, needs: []State{"TERMS"}, limit: tick}),
	begins: append(withStatus(" password-only", trusted, 0),
		beginning{"", anyone, 0}, beginning{" password-only", trusted, 0}, beginning{" password-only", trusted, 1}, beginning{" password-only", trusted, 2}),
}

// Gates after an enrollment, or after it was skipped.
var gatesEnroll = expedition{
	name: "gates-enroll", live: 1, single: true, paths: true, policy: near, gates: twoGates,
	views:  needing(view{fs: []Factor{mailbox(NotSetUp, usualBox, false)}}),
	begins: []beginning{{" if-active", ifHas, 0}},
}

// Sign-ins one after the other, until every limit of the account is reached.
var inputsAccount = expedition{
	name: "inputs-account", live: 1, paths: true, gates: twoGates,
	policy: Policy{
		CodeTries: 1, Tries: 2, Sends: 1, SendsPerHour: 1, SendsPerDay: 1, Live: 1, StartsPerHour: 3,
		BackoffFrom: 2, LockEvery: 3, FailuresPerDay: 4, DisableAfter: 4, Cooldowns: []time.Duration{tick},
		CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
	},
	views:  []view{{name: "usual"}, {name: "terms", needs: []State{"TERMS"}}, {name: "profile", needs: []State{"PROFILE"}}},
	begins: append(withStatus(" password-only", trusted, 0), beginning{" password-only", trusted, 1}, beginning{" password-only", trusted, 2}),
}

// crowded has room for two tabs, and locks at once.
var crowded = Policy{
	CodeTries: 1, Tries: 1, Sends: 1, SendsPerHour: 1, SendsPerDay: 1, Live: 2, StartsPerHour: 2,
	BackoffFrom: 10, LockEvery: 1, FailuresPerDay: 1, FailuresPerYear: 1, DisableAfter: 2, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 2 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: tick,
}

// Two tabs: a new password ends the other, and so does a lock.
var tabsExpired = expedition{
	name: "tabs-expired", live: 2, paths: true, gates: twoGates[:1], policy: crowded,
	views:  []view{{name: "usual"}, {name: "terms", needs: []State{"TERMS"}}},
	begins: []beginning{inState(PasswordHasExpired), {" password-only", trusted, 1}},
}

var tabsExpiring = expedition{
	name: "tabs-expiring", live: 2, policy: crowded,
	views:  []view{{name: "usual"}},
	begins: []beginning{inState(PasswordExpiresSoon)},
}

var tabsReset = expedition{
	name: "tabs-reset", live: 2, policy: crowded,
	views:  []view{{name: "usual"}},
	begins: []beginning{inState(PasswordNeedsReset)},
}

var tabsProfile = expedition{
	name: "tabs-profile", live: 2, gates: twoGates, policy: crowded,
	views:  []view{{name: "profile", needs: []State{"PROFILE"}}},
	begins: []beginning{{" password-only", trusted, 0}},
}

// inState begins with a password of a status.
func inState(s PasswordStatus) beginning { return withStatus(" password-only", trusted, 0)[s-1] }

// A host that stores passwords late, and one that never does.
var storesLate = expedition{
	name: "stores-late", live: 2, owes: true, policy: crowded,
	views:  []view{{name: "usual"}},
	begins: []beginning{inState(PasswordNeedsReset)},
}

var storesNever = expedition{
	name: "stores-never", live: 1, single: true, deaf: true, policy: crowded, gates: twoGates[:1],
	views:  []view{{name: "usual"}, {name: "terms", needs: []State{"TERMS"}}},
	begins: append(withStatus(" password-only", trusted, 0)[1:], beginning{" password-only", trusted, 1}),
}
