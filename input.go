package authn

import (
	"reflect"
	"slices"
	"strconv"
	"unicode"
)

// input is an event's payload, as it came, of a length that can be.
type input struct {
	factor   string
	once     string
	code     string              // or a response, as it came; "" asks whether another device has answered
	typed    [recoveryChars]byte // the code, squeezed: n bytes; none if it can be no code
	n        uint8
	submits  bool         // the event has a code
	remember bool         // the device
	atOnce   bool         // the session token is redeemed where it is issued
	handed   *handed      // what only the host judges; nil: the event has nothing of the kind
	link     *TokenSecret // of open
	login    *Login       // of primary
	reply    *Reply       // of respond
}

// handed is what few events have: kept apart, it is not copied with all others.
type handed struct {
	old, new Secret // passwords; new is also what a gate or a question asks for
	gate     State
}

// gate is the one that the event names; "": none.
func (in *input) gate() State {
	if in.handed == nil {
		return ""
	}
	return in.handed.gate
}

// payload checks what came with an event, before any look-up.
// A pointer to an event is as good as the event.
//
// The caller puts what it gets back into m.inputs: an event fills it through its
// interface, so it would be allocated for each.
func (m *Machine) payload(ev Event) (in *input, o op, err error) {
	in = m.inputs.Get().(*input)
	*in = input{}
	with, _ := ev.(options)
	if with.keyed || with.atOnce {
		in.once, in.atOnce, ev = with.key, with.atOnce, with.Event
	}
	_, nested := ev.(options)
	switch {
	case with.keyed && (len(with.key) == 0 || len(with.key) > maxOnce), nested, isNil(ev), !ev.fill(in), in.factor != "" && !validFactorID(in.factor), in.submits && !m.canBeCode(in):
		m.inputs.Put(in)
		return nil, o, malformed(ev)
	}
	return in, ev.on(), nil
}

// canBeCode says that the code can be one of some type of factor, and squeezes it.
// What a Verifier takes is its own business.
func (m *Machine) canBeCode(in *input) bool {
	ok := in.squeeze()
	if n := int(in.n); ok && m.least <= n && n <= maxDigits && allDigits(in.typed[:n]) {
		return true
	}
	return slices.ContainsFunc(m.types, func(t FactorType) bool {
		return t.Verifier != nil && in.code != "" || t.Awaited && in.code == "" || ok && t.codes != nil && t.codes.formed(in.typed[:in.n], nil)
	})
}

// squeeze finds the code without ASCII blanks and hyphens, in upper case. It drops and
// maps nothing else, so no two codes share a spelling. What has other characters than
// ASCII letters and digits, or too many, can be no code.
func (in *input) squeeze() bool {
	in.n = 0
	if len(in.code) > maxRaw {
		return false
	}
	n := 0
	for i := range len(in.code) {
		c := in.code[i]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '-':
			continue
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !letterOrDigit(c):
			return false
		}
		if n == len(in.typed) {
			return false
		}
		in.typed[n] = c
		n++
	}
	in.n = uint8(n)
	return true
}

func letterOrDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func allDigits(code []byte) bool {
	for _, c := range code {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (Enroll) on() op         { return opEnroll }
func (Activate) on() op       { return opActivate }
func (Challenge) on() op      { return opChallenge }
func (Verify) on() op         { return opVerify }
func (Resend) on() op         { return opResend }
func (Previous) on() op       { return opPrevious }
func (Skip) on() op           { return opSkip }
func (ChangePassword) on() op { return opChangePassword }
func (ResetPassword) on() op  { return opResetPassword }
func (Pass) on() op           { return opPass }
func (AnswerQuestion) on() op { return opAnswer }
func (Cancel) on() op         { return opCancel }

func (e Enroll) fill(in *input) bool    { in.factor = e.Type; return e.Type != "" }
func (e Challenge) fill(in *input) bool { in.factor = e.Factor; return e.Factor != "" }
func (e Resend) fill(in *input) bool    { in.factor = e.Factor; return true }
func (Previous) fill(*input) bool       { return true }
func (Skip) fill(*input) bool           { return true }
func (Cancel) fill(*input) bool         { return true }

func (e ChangePassword) fill(in *input) bool {
	in.handed = &handed{old: e.Old, new: e.New}
	return validPassword(e.Old) && validPassword(e.New)
}

func (e ResetPassword) fill(in *input) bool {
	in.handed = &handed{new: e.New}
	return validPassword(e.New)
}

func (e Pass) fill(in *input) bool {
	in.handed = &handed{new: e.Input, gate: e.Gate}
	return e.Gate != "" && len(e.Gate) <= maxGateName && len(e.Input) <= maxResponse
}

func (e AnswerQuestion) fill(in *input) bool {
	in.handed = &handed{new: e.Answer}
	return validPassword(e.Answer)
}

func (e Activate) fill(in *input) bool {
	in.factor, in.code = e.Factor, string(e.Code)
	in.submits = true
	return len(e.Code) <= maxResponse
}

func (e Verify) fill(in *input) bool {
	in.factor, in.code, in.remember = e.Factor, string(e.Code), e.Remember
	in.submits = true
	return len(e.Code) <= maxResponse
}

// malformed refuses an event that may be nothing at all.
func malformed(ev Event) error {
	name := EventName("event")
	if _, nested := ev.(options); !nested && !isNil(ev) {
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
	minDigits  = 6
	maxDigits  = 12
	maxRaw     = 32 // bytes of a code as typed
	maxOnce    = 64
	maxPurpose = 64

	maxResponse = 16 << 10 // bytes of a Verifier's response
)

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
	sum := s.keyed(k, forOnce, s.m.tenant, string(s.tx().id[:]), string(s.op.name()), s.in.factor, s.in.code, string(s.in.gate()), strconv.FormatBool(s.in.remember))
	copy(x[:], sum[:])
	return x
}
