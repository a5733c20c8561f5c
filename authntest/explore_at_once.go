package authntest

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The rules about what one step does in place of two.

// checkAtOnce takes the event again, and asks for the assertion.
func checkAtOnce(t *Trial) (applies bool, wrong string) {
	if !t.Taken() || t.Event != authn.EventPrimary && t.Payload == nil {
		return false, ""
	}
	var r, after authn.Result
	x, err := t.x, error(nil)
	if t.Event == authn.EventPrimary {
		l := t.Login
		l.RedeemAtOnce = true
		err = x.p.Begin(t.Account, l, t.env, &r)
	} else {
		err = x.step(t, t.Account, authn.RedeemAtOnce(t.Payload), t.env, &r)
	}
	is, was := t.Is(), t.Was()
	if err != nil || r.Assertion == nil && (is == nil || !is.Session || was != nil && was.Session) {
		return true, t.same(&r, err)
	}
	if is == nil || !is.Session {
		return true, "it gives an assertion where there is no session"
	}
	x.count(&r)
	env := t.env
	t.supply(&authn.Lack{Factors: true}, &env)
	secret, _ := x.p.Session(&t.r.Account, t.handle())
	as, err := x.p.Redeem(&t.r.Account, secret, env, &after)
	if r.Assertion == nil {
		waits := t.Event == authn.EventActivate || t.Event == authn.EventChangePassword || t.Event == authn.EventResetPassword
		return true, says(t.same(&r, nil) != "" || err == nil && !waits, "the session token could be redeemed, and is not")
	}
	return true, says(err != nil || !reflect.DeepEqual(as, r.Assertion) || !x.alike(&after, &r, t.Transaction), "it is not what redeeming the session token does: %v", err)
}

// checkChallengedAtOnce begins again, and asks for a challenge.
func checkChallengedAtOnce(t *Trial) (applies bool, wrong string) {
	if !t.Taken() || t.Event != authn.EventPrimary {
		return false, ""
	}
	var r, after authn.Result
	x, l := t.x, t.Login
	l.Challenge = true
	if err := x.p.Begin(t.Account, l, t.env, &r); err != nil {
		return true, t.same(&r, err)
	}
	x.count(&r)
	offered, err := x.p.Status(&t.r.Account, t.handle(), t.env)
	if err != nil || t.Is().State != authn.MFARequired || len(offered.Factors) == 0 {
		return true, t.same(&r, nil)
	}
	first := offered.Factors[0].ID
	err = x.p.Step(&t.r.Account, t.handle(), authn.Challenge{Factor: first}, t.env, &after)
	if v := x.p.View(&r.Account); transaction(&v, t.Transaction).State == authn.MFARequired {
		return true, says(t.same(&r, nil) != "" || err == nil && len(offered.Factors) == 1, "the only factor could be challenged, and is not")
	}
	return true, says(err != nil || !x.alike(&after, &r, t.Transaction), "it is not what the challenge of %s does: %v", first, err)
}

// handle is the secret of the state token of the trial's transaction.
func (t *Trial) handle() authn.TokenSecret {
	if t.Event == authn.EventPrimary {
		return authn.TokenSecret(t.env.Entropy[16:48])
	}
	return t.g.secret
}

// count counts the rows of a step that no walk takes.
func (x *explorer) count(r *authn.Result) {
	for _, m := range x.p.Moves(r) {
		x.found.Rows[rowName(m.Row)]++
	}
}

// alike says that two steps and one have led to the same: but for the number of steps, and
// what the keys of effects have of it.
func (x *explorer) alike(two, one *authn.Result, id string) bool {
	a, b := x.p.View(&two.Account), x.p.View(&one.Account)
	transaction(&a, id).Steps--
	for _, v := range []*authn.AccountView{&a, &b} {
		v.Owed = slices.Clone(v.Owed)
		for i := range v.Owed {
			v.Owed[i].Key, v.Owed[i].Next = "", time.Time{}
		}
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}
