package authntest

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// onUsed takes another code in place of one that was used.
func onUsed(other func(d *doctored, code authn.Code, env authn.Env) authn.Code) doctored {
	return doctored{step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
		err := d.probe.Step(a, h, ev, env, r)
		if errors.Is(err, authn.ErrUsed) && codeOf(ev) != "" {
			return d.probe.Step(a, h, retyped(ev, other(d, codeOf(ev), env)), env, r)
		}
		return err
	}}
}

// onVerdict hears something else than what the Verifier says.
func onVerdict(hears func(v *authn.Verdict)) doctored {
	return doctored{step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
		if env.Verdict != nil {
			v := *env.Verdict
			hears(&v)
			env.Verdict = &v
		}
		return d.probe.Step(a, h, ev, env, r)
	}}
}

// onLack does something else where a fact is lacking.
func onLack(does func(d *doctored, lack *authn.Lack, r *authn.Result) error) doctored {
	return doctored{step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
		err := d.probe.Step(a, h, ev, env, r)
		var lack *authn.Lack
		if errors.As(err, &lack) {
			return does(d, lack, r)
		}
		return err
	}}
}

// sawNumber is the number that a sign-in shows, when another one is named.
var sawNumber = func() doctored {
	numbers := map[string]bool{}
	return doctored{
		status: func(ans *authn.Answer) {
			if ans.Prompt.Number != "" {
				numbers[ans.Prompt.Number] = true
			}
		},
		respond: func(d *doctored, a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error {
			for n := range numbers {
				var try authn.Result
				if reply.Approve && d.probe.Respond(a, approval, authn.Reply{Approve: true, Number: n}, env, &try) == nil && try.Outcome == authn.Done {
					reply.Number = n
				}
			}
			return d.probe.Respond(a, approval, reply, env, r)
		},
	}
}

// wrongProofs are what can be wrong with factors that are proved by something else than a
// code that was sent.
var wrongProofs = []wrongMachine{
	{name: "takes a code of an app twice", rule: "single use", in: "app-tabs", machine: onUsed((*doctored).another)},
	{name: "takes a code of a list twice", rule: "single use", in: "list-tabs", machine: onUsed((*doctored).another)},
	{name: "counts a code that was used", rule: "uncounted", in: "app-tabs", machine: onUsed(
		func(_ *doctored, code authn.Code, _ authn.Env) authn.Code { return turned(code, 0, 1) })},
	{name: "names no time at which an app shows another code", rule: "retry", in: "app-exact", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			var ref *authn.Refusal
			if errors.As(err, &ref) && ref.Err == authn.ErrUsed {
				silent := *ref
				silent.RetryAt = time.Time{}
				return &silent
			}
			return err
		}}},
	{name: "takes no code of an app that is a step ahead", rule: "right code", in: "app-exact", options: func(o *Options) { o.Policy.NoTOTPDrift = false }},
	{name: "takes a code of an app that is a step ahead, against the policy", rule: "earned", in: "app-tabs", options: func(o *Options) { o.Policy.NoTOTPDrift = true }},
	{name: "takes a code of an app in a back-off", rule: "earned", in: "push-backoff", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if end := d.probe.View(a).BackoffUntil; is[authn.Verify](ev) && end.After(env.Now) && d.tx(a, h).State == authn.MFARequired {
				env.Now = end
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},
	{name: "takes an app that the Directory does not list any more", rule: "earned", in: "app", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			if len(env.Factors) > 1 {
				d.list = env.Factors
			}
			return d.probe.Begin(a, l, env, r)
		},
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if is[authn.Verify](ev) && !env.ListLater {
				env.Factors = d.list
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},

	{name: "counts a response to another challenge", rule: "uncounted", in: "keys", machine: onVerdict(func(v *authn.Verdict) { v.Malformed = false })},
	{name: "takes every response for right", rule: "earned", in: "keys", machine: onVerdict(func(v *authn.Verdict) { v.Right = true })},
	{name: "takes the proof of a key that is not the user's", rule: "earned", in: "keys-tabs", machine: onVerdict(func(v *authn.Verdict) { v.Factor = "" })},
	{name: "a wrong response costs nothing", rule: "counted", in: "keys", machine: onVerdict(func(v *authn.Verdict) { v.Malformed = v.Malformed || !v.Right })},
	{name: "has one challenge for all responses", rule: "challenge", in: "keys", machine: doctored{
		step: onLack(func(_ *doctored, lack *authn.Lack, _ *authn.Result) error {
			if lack.Check != nil && lack.Check.Challenge != [32]byte{} {
				lack.Check.Challenge = [32]byte{1}
			}
			return lack
		}).step,
		check: func(c *authn.Check) { c.Challenge = [32]byte{1} }}},
	{name: "judges by another challenge than it has shown", rule: "challenge", in: "keys", machine: doctored{
		check: func(c *authn.Check) { c.Challenge[0]++ }}},
	{name: "decides something before it knows", rule: "facts", in: "keys", machine: onLack(func(_ *doctored, lack *authn.Lack, r *authn.Result) error {
		r.Changed = true
		return lack
	})},
	{name: "asks the Limiter about something else", rule: "facts", in: "keys", machine: onLack(func(_ *doctored, lack *authn.Lack, _ *authn.Result) error {
		if lack.Attempt.Event == authn.EventVerify {
			lack.Attempt.Event = authn.EventResend
		}
		return lack
	})},

	{name: "charges the challenge of an app", rule: "shown", in: "app", machine: doctored{
		view: func(v *authn.AccountView) {
			for i := range v.Transactions {
				if t := &v.Transactions[i]; t.Factor == "app" && !t.CodeExpires.IsZero() {
					t.ResendAt = t.Began.Add(tick)
				}
			}
		}}},
	{name: "sends again what was never sent", rule: "shown", in: "app", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			if is[authn.Resend](ev) && d.tx(a, h).Factor == "app" {
				ev = authn.Cancel{}
			}
			return d.probe.Step(a, h, ev, env, r)
		}}},

	{name: "an approval is a sign-in", rule: "reply", in: "push", machine: doctored{
		respond: func(d *doctored, a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error {
			err := d.probe.Respond(a, approval, reply, env, r)
			if err != nil || r.Outcome != authn.Done || r.Ended {
				return err
			}
			approved := r.Account
			for _, h := range d.handles(&approved, authn.MFAChallenge) {
				_ = d.probe.Step(&approved, h, authn.Verify{}, env, r)
			}
			return nil
		}}},
	{name: "a no is as good as a yes", rule: "reply", in: "push", machine: doctored{
		respond: func(d *doctored, a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error {
			reply.Approve = true
			return d.probe.Respond(a, approval, reply, env, r)
		}}},
	{name: "any number is as good as the one that is shown", rule: "reply", in: "push", machine: sawNumber()},
	{name: "an answer counts after the user has canceled", rule: "reply", in: "push", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			was := *a
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Cancel](ev) && d.tx(&was, h).State == authn.MFAChallenge {
				d.before[h] = was
			}
			return err
		},
		respond: func(d *doctored, a *authn.Account, approval authn.Secret, reply authn.Reply, env authn.Env, r *authn.Result) error {
			err := d.probe.Respond(a, approval, reply, env, r)
			for _, h := range d.handles(a, authn.Canceled) {
				if was, ok := d.before[h]; ok && errors.Is(err, authn.ErrFinished) {
					err = d.probe.Respond(&was, approval, reply, env, r)
				}
			}
			return err
		}}},
	{name: "a rejection is told again and again", rule: "rows", in: "push", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Verify](ev) && r.Outcome == authn.Rejected {
				*r = authn.Result{Account: *a, Changed: true, Outcome: authn.Rejected}
			}
			return err
		}}},
	{name: "a rejection is told as a wrong code", rule: "reply", in: "push", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if err == nil && is[authn.Verify](ev) && r.Outcome == authn.Rejected {
				r.Outcome = authn.WrongCode
			}
			return err
		}}},
	{name: "a question that nobody has answered is saved", rule: "uncounted", in: "push", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if errors.Is(err, authn.ErrWaiting) {
				*r = authn.Result{Account: *a, Changed: true}
				return nil
			}
			return err
		}}},
	{name: "asks two devices at once", rule: "one question", in: "push-tabs", machine: doctored{
		view: func(v *authn.AccountView) {
			for i := range v.Transactions {
				if t := &v.Transactions[i]; t.State == authn.MFAChallenge && t.CodeExpires.IsZero() {
					t.CodeExpires = t.Expires
				}
			}
		}},
		options: func(o *Options) { o.Events = []authn.EventName{authn.EventPrimary, authn.EventChallenge} }},

	{name: "hands over what the Directory does not take", rule: "revision", in: "list", machine: doctored{
		job: func(job *authn.Job) {
			if job.Activated != nil {
				job.Activated.Revision = 1
			}
		}}},
	{name: "believes an old list", rule: "revision", in: "list", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			env.Factors = slices.Clone(env.Factors)
			for i := range env.Factors {
				env.Factors[i].Revision += 10
			}
			return d.probe.Begin(a, l, env, r)
		}}},
	{name: "forgets what the Directory has taken", rule: "deleted", in: "list", machine: doctored{
		record: func(d *doctored, a *authn.Account, r *authn.Record) {
			if v := d.probe.View(a); v.Transactions == nil && v.WrongCodes == nil && v.Starts == nil {
				r.Value = nil
			}
		}}},
	{name: "shows the secret of an app again", rule: "shown once", in: "app-enroll", machine: func() doctored {
		var secret authn.Secret
		return doctored{status: func(ans *authn.Answer) {
			if ans.Prompt.Secret != "" {
				secret = ans.Prompt.Secret
			}
			if ans.Factor.Type == authn.TOTP {
				ans.Prompt.Secret = secret
			}
		}}
	}()},
	{name: "shows what the Directory keeps", rule: "shown once", in: "app", machine: doctored{
		status: func(ans *authn.Answer) {
			for i := range ans.Factors {
				ans.Factors[i].Data = []byte("sealed")
			}
		}}},
	{name: "an assertion takes a key for a code", rule: "session", in: "keys", machine: doctored{
		redeem: func(d *doctored, a *authn.Account, h authn.TokenSecret, env authn.Env, r *authn.Result) (*authn.Assertion, error) {
			as, err := d.probe.Redeem(a, h, env, r)
			if as != nil {
				as.Methods = []string{"pwd", "otp"}
			}
			return as, err
		}}},
	{name: "an assertion at once lacks the factor", rule: "redeemed at once", in: "sign-in", machine: doctored{
		step: func(d *doctored, a *authn.Account, h authn.TokenSecret, ev authn.Event, env authn.Env, r *authn.Result) error {
			err := d.probe.Step(a, h, ev, env, r)
			if r.Assertion != nil {
				r.Assertion.Factors = nil
			}
			return err
		}}},
	{name: "leaves the choice to the user who has none", rule: "challenged at once", in: "sign-in", machine: doctored{
		begin: func(d *doctored, a *authn.Account, l authn.Login, env authn.Env, r *authn.Result) error {
			l.Challenge = false
			return d.probe.Begin(a, l, env, r)
		}}},
}
