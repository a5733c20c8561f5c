package claims

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
)

// What a service has done is compared with the reference.

// refuses reports whether err is what the reference wants, and fails if not.
func (w *world) refuses(what string, err, wanted error, again time.Time) {
	w.t.Helper()
	var r *authn.Refusal
	switch is := errors.As(err, &r); {
	case !errors.Is(err, wanted):
		w.failf("%s: %v, want %v", what, err, wanted)
	case !is && wanted != authn.ErrUnavailable:
		w.failf("%s: %v is no refusal", what, err)
	case is && !again.IsZero() && !r.RetryAt.Equal(again):
		w.failf("%s: %v until %v, want %v", what, err, r.RetryAt, again)
	}
	w.cover["refused: "+wanted.Error()]++
}

// compareClaim compares an answer about a claim. Nothing in it depends on the name.
func (w *world) compareClaim(what string, c *claim, a *authn.Answer, now time.Time) {
	w.t.Helper()
	g := c.code()
	good := c.live(now) && !c.dead
	expires := time.Time{}
	if good {
		expires = g.expires
	}
	switch {
	case a.State != c.state:
		w.failf("%s: %s, want %s", what, a.State, c.state)
	case a.User != "" || len(a.Factors) > 0 || a.Factor.Type != c.by && c.live(now) || a.Factor.Address != "" || a.Question != "" || !a.Until.IsZero():
		w.failf("C3, %s: the answer tells of somebody: %+v", what, *a)
	case a.Relay != c.relay && c.live(now):
		w.failf("%s: relay %q, want %q", what, a.Relay, c.relay)
	case a.Delivery != authn.NotSent:
		w.failf("C3, %s: delivery %q", what, a.Delivery)
	case good && now.Before(g.expires) && a.TriesLeft != most-c.tries:
		w.failf("%s: %d tries left, want %d", what, a.TriesLeft, most-c.tries)
	case a.Session != "" && (c.purpose != authn.PurposeSignUp || c.state != authn.Success), a.Device != "":
		w.failf("C2, %s: a session: %+v", what, *a)
	case !a.Now.Equal(now):
		w.failf("%s: now %v, want %v", what, a.Now, now)
	}
	if !c.live(now) {
		return
	}
	_, cancel := a.Allows(authn.EventCancel)
	at, resend := a.Allows(authn.EventResend)
	wantAt, left := w.mayResend(c)
	left = left && wantAt.Before(c.expires)
	if !wantAt.After(now) {
		wantAt = time.Time{}
	}
	if !at.After(now) {
		at = time.Time{}
	}
	_, verify := a.Allows(authn.EventVerify)
	switch {
	case a.Generation != len(c.codes) || !a.Expires.Equal(c.expires):
		w.failf("%s: generation %d until %v, want %d until %v", what, a.Generation, a.Expires, len(c.codes), c.expires)
	case !a.CodeExpires.Equal(expires) && now.Before(g.expires):
		w.failf("%s: code until %v, want %v", what, a.CodeExpires, expires)
	case !cancel || resend != left || resend && !at.Equal(wantAt) || verify != good && now.Before(g.expires) || len(a.Allowed) > 3:
		w.failf("A1, %s: allowed %+v, want resend %v %v, verify %v", what, a.Allowed, left, wantAt, good)
	}
}

const everybody = "*"

// judgeSends compares what was sent with what may be, and must be. Messages that are not
// about claims go to the user whose account was touched.
func (w *world) judgeSends(calls []authntest.Call, must []*generation, touched string) {
	w.t.Helper()
	now := w.Now()
	before := map[*generation]int{}
	for _, g := range must {
		before[g] = g.attempts
	}
	for _, call := range calls {
		m := call.Message
		switch {
		case call.Port != authntest.Send:
		case m.Kind == authn.CodeMessage && m.Factor == "":
			w.judgeCode(call, now)
		case m.User == "" || m.User != touched && touched != everybody:
			w.failf("C4: %s to %q", m.Kind, m.User)
		case !slices.ContainsFunc(w.FactorsOf(m.User), func(f authn.Factor) bool { return active(f) && mailbox(f.Address) == mailbox(m.To) || f.ID == m.Factor }):
			w.failf("a notice to nobody's address: %s to %s", m.Kind, m.To)
		}
	}
	for _, g := range must {
		if g.attempts != before[g]+1 {
			w.failf("E3: a code was not sent, or more than once: %d", g.attempts-before[g])
		}
	}
}

