package authn

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// same says that two results are equal; each has an assertion of its own.
func (r Result) same(o *Result) bool {
	mine, other := r.Assertion, o.Assertion
	x := *o
	r.Assertion, x.Assertion = nil, nil
	return r == x && reflect.DeepEqual(mine, other)
}

// K5: an event that asks for the assertion does what it does without, and then what
// redeeming the token at that moment does, if that is not refused: neither more nor less.
func redeemedAtOnceIsRedeemed(h *trial) (bool, string) {
	if h.c.host != "" || h.c.by != 0 || h.c.op == opRedeem || h.c.op == opRespond || h.c.op == ops {
		return false, ""
	}
	if h.err != nil && len(h.x.g.hops)%8 != 0 { // of refusals, which are most of all, some are enough
		return false, ""
	}
	x, c := h.x, *h.c
	if c.op == opPrimary {
		c.login.RedeemAtOnce = true
	} else {
		c.ev = RedeemAtOnce(c.ev)
	}
	var r Result
	err := x.do(h.a, &c, h.e, &r)
	waits := h.c.op == opActivate || h.newPassword() || h.a.txs[max(h.c.slot, 0)].remember
	for _, m := range r.moves[:r.nmoves] {
		x.reached[string(m.edge.State)+": "+m.edge.label] = true
	}
	return true, x.m.atOnceDiffers(h.a, h.e, [2]*Result{&h.r, &r}, [2]error{h.err, err}, waits)
}

// atOnceDiffers says in what an event that asks for the assertion, the second of two,
// differs from the same event and a redemption after it, which may have to wait.
func (m *Machine) atOnceDiffers(a *Account, e Env, rs [2]*Result, errs [2]error, waits bool) string {
	r, o := rs[0], rs[1]
	switch {
	case fmt.Sprint(errs[0]) != fmt.Sprint(errs[1]):
		return fmt.Sprintf("it is answered with %v, not %v", errs[1], errs[0])
	case errs[0] != nil:
		return ""
	}
	i := r.slot
	if t := &r.Account.txs[i]; !r.Changed || r.Ended || !t.session.live || a.txs[i].id == t.id && a.txs[i].session.live {
		return says(!o.same(r), "nothing is to be redeemed, and it is another result")
	}
	s := m.fresh()
	secret, _ := s.sessionSecret(&r.Account.txs[i])
	var after Result
	as, err := m.Redeem(&r.Account, secret, e, &after)
	if o.Assertion == nil {
		return says(!o.same(r) || err == nil && !waits, "the token is redeemed later without a reason")
	}
	t := &after.Account.txs[i]
	t.rev--                        // one step of two
	t.last = r.Account.txs[i].last // the event stays the last one
	return says(err != nil || waits || !reflect.DeepEqual(as, o.Assertion) || after.Account != o.Account, "it is not what redeeming does: %v", err)
}

// atOnce takes an event that asks for the assertion, and returns it.
func (w *walk) atOnce(ev Event) *Assertion {
	w.Helper()
	w.do(RedeemAtOnce(ev))
	return w.r.Assertion
}

func TestRedeemAtOnce(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	if w.atOnce(Challenge{adaMail.ID}) != nil || w.atOnce(Verify{Code: w.wrong()}) != nil {
		t.Fatal("an assertion before the right code")
	}
	w.at = time.Second
	as := w.atOnce(WithKey("once", Verify{Code: w.right()}))
	if as == nil || as.User != ada.User || !slices.Equal(as.Factors, []string{adaMail.ID}) || !as.At.Equal(t0.Add(w.at)) {
		t.Fatalf("%+v", as)
	}
	tx := &w.a.txs[0]
	if tx.name() != Success || tx.session.live || tx.hasProof() || tx.factor != (pin{}) {
		t.Errorf("what is left: %+v", tx)
	}
	if _, ok := w.m.Session(&w.a, w.h); ok {
		t.Error("there is a session token besides")
	}
	// The repeat says where it stands, and has nothing more to give.
	for _, ev := range []Event{WithKey("once", Verify{Code: "12345678"}), RedeemAtOnce(WithKey("once", Verify{Code: "12345678"}))} {
		if err := w.m.Step(&w.a, w.h, ev, w.env(), &w.r); !errors.Is(err, ErrKeyReused) || w.r.Assertion != nil {
			t.Errorf("%T: %v, %v", ev, err, w.r.Assertion)
		}
	}
	w.refuses(Verify{Code: "123456"}, ErrFinished)
	w.refuses(Cancel{}, ErrFinished)
}

