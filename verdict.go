package authn

import (
	"fmt"
	"io"
	"time"
)

// A Verdict is what a response is worth, or what was handed in for [Passwords] or a
// [Gatekeeper]. The zero value is a wrong one, which counts like a wrong code. It does
// not print.
type Verdict struct {
	Right     bool
	Malformed bool // no response to this challenge: refused, and not counted
	// Rejected says that it does not meet the rules that Reasons name, which is no
	// guess: it is not counted. Denied ends the sign-in. Only Passwords and a
	// Gatekeeper say so; a Verifier that does makes the response malformed.
	Rejected, Denied bool
	Reasons          []string // for the user: see [Answer].Reasons
	Factor           string   // ID of the factor that was proved, if it is one of the check's others
	// Methods are what the proof is called in [Assertion].Methods, in place of what
	// the type says: at most 64 printable ASCII bytes in all, counting one between two.
	Methods []string
	Data    []byte // what is to be kept of it from now on, plain, at most 1.9 KiB; nil: as it is
}

const (
	maxVerdict = maxData - dataHead - dataTag
	maxMethods = 64
)

// Format writes "[secret]" for every verb: data may be.
func (Verdict) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json uses it too.
func (Verdict) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var errVerdict = fmt.Errorf("%w: a verdict has too much data, or methods that cannot be", ErrUnavailable)

// valid says that a verdict can be stored.
func (v *Verdict) valid() bool {
	return len(v.Data) <= maxVerdict && validWords(v.Methods, maxMethods)
}

// A Change is what a verdict has decided, for the host to keep. It does not print.
type Change struct {
	Key  string // of this change, the same on every attempt
	User string
	At   time.Time // of two changes the later one counts, in whatever order they come
	Data []byte    // as in the verdict; the callee owns it
}

// Format writes "[secret]" for every verb: data may be.
func (Change) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText returns "[secret]"; encoding/json uses it too.
func (Change) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func askInput(s *step) guard {
	switch t := s.tx(); {
	case s.op == opPass && !s.ideal && s.in.gate() != s.m.stateOf(t):
		return otherGate
	case s.now < s.acct.notBefore:
		return inputBackoff
	}
	return mayJudge
}

// judgeInput gives no answer if the host is to be asked first.
func (s *step) judgeInput() guard {
	switch v := s.verdict; {
	case s.ideal:
		return judgedRight
	case v == nil:
		s.lack = s.lackVerdict()
		return noAnswer
	case v.Denied:
		return judgedDenied
	case v.Rejected, v.Malformed:
		return judgedRejected
	case v.Right:
		return judgedRight
	}
	return judgedWrong
}

// lackVerdict is what the host is asked about.
func (s *step) lackVerdict() *Lack {
	t := s.tx()
	switch s.op {
	case opAnswer:
		return &Lack{Reply: &QuestionInput{Tenant: s.m.tenant, User: s.acct.user, Transaction: t.publicID(), Answer: s.in.handed.new}}
	case opPass:
		return &Lack{Input: &GateInput{Tenant: s.m.tenant, User: s.acct.user, Transaction: t.publicID(), Input: s.in.handed.new}, Gate: s.m.stateOf(t)}
	}
	return &Lack{Password: &PasswordInput{Tenant: s.m.tenant, User: s.acct.user, Transaction: t.publicID(), Old: s.in.handed.old, New: s.in.handed.new}}
}

// sealForm seals what a verdict gives to keep, until the host has taken it.
func (s *step) sealForm(k effectKind) (string, error) {
	if len(s.verdict.Data) > maxForm {
		return "", errForm
	}
	t := s.tx()
	return string(s.sealFor(forForm, s.formOwner(k, t.id, t.rev), s.rnd[48:], s.verdict.Data)), nil
}

var errForm = fmt.Errorf("%w: the verdict has more than %d bytes of data", ErrUnavailable, maxForm)

// formOwner is what a sealed form is bound to.
func (s *step) formOwner(k effectKind, tx id, rev uint8) []byte {
	s.buf = append(field(field(field(field(s.buf[:0], s.m.tenant), s.acct.user), k.String()), tx[:]), rev)
	return s.buf
}

// change is what the host is to keep of an effect that is owed.
func (m *Machine) change(a *Account, o *entry) (*Change, error) {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct = a
	plain, _, fault := s.openFor(forForm, s.formOwner(o.kind, o.tx, o.rev), []byte(o.data))
	if fault != "" {
		return nil, corrupt("what the host is to keep: " + fault)
	}
	return &Change{Key: o.key(), User: a.user, At: unix(o.at), Data: plain}, nil
}
