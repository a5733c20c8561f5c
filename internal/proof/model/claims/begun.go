package claims

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

// What goes on in the account's own record after a right code.

// answered compares an answer about a transaction, to the event at.
func (w *world) answered(what string, t *transaction, a *authn.Answer, at authn.EventName) {
	w.t.Helper()
	if a.Token != "" {
		t.token = a.Token
	}
	if a.State == authn.Success && t.at != at {
		t.at, t.until = at, w.Now().Add(w.p.SessionLife)
		if a.Expires.Equal(t.until.Add(1)) { // two passwords of one account have two times
			t.until = a.Expires
		}
	}
	is := authn.Purpose("")
	if t.purpose != authn.PurposeSignIn && t.state != authn.LockedOut && t.state != authn.Canceled {
		is = t.purpose
	}
	session := t.state == authn.Success && t.signsIn()
	switch {
	case a.State != t.state || a.User != t.user || a.For != is:
		w.failf("%s: %s of %q for %q, want %s of %q for %q", what, a.State, a.User, a.For, t.state, t.user, is)
	case (a.Session != "") != session:
		w.failf("C2, %s: session %v, want %v: %s with %d factors proved", what, a.Session != "", session, t.purpose, len(t.factors))
	case !t.over && session && !a.Expires.Equal(t.until):
		w.failf("%s: expires %v, want %v", what, a.Expires, t.until)
	case t.state == authn.Recovery && w.asked == nil && a.Question != t.question:
		w.failf("%s: question %q, want %q", what, a.Question, t.question)
	case t.state == authn.MFARequired:
		w.offers(what, t, a, counting(w.FactorsOf(t.user), t.came))
	case t.state == authn.MFAEnroll:
		w.offers(what, t, a, enrolling(w.FactorsOf(t.user), t.came))
	}
	if session {
		t.session = a.Session
	}
	if t.state == authn.LockedOut || t.state == authn.Canceled || t.state == authn.Success && !session {
		t.over = true
	}
}

// offers compares the factors of an answer: C7.
func (w *world) offers(what string, t *transaction, a *authn.Answer, fs []authn.Factor) {
	w.t.Helper()
	ids := func(fs []authn.Factor) (ids []string) { // the one proved last comes first: in package model
		for _, f := range fs {
			ids = append(ids, f.ID)
		}
		slices.Sort(ids)
		return ids
	}
	if !slices.Equal(ids(a.Factors), ids(fs)) {
		w.failf("C7, %s: %s came by %s and is offered %+v, want %+v", what, t.user, t.came, a.Factors, fs)
	}
}

// sync compares which transactions of a user have ended by something else.
func (w *world) sync(user, because string, now time.Time) {
	w.t.Helper()
	is := map[string]authn.State{}
	for _, x := range w.view(user).Transactions {
		is[x.ID] = x.State
	}
	for _, t := range w.begun {
		state, ok := is[t.id]
		switch {
		case t.user != user || t.over:
		case ok && state == t.state:
		case ok && state != authn.Canceled && state != authn.LockedOut && state != authn.Expired:
			w.failf("S23: %s of %s has become %s", t.state, user, state)
		case because == "" && now.Before(t.deadline()) && !(t.state == authn.Success && (t.redeemed || !t.signsIn())):
			w.failf("S23: %s of %s has ended: %q", t.state, user, state)
		default:
			t.over = true
		}
	}
}

func (t *transaction) deadline() time.Time {
	if t.state == authn.Success {
		return t.until
	}
	return t.expires
}

