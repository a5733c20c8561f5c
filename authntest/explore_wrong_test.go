package authntest

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

func idOf(env authn.Env) string { return hex.EncodeToString(env.Entropy[:16]) }

// retyped is a code event with another code.
func retyped(ev authn.Event, code authn.Code) authn.Event {
	switch e := ev.(type) {
	case authn.Verify:
		e.Code = code
		return e
	case authn.Activate:
		e.Code = code
		return e
	}
	return ev
}

func is[E authn.Event](ev authn.Event) bool { _, ok := ev.(E); return ok }

// wrongMachine is a machine with something wrong, and the rule that it breaks.
type wrongMachine struct {
	name, rule, in string
	machine        doctored
	options        func(*Options)
}

// wrongMachines are what can be wrong with a machine, one thing at a time.
var wrongMachines = []wrongMachine{
	{name: "accepts a wrong code", rule: "earned", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if codeOf(ev) != "" && len(codeOf(ev)) == 6 {
				ev = retyped(ev, d.right(a, h, env))
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "is content with the password", rule: "earned", in: "sign-in", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			l.Require = authn.RequireNothing
			return d.probe.Begin(a, l, env, r)
		}}},
	{name: "rejects the right code", rule: "right code", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if code := codeOf(ev); code == d.right(a, h, env) {
				ev = retyped(ev, turned(code, 0, 3))
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "accepts a code that was superseded", rule: "once", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if slices.Contains(d.codes[d.ids[h]], codeOf(ev)) {
				ev = retyped(ev, d.right(a, h, env))
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "accepts a late code", rule: "late", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if end := d.tx(a, h).CodeExpires; codeOf(ev) != "" && env.Limited.IsZero() && !end.IsZero() && !env.Now.Before(end) {
				env.Now = end.Add(-1)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "a code is late a nanosecond early", rule: "right code", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if codeOf(ev) != "" && env.Limited.IsZero() && d.tx(a, h).CodeExpires.Equal(env.Now.Add(1)) {
				env.Now = env.Now.Add(1)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "forgets to count", rule: "counted", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			was := *a
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && r.Outcome == authn.WrongCode {
				r.Account = was
			}
			return err
		}}},
	{name: "counts twice", rule: "counted", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && r.Outcome == authn.WrongCode {
				_ = d.probe.Step(&r.Account, h, ev, env, r)
			}
			return err
		}}},
	{name: "forgives nothing", rule: "forgiven", in: "sign-in", machine: doctored{
		view: func(v *authn.AccountView) {
			if v.Transactions != nil && v.Transactions[0].Proved != nil {
				v.Failures++
			}
		}}},
	{name: "does not see that its clock was wrong", rule: "clock fault", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if saved := d.probe.View(a).Saved; saved.Sub(env.Now) > authn.MaxSkew {
				env.Now = saved
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "compares all digits but the last", rule: "counted", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if right, code := d.right(a, h, env), codeOf(ev); len(code) == 6 && code[:5] == right[:5] {
				ev = retyped(ev, right)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "counts a resend", rule: "only codes", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Resend](ev) && !r.Ended {
				b := r.Account
				_ = d.probe.Step(&b, h, authn.Verify{Code: turned(d.right(&b, h, env), 0, 1)}, env, r)
				r.Outcome = authn.Done
			}
			return err
		}}},
	{name: "gives a try more than the policy", rule: "last try", in: "sign-in", options: func(o *Options) { o.Policy.Tries-- }},
	{name: "gives a lock less than the policy", rule: "last try", in: "account", options: func(o *Options) { o.Policy.Lock, o.Policy.LockMax = 3*tick, 3*tick }},
	{name: "a resend gives tries back", rule: "no refill", in: "sign-in", machine: doctored{
		view: func(v *authn.AccountView) {
			for i := range v.Transactions {
				if t := &v.Transactions[i]; t.Sent > 1 {
					t.Tries = 0
				}
			}
		}}},
	{name: "a cancel breaks the row of wrong codes", rule: "no refill", in: "sign-in", machine: doctored{
		view: func(v *authn.AccountView) {
			if v.Transactions != nil && v.Transactions[0].State == authn.Canceled {
				v.Failures, v.BackoffUntil, v.WrongCodes = 0, time.Time{}, nil
			}
		}}},
	{name: "does not charge a code to the account", rule: "new code", in: "sign-in", machine: doctored{
		view: func(v *authn.AccountView) { v.Sends = nil }}},
	{name: "sends before the cool-down is over", rule: "new code", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if again := d.tx(a, h).ResendAt; is[authn.Resend](ev) && again.After(env.Now) {
				env.Now = again
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "is asked nothing by the Limiter", rule: "host", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			env.Limited = time.Time{}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "its entropy is always the same", rule: "bound", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			env.Entropy = [64]byte{1}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "sends no code, for no reason", rule: "sent", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if is[authn.Challenge](ev) {
				env.Factors = nil
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "a code outlives its sign-in", rule: "one code", in: "sign-in", machine: doctored{
		view: func(v *authn.AccountView) {
			for i := range v.Transactions {
				if t := &v.Transactions[i]; t.State == authn.Success {
					t.CodeExpires = t.Expires
				}
			}
		}}},
	{name: "goes by what the Directory said first", rule: "address", in: "sign-in", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			d.list = env.Factors
			return d.probe.Begin(a, l, env, r)
		},
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if env.Factors != nil || is[authn.Challenge](ev) {
				env.Factors = explorations["sign-in"].Listings[0].Factors
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "enrolls although a factor is active", rule: "enrollment", in: "enroll", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if slices.ContainsFunc(env.Factors, func(f authn.Factor) bool { return f.Status == authn.Active }) {
				env.Factors = explorations["enroll"].Listings[0].Factors
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "a resend extends the transaction", rule: "end", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Resend](ev) && !r.Ended {
				r.Account.Shift(time.Second)
			}
			return err
		}}},
	{name: "forgets the time", rule: "time up", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if end := d.tx(a, h).Expires; !end.IsZero() && !env.Now.Before(end) && d.tx(a, h).State == authn.MFARequired {
				env.Now = end.Add(-1)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "a canceled transaction goes on", rule: "terminal", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if was, ok := d.before[h]; ok && d.tx(a, h).State == authn.Canceled && is[authn.Challenge](ev) {
				return d.probe.Step(&was, h, ev, env, r)
			}
			was := *a
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Cancel](ev) && d.tx(&was, h).State == authn.MFARequired {
				d.before[h] = was
			}
			return err
		}}},
	{name: "tells how a transaction ended", rule: "unknown", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			var ref *authn.Refusal
			if errors.As(err, &ref) && ref.Err == authn.ErrFinished {
				told := *ref
				told.State = d.tx(a, h).State
				return &told
			}
			return err
		}}},
	{name: "a lock spares a tab", rule: "rows", in: "tabs", machine: doctored{
		view: func(v *authn.AccountView) {
			if n := len(v.Transactions); n > 1 && v.Transactions[n-1].State == authn.LockedOut {
				v.Transactions[n-1].State = authn.MFARequired
			}
		}}},
	{name: "begins on a locked account", rule: "locked", in: "account", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			err := d.probe.Begin(a, l, env, r)
			if errors.Is(err, authn.ErrLocked) {
				env.Now = err.(*authn.Refusal).RetryAt
				return d.probe.Begin(a, l, env, r)
			}
			return err
		}}},
	{name: "more transactions at once than the policy", rule: "bounds", in: "tabs", options: func(o *Options) { o.Policy.Live = 1 }},
	{name: "a session token is good twice", rule: "session", in: "sign-in", machine: doctored{
		redeem: func(d *doctored, a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error) {
			was := *a
			as, err := d.probe.Redeem(a, h, env, r)
			ended := slices.ContainsFunc(a.View().Transactions, func(t authn.TransactionView) bool { return t.State != authn.Success })
			if b, ok := d.before[h]; errors.Is(err, authn.ErrFinished) && ok && !ended {
				return d.probe.Redeem(&b, h, env, r)
			}
			if err == nil {
				d.before[h] = was
			}
			return as, err
		}}},
	{name: "an assertion claims a code that was not typed", rule: "session", in: "sign-in", machine: doctored{
		redeem: func(d *doctored, a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error) {
			as, err := d.probe.Redeem(a, h, env, r)
			if as != nil && len(as.Methods) == 1 {
				as.Methods = append(as.Methods, "otp")
			}
			return as, err
		}}},
	{name: "a refusal is counted", rule: "refusal", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err != nil && is[authn.Skip](ev) {
				a.Shift(time.Second)
			}
			return err
		}}},
	{name: "changes its argument", rule: "pure", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil {
				*a = r.Account
			}
			return err
		}}},
	{name: "every other result is another one", rule: "pure", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			d.calls++
			env.Entropy[50] ^= byte(d.calls)
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "says that it may be tried again too early", rule: "retry", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			var ref *authn.Refusal
			if errors.As(err, &ref) && !ref.RetryAt.IsZero() {
				early := *ref
				early.RetryAt = ref.RetryAt.Add(-1)
				return &early
			}
			return err
		}}},
	{name: "lists what is not allowed", rule: "allowed", in: "sign-in", machine: doctored{
		status: func(ans *authn.Answer) {
			if _, ok := ans.Allows(authn.EventSkip); !ok {
				ans.Allowed = append(ans.Allowed, authn.Allowed{Event: authn.EventSkip})
			}
		}}},
	{name: "lists a resend a second early", rule: "allowed", in: "sign-in", machine: doctored{
		status: func(ans *authn.Answer) {
			for i := range ans.Allowed {
				if at := &ans.Allowed[i].At; !at.IsZero() {
					*at = at.Add(-time.Second)
				}
			}
		}}},
	{name: "shows the address", rule: "masked", in: "sign-in", machine: doctored{
		status: func(ans *authn.Answer) { ans.Factor.Address = box }}},
	{name: "follows a clock that falls back", rule: "clock", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			b := *a
			if behind := d.probe.View(a).Saved.Sub(env.Now); behind > 0 {
				b.Shift(-behind)
			}
			return d.probe.Step(&b, h, ev, env, r)
		}}},
	{name: "does not know idempotency keys", rule: "repeated", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if v := reflect.ValueOf(ev); v.Kind() == reflect.Struct && v.NumField() > 0 && v.Type().Field(0).Name == "Event" {
				ev = v.Field(0).Interface().(authn.Event)
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "opens a record that is somebody else's", rule: "record", in: "sign-in", machine: doctored{
		open: func(d *doctored, b []byte, key string) (authn.Account, error) {
			return d.probe.Open(b, d.probe.Key("ada"))
		}}},
	{name: "deletes a record that counts wrong codes", rule: "deleted", in: "account", machine: doctored{
		record: func(d *doctored, a *authn.Account, r *authn.Record) {
			if v := d.probe.View(a); v.Transactions == nil && v.WrongCodes == nil {
				r.Value = nil
			}
		}}},
	{name: "takes rows that it does not tell", rule: "rows", in: "sign-in", machine: doctored{
		moves: func(ms []authn.Move) []authn.Move { return ms[:len(ms)-1] }}},
	{name: "takes a row that the table does not have", rule: "rows", in: "sign-in", machine: doctored{
		moves: func(ms []authn.Move) []authn.Move {
			for i := range ms {
				if ms[i].Row.To == authn.MFAChallenge {
					ms[i].Row.To = authn.Success
				}
			}
			return ms
		}}},
	{name: "explains another row", rule: "explained", in: "sign-in", machine: doctored{
		explain: func(row *authn.Transition) {
			if row.Event == authn.EventChallenge && row.Refuse == nil {
				row.When = []string{"good luck"}
			}
		}}},
	{name: "a wrong code in one tab shows in another", rule: "others", in: "tabs", machine: doctored{
		view: func(v *authn.AccountView) {
			for i := range v.Transactions {
				v.Transactions[i].Tries += len(v.Starts)
			}
		}},
		options: func(o *Options) { o.Policy.Tries = 30 }},
	{name: "drops an effect", rule: "effects", in: "sign-in", machine: doctored{
		effects: func(es []authn.Effect) []authn.Effect {
			return slices.DeleteFunc(es, func(e authn.Effect) bool { return e.Name == reportSignIn })
		}}},
	{name: "does not store what is owed", rule: "owed", in: "mails", machine: doctored{
		view: func(v *authn.AccountView) {
			v.Owed = slices.DeleteFunc(v.Owed, func(o authn.Effect) bool { return o.Name == reportSignIn })
		}}},
	{name: "takes a delivery that failed for done", rule: "delivery", in: "mails", machine: doctored{
		attempt: func(errs []error) { clear(errs) }}},
	{name: "does not claim what is due", rule: "tend", in: "mails", machine: doctored{
		tend: func(d *doctored, a *authn.Account, now time.Time, r *authn.Result) ([]authn.Effect, error) {
			_, err := d.probe.Tend(a, now, r)
			return nil, err
		}}},
}
