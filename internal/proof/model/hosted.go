package model

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// The host's Passwords and Gatekeepers. They obey what is handed in: see ruling.

// hosted is what a world has of them.
type hosted struct {
	gates     []authn.State // of the services
	passwords bool
	elsewhere *authn.Service // on the same store, with other gates
	others    []authn.State  // its gates
	home      []*authn.Service

	deaf    bool   // they judge nothing
	storing string // what becomes of a call of Store: "" or "fails", "is late", "is lost" (its answer), "panics"
	passing string // and of Passed
	needing error  // what Needed returns
	asked   []asked
	keeping []keeping
	late    []authn.Change          // calls of Store that are still under way
	kept    map[string]authn.Change // by user: the form of the password
}

// asked is a call of Check, or of Needed.
type asked struct {
	gate     authn.State // "" is Passwords
	needed   bool        // it is of Needed
	yes      bool
	password authn.PasswordInput
	input    authn.GateInput
	user     string
	right    bool
}

// keeping is a call of Store or Passed.
type keeping struct {
	authn.Change
	gate  authn.State
	err   error
	saves int // by then
}

// keep is what the host has to keep until it takes it.
type keep struct {
	authn.Change
	gate authn.State
}

// addHosted adds the ports to a configuration.
func (w *world) addHosted(c *authn.Config) {
	if !w.passwords {
		return
	}
	c.Passwords = archive{w}
	for _, g := range w.gates {
		c.Gates = append(c.Gates, authn.Gate{State: g, Keeper: porter{w, g}})
	}
}

// give gives the services of a world a host with gates, and another service others.
func (w *world) give(gates, others []authn.State) {
	w.passwords, w.gates, w.others = true, gates, others
}

// archive is the host's Passwords.
type archive struct{ w *world }

// Check implements [authn.Passwords].
func (h archive) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	w := h.w
	old := string(in.Old)
	if in.Old == "" {
		old = "right"
	}
	w.asked = append(w.asked, asked{password: in, user: in.User})
	return w.says(old, string(in.New))
}

// says returns the verdict that was asked for.
func (w *world) says(old, text string) (authn.Verdict, error) {
	word, _, _ := strings.Cut(text, " ")
	v := authn.Verdict{Right: true, Data: []byte("kept of " + text)}
	switch {
	case w.deaf:
		return v, authntest.ErrDown
	case word == "broken":
		return v, errors.New("broken")
	case word == "panics":
		panic(text)
	case old != "right", word == "wrong":
		return authn.Verdict{}, nil
	case word == "weak":
		return authn.Verdict{Rejected: true, Right: true, Reasons: []string{"it is weak", "it is " + text}}, nil
	case word == "odd":
		return authn.Verdict{Malformed: true}, nil
	case word == "denied":
		v.Denied = true
	case word == "long":
		v.Data = make([]byte, 513)
	}
	w.asked[len(w.asked)-1].right = !v.Denied && word != "long"
	return v, nil
}

// Store implements [authn.Passwords]: what is late comes after all, and after others.
func (h archive) Store(_ context.Context, c authn.Change) error {
	w := h.w
	err := w.takes(w.storing, func() { w.put(c) }, func() { w.late = append(w.late, c) })
	w.keeping = append(w.keeping, keeping{c, "", err, w.saves})
	if w.storing == "panics" {
		panic(string(c.Data))
	}
	return err
}

// takes carries out what the host is to keep, as its mood is.
func (w *world) takes(mood string, now, late func()) error {
	switch mood {
	case "":
		now()
		return nil
	case "is late":
		late()
	case "is lost":
		now()
	}
	return authntest.ErrDown
}

// put keeps the form of a password, unless there is a later one.
func (w *world) put(c authn.Change) {
	if w.kept == nil {
		w.kept = map[string]authn.Change{}
	}
	if !w.kept[c.User].At.After(c.At) {
		w.kept[c.User] = c
	}
}

// porter is the Gatekeeper of a gate.
type porter struct {
	w    *world
	gate authn.State
}

// Needed implements [authn.Gatekeeper].
func (p porter) Needed(_ context.Context, user string) (bool, error) {
	w := p.w
	i := slices.IndexFunc(w.accounts, func(a *account) bool { return a.user == user })
	w.asked = append(w.asked, asked{gate: p.gate, needed: true, user: user, yes: w.accounts[i].o.needs(p.gate)})
	if w.needing != nil && w.needing != authntest.ErrDown {
		panic(user)
	}
	return w.accounts[i].needs[p.gate], w.needing
}

// Check implements [authn.Gatekeeper].
func (p porter) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	p.w.asked = append(p.w.asked, asked{gate: p.gate, input: in, user: in.User})
	return p.w.says("right", string(in.Input))
}

// Passed implements [authn.Gatekeeper].
func (p porter) Passed(_ context.Context, c authn.Change) error {
	w := p.w
	err := w.takes(w.passing, func() {}, func() {})
	w.keeping = append(w.keeping, keeping{c, p.gate, err, w.saves})
	if w.passing == "panics" {
		panic(string(c.Data))
	}
	return err
}

// answers gives the oracle of an account the host's word.
func (w *world) answers(a *account) {
	a.needs = map[authn.State]bool{}
	for _, g := range slices.Concat(w.gates, w.others) {
		a.needs[g] = true
	}
	a.o.gates = w.gates
	a.o.needs = func(gate authn.State) bool { return w.needing != nil || a.needs[gate] }
	a.o.unkept = func() bool { return slices.ContainsFunc(a.keeps, func(k keep) bool { return k.gate == "" }) }
	a.o.holds = func() bool { return len(a.keeps) > 0 }
	a.o.down = func() bool { return w.storing != "" }
}

// atHome lets the services with their own gates go on, and goElsewhere another one.
func (w *world) atHome() {
	if w.home != nil {
		w.services, w.home = w.home, nil
		w.setGates(w.gates)
	}
}

func (w *world) goElsewhere() {
	if w.elsewhere != nil && w.home == nil {
		w.home, w.services = w.services, []*authn.Service{w.elsewhere}
		w.setGates(w.others)
	}
}

func (w *world) setGates(gates []authn.State) {
	for _, a := range w.accounts {
		a.o.gates = gates
	}
}

// healHost lets the host do what it is asked, and what is under way arrive.
func (w *world) healHost() {
	w.storing, w.passing, w.needing, w.deaf = "", "", nil, false
}