// goOn sends an event of a transaction that a claim has begun, which is refused with
// refuse or leads to the state.
func (w *world) goOn(t *transaction, ev authn.Event, name authn.EventName, refuse error, to authn.State, outcome authn.Outcome, apply func()) (sends []authntest.Call) {
	w.t.Helper()
	now := w.Now()
	v := w.view(t.user)
	if !now.Before(t.deadline()) {
		refuse = authn.ErrFinished
	}
	var a *authn.Answer
	var err error
	g := w.call(false, func(s *authn.Service) { a, err = s.Do(ctx, t.token, ev) })
	w.tell("%s of %s, in %s: %v", name, t.user, t.state, err)
	w.untouched(&g, t.user)
	if refuse != nil {
		w.refuses(string(name), err, refuse, time.Time{})
		if errors.Is(refuse, authn.ErrFinished) {
			t.over = true
		}
		w.sync(t.user, "", now)
		return nil
	}
	if err != nil {
		w.failf("%s in %s: %v, want %s", name, t.state, err, to)
	}
	if a.Outcome != outcome {
		w.failf("%s in %s: outcome %q, want %q", name, t.state, a.Outcome, outcome)
	}
	t.state = to
	if apply != nil {
		apply()
	}
	if outcome == authn.WrongCode {
		t.tries++
		if is := w.view(t.user); is.Failures != v.Failures+1 {
			w.failf("%s: %d failures, want %d", name, is.Failures, v.Failures+1)
		}
	}
	w.answered(string(name), t, a, name)
	w.judgeSends(g.calls, nil, t.user)
	w.cover[string(name)+" "+string(outcome)+" to "+string(to)]++
	return g.sends()
}

// actGoOn takes a transaction that a claim has begun one step further.
func (w *world) actGoOn(r *rapid.T) {
	var live []*transaction
	for _, t := range w.begun {
		if !t.over && t.token != "" {
			live = append(live, t)
		}
	}
	if len(live) == 0 {
		return
	}
	t := live[len(live)-1]
	if rapid.IntRange(0, 3).Draw(r, "an older one") == 0 {
		t = rapid.SampledFrom(live).Draw(r, "transaction")
	}
	w.step(r, t)
}

func (w *world) step(r *rapid.T, t *transaction) {
	now := w.Now()
	v := w.view(t.user)
	backs := v.BackoffUntil.After(now)
	right := rapid.IntRange(0, 4).Draw(r, "right") > 0
	wrongTo, locks := w.wrong(t, v, now)
	wrong := func(ev authn.Event, name authn.EventName) {
		if backs {
			w.goOn(t, ev, name, authn.ErrTooSoon, "", "", nil)
			return
		}
		if locks && now.Before(t.deadline()) {
			w.endOthers(t)
		}
		w.goOn(t, ev, name, nil, wrongTo, authn.WrongCode, nil)
		w.sync(t.user, "a lock", now)
	}
	var soon error
	if backs {
		soon = authn.ErrTooSoon
	}
	switch t.state {
	case authn.MFARequired:
		w.prove(r, t, right, soon, wrong)
	case authn.MFAChallenge, authn.MFAEnrollActivate:
		name := authn.EventVerify
		var ev authn.Event = authn.Verify{Code: t.code}
		if t.state == authn.MFAEnrollActivate {
			name, ev = authn.EventActivate, authn.Activate{Code: t.code}
		}
		if right && now.Before(t.codeEnds) {
			w.goOn(t, ev, name, soon, t.proved(), "", func() {
				t.factors = append(t.factors, t.chosen)
				if name == authn.EventActivate { // whatever else was begun ends
					w.endOthers(t)
				}
			})
		} else {
			w.goOn(t, authn.Cancel{}, authn.EventCancel, nil, authn.Canceled, "", nil)
		}
	case authn.Recovery:
		w.question(r, t, right, soon, wrong)
	case authn.PasswordReset:
		w.reset(r, t, right, soon, wrong)
	case authn.MFAEnroll:
		w.enrolls(r, t)
	case authn.Success:
		w.redeems(r, t)
	}
}

// endOthers notes that all other transactions of an account have ended.
func (w *world) endOthers(but *transaction) {
	for _, o := range w.begun {
		if o != but && o.user == but.user {
			o.over = true
		}
	}
}

