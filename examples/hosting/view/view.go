// Package view is what the examples' clients see of an answer.
package view

import (
	"errors"
	"time"

	"github.com/authnfsm/authn"
)

// View is an answer without its tokens: each transport carries those in a
// place of its own.
type View struct {
	State     authn.State   `json:"state,omitempty"`   // "": there is no sign-in any more
	Refused   string        `json:"refused,omitempty"` // why nothing has changed
	Outcome   authn.Outcome `json:"outcome,omitempty"` // of a code that was taken
	Allowed   []Move        `json:"allowed,omitempty"`
	Factors   []Factor      `json:"factors,omitempty"`
	TriesLeft int           `json:"triesLeft,omitempty"`
}

// Move is what may come next.
type Move struct {
	Event string    `json:"event"`
	At    time.Time `json:"at,omitzero"` // absent: now
}

// Factor is one to choose from.
type Factor struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Address string `json:"address"` // masked
}

// Of shows what the service returned. A refusal is shown too, from where the
// transaction stands; the answer is nil if there is none. The error is what is
// no refusal: a port failed.
func Of(a *authn.Answer, err error) (View, *authn.Answer, error) {
	var v View
	var refusal *authn.Refusal
	if errors.As(err, &refusal) {
		v.Refused, a = refusal.Err.Error(), refusal.Answer
	} else if err != nil {
		return v, nil, err
	}
	if a == nil {
		return v, nil, nil
	}
	v.State, v.Outcome, v.TriesLeft = a.State, a.Outcome, a.TriesLeft
	for _, m := range a.Allowed {
		v.Allowed = append(v.Allowed, Move{string(m.Event), m.At})
	}
	for _, f := range a.Factors {
		v.Factors = append(v.Factors, Factor{f.ID, f.Type, f.Address})
	}
	return v, a, nil
}
