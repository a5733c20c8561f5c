package authntest

import (
	"errors"
	"reflect"
	"slices"

	"github.com/authnfsm/authn"
)

// The rules about effects: what is owed, and what becomes of it.

// The names of effects, as in the table.
const (
	sendCode        = "send code"
	handOver        = "hand over factor"
	notifyActivated = "notify of factor"
	notifyBackoff   = "notify of failures"
	notifyLocked    = "notify of lock"
	notifyStarts    = "notify of starts"
	notifyRecovery  = "notify of recovery code"
	reportSignIn    = "report sign-in"
)

func isNotice(name string) bool {
	return slices.Contains([]string{notifyActivated, notifyBackoff, notifyLocked, notifyStarts, notifyRecovery, notifyPassword}, name)
}

// outbox is how many effects an account can owe, codes apart.
const outbox = 8

// crowded says that notices have had to make room.
func crowded(v *authn.AccountView) bool {
	n := 0
	for _, o := range v.Owed {
		if o.Name != sendCode {
			n++
		}
	}
	return n >= outbox
}

func checkEffects(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed || t.Event == eventTend {
		return false, ""
	}
	var want, got []string
	for _, m := range t.Moves {
		for _, e := range m.Row.Emit {
			want = append(want, m.Transaction+" "+e)
		}
	}
	keys := map[string]bool{}
	for _, e := range t.Effects {
		got = append(got, e.Transaction+" "+e.Name)
		if keys[e.Key] || e.Key == "" || e.User != t.s.user {
			return true, says(true, "the key %q comes twice, or it is of %q", e.Key, e.User)
		}
		keys[e.Key] = true
		if o := owes(&t.After, e.Key); o != nil && !o.Next.After(t.Now.Add(t.Policy.DeliveryTimeout)) {
			return true, says(true, "another node sends %s too, from %v on", e.Name, o.Next)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	return len(want) > 0, says(!slices.Equal(want, got) && !crowded(&t.After), "the rows list %q, the effects are %q", want, got)
}

// owes finds an effect.
func owes(v *authn.AccountView, key string) *authn.Effect {
	for i := range v.Owed {
		if v.Owed[i].Key == key {
			return &v.Owed[i]
		}
	}
	return nil
}

func checkOwed(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || !t.Changed {
		return false, ""
	}
	for i := range t.Before.Owed {
		o := &t.Before.Owed[i]
		applies = true
		if owes(&t.After, o.Key) != nil {
			continue
		}
		switch was, is := transaction(&t.Before, o.Transaction), transaction(&t.After, o.Transaction); {
		case o.Name == sendCode && (is == nil || is.Sent != was.Sent || is.CodeExpires.IsZero() || is.Delivery == authn.NotSent):
			continue // superseded, or answered
		case o.Name == handOver && slices.ContainsFunc(t.Effects, func(e authn.Effect) bool { return e.Name == handOver && e.Factor == o.Factor }):
			continue // the newer one says all that it said
		case o.Name == storePassword && (t.newPassword() || t.Event == authn.EventRedeem):
			continue // a newer one takes its place, or it was stored before
		case (o.Name == sendCode || isNotice(o.Name)) && t.Event == eventTend && o.Attempts >= mostAttempts:
			continue // given up
		case isNotice(o.Name) && crowded(&t.After):
			continue
		}
		return true, says(true, "%s is owed no more", o.Name)
	}
	for _, e := range t.Effects {
		if owes(&t.After, e.Key) == nil {
			return true, says(true, "%s is asked for and not owed: a crash would lose it", e.Name)
		}
	}
	return applies, ""
}

// mostAttempts is how often a message is tried.
const mostAttempts = 5

func checkDelivery(t *Trial) (applies bool, wrong string) {
	if t.Err != nil || len(t.Effects) == 0 {
		return false, ""
	}
	for i, e := range t.Effects {
		failed, o := t.Attempts[i], owes(&t.Settled, e.Key)
		was := owes(&t.After, e.Key)
		if was == nil {
			continue
		}
		final := failed == nil || errors.Is(failed, authn.ErrSuperseded) || errors.Is(failed, authn.ErrUndeliverable) ||
			was.Attempts >= mostAttempts && (isNotice(e.Name) || e.Name == sendCode)
		if final != (o == nil) {
			return true, says(true, "%s is owed: %t, after %v", e.Name, o != nil, failed)
		}
		if o != nil && !o.Next.After(t.Now) {
			return true, says(true, "%s is tried again at %v", e.Name, o.Next)
		}
		if is := transaction(&t.Settled, e.Transaction); e.Name == sendCode && is != nil {
			want := authn.Sent
			switch {
			case !final:
				want = authn.Pending
			case failed != nil:
				want = authn.Failed
			}
			if is.Delivery != want || want == authn.Failed && is.ResendAt.After(t.Now) {
				return true, says(true, "the delivery is %q, want %q; again from %v", is.Delivery, want, is.ResendAt)
			}
		}
	}
	return true, says(!reflect.DeepEqual(t.blind(&t.After), t.blind(&t.Settled)), "more than that changed")
}

// blind is a view without what a delivery may change.
func (t *Trial) blind(v *authn.AccountView) authn.AccountView {
	b := *v
	b.Owed, b.Transactions = nil, slices.Clone(b.Transactions)
	for i := range b.Transactions {
		tx := &b.Transactions[i]
		j := slices.IndexFunc(t.Effects, func(e authn.Effect) bool { return e.Name == sendCode && e.Transaction == tx.ID })
		if j < 0 {
			continue
		}
		tx.Delivery = ""
		if t.Attempts[j] != nil {
			tx.ResendAt = t.Now
		}
		if errors.Is(t.Attempts[j], authn.ErrSuperseded) {
			tx.CodeExpires, tx.CodeTries = t.Now, 0
		}
	}
	return b
}

func checkTend(t *Trial) (applies bool, wrong string) {
	if t.Event != eventTend {
		return false, ""
	}
	if t.Err != nil {
		return true, t.Err.Error()
	}
	for i := range t.Before.Transactions {
		was := &t.Before.Transactions[i]
		is := transaction(&t.After, was.ID)
		switch over := t.overdue(was); {
		case isTerminal(was.State) && !was.Session: // its slot may be freed
		case over != (is.State == authn.Expired):
			return true, says(true, "overdue %t, and it is in %s", over, is.State)
		case !over && (is.State != was.State || is.Tries != was.Tries || is.Sent != was.Sent || !is.CodeExpires.Equal(was.CodeExpires) || is.Session != was.Session):
			return true, says(true, "it was touched: %+v", *is)
		}
	}
	for _, o := range t.Before.Owed {
		tx := transaction(&t.After, o.Transaction)
		dead := o.Name == sendCode && (tx == nil || tx.CodeExpires.IsZero())
		due := !o.Next.After(t.Now) && !dead && (o.Attempts < mostAttempts || o.Name != sendCode && !isNotice(o.Name))
		if claimed := slices.ContainsFunc(t.Effects, func(e authn.Effect) bool { return e.Key == o.Key }); claimed != due {
			return true, says(true, "%s is due %t, claimed %t", o.Name, due, claimed)
		}
	}
	if t.After.Failures != t.Before.Failures || t.After.Disabled != t.Before.Disabled || t.After.LockedUntil.After(t.Before.LockedUntil) {
		return true, "the account was touched"
	}
	return true, ""
}

// checkBound does the step again with other entropy, and for a code with other
// addresses. Two codes may be equal by chance, hardly twice.
func checkBound(t *Trial) (applies bool, wrong string) {
	is := t.Is()
	if !t.Taken() || is == nil || !t.sent() && (!is.Session || t.Event == authn.EventRedeem) {
		return false, ""
	}
	was := t.secret(&t.r, t.env.Factors)
	other := func(env authn.Env) bool {
		r := &t.x.scratch
		_, _, err := t.x.perform(t, t.Account, env, r)
		return err == nil && t.secret(r, env.Factors) != was
	}
	fresh, moved := false, !t.sent() || t.x.kind(t.g2().hand.Type) == byDevice // which goes by the factor
	for n := byte(1); n <= 2; n++ {
		env := t.env
		env.Entropy[63] ^= n
		fresh = fresh || other(env)
		env = t.env
		env.Factors = slices.Clone(env.Factors)
		for i := range env.Factors {
			env.Factors[i].Address = string('a'+rune(n)) + env.Factors[i].Address
		}
		moved = moved || other(env)
	}
	return true, says(!fresh || !moved, "it depends on entropy: %t, on the address: %t", fresh, moved)
}

// secret is the code that is sent, or the session token.
func (t *Trial) secret(r *authn.Result, fs []authn.Factor) string {
	for _, e := range t.x.p.Effects(r) {
		if job, err := t.x.p.Job(&r.Account, "", e, fs, t.Now); err == nil && job.Message != nil && job.Message.Code+authn.Code(job.Message.Approval) != "" {
			return string(job.Message.Code) + string(job.Message.Approval)
		}
	}
	h := authn.TokenSecret(t.env.Entropy[16:48])
	if t.g != nil {
		h = t.g.secret
	}
	s, _ := t.x.p.Session(&r.Account, h)
	return string(s[:])
}
