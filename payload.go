package authn

import (
	"unicode"
)

// payload checks and normalizes what came with an event, before any look-up.
func (m *Machine) payload(ev Event) (in input, o op, err error) {
	if w, ok := ev.(once); ok {
		in.once, ev = w.key, w.Event
		if len(w.key) == 0 || len(w.key) > maxOnce {
			return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
		}
	}
	ok := true
	switch e := ev.(type) {
	case Enroll:
		in.factor = e.Type
		ok = e.Type != ""
	case Challenge:
		in.factor = e.Factor
		ok = e.Factor != ""
	case Resend:
		in.factor = e.Factor
	case Activate:
		in.factor = e.Factor
		ok = in.normalize(e.Code, m.least)
	case Verify:
		in.factor = e.Factor
		ok = in.normalize(e.Code, m.least)
	case Previous, Skip, Cancel:
	default:
		return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
	}
	if !ok || in.factor != "" && !validFactorID(in.factor) {
		return in, o, &Refusal{Event: name(ev), Err: ErrMalformed}
	}
	return in, ev.on(), nil
}

// name of an event that may be none of ours: a pointer, or nothing.
func name(ev Event) string {
	switch e := ev.(type) {
	case Enroll, Activate, Challenge, Verify, Resend, Previous, Skip, Cancel:
		return e.on().String()
	}
	return "event"
}

func validUser(s string) bool {
	if len(s) == 0 || len(s) > maxUser {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return false
		}
	}
	return true
}
