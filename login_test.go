package authn

import (
	"errors"
	"strings"
	"testing"
)

// With Adding, a proof leads to MFA_ENROLL, whether or not anything is required there.
func TestAdding(t *testing.T) {
	add := Login{User: ada.User, Adding: true}
	app := Factor{ID: "app", Type: TOTP, Status: NotSetUp}
	for _, require := range []Requirement{RequireFactor, RequireIfActive} {
		add.Require = require
		w := begun(t, Policy{}, add, adaMail, app)
		w.refuses(Enroll{TOTP}, ErrNotAllowed)
		w.do(Challenge{adaMail.ID})
		w.want(w.do(Verify{Code: w.right()}), MFAEnroll)
		if _, ok := w.answer().Allows(EventSkip); !ok {
			t.Error("skip is not allowed")
		}
		w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
		w.want(w.do(Activate{Code: appCode(string(w.answer().Prompt.Secret), t0)}), Success)
	}
	w := begun(t, Policy{}, add, adaMail)
	w.do(Challenge{adaMail.ID})
	w.want(w.do(Verify{Code: w.right()}), MFAEnroll) // nothing is offered
	w.want(w.do(Skip{}), Success)
	w = begun(t, Policy{}, add, app) // nothing to prove: enrolling the first one is the addition
	w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: appCode(string(w.answer().Prompt.Secret), t0)}), Success)

	var r Result
	add.Require = RequireNothing
	refused(t, &r, w.m.Begin(&Account{}, add, env(0, 1, adaMail), &r), ErrMalformed)
}

// With OfferMore, an enrollment leads back to MFA_ENROLL while there is more to enroll,
// which may be skipped once nothing is required any more; a sign-in with an active factor
// is as without it.
func TestOfferMore(t *testing.T) {
	more := Login{User: ada.User, OfferMore: true}
	first, second, third := Factor{ID: "app", Type: TOTP, Status: NotSetUp}, Factor{ID: "list", Type: RecoveryCodes, Status: NotSetUp}, adaMail
	third.Status = NotSetUp
	enroll := func(w *walk, want State) {
		t.Helper()
		w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
		w.want(w.do(Activate{Code: appCode(string(w.answer().Prompt.Secret), t0)}), want)
	}
	for _, require := range []Requirement{RequireFactor, RequireIfActive} {
		more.Require = require
		w := begun(t, Policy{}, more, first, second, third)
		if _, ok := w.answer().Allows(EventSkip); ok != (require == RequireIfActive) {
			t.Errorf("%d: skip before the first is allowed: %t", require, ok)
		}
		enroll(w, MFAEnroll)
		w.refuses(Enroll{TOTP}, ErrNotOffered)
		w.want(w.do(Enroll{RecoveryCodes}), MFAEnrollActivate)
		w.want(w.do(Previous{}), MFAEnroll)
		w.want(w.do(Skip{}), Success)

		w = begun(t, Policy{}, more, first) // there is no more
		enroll(w, Success)
	}
	second.Required = true
	w := begun(t, Policy{}, more, first, second, third)
	enroll(w, MFAEnroll)
	w.refuses(Skip{}, ErrRequired)

	w = begun(t, Policy{}, more, adaMail, first)
	w.do(Challenge{adaMail.ID})
	w.want(w.do(Verify{Code: w.right()}), Success)
}

func TestLoginPurpose(t *testing.T) {
	for _, purpose := range []string{"", "remove factor", strings.Repeat("p", maxPurpose)} {
		w := begun(t, Policy{}, Login{User: ada.User, Purpose: purpose}, adaMail)
		w.do(Challenge{adaMail.ID})
		w.do(Verify{Code: w.right()})
		secret, _ := w.m.Session(&w.a, w.h)
		as, err := w.m.Redeem(&w.a, secret, w.env(), &w.r)
		if err != nil || as.Purpose != purpose {
			t.Errorf("%q: %v, %+v", purpose, err, as)
		}
	}
	m := newMachine(t, Policy{})
	for _, purpose := range []string{strings.Repeat("p", maxPurpose+1), "a\nb", "\x00"} {
		var r Result
		if err := m.Begin(&Account{}, Login{User: "u", Purpose: purpose}, env(0, 1, adaMail), &r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", purpose, err)
		}
	}
}