// judgeCode judges a message with the code of a claim.
func (w *world) judgeCode(call authntest.Call, now time.Time) {
	w.t.Helper()
	m := call.Message
	w.tell("    sent to %q at %s: %s generation %d: %v", m.User, m.To, m.Purpose, m.Generation, call.Err)
	var c *claim
	var g *generation
	for _, x := range w.claims {
		for i, y := range x.codes {
			if y.expires.Equal(m.Expires) && x.purpose == m.Purpose && i+1 == m.Generation {
				c, g = x, y
			}
		}
	}
	if c == nil {
		w.failf("E1: a code of no claim: for %s, generation %d, expires %v", m.Purpose, m.Generation, m.Expires)
	}
	s, ok := w.whose(c)
	box := mailbox(m.To)
	_, never := w.room(box, now)
	channel := "email"
	if c.by == authn.SMS {
		channel = "sms"
	}
	switch {
	case g.handed:
		w.failf("a code was sent of a claim that is handed over")
	case !ok:
		w.failf("C3: a code was sent for %q, who is nobody", c.name)
	case m.User != s.User || m.To != s.Address || m.Locale != s.Locale || m.Channel != channel:
		w.failf("E1: a code for %q was sent to %q, %s by %s, want %+v", c.name, m.User, m.To, m.Channel, s)
	case !now.Before(g.expires) || !(knownCrossing && g == w.crossing) && (!c.live(now) || g != c.code() || c.dead):
		w.failf("E4: a code that is good no more was sent: claim in %s, generation %d of %d", c.state, m.Generation, len(c.codes))
	case len(m.Code) != w.digits() || (m.Link == "") != (c.purpose == authn.PurposeSignUp) || m.Approval != "":
		w.failf("E1: generation %d, %d digits, a link of %d", m.Generation, len(m.Code), len(m.Link))
	case g.key != "" && g.key != m.Key:
		w.failf("E3: another key: %s, was %s", m.Key, g.key)
	case (g.accepted || g.hopeless) && !g.unsure && g != w.crossing:
		w.failf("E1: sent again: accepted %v", g.accepted)
	case never && !g.accepted:
		w.failf("C5: %d and %d messages of claims to %s are the limits, and there is one more", w.p.SendsPerHour, w.p.SendsPerDay, box)
	}
	v := variant{s, string(m.Code), m.Link}
	if !slices.Contains(g.variants, v) {
		g.variants = append(g.variants, v)
	}
	if !g.accepted && call.Err == nil {
		w.taken[box] = append(w.taken[box], now)
	}
	g.key = m.Key
	g.attempts++
	w.tried[box] = append(w.tried[box], charged(now))
	g.accepted = g.accepted || call.Err == nil
	g.hopeless = g.hopeless || errors.Is(call.Err, authn.ErrUndeliverable)
	w.cover["sent"]++
}

// mustSend reports whether a code has to go out now.
func (w *world) mustSend(g *generation, now time.Time) bool {
	for _, c := range w.claims {
		if g == c.code() {
			s, ok := w.whose(c)
			surely, _ := w.room(mailbox(s.Address), now)
			return ok && c.live(now) && c.good(now) && c.openedAt.IsZero() && g.attempts == 0 && !g.unsure && !g.handed && surely && (!w.finding || c.purpose == authn.PurposeSignUp)
		}
	}
	return false
}

// deliver lets what follows an answer happen.
func (w *world) deliver(i int) {
	w.t.Helper()
	f, g := w.queue[i], w.due[i]
	w.queue, w.due = slices.Delete(w.queue, i, i+1), slices.Delete(w.due, i, i+1)
	var must []*generation
	if w.fault.in > 0 || w.finding {
		g.unsure = true
	} else if w.mustSend(g, w.Now()) {
		must = append(must, g)
	}
	if s, ok := w.whose(w.claimOf(g)); ok && g == w.claimOf(g).code() {
		if _, never := w.room(mailbox(s.Address), w.Now()); never {
			w.cover["mailbox full"]++
		}
	}
	w.crossing = g // it was saved, and is not looked at again: an event may have come between
	seen := w.watch(f)
	w.tell("deliver: %d sends, fault %v", len(seen.sends()), seen.fired)
	w.untouched(&seen, "")
	if s, ok := w.whose(w.claimOf(g)); ok && seen.fired { // charged, maybe, and not sent
		w.tried[mailbox(s.Address)] = append(w.tried[mailbox(s.Address)], charged(w.Now()))
	}
	w.judgeSends(seen.calls, must, "")
	if len(seen.sends()) == 0 { // it is done, or due later, whatever becomes of the name and the mailbox
		g.unsure = true
	}
	w.crossing = nil
}

func (w *world) claimOf(g *generation) *claim {
	return w.claims[slices.IndexFunc(w.claims, func(c *claim) bool { return slices.Contains(c.codes, g) })]
}

// settle lets everything happen that follows answers, unless that is for later.
func (w *world) settle() {
	w.t.Helper()
	for !w.late && len(w.queue) > 0 {
		w.deliver(0)
	}
}

// untouched checks that of all accounts only that of a user has changed (C4).
func (w *world) untouched(g *watched, but string) {
	w.t.Helper()
	for _, k := range g.changed {
		if u, ok := w.userKeys[k]; ok && u != but {
			w.failf("C4: the account of %s has changed", u)
		}
	}
}