// prove takes a step in MFA_REQUIRED.
func (w *world) prove(r *rapid.T, t *transaction, right bool, soon error, wrong func(authn.Event, authn.EventName)) {
	now := w.Now()
	fs := w.FactorsOf(t.user)
	f := rapid.SampledFrom(fs).Draw(r, "factor")
	counts := slices.ContainsFunc(counting(fs, t.came), func(x authn.Factor) bool { return x.ID == f.ID })
	switch {
	case !counts:
		w.goOn(t, authn.Challenge{Factor: f.ID}, authn.EventChallenge, authn.ErrNotOffered, "", "", nil)
		w.cover["a factor at the mailbox is not offered"]++
	case f.Type == authn.TOTP && right:
		app := w.apps[t.user]
		code, ok := app.shown(now)
		if !ok {
			return
		}
		w.goOn(t, authn.Verify{Factor: f.ID, Code: code}, authn.EventVerify, soon, t.proved(), "", func() {
			app.used = now.Unix() / 30
			t.factors = append(t.factors, f.ID)
		})
	case f.Type == authn.TOTP:
		wrong(authn.Verify{Factor: f.ID, Code: w.apps[t.user].notShown(now)}, authn.EventVerify)
	default:
		w.challenge(t, f, authn.Challenge{Factor: f.ID}, authn.EventChallenge, soon, authn.MFAChallenge)
	}
}

// challenge has a code sent to a factor, and checks where it goes.
func (w *world) challenge(t *transaction, f authn.Factor, ev authn.Event, name authn.EventName, soon error, to authn.State) {
	w.t.Helper()
	now := w.Now()
	v := w.view(t.user)
	if !free(v.Sends, w.p.SendsPerHour, anHour, now).IsZero() || !free(v.Sends, w.p.SendsPerDay, aDay, now).IsZero() {
		soon = authn.ErrTooSoon
	}
	sends := w.goOn(t, ev, name, soon, to, "", func() { t.chosen = f.ID })
	if t.state != to {
		return
	}
	for _, c := range sends {
		m := c.Message
		if m.Kind != authn.CodeMessage || m.Factor != f.ID || mailbox(m.To) == t.came || m.To != f.Address {
			w.failf("C7: a code for %s went to %s, which came by %s", f.ID, m.To, t.came)
		}
		t.code, t.codeEnds = m.Code, m.Expires
	}
	if len(sends) != 1 {
		w.failf("%d messages for a challenge", len(sends))
	}
}

// question takes a step in RECOVERY.
func (w *world) question(r *rapid.T, t *transaction, right bool, soon error, wrong func(authn.Event, authn.EventName)) {
	fs := w.FactorsOf(t.user)
	counts := counting(fs, t.came)
	answer := func(text authn.Secret) authn.Event { return authn.AnswerQuestion{Answer: text} }
	switch {
	case !right && rapid.Bool().Draw(r, "wrong answer"):
		wrong(answer("wrong"), authn.EventAnswer)
	case !right && rapid.Bool().Draw(r, "denied"):
		w.goOn(t, answer("denied"), authn.EventAnswer, soon, authn.Canceled, authn.Denied, nil)
	case !right:
		w.goOn(t, answer("rejected"), authn.EventAnswer, soon, authn.Recovery, authn.Rejected, nil)
	case t.purpose == authn.PurposeUnlock:
		v := w.view(t.user)
		w.goOn(t, answer(authn.Secret("the answer of "+t.user)), authn.EventAnswer, soon, authn.Success, "", nil)
		if t.state == authn.Success {
			is := w.view(t.user)
			v.Failures, v.WrongCodes = is.Failures, is.WrongCodes // forgiven are those of this transaction
			w.unlocked(t.user, v, w.Now())
		}
	default:
		if soon == nil && len(counts) == 0 && foreign(fs) {
			soon = authn.ErrNoFactor
		}
		w.goOn(t, answer(authn.Secret("the answer of "+t.user)), authn.EventAnswer, soon, recovered(counts), "", nil)
	}
}

