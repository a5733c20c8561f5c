package main

import (
	"context"
	"errors"

	"github.com/authnfsm/authn"
	"github.com/looplab/fsm"
	"github.com/qmuntal/stateless"
)

// A rival takes a row of the table, named by its label, from a state.
type rival struct {
	name string
	take func(from authn.State, label string) (authn.State, error)
}

// Names of the rivals on the page.
const (
	ours            = "authn"
	looplabRaw      = "looplab/fsm, SetState + Event"
	looplabNew      = "looplab/fsm, NewFSM for each step"
	statelessShared = "qmuntal/stateless, one machine for all"
	statelessNew    = "qmuntal/stateless, built for each step"
	handWritten     = "a hand-written switch"
)

// rivals returns one rival of each kind, with the same rows as the machine.
func rivals() []rival {
	return []rival{newLooplabRaw(), newLooplabNew(), newStatelessShared(), newStatelessNew(), {handWritten, next}}
}

// row is a row of the table in the form of an engine.
type row struct {
	from, to authn.State
	label    string
}

// rows returns the rows that are not refusals. An engine refuses an event for
// which it has no row.
func rows() (rs []row) {
	for _, t := range authn.Transitions() {
		if t.Refuse == nil {
			rs = append(rs, row{t.From, t.To, t.Label()})
		}
	}
	return rs
}

func looplabEvents() (evs fsm.Events) {
	for _, r := range rows() {
		evs = append(evs, fsm.EventDesc{Name: r.label, Src: []string{string(r.from)}, Dst: string(r.to)})
	}
	return evs
}

// newLooplabRaw returns the engine alone.
func newLooplabRaw() rival {
	f := fsm.NewFSM(string(authn.Unauthenticated), looplabEvents(), nil)
	return rival{looplabRaw, func(from authn.State, label string) (authn.State, error) {
		f.SetState(string(from))
		return fired(f, label)
	}}
}

// newLooplabNew does what most programs do: it builds an instance of the engine
// for the state in the record.
func newLooplabNew() rival {
	evs := looplabEvents()
	return rival{looplabNew, func(from authn.State, label string) (authn.State, error) {
		return fired(fsm.NewFSM(string(from), evs, nil), label)
	}}
}

func fired(f *fsm.FSM, label string) (authn.State, error) {
	err := f.Event(context.Background(), label)
	if loop, ok := err.(fsm.NoTransitionError); ok && loop.Err == nil {
		err = nil // the state does not change
	}
	return authn.State(f.Current()), err
}

func configure(sm *stateless.StateMachine, rs []row) *stateless.StateMachine {
	for _, r := range rs {
		if r.from == r.to {
			sm.Configure(r.from).PermitReentry(r.label)
		} else {
			sm.Configure(r.from).Permit(r.label, r.to)
		}
	}
	return sm
}

type place struct{}

// newStatelessShared keeps the state outside the engine, in the context of the
// call.
func newStatelessShared() rival {
	sm := configure(stateless.NewStateMachineWithExternalStorage(
		func(ctx context.Context) (stateless.State, error) { return *ctx.Value(place{}).(*authn.State), nil },
		func(ctx context.Context, s stateless.State) error {
			*ctx.Value(place{}).(*authn.State) = s.(authn.State)
			return nil
		}, stateless.FiringImmediate), rows())
	return rival{statelessShared, func(from authn.State, label string) (authn.State, error) {
		err := sm.FireCtx(context.WithValue(context.Background(), place{}, &from), label)
		return from, err
	}}
}

func newStatelessNew() rival {
	rs := rows()
	return rival{statelessNew, func(from authn.State, label string) (authn.State, error) {
		sm := configure(stateless.NewStateMachineWithMode(from, stateless.FiringImmediate), rs)
		err := sm.Fire(label)
		return sm.MustState().(authn.State), err
	}}
}

var errNoRow = errors.New("not allowed")

// next is a switch without an engine: the sign-in of a user who has a factor,
// without the budgets, refusals and other rules of the table.
func next(from authn.State, label string) (authn.State, error) {
	switch from {
	case authn.MFARequired:
		switch label {
		case "challenge [may send]":
			return authn.MFAChallenge, nil
		case "cancel":
			return authn.Canceled, nil
		}
	case authn.MFAChallenge:
		switch label {
		case "verify [right code, nothing required]":
			return authn.Success, nil
		case "verify [wrong code, tries left, no new back-off]", "resend [may send]":
			return authn.MFAChallenge, nil
		case "previous":
			return authn.MFARequired, nil
		case "cancel":
			return authn.Canceled, nil
		}
	}
	return from, errNoRow
}
