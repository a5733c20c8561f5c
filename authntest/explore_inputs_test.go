package authntest

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// Explorations of passwords and gates.

var twoGates = []authn.Gate{{State: "TERMS"}, {State: "PROFILE"}}

// withStatus are logins whose password is not fine.
func withStatus(l authn.Login) (ls []authn.Login) {
	for _, s := range []authn.PasswordStatus{authn.PasswordExpiresSoon, authn.PasswordHasExpired, authn.PasswordNeedsReset} {
		if l.Password, l.PasswordExpires = s, (time.Time{}); s == authn.PasswordExpiresSoon {
			l.PasswordExpires = start.Add(48 * time.Hour)
		}
		ls = append(ls, l)
	}
	return ls
}

// curt is a short transaction with few tries.
var curt = changed(brisk, func(p *authn.Policy) {
	p.Sends, p.Tries, p.BackoffFrom, p.LockEvery, p.DisableAfter, p.Life, p.Live = 1, 3, 2, 4, 5, 2*tick, 1
})

// Policies in which one wrong input locks the account, the second one disables, or one
// ends the transaction.
var (
	locking   = changed(curt, func(p *authn.Policy) { p.Tries, p.BackoffFrom, p.LockEvery, p.DisableAfter, p.Live = 1, 10, 1, 2, 2 })
	disabling = changed(curt, func(p *authn.Policy) { p.BackoffFrom, p.LockEvery, p.DisableAfter = 10, 100, 2 })
	ending    = changed(curt, func(p *authn.Policy) { p.Tries, p.BackoffFrom = 1, 1 })
)

func init() {
	bare := authn.Login{User: "ada", Require: authn.RequireNothing}
	some := authn.Login{User: "ada", Require: authn.RequireIfActive}
	needing := func(fs ...authn.Factor) []Listing {
		return []Listing{
			{Name: "usual", Factors: fs}, {Name: "terms", Factors: fs, Needs: []authn.State{"TERMS"}},
			{Name: "profile", Factors: fs, Needs: []authn.State{"PROFILE"}}, {Name: "both", Factors: fs, Needs: []authn.State{"TERMS", "PROFILE"}},
		}
	}
	kinds := []authn.Factor{
		factor("app", authn.TOTP, authn.Active), factor("list", authn.RecoveryCodes, authn.Active),
		factor("key", keyType.Name, authn.Active), factor("question", questionType.Name, authn.Active),
	}
	late := []authn.Delivery{authn.Sent, authn.Pending}
	active, fresh := mail(authn.Active, box, false), mail(authn.NotSetUp, box, false)
	own := []authn.FactorType{keyType, questionType, pushType}
	short := []authn.EventName{authn.EventPrimary, authn.EventChangePassword, authn.EventResetPassword, authn.EventPass}
	for name, o := range map[string]Options{
		"passwords": {Policy: curt, Logins: slices.Concat(withStatus(authn.Login{User: "ada"}), withStatus(bare)), Deliveries: late, Listings: []Listing{
			{Name: "usual", Factors: []authn.Factor{active}}, {Name: "closed", NoUser: true}, {Name: "limited", Factors: []authn.Factor{active}, Limit: time.Minute}}},
		"passwords-enroll": {Policy: curt, Logins: withStatus(some), Listings: []Listing{
			{Name: "usual", Factors: []authn.Factor{fresh}}, {Name: "active", Factors: []authn.Factor{active}}, {Name: "closed", NoUser: true},
			{Name: "unusable", Factors: []authn.Factor{{ID: "bird", Type: "pigeon", Address: "loft 2", Status: authn.Active}}}}},
		"passwords-tabs":    {Policy: locking, Logins: withStatus(bare), Begins: 2, Tabs: 2, Listings: []Listing{{Name: "usual"}}},
		"passwords-ending":  {Policy: ending, Logins: withStatus(bare), Listings: []Listing{{Name: "usual"}}, Events: short},
		"passwords-disable": {Policy: disabling, Logins: withStatus(bare), Listings: []Listing{{Name: "usual"}}, Events: short},
		"passwords-again":   {Policy: curt, Logins: withStatus(bare)[2:], Begins: 2, Deliveries: late, Listings: []Listing{{Name: "usual"}}},
		"passwords-kinds": {Policy: pair, Types: own, Logins: withStatus(authn.Login{User: "ada"}), Typed: []Typed{TypedRight, TypedChanged},
			Events:   []authn.EventName{authn.EventPrimary, authn.EventChallenge, authn.EventVerify},
			Listings: []Listing{{Name: "usual", Factors: kinds}}},
		"gates-kinds": {Policy: pair, Types: own, Typed: []Typed{TypedRight, TypedChanged},
			Events:   []authn.EventName{authn.EventPrimary, authn.EventChallenge, authn.EventVerify},
			Listings: needing(kinds...)},
		"gates":         {Policy: curt, Logins: append(withStatus(bare), authn.Login{User: "ada"}, bare), Listings: append(needing(active), Listing{Name: "limited", Factors: []authn.Factor{active}, Needs: []authn.State{"TERMS"}, Limit: time.Minute})},
		"gates-enroll":  {Policy: curt, Logins: []authn.Login{some}, Listings: needing(fresh)},
		"gates-tabs":    {Policy: locking, Logins: []authn.Login{bare}, Begins: 2, Tabs: 2, Listings: needing()},
		"gates-ending":  {Policy: ending, Logins: []authn.Login{bare}, Listings: needing(), Events: short},
		"gates-disable": {Policy: disabling, Logins: []authn.Login{bare}, Listings: needing(), Events: short},
	} {
		explorations[name] = o
	}
}

// wrongInputs are what can be wrong with a machine that the host judges inputs for.
var wrongInputs = []wrongMachine{
	{name: "does not ask for a new password", rule: "password", in: "passwords", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			l.Password, l.PasswordExpires = authn.PasswordFine, time.Time{}
			return d.probe.Begin(a, l, env, r)
		}}},
	{name: "asks for the new password before the factor", rule: "new password", in: "passwords", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			if l.Password == authn.PasswordNeedsReset {
				l.Require = authn.RequireNothing
			}
			return d.probe.Begin(a, l, env, r)
		}},
		options: func(o *Options) { o.Logins = withStatus(authn.Login{User: "ada"})[2:] }},
	{name: "forgets a new password", rule: "new password", in: "passwords", machine: doctored{
		view: func(v *authn.AccountView) {
			v.Owed = slices.DeleteFunc(v.Owed, func(o authn.Effect) bool { return o.Name == storePassword })
		}}},
	{name: "passes over the second gate", rule: "gates", in: "gates", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if is[authn.Pass](ev) {
				env.Needed = map[authn.State]bool{"TERMS": false, "PROFILE": false}
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "counts what the host rejects", rule: "inputs", in: "passwords", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if env.Verdict != nil && env.Verdict.Rejected {
				env.Verdict = new(authn.Verdict)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
}