// reset takes a step in PASSWORD_RESET.
func (w *world) reset(r *rapid.T, t *transaction, right bool, soon error, wrong func(authn.Event, authn.EventName)) {
	now := w.Now()
	ev := authn.ResetPassword{New: "a new password 7Kq2"}
	defer func() { w.passwords.says = authn.Verdict{Right: true} }()
	if c := counting(w.FactorsOf(t.user), t.came); t.purpose == authn.PurposeRecover && len(c) > 0 && len(t.factors) == 0 {
		w.failf("C1: a new password is asked for, and no factor was proved of %+v", c)
	}
	switch {
	case !right && rapid.Bool().Draw(r, "rejected"):
		w.passwords.says = authn.Verdict{Rejected: true, Reasons: []string{"too short"}}
		w.goOn(t, ev, authn.EventResetPassword, soon, authn.PasswordReset, authn.Rejected, nil)
	case !right:
		w.passwords.says = authn.Verdict{}
		wrong(ev, authn.EventResetPassword)
	default:
		n := len(w.passwords.stored)
		if soon == nil && now.Before(t.deadline()) {
			w.endOthers(t)
			w.mark(t.user, w.savedAt(t.user))
		}
		w.goOn(t, ev, authn.EventResetPassword, soon, authn.Success, "", nil)
		if t.state == authn.Success && (len(w.passwords.stored) != n+1 || w.passwords.stored[n].User != t.user) {
			w.failf("G6: the new password was not stored")
		}
	}
}

// enrolls takes a step in MFA_ENROLL.
func (w *world) enrolls(r *rapid.T, t *transaction) {
	v := w.view(t.user)
	fs := enrolling(w.FactorsOf(t.user), t.came)
	var soon error
	if v.BackoffUntil.After(w.Now()) {
		soon = authn.ErrTooSoon
	}
	switch {
	case rapid.Bool().Draw(r, "skip") && t.require == authn.RequireFactor:
		w.goOn(t, authn.Skip{}, authn.EventSkip, authn.ErrRequired, "", "", nil)
	case rapid.Bool().Draw(r, "or enroll") || t.require == authn.RequireFactor:
		w.challenge(t, fs[0], authn.Enroll{Type: fs[0].Type}, authn.EventEnroll, soon, authn.MFAEnrollActivate)
	default:
		w.goOn(t, authn.Skip{}, authn.EventSkip, nil, authn.Success, "", nil)
	}
}

// redeems redeems the session of a transaction, or says that there is none.
func (w *world) redeems(r *rapid.T, t *transaction) {
	now := w.Now()
	if rapid.IntRange(0, 5).Draw(r, "cancel it") == 0 {
		var refuse error
		if t.redeemed {
			refuse = authn.ErrFinished
		}
		w.goOn(t, authn.Cancel{}, authn.EventCancel, refuse, authn.Canceled, "", nil)
		return
	}
	as, err := w.service().Redeem(ctx, t.session)
	w.tell("redeem of %s: %v", t.user, err)
	if t.redeemed || !now.Before(t.until) {
		w.refuses("redeem", err, authn.ErrFinished, time.Time{})
		t.over = true
		return
	}
	if err != nil {
		w.failf("redeem of %s for %s, by %s with %+v: %v", t.user, t.purpose, t.came, w.FactorsOf(t.user), err)
	}
	w.asserts(t.user, "", t.by, t.relay, t.factors, as)
	t.redeemed = true
	w.cover["redeemed: "+string(t.purpose)]++
}

// asserts compares an assertion.
func (w *world) asserts(user, name, by, relay string, factors []string, as *authn.Assertion) {
	w.t.Helper()
	method, channel := "otp", "email"
	if by == authn.SMS {
		method, channel = "sms", "sms"
	}
	switch {
	case as.User != user || as.Name != name || as.Relay != relay || as.Purpose != "" || as.Remembered:
		w.failf("assertion of %q, %q: %+v", user, name, *as)
	case !slices.Equal(as.Factors, factors):
		w.failf("assertion: factors %v, want %v", as.Factors, factors)
	case !slices.Contains(as.Methods, method) || slices.Contains(as.Methods, "pwd"):
		w.failf("assertion: methods %v", as.Methods)
	case len(as.Channels) == 0 || as.Channels[0] != channel || as.Proofs[0].Channel != channel || as.Proofs[0].Type != by || as.Proofs[0].Factor != "":
		w.failf("assertion: channels %v, and the claim came by %s", as.Channels, channel)
	case len(as.Proofs) != 1+len(factors):
		w.failf("assertion: %d proofs, want %d", len(as.Proofs), 1+len(factors))
	}
}
