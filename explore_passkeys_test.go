package authn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"
)

var (
	exploredPasskey = Factor{ID: "key", Type: exploredKey.Name, Status: Active}
	passkeyLists    = map[string][]Factor{
		"key": {exploredPasskey}, "none": nil, "mail": {cameActive}, "may enroll": {{ID: "key", Type: exploredKey.Name, Status: NotSetUp}},
		"required": {exploredPasskey, {ID: "mail", Type: Email, Address: "ada@example.com", Status: NotSetUp, Required: true}},
		"disabled": {exploredPasskey, {ID: "spare", Type: Email, Address: "spare@example.org", Status: Disabled}},
		"unknown":  {{ID: "x", Type: "x:y", Status: Active}},
	}
	passkeyVerdicts = map[string]*Verdict{
		"right": {Right: true, Methods: []string{"pop", "uv"}}, "right, with data": {Right: true, Data: []byte("7")}, "wrong": {}, "unfit": {Malformed: true},
		"another's": {Right: true, Factor: "nobody's"},
	}
)

// TestExplorePasskeys explores the record of an account that passkeys sign in to. C10: a
// passkey begins a transaction if and only if its verifier says that it is right, it is an
// active factor of the user, its request is good and was not used, and nothing bars the
// account; then it is proved, and nothing else. Whatever else changes nothing.
func TestExplorePasskeys(t *testing.T) {
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Types: []FactorType{exploredKey}, Policy: Policy{
		StartsPerHour: 2, Live: 1, Life: minute, CodeLife: minute, SessionLife: 30 * time.Second,
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := newVoyage(t, m)
	locked := Account{ledger: ledger{user: "ada", lockedUntil: zero.Add(minute).UnixNano(), seen: zero.UnixNano()}}
	v.arrive(Account{}, zero, "nothing")
	v.arrive(locked, zero, "a lock")
	for i := 0; i < len(v.queue); i++ {
		a := v.open(v.queue[i])
		for _, c := range v.passkeyActs(&a) {
			v.do(&c)
			v.judgePasskey(&c)
			if c.err != nil || !c.r.Changed {
				continue
			}
			again := c
			b := c.r.Account
			again.a, again.text = &b, c.text+", again"
			again.env.Entropy = unused(&b)
			copy(again.h[:], again.env.Entropy[16:48])
			v.carryOn(&again, c.h.digest())
			v.rule("once", &again, true, !errors.Is(again.err, ErrFinished) && !errors.Is(again.err, ErrTooSoon))
			next := b
			for _, e := range next.owed() { // the host takes everything
				next, _, _ = m.Acknowledge(&next, []Effect{e}, []error{nil}, c.env.Now)
			}
			forgetTheOver(&next)
			forgetAges(&next, c.env.Now)
			v.arrive(next, c.env.Now, v.seen[v.queue[i]]+"; "+c.text)
		}
		if waits(&a) || a.lockedUntil > zero.UnixNano() {
			forgetAges(&a, zero.Add(tick))
			v.arrive(a, zero.Add(tick), v.seen[v.queue[i]]+"; wait")
		}
	}
	v.all(func(e *edge) bool { return e.op == opPasskey }, map[string]bool{}, "C10", "once")
}

func (v *voyage) passkeyActs(a *Account) (cs []attempt) {
	for _, name := range slices.Sorted(maps.Keys(passkeyLists)) {
		for _, said := range slices.Sorted(maps.Keys(passkeyVerdicts)) {
			for _, env := range []string{"", "limited", "void", "gone"} {
				c := attempt{text: fmt.Sprintf("%s, %s, %s", name, said, env), op: opPasskey, slot: -1, a: a}
				c.env = Env{Now: zero, Entropy: unused(a), Factors: passkeyLists[name], Verdict: passkeyVerdicts[said], NoUser: env == "gone"}
				copy(c.h[:], c.env.Entropy[16:48])
				c.l = Login{User: "ada", Methods: []string{noMethods}, claim: &claimFacts{by: exploredKey.Name, born: zero.UnixNano(), until: zero.Add(minute).UnixNano()}}
				switch env {
				case "limited":
					c.env.Limited = zero.Add(minute)
				case "void":
					c.l.claim.until = zero.UnixNano()
				}
				cs = append(cs, c)
			}
		}
	}
	return cs
}

// carryOn carries on from the claim, or the request, that stands for once.
func (v *voyage) carryOn(c *attempt, once digest) {
	l, x := c.l, *c.l.claim
	l.claim, x.once = &x, once
	c.err = v.m.carryOn(c.a, c.op, &input{login: &l, atOnce: c.atOnce}, c.h, c.env, &c.r)
}

func (v *voyage) judgePasskey(c *attempt) {
	has := func(id string) bool {
		return slices.ContainsFunc(c.env.Factors, func(f Factor) bool { return f.ID == id && f.Status == Active })
	}
	isDisabled := slices.ContainsFunc(c.env.Factors, func(f Factor) bool { return f.Status == Disabled })
	isOver := c.l.claim.until <= zero.UnixNano()
	signs := c.env.Verdict.Right && c.env.Verdict.Factor == "" && has("key")
	var want error
	switch {
	case c.env.NoUser:
		want = ErrNoUser
	case isOver:
		want = ErrFinished
	case isDisabled, c.a.lockedUntil > zero.UnixNano():
		want = ErrLocked
	case v.m.startsLeft(c.a) == 0:
		want = ErrTooSoon
	case !has("key") && !has("mail"):
		want = ErrFinished
	case !c.env.Limited.IsZero():
		want = ErrTooSoon
	case !signs:
		want = ErrFinished
	}
	v.rule("C10", c, true, !errors.Is(c.err, want))
	if c.err != nil {
		return
	}
	b := &c.r.Account
	t := &b.txs[c.r.slot]
	state := Success
	if len(c.env.Factors) == 2 {
		state = MFAEnroll
	}
	v.rule("C10", c, true, t.name() != state || t.proofs[0].id != "key" || t.proofs[1] != proof{} || t.methods != noMethods || b.recent != "key")
	owes := slices.ContainsFunc(b.outbox[:], func(e entry) bool { return e.kind == handOver })
	v.rule("C10", c, true, owes != (c.env.Verdict.Data != nil))
}

// startsLeft is how many more starts the hour allows.
func (m *Machine) startsLeft(a *Account) int {
	return max(0, m.policy.StartsPerHour-a.starts.within(zero.UnixNano(), hour))
}
