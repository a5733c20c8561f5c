package terminal

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

// A secret is what the host knows of the password of an account.
type secret struct {
	hash   []byte
	at     time.Time // when it was changed
	status authn.PasswordStatus
}

const (
	minPassword = 8  // characters: NIST SP 800-63B-4 asks for 8 beside a second factor, and else for 15
	maxPassword = 72 // bytes; bcrypt reads no further
)

// check says what a sign-in asks for, or that name and password do not match.
func (d *People) check(name, pw string) (authn.Login, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, known := d.byName[name]
	if a.locked {
		return authn.Login{}, false
	}
	l := authn.Login{User: name, Require: a.require, Password: a.status}
	if a.status == authn.PasswordExpiresSoon {
		l.PasswordExpires = time.Now().Add(3 * 24 * time.Hour)
	}
	return l, d.matches(a, pw) && known
}

// matches compares with the decoy where there is no such account.
func (d *People) matches(a account, pw string) bool {
	hash := a.hash
	if hash == nil {
		hash = d.decoy
	}
	return bcrypt.CompareHashAndPassword(hash, []byte(pw)) == nil
}

// hint is the password of an account, for whoever tries the demo, until it is changed.
func (d *People) hint(name string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.byName[name].at.IsZero() {
		return " (" + password + ")"
	}
	return ""
}

// Check implements [authn.Passwords].
func (d *People) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.byName[in.User]
	if in.Old != "" && !d.matches(a, string(in.Old)) {
		return authn.Verdict{}, nil
	}
	var reasons []string
	switch n := utf8.RuneCountInString(string(in.New)); {
	case n < minPassword:
		reasons = append(reasons, fmt.Sprintf("It has %d characters, and needs %d.", n, minPassword))
	case len(in.New) > maxPassword:
		reasons = append(reasons, fmt.Sprintf("It is longer than %d bytes.", maxPassword))
	case d.matches(a, string(in.New)):
		reasons = append(reasons, "It is the one that you have.")
	}
	if reasons != nil {
		return authn.Verdict{Rejected: true, Reasons: reasons}, nil
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(in.New), d.cost)
	return authn.Verdict{Right: true, Data: hash}, err
}

// Store implements [authn.Passwords].
func (d *People) Store(_ context.Context, c authn.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.byName[c.User]; ok && c.At.After(a.at) {
		a.secret = secret{hash: c.Data, at: c.At}
		d.byName[c.User] = a
	}
	return nil
}

// isPassword says that a state asks for a new password.
func isPassword(st authn.State) bool {
	return st == authn.PasswordWarn || st == authn.PasswordExpired || st == authn.PasswordReset
}

// newPassword asks for the passwords that the state wants.
func (t *Terminal) newPassword(st authn.State) (authn.Event, error) {
	var old string
	var err error
	if st != authn.PasswordReset {
		if old, err = t.ask("Old password: "); err != nil {
			return nil, err
		}
	}
	fresh, err := t.ask(fmt.Sprintf("New password, of %d characters or more: ", minPassword))
	if err != nil {
		return nil, err
	}
	if st == authn.PasswordReset {
		return authn.ResetPassword{New: authn.Secret(fresh)}, nil
	}
	return authn.ChangePassword{Old: authn.Secret(old), New: authn.Secret(fresh)}, nil
}
