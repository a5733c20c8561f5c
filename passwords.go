package authn

import (
	"context"
	"unicode/utf8"
)

// PasswordStatus is what the host knows of a password that was right.
type PasswordStatus uint8

// The statuses of a password. All but the first need [Config].Passwords.
const (
	// PasswordFine asks for nothing.
	PasswordFine PasswordStatus = iota
	// PasswordExpiresSoon leads to PASSWORD_WARN, where the user may change it: it
	// expires soon, at [Login].PasswordExpires.
	PasswordExpiresSoon
	// PasswordHasExpired leads to PASSWORD_EXPIRED: no SUCCESS before it is changed.
	PasswordHasExpired
	// PasswordNeedsReset leads to PASSWORD_RESET: no SUCCESS before a new one is set,
	// without the old one, for instance after an administrator has set a temporary one.
	PasswordNeedsReset
)

// Passwords judges and keeps passwords. Implementations must be safe for concurrent use.
type Passwords interface {
	// Check judges a new password, and the old one unless the password is to be reset.
	// If the old one is not right it returns the zero Verdict, whatever the new one is:
	// that counts like a wrong code. If the new one is not good enough it returns Rejected
	// with Reasons, else Right with the form to store in Data, such as a slow hash: at
	// most 512 bytes. It has no effect. It is asked once for each call of the service,
	// never for an event that is refused, and neither during a back-off nor for a repeat;
	// it bounds by itself how many slow hashes run at a time. An error is "unavailable": no
	// verdict, nothing counted.
	Check(ctx context.Context, in PasswordInput) (Verdict, error)
	// Store puts the form in the place of the user's password, unless one of a later At
	// was stored. It is repeated, with the same key, until it returns nil; only then
	// [Service.Redeem] gives an assertion. The form was sealed in the account's record
	// meanwhile, and is exactly what Check returned.
	Store(ctx context.Context, c Change) error
}

// A PasswordInput is what [Passwords] judges.
type PasswordInput struct {
	Tenant, User string
	Transaction  string // public id
	Old          Secret // "" if the password is to be reset
	New          Secret // 1 byte to 4 KiB of UTF-8 without NUL, as the client sent it: not normalized
}

const (
	maxPassword = 4 << 10 // bytes of one that is submitted
	maxForm     = 512     // bytes of what a verdict gives to keep
)

// validPassword says that a text can be a password. Whether it is one is for Passwords
// to say: NIST SP 800-63B section 3.1.1.2 asks for at least 64 characters.
func validPassword(p Secret) bool {
	if len(p) == 0 || len(p) > maxPassword || !utf8.ValidString(string(p)) {
		return false
	}
	for i := range len(p) {
		if p[i] == 0 {
			return false
		}
	}
	return true
}

func askPassword(s *step) guard {
	status := s.tx().password
	if s.in.login != nil {
		status = s.in.login.Password
	}
	switch {
	case s.ideal:
	case status == PasswordHasExpired:
		return passwordExpired
	case status == PasswordNeedsReset:
		return passwordToReset
	case status == PasswordExpiresSoon:
		return passwordExpiring
	}
	return passwordFine
}

// doNewPassword comes at a time of its own, after all that was saved before: of two
// changes the host takes the later one, in whatever order they come. It does not come
// so late that this clock, at the next step, would look wrong.
func doNewPassword(s *step) {
	s.now = max(s.now, min(s.acct.seen+1, s.wall+int64(MaxSkew)))
	s.tx().password, s.tx().passwordEnd = PasswordFine, 0
	s.voidClaims(s.owner())
	for i := maxOutbox - 1; i >= queue; i-- {
		if s.acct.outbox[i].kind == storePassword { // an older one must not come after this one
			s.acct.drop(i)
		}
	}
}

// owedPassword is the new password that the host has not taken yet; nil: none.
func (s *step) owedPassword() *Effect {
	for i := queue; i < maxOutbox; i++ {
		if s.acct.outbox[i].kind == storePassword {
			e := s.acct.effect(i)
			return &e
		}
	}
	return nil
}
