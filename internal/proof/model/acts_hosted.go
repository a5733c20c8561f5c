package model

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

// Actions of TestModel about passwords and gates.

// drawGates gives a world a host with gates, and another service another list.
func (w *world) drawGates(t *rapid.T) {
	lists := [][]authn.State{nil, {"TERMS"}, {"TERMS", "PROFILE"}, {"PROFILE", "TERMS"}, {"CONSENT"}, {"TERMS", "PROFILE", "CONSENT"}}
	i := rapid.SampledFrom([]int{2, 2, 5, 1, 0}).Draw(t, "gates")
	w.give(lists[i], lists[rapid.SampledFrom(slices.DeleteFunc([]int{0, 1, 2, 3, 4, 5}, func(n int) bool { return n == i })).Draw(t, "gates elsewhere")])
}

// drawLogin draws a sign-in: in a world with a host often one with nothing but a
// password, of which something is said.
func (w *world) drawLogin(t *rapid.T) (l authn.Login) {
	l.Require = rapid.SampledFrom([]authn.Requirement{authn.RequireFactor, authn.RequireFactor, authn.RequireIfActive}).Draw(t, "require")
	if !w.passwords {
		return l
	}
	if rapid.IntRange(0, 2).Draw(t, "nothing") > 0 {
		l.Require = authn.RequireNothing
	}
	w.drawPassword(t, &l)
	return l
}

func (w *world) drawPassword(t *rapid.T, l *authn.Login) {
	l.Password = rapid.SampledFrom([]authn.PasswordStatus{authn.PasswordHasExpired, authn.PasswordHasExpired, authn.PasswordNeedsReset, authn.PasswordNeedsReset, authn.PasswordExpiresSoon, authn.PasswordFine, authn.PasswordFine}).Draw(t, "password")
	if l.Password == authn.PasswordExpiresSoon {
		l.PasswordExpires = w.Now().Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "in")) * time.Second)
	}
}

// naturalInput is what a legitimate client hands in.
func (w *world) naturalInput(a *account, k call) call {
	k.new = fmt.Sprintf("good %d", len(a.o.facts))
	switch state := a.o.state(k.tx); state {
	case stateWarn, stateOld:
		k.event, k.old = "change_password", "right"
	case stateReset:
		k.event = "reset_password"
	default:
		k.event, k.gate = "pass", string(state)
	}
	return k
}

// variedInput is what anybody hands in, or how a client goes on without.
func (w *world) variedInput(t *rapid.T, a *account, tx int) call {
	k := w.naturalInput(a, call{tx: tx})
	k.new = strings.Replace(k.new, "good", rapid.SampledFrom([]string{"good", "good", "good", "wrong", "wrong", "weak", "denied", "odd", "broken", "panics", "long"}).Draw(t, "what"), 1)
	if k.old != "" && rapid.IntRange(0, 3).Draw(t, "old") == 3 {
		k.old = "forgotten"
	}
	switch odd := rapid.IntRange(0, 19).Draw(t, "odd"); {
	case odd == 19 && k.gate != "":
		k.gate = rapid.SampledFrom([]string{"TERMS", "PROFILE", "CONSENT", "", "terms", strings.Repeat("T", 33)}).Draw(t, "gate")
	case odd == 18:
		k.new = rapid.SampledFrom([]string{"", "x", "a\x00", "\xff", strings.Repeat("x", 4096), strings.Repeat("x", 4097), strings.Repeat("x", 16<<10), strings.Repeat("x", 16<<10+1), "e\u0301"}).Draw(t, "new")
	case odd == 17 && k.old != "":
		k.old = rapid.SampledFrom([]string{"", "a\x00", "\xff", strings.Repeat("x", 4097)}).Draw(t, "old one")
	case odd == 16 && a.o.state(tx) == stateWarn:
		k = call{tx: tx, event: "skip"}
	}
	return k
}

// actInput hands in something where something is asked for, or goes where that is.
func (w *world) actInput(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 || !w.passwords {
		return
	}
	if hostedEvents[a.o.state(tx)] == nil && a.o.gateOf(tx) == "" {
		if s := a.o.state(tx); s != stateSuccess && rapid.Bool().Draw(t, "go on") {
			w.send(t, a, w.varied(t, a, tx))
			return
		}
		w.login(a, w.drawLogin(t))
		return
	}
	if rapid.IntRange(0, 7).Draw(t, "patient") > 0 {
		now, _ := a.o.clock(w.Now())
		w.wait(a.o.backoff(now))
	}
	w.send(t, a, w.variedInput(t, a, tx))
}

// actHost makes the host's ports fail, or recover.
func (w *world) actHost(t *rapid.T) {
	if !w.passwords {
		return
	}
	w.storing = rapid.SampledFrom([]string{"", "", "", "fails", "is late", "is lost", "panics"}).Draw(t, "storing")
	w.passing = rapid.SampledFrom([]string{"", "", "", "fails", "is lost", "panics"}).Draw(t, "passing")
	w.needing = rapid.SampledFrom([]error{nil, nil, nil, nil, authntest.ErrDown, errors.New("panics")}).Draw(t, "needing")
	for _, a := range w.accounts {
		for _, g := range slices.Sorted(maps.Keys(a.needs)) {
			a.needs[g] = rapid.IntRange(0, 3).Draw(t, "needed") > 0
		}
	}
	w.tell("the host: storing %q, passing %q, needing %v", w.storing, w.passing, w.needing)
}

// actArrive lets an attempt arrive that is late.
func (w *world) actArrive(t *rapid.T) {
	if n := len(w.late); n > 0 {
		i := rapid.IntRange(0, n-1).Draw(t, "which")
		w.put(w.late[i])
		w.late = slices.Delete(w.late, i, i+1)
		w.cover["a late attempt"]++
	}
}

// actElsewhere lets a service with other gates take an event, or tend.
func (w *world) actElsewhere(t *rapid.T) {
	if !w.passwords {
		return
	}
	w.goElsewhere()
	defer w.atHome()
	switch rapid.IntRange(0, 5).Draw(t, "elsewhere") {
	case 0:
		w.tend()
	case 1:
		w.actBegin(t)
	case 2:
		w.actRedeem(t)
	default:
		a, tx := w.pick(t)
		if tx < 0 {
			return
		}
		if a.o.foreign(tx) {
			w.cover["another's gate"]++
		}
		if a.o.state(tx) == stateSuccess {
			w.redeem(a, tx, a.tickets[tx].session)
			return
		}
		w.send(t, a, w.varied(t, a, tx))
	}
}
