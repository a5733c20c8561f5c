package model

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// Compare what the host was asked, and what it was given to keep, with the oracle.

// judgeAsked checks G5: the host is asked about exactly what counts, once for each call,
// and told what was handed in; and G4 from its side: it is asked about a gate only where
// a sign-in comes to it, in the order of the list.
func (w *world) judgeAsked(a *account, tx int, want want, g seen) {
	w.t.Helper()
	var rulings []asked
	var needed []authn.State
	for _, x := range g.asked {
		if x.user != a.user {
			w.failf("G5: the host is asked about %q", x.user)
		}
		if x.needed {
			if slices.Contains(needed, x.gate) {
				w.failf("G5: the host is asked twice whether %s is needed", x.gate)
			}
			needed = append(needed, x.gate)
		} else {
			rulings = append(rulings, x)
		}
	}
	w.judgeSuccess(a, tx, want, g)
	if w.raced && (want.ruling == nil || !slices.Equal(needed, want.needed)) {
		return // it was asked before the other event came first
	}
	if len(rulings) > 1 || (len(rulings) == 1) != (want.ruling != nil) {
		w.failf("G5: the host judged %d times; the oracle says %t", len(rulings), want.ruling != nil)
	}
	if !slices.Equal(needed, want.needed) {
		w.failf("G5: the host was asked whether %v are needed; the oracle says %v", needed, want.needed)
	}
	w.countAsked(a, tx, want, g)
	if len(rulings) == 0 {
		return
	}
	c, x, id := want.ruling.call, rulings[0], a.tickets[tx].id
	password, input := authn.PasswordInput{}, authn.GateInput{}
	if c.event == "pass" {
		input = authn.GateInput{Tenant: "authntest", User: a.user, Transaction: id, Input: authn.Secret(c.new)}
	} else {
		password = authn.PasswordInput{Tenant: "authntest", User: a.user, Transaction: id, Old: authn.Secret(c.old), New: authn.Secret(c.new)}
	}
	if x.password != password || x.input != input || string(x.gate) != c.gate {
		w.failf("G5: the host was asked about %+v %+v of %q; the client sent %+v", x.password, x.input, x.gate, c)
	}
}

// judgeKeeping checks G1 and G6: what the host is to keep is exactly what it has judged
// right, after the save.
func (w *world) judgeKeeping(a *account, tx int, want want, g seen) {
	w.t.Helper()
	n := 0
	if want.stores || want.passes != "" {
		n = 1
	}
	if len(g.keeping) != n {
		w.failf("G6: the host was given %+v to keep; the oracle says %t %q", g.keeping, want.stores, want.passes)
	}
	if n == 0 {
		return
	}
	k := g.keeping[0]
	if i := slices.IndexFunc(a.keeps, func(o keep) bool { return o.gate == "" }); i >= 0 && slices.ContainsFunc(want.facts, func(f fact) bool { return f.what == redeemed || f.what == saved }) {
		if !sameChange(a.keeps[i].Change, k.Change) { // before a session
			w.failf("G6: the host is given %+v again, not %+v", k, a.keeps[i])
		}
		return
	}
	i := slices.IndexFunc(want.facts, func(f fact) bool { return f.kept != "" })
	f := want.facts[i]
	a.hide(f.kept)
	if k.saves <= g.savesBefore {
		w.failf("E2: the host was given something to keep before the step was saved")
	}
	if k.User != a.user || k.gate != want.passes || string(k.Data) != f.kept || !k.At.Equal(want.now) || k.Key == "" {
		w.failf("G6: the host is given %+v; the oracle says %q at %v", k, f.kept, want.now)
	}
	if slices.ContainsFunc(a.keeps, func(o keep) bool { return o.Key == k.Key }) {
		w.failf("G6: a key is used twice")
	}
	if k.gate == "" {
		a.keeps = slices.DeleteFunc(a.keeps, func(o keep) bool { return o.gate == "" }) // the newest only
		if n := len(a.changes); n > 0 && !k.At.After(a.changes[n-1]) && k.At.Before(w.Now().Add(authn.MaxSkew)) && a.o.count(-1, clockFell)+a.o.count(-1, deleted) == 0 {
			w.failf("G6: a change at %v comes after one at %v", k.At, a.changes[n-1])
		}
		a.changes = append(a.changes, k.At)
	}
	a.keeps = append(a.keeps, keep{k.Change, k.gate})
}