// Whatever would keep the token from being redeemed leaves it for later.
func TestRedeemLater(t *testing.T) {
	moved, off := adaMail, adaSpare
	moved.Address, off.Status = "new@example.com", Disabled
	for name, c := range map[string]struct {
		now []Factor
		ev  func(code Code) Event
		p   Policy
		not bool
	}{
		"usual":           {now: []Factor{adaMail}},
		"remembered":      {now: []Factor{adaMail}, p: Policy{Remember: time.Hour}, ev: func(c Code) Event { return Verify{Code: c, Remember: true} }, not: true},
		"remembers never": {now: []Factor{adaMail}, ev: func(c Code) Event { return Verify{Code: c, Remember: true} }},
		"moved":           {now: []Factor{moved}, not: true},
		"gone":            {now: []Factor{adaSpare}, not: true},
		"another is off":  {now: []Factor{adaMail, off}, not: true},
	} {
		w := begun(t, c.p, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		ev := Event(Verify{Code: w.right()})
		if c.ev != nil {
			ev = c.ev(w.right())
		}
		e := w.env()
		e.Factors = c.now
		if err := w.m.Step(&w.a, w.h, RedeemAtOnce(ev), e, &w.r); err != nil || (w.r.Assertion == nil) != c.not || w.r.Account.txs[0].session.live != c.not {
			t.Errorf("%s: %v, %+v", name, err, w.r.Assertion)
		}
		e.Factors, e.NoUser = nil, true
		if err := w.m.Step(&w.a, w.h, RedeemAtOnce(ev), e, &w.r); err != nil || w.r.Assertion != nil {
			t.Errorf("%s, closed: %v, %+v", name, err, w.r.Assertion)
		}
		e.NoUser, e.ListLater = false, true
		var lack *Lack
		if err := w.m.Step(&w.a, w.h, RedeemAtOnce(ev), e, &w.r); !errors.As(err, &lack) && c.p.Remember == 0 || lack != nil && !lack.Factors {
			t.Errorf("%s, not listed yet: %v", name, err)
		}
	}
}

func TestOptionsOfEvents(t *testing.T) {
	m := newMachine(t, Policy{})
	v := Verify{Code: "123456"}
	for name, c := range map[string]struct {
		ev     Event
		key    string
		atOnce bool
		ok     bool
	}{
		"none":                {v, "", false, true},
		"key":                 {WithKey("k", v), "k", false, true},
		"at once":             {RedeemAtOnce(v), "", true, true},
		"both":                {WithKey("k", RedeemAtOnce(v)), "k", true, true},
		"both, the other way": {RedeemAtOnce(WithKey("k", v)), "k", true, true},
		"at once twice":       {RedeemAtOnce(RedeemAtOnce(v)), "", true, true},
		"two keys":            {WithKey("k", WithKey("k", v)), "", false, false},
		"two keys, apart":     {WithKey("k", RedeemAtOnce(WithKey("k", v))), "", false, false},
		"no key":              {WithKey("", v), "", false, false},
		"nothing":             {RedeemAtOnce(nil), "", false, false},
		"no event":            {RedeemAtOnce((*Verify)(nil)), "", false, false},
	} {
		in, o, err := m.payload(c.ev)
		if (err == nil) != c.ok || c.ok && (in.once != c.key || in.atOnce != c.atOnce || o != opVerify || in.code != "123456") {
			t.Errorf("%s: %v, %+v", name, err, in)
		}
	}
}

// K6: a login that asks for a challenge does what one without does, and then what the
// challenge of the factor that was proved last, or of the only one, does, if that is not
// refused: neither more nor less.
func challengedAtOnceIsChallenged(h *trial) (bool, string) {
	if h.c.op != opPrimary || h.c.login.Device != "" {
		return false, ""
	}
	x, c := h.x, *h.c
	c.login.Challenge = true
	var r, after Result
	err := x.do(h.a, &c, h.e, &r)
	if fmt.Sprint(err) != fmt.Sprint(h.err) {
		return true, fmt.Sprintf("it is answered with %v, not %v", err, h.err)
	} else if err != nil {
		return true, ""
	}
	for _, m := range r.moves[:r.nmoves] {
		x.reached[string(m.edge.State)+": "+m.edge.label] = true
	}
	i := h.r.slot
	t := &h.r.Account.txs[i]
	var active []string
	for j := range h.e.Factors {
		f := &h.e.Factors[j]
		if p := (pin{id: f.ID, recipient: x.recipient(f)}); h.status(&p) == Active {
			active = append(active, f.ID)
		}
	}
	if slices.Contains(active, h.a.recent) {
		active = []string{h.a.recent}
	}
	if t.name() != MFARequired || len(active) != 1 || x.m.Step(&h.r.Account, TokenSecret(h.e.Entropy[16:48]), Challenge{active[0]}, h.e, &after) != nil {
		return true, says(!r.same(&h.r), "it cannot be challenged, and is another result")
	}
	u := &after.Account.txs[i]
	u.rev-- // one step of two
	for j := range after.Account.outbox {
		if e, o := &after.Account.outbox[j], &r.Account.outbox[j]; e.kind == sendCode && e.tx == u.id {
			e.rev--
		} else if e.kind == notifyStarts && e.tx == u.id { // it is the second effect of its row
			e.n, e.next = o.n, o.next
		}
	}
	return true, says(after.Account != r.Account, "it is not what the challenge does:\n%s", r.Account.String())
}

// The factor that is challenged at once is the one that was proved last, else the only one.
func TestChallengeAtOnce(t *testing.T) {
	asks := Login{User: ada.User, Challenge: true}
	off := adaSpare
	off.Status = NotSetUp
	for name, c := range map[string]struct {
		l      Login
		fs     []Factor
		recent string
		want   string // factor; "": the user chooses
	}{
		"the only one":              {asks, []Factor{adaMail}, "", adaMail.ID},
		"not asked for":             {ada, []Factor{adaMail}, adaMail.ID, ""},
		"two, none used":            {asks, []Factor{adaMail, adaSpare}, "", ""},
		"two, the second used":      {asks, []Factor{adaMail, adaSpare}, adaSpare.ID, adaSpare.ID},
		"two, a third used":         {asks, []Factor{adaMail, adaSpare}, "eml0", ""},
		"one active, one to enroll": {asks, []Factor{off, adaMail}, "", adaMail.ID},
		"used, and not accepted":    {Login{User: ada.User, Challenge: true, Accept: []string{SMS}}, []Factor{adaMail}, adaMail.ID, "none"},
	} {
		w := &walk{TB: t, m: newMachine(t, Policy{}), fs: c.fs, seed: 1}
		w.a.user, w.a.recent = ada.User, c.recent
		e := w.env()
		if err := w.m.Begin(&w.a, c.l, e, &w.r); c.want == "none" {
			if !errors.Is(err, ErrNoFactor) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		} else if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tx := &w.r.Account.txs[0]
		if got := tx.factor.id; got != c.want || (tx.name() == MFAChallenge) != (c.want != "") || len(w.r.Effects()) != min(len(c.want), 1) {
			t.Errorf("%s: %s, %q, %v", name, tx.name(), got, w.r.Effects())
		}
	}
}

// Where nothing may be sent, the user chooses: at each limit, and not one before.
func TestChallengeAtOnceWithinLimits(t *testing.T) {
	w := &walk{TB: t, m: newMachine(t, Policy{SendsPerHour: 2, StartsPerHour: 10, Live: 1}), fs: []Factor{adaMail}, seed: 1}
	asks := Login{User: ada.User, Challenge: true}
	for i, want := range []State{MFAChallenge, MFAChallenge, MFARequired} {
		w.begin(asks)
		if got := w.a.txs[w.slot()].name(); got != want || w.a.sends.len() != min(i+1, 2) {
			t.Errorf("start %d: %s, %d sends", i+1, got, w.a.sends.len())
		}
	}
	for _, c := range []struct {
		off  time.Duration
		want State
	}{{-1, MFARequired}, {0, MFAChallenge}, {1, MFAChallenge}} {
		a := w.a
		a.sends = ""
		a.notBefore = t0.Add(time.Minute).UnixNano()
		e := env(time.Minute+c.off, 9, adaMail)
		var r Result
		if err := w.m.Begin(&a, asks, e, &r); err != nil || r.Account.txs[r.slot].name() != c.want {
			t.Errorf("%v after the back-off: %v, %s", c.off, err, r.Account.txs[r.slot].name())
		}
	}
	// The Limiter is told where the message would go.
	e := env(0, 10, adaMail)
	e.LimitLater = true
	var lack *Lack
	var r Result
	if err := w.m.Begin(&Account{}, asks, e, &r); !errors.As(err, &lack) || lack.Attempt.Event != EventPrimary || lack.Attempt.Factor != adaMail.ID || lack.Attempt.Recipient == "" {
		t.Errorf("the Limiter is asked: %v", err)
	}
}
