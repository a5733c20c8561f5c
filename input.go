package authn

import (
	"reflect"
	"unicode"
)

// input is an event's payload, checked and normalized.
type input struct {
	factor string
	once   string
	code   [maxDigits]byte
	digits uint8
}

// payload checks and normalizes what came with an event, before any look-up.
// A pointer to an event is as good as the event.
func (m *Machine) payload(ev Event) (in input, o op, err error) {
	if w, ok := ev.(keyed); ok {
		in.once, ev = w.key, w.Event
		if len(w.key) == 0 || len(w.key) > maxOnce {
			return in, o, malformed(ev)
		}
	}
	if _, nested := ev.(keyed); nested || isNil(ev) || !ev.fill(&in, m.least) || in.factor != "" && !validFactorID(in.factor) {
		return in, o, malformed(ev)
	}
	return in, ev.on(), nil
}

func (Enroll) on() op    { return opEnroll }
func (Activate) on() op  { return opActivate }
func (Challenge) on() op { return opChallenge }
func (Verify) on() op    { return opVerify }
func (Resend) on() op    { return opResend }
func (Previous) on() op  { return opPrevious }
func (Skip) on() op      { return opSkip }
func (Cancel) on() op    { return opCancel }

func (e Enroll) fill(in *input, _ uint8) bool    { in.factor = e.Type; return e.Type != "" }
func (e Challenge) fill(in *input, _ uint8) bool { in.factor = e.Factor; return e.Factor != "" }
func (e Resend) fill(in *input, _ uint8) bool    { in.factor = e.Factor; return true }
func (Previous) fill(*input, uint8) bool         { return true }
func (Skip) fill(*input, uint8) bool             { return true }
func (Cancel) fill(*input, uint8) bool           { return true }

func (e Activate) fill(in *input, least uint8) bool {
	in.factor = e.Factor
	return in.normalize(e.Code, least)
}

func (e Verify) fill(in *input, least uint8) bool {
	in.factor = e.Factor
	return in.normalize(e.Code, least)
}

// malformed refuses an event that may be nothing at all.
func malformed(ev Event) error {
	name := EventName("event")
	if _, nested := ev.(keyed); !nested && !isNil(ev) {
		name = ev.on().name()
	}
	return &Refusal{Event: name, Err: ErrMalformed}
}

func isNil(ev Event) bool {
	v := reflect.ValueOf(ev)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
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

const (
	minDigits = 6
	maxDigits = 12
	maxRaw    = 32 // bytes of a code as typed
	maxOnce   = 64
)

// normalize drops ASCII space, tab, CR, LF and '-'; 6 to 12 ASCII digits must be
// left. It drops and maps nothing else, so no two codes share a spelling.
func (in *input) normalize(code Code, least uint8) bool {
	if len(code) > maxRaw {
		return false
	}
	n := 0
	for i := range len(code) {
		switch c := code[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '-':
		case c < '0' || c > '9' || n == maxDigits:
			return false
		default:
			in.code[n] = c
			n++
		}
	}
	in.digits = uint8(n)
	return in.digits >= least
}

// repeated says that the event is the last saved one again, so that nothing is
// evaluated. The same key with anything else in the event is refused.
func (s *step) repeated() (bool, error) {
	l := &s.tx().last
	if s.in.once == "" || !l.set {
		return false, nil
	}
	k := s.m.keyIndex(l.key)
	if k < 0 || s.onceKey(k) != l.id {
		return false, nil
	}
	if s.oncePrint(k) != l.print {
		return false, s.refuse("", ErrKeyReused, 0)
	}
	return true, nil
}

// remember keeps the event if it has a key; an event without one clears the last.
func (s *step) remember(o op, say Outcome) {
	l := &s.tx().last
	*l = lastEvent{}
	if s.in.once == "" {
		return
	}
	*l = lastEvent{set: true, key: s.m.keys[0].id, id: s.onceKey(0)}
	for i, x := range outcomes {
		if x == say {
			l.say = uint8(i)
		}
	}
	s.op = o
	l.print = s.oncePrint(0)
}

func (s *step) onceKey(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), "key", s.in.once)
	copy(x[:], sum[:])
	return x
}

func (s *step) oncePrint(k int) (x id) {
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), string(s.op.name()), s.in.factor, string(s.in.code[:s.in.digits]))
	copy(x[:], sum[:])
	return x
}