// judgeSuccess checks G2 and G4 once more, whatever the oracle says: SUCCESS comes after
// a new password that the host has judged right, if it has asked for one, and after every
// gate that it has called needed, or could not be asked about, in this order.
func (w *world) judgeSuccess(a *account, tx int, want want, g seen) {
	w.t.Helper()
	if g.err != nil || g.answer == nil || want.repeat || tx < 0 || g.respond {
		return
	}
	k := a.tickets[tx]
	for _, x := range g.asked {
		switch {
		case x.needed && x.yes:
			k.needed = append(k.needed, x.gate)
		case x.right && x.gate != "":
			k.passed = append(k.passed, x.gate)
		case x.right:
			k.renewed = true
		}
	}
	if g.answer.State != stateSuccess {
		return
	}
	if !slices.Equal(k.needed, k.passed) {
		w.failf("G4: SUCCESS after %v, but %v were needed", k.passed, k.needed)
	}
	if l := a.o.with(want.facts...).password(tx); (l == authn.PasswordHasExpired || l == authn.PasswordNeedsReset) != k.renewed && l != authn.PasswordExpiresSoon {
		w.failf("G2: SUCCESS with password status %d, and a new one: %t", l, k.renewed)
	}
}

// countAsked counts the situations reached.
func (w *world) countAsked(a *account, tx int, want want, g seen) {
	for what, is := range map[string]bool{
		"redeem after the password was stored": want.stores && g.assertion != nil,
		"skip of a warning":                    g.err == nil && len(want.facts) > 0 && want.facts[0].by.event == "skip" && a.o.state(tx) == stateWarn,
		"a gate cannot be asked about":         len(want.needed) > 0 && w.needing != nil,
		"a gate is not needed":                 len(want.needed) > 1,
		"three gates":                          want.passes == "CONSENT" && a.o.count(tx, passed) == 2,
	} {
		if is {
			w.cover[what]++
		}
	}
}

func sameChange(a, b authn.Change) bool {
	return a.Key == b.Key && a.User == b.User && a.At.Equal(b.At) && string(a.Data) == string(b.Data)
}

// judgeKept checks what Tend gives to the host: what is owed, as it was.
func (w *world) judgeKept(g seen) {
	w.t.Helper()
	for _, k := range g.keeping {
		for _, a := range w.accounts {
			if a.user == k.User && !slices.ContainsFunc(a.keeps, func(o keep) bool { return o.gate == k.gate && sameChange(o.Change, k.Change) }) {
				w.failf("E3: the host is given %+v again; owed is %+v", k, a.keeps)
			}
		}
	}
}

// learnKept notes what the host has taken.
func (w *world) learnKept(a *account, _ time.Time, g seen) {
	for _, k := range g.keeping {
		if k.User == a.user && k.err == nil {
			a.keeps = slices.DeleteFunc(a.keeps, func(o keep) bool { return o.Key == k.Key })
		}
	}
}

// judgeReasons compares the reasons of a rejection.
func (w *world) judgeReasons(want want, g seen) {
	w.t.Helper()
	var reasons, got []string
	if want.ruling != nil && len(want.errs) == 0 {
		reasons = want.ruling.reasons
	}
	if g.answer != nil {
		got = g.answer.Reasons
	}
	if !slices.Equal(got, reasons) {
		w.failf("reasons %q; the oracle says %q", got, reasons)
	}
	var r *authn.Refusal
	if errors.As(g.err, &r) && r.Answer != nil && r.Answer.Reasons != nil {
		w.failf("a refusal has reasons")
	}
}

// judgeLast checks G6 at the end: in whatever order all attempts arrive, the host has the
// form of the latest change, and has been told of every gate.
func (w *world) judgeLast(a *account) {
	w.t.Helper()
	slices.Reverse(w.late)
	for _, c := range w.late {
		w.put(c)
	}
	w.late = nil
	if len(a.keeps) > 0 {
		w.failf("E3: the host has never taken %+v", a.keeps)
	}
	var last string
	at := time.Time{}
	for _, f := range a.o.facts {
		if f.what == renewed {
			last, at = f.kept, f.at
		}
	}
	if slices.ContainsFunc(a.changes, func(t time.Time) bool { return t.After(at) }) {
		return // a clock was wrong
	}
	if got := string(w.kept[a.user].Data); got != last {
		w.failf("G6: the host has %q of %s; the latest change is %q", got, a.user, last)
	}
}
