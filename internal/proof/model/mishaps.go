package model

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

// mishap is what goes wrong while an event is taken.
type mishap struct {
	name    string
	port    authntest.Port
	fault   authntest.Fault
	once    bool
	between func() // another event, which is saved first
}

var mishaps = []mishap{
	{name: "save fails", port: authntest.Save, fault: down, once: true},
	{name: "save reports an error", port: authntest.Save, fault: authntest.Fault{Err: authntest.ErrDown, After: true}, once: true},
	{name: "save conflicts", port: authntest.Save, fault: authntest.Fault{Err: authn.ErrConflict}, once: true},
	{name: "directory down", port: authntest.Factors, fault: down},
	{name: "directory stale", port: authntest.Factors, fault: authntest.Fault{Stale: true}},
	{name: "verifier down"},
	{name: "judges down"},
}

func (m mishap) String() string {
	if m.name == "" {
		return ""
	}
	return " (" + m.name + ")"
}

func (w *world) prepare(m mishap) {
	w.raced, w.between = false, m.between
	switch {
	case m.name == "verifier down":
		w.mute = true
	case m.name == "judges down":
		w.deaf = true
	case m.once:
		w.FailOnce(m.port, m.fault)
	case m.port != "":
		w.Fail(m.port, m.fault)
		w.blur, w.stale = true, m.fault.Stale
	}
}

func (w *world) restore(m mishap) {
	if w.between = nil; m.port != "" {
		w.Heal(m.port)
	}
	w.stale, w.deaf = false, false
}

// needs reports whether an event has no verdict because of the mishap.
func (m mishap) needs(a *account, c call, want want) bool {
	switch m.name {
	case "save fails":
		return want.writes()
	case "directory down":
		return a.o.needsList(c)
	case "directory stale":
		return a.o.needsList(c) && a.o.stale(want.now)
	case "verifier down":
		return want.check != nil
	case "judges down":
		return want.ruling != nil
	}
	return false
}

// needsList reports whether an event of an open transaction depends on the list of
// the Directory.
func (o *oracle) needsList(c call) bool {
	state := o.state(c.tx)
	switch {
	case c.event == "respond", o.malformed(c), !slices.Contains(o.asks(state), c.event):
		return false
	case c.event != "verify":
		return slices.Contains([]string{"enroll", "activate", "challenge", "resend", "skip", "reset_password"}, c.event)
	}
	if last, ok := o.last(c.tx); ok && c.key != "" && c.key == last.key || o.steps(c.tx) >= 100 {
		return false // it is not looked at
	}
	_, name := o.hand(c.tx)
	return state == stateRequired || kinds[name].channel == ""
}

// actMishap sends an event while something goes wrong.
func (w *world) actMishap(t *rapid.T) {
	a, tx := w.pick(t)
	now, wrong := a.o.clock(w.Now())
	if tx < 0 || wrong || w.stuck(a) > 0 || !slices.Contains(a.o.open(now), tx) || a.o.state(tx) == stateSuccess {
		return
	}
	m := rapid.SampledFrom(mishaps).Draw(t, "mishap")
	c := w.something(t, a, tx)
	if !w.fits(a, c, m, now) {
		m = mishap{}
	}
	w.doWith(a, c, m)
	w.mute = false
	w.cover[m.name]++
	if rapid.IntRange(0, 2).Draw(t, "again") > 0 && (c.event == "respond" || !a.o.over(tx)) {
		w.do(a, c)
	}
}

// fits reports whether the oracle can tell what follows from a mishap. Not if the
// Directory breaks its contract: if it lists data that are not the ones it has taken,
// which nobody can see after a day; and not if it is down when a notice is to be sent.
func (w *world) fits(a *account, c call, m mishap, now time.Time) bool {
	switch {
	case m.fault.Stale:
		list := w.FactorsOf(a.user)
		w.prepare(m)
		defer w.restore(m)
		old := a.o.ask()
		return slices.EqualFunc(list, old, func(f, g authn.Factor) bool { return f.ID == g.ID && f.Address == g.Address }) &&
			(a.o.stale(now) || slices.EqualFunc(list, old, func(f, g authn.Factor) bool {
				return f.Revision == g.Revision && (f.Status == g.Status || kinds[f.Type].channel != "")
			}))
	case m.port == authntest.Factors:
		return a.o.needsList(c) || !handsIn(c.event) && len(a.o.verdict(c, w.Now()).letters) == 0
	}
	return true
}

// something draws an event of a legitimate client, of its user's device, or of
// anybody.
func (w *world) something(t *rapid.T, a *account, tx int) call {
	if s := a.o.state(tx); s == stateEnroll || rapid.IntRange(0, 2).Draw(t, "natural") > 0 {
		return w.varied(t, a, tx)
	}
	c, name, id, kept := w.target(t, a, tx)
	if id == "" {
		return w.natural(a, tx)
	}
	c.code = w.draw(t, a, name, id, kept, c.event == "activate")
	return c
}

// actRace sends two events at the same time, where the second is saved first: the
// result is that of the second, then the first.
func (w *world) actRace(t *rapid.T) {
	a, tx := w.pick(t)
	now, wrong := a.o.clock(w.Now())
	if tx < 0 || wrong || w.stuck(a) > 0 || !slices.Contains(a.o.open(now), tx) || a.o.state(tx) == stateSuccess {
		return
	}
	c := w.something(t, a, tx)
	other := c
	other.tx = rapid.SampledFrom(a.o.open(now)).Draw(t, "other tx")
	if rapid.IntRange(0, 2).Draw(t, "other event") == 2 && a.o.state(other.tx) != stateSuccess {
		other = w.something(t, a, other.tx)
	}
	w.doWith(a, c, mishap{name: "after another event", between: func() { w.do(a, other) }})
	if w.raced {
		w.cover["race"]++
	}
}
