package okta

import (
	"encoding/json"
	"time"

	"github.com/authnfsm/authn"
)

// A PasswordPolicy is what clients are told of the rules for a new password, so that
// they can say them beforehand. The host's [authn.Passwords] decides. The numbers are 0
// if there is no such rule, as NIST SP 800-63B section 3.1.1.2 wants it of all but
// MinLength.
type PasswordPolicy struct {
	Complexity PasswordComplexity `json:"complexity"`
	Age        PasswordAge        `json:"age"`
}

// PasswordComplexity says what a new password is made of.
type PasswordComplexity struct {
	MinLength         int      `json:"minLength"` // characters
	MinLowerCase      int      `json:"minLowerCase"`
	MinUpperCase      int      `json:"minUpperCase"`
	MinNumber         int      `json:"minNumber"` // digits
	MinSymbol         int      `json:"minSymbol"`
	ExcludeUsername   bool     `json:"excludeUsername"`
	ExcludeAttributes []string `json:"excludeAttributes"` // "firstName", "lastName"
}

// PasswordAge says which passwords may not come again, and how soon one may be changed.
type PasswordAge struct {
	MinAgeMinutes int `json:"minAgeMinutes"`
	HistoryCount  int `json:"historyCount"`
}

// passwordPolicy is policy in the states that ask for a new password.
type passwordPolicy struct {
	Expiration *expiration `json:"expiration,omitempty"`
	*PasswordPolicy
}

type expiration struct {
	Days int `json:"passwordExpireDays"` // whole days that are left; 0: it expires within a day, or has expired
}

const day = 24 * time.Hour

// showPasswordPolicy is the look of the states that ask for a new password.
func showPasswordPolicy(x *exchange, a *authn.Answer) any {
	p := new(passwordPolicy)
	if a.State != authn.PasswordReset {
		p.Expiration = new(expiration)
		if left := a.PasswordExpires.Sub(a.Now); !a.PasswordExpires.IsZero() {
			p.Expiration.Days = max(0, int(left/day))
		}
	}
	if show := x.h.cfg.PasswordPolicy; show != nil {
		if own, err := show(x.r.Context(), a.User); err == nil && own != nil { // without it the answer is as good
			mine := *own
			if mine.Complexity.ExcludeAttributes == nil {
				mine.Complexity.ExcludeAttributes = []string{} // Okta's clients take an array for granted
			}
			p.PasswordPolicy = &mine
		}
	}
	return p
}

func (x *exchange) changePassword() (any, error) {
	in := &x.in
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case in.oldPassword == "":
		return nil, fault(invalid, "oldPassword: it is required")
	case in.newPassword == "":
		return nil, fault(invalid, "newPassword: it is required")
	}
	return x.event(authn.ChangePassword{Old: authn.Secret(in.oldPassword), New: authn.Secret(in.newPassword)})
}

func (x *exchange) resetPassword() (any, error) {
	switch err := x.needState(); {
	case err != nil:
		return nil, err
	case x.in.newPassword == "":
		return nil, fault(invalid, "newPassword: it is required")
	}
	return x.event(authn.ResetPassword{New: authn.Secret(x.in.newPassword)})
}

// option reads one of the options: false if it is not there, or null.
func (in *input) option(name string) (yes bool, err error) {
	if v := inside(in.options, name); v != nil && json.Unmarshal(v, &yes) != nil {
		return false, fault(invalid, "options.%s: wrong type", name)
	}
	return yes, nil
}

// inside is a member of an object in JSON, by exactly this name.
func inside(object, name string) json.RawMessage {
	var members map[string]json.RawMessage
	if object != "" {
		json.Unmarshal([]byte(object), &members)
	}
	return members[name]
}

// quiet takes back that the password expires soon, for a client that has not said that
// it can show this.
func quiet(l *authn.Login) {
	if l.Password == authn.PasswordExpiresSoon {
		l.Password, l.PasswordExpires = authn.PasswordFine, time.Time{}
	}
}
