package claims

import (
	"errors"
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// Events of claims, and what a right code begins.

// claim claims a name.
func (w *world) claim(c authn.Claim) {
	w.t.Helper()
	w.Advance(1) // every code has an expiry of its own
	now := w.Now()
	mine := &claim{name: normal(c.Name), purpose: c.For, by: c.By, require: c.Require, relay: c.Relay}
	if mine.purpose == "" {
		mine.purpose = authn.PurposeSignIn
	}
	if mine.by == "" {
		mine.by = authn.Email
	}
	var a *authn.Answer
	var err error
	subject, somebody := w.whose(mine)
	g := w.call(!c.HandOver, func(s *authn.Service) { a, err = s.Claim(ctx, c) })
	w.tell("claim %q for %s by %s, require %d, hand over %v: %v, fault %v", c.Name, mine.purpose, mine.by, c.Require, c.HandOver, err, g.fired)
	w.untouched(&g, "")
	key := ""
	for _, k := range g.changed {
		if acct, err := w.machine.Open(w.records()[k].Value, k); w.userKeys[k] == "" && err == nil && len(acct.View().Transactions) > 0 {
			key = k
		}
	}
	switch again := w.mayClaim(mine.name, now); {
	case mine.name == "" || slices.ContainsFunc([]byte(mine.name), func(b byte) bool { return b < ' ' }) || len(c.Name) > 254 || mine.purpose == authn.PurposeSignUp && (c.HandOver || !addressed(mine)):
		w.refuses("claim", err, authn.ErrMalformed, time.Time{})
	case g.fired && errors.Is(err, authn.ErrUnavailable) && key != "" && again.IsZero():
		w.claimed(mine, now) // nobody has its token
		mine.code().unsure, mine.code().handed = true, c.HandOver
		w.cover["a claim is lost"]++
	case g.fired && errors.Is(err, authn.ErrUnavailable):
		return
	case !again.IsZero():
		w.refuses("claim", err, authn.ErrTooSoon, again)
		w.cover["name's budget is spent"]++
	case c.HandOver && w.finding:
		w.refuses("claim", err, authn.ErrUnavailable, time.Time{})
	case c.HandOver && !somebody:
		w.refuses("claim", err, authn.ErrNoUser, time.Time{})
		if key != "" {
			w.failf("C3: nobody's claim is saved")
		}
		w.cover["nobody to hand over to"]++
	case err != nil:
		w.failf("claim: %v", err)
	default:
		w.claimed(mine, now)
		mine.token = a.Token
		w.compareClaim("claim", mine, a, now)
		if a.Token == "" {
			w.failf("claim: no token")
		}
		if (a.Link != "") != c.HandOver {
			w.failf("C3: a link of %d in the answer, handed over %v", len(a.Link), c.HandOver)
		}
		if !c.HandOver {
			w.promised(mine)
		} else {
			mine.code().handed, mine.code().variants = true, []variant{{subject, "", a.Link}}
			w.cover["handed over"]++
		}
		w.cover["claim for "+string(mine.purpose)]++
	}
	if known, ok := w.nameKeys[mine.name]; key != "" && ok && known != key {
		w.failf("the record of %q is another one", mine.name)
	}
	if key != "" {
		w.nameKeys[mine.name] = key
	}
	if !w.routines && len(g.changed) > 1 {
		w.failf("C4: %d records have changed before the answer", len(g.changed))
	}
	if !w.late || w.routines {
		w.after(&g)
	}
}

// addressed reports whether the name of a sign-up is an address.
func addressed(c *claim) bool {
	at := slices.Index([]byte(c.name), '@') > 0
	return at && c.by == authn.Email || !at && c.name[0] == '+' && c.by == authn.SMS
}

// call calls a service, and waits if something follows in goroutines.
func (w *world) call(blind bool, f func(*authn.Service)) watched {
	s := w.service()
	return w.watch(func() {
		if !w.routines { // which may ask for the name already
			w.answering = blind
		}
		f(s)
		if !w.routines {
			w.answering = false
		} else if err := s.Wait(ctx); err != nil {
			w.failf("Wait: %v", err)
		}
	})
}

// promised notes that the code of a claim follows its answer.
func (w *world) promised(c *claim) {
	w.t.Helper()
	w.due = append(w.due, c.code())
	if !w.routines && len(w.due) != len(w.queue) {
		w.failf("%d answers of claims, after which %d functions run", len(w.due), len(w.queue))
	}
}

// after lets everything happen that follows an answer, or judges what has happened.
func (w *world) after(g *watched) {
	w.t.Helper()
	if !w.routines {
		w.settle()
		return
	}
	var must []*generation
	for _, x := range w.due {
		if w.mustSend(x, w.Now()) {
			must = append(must, x)
		}
	}
	w.judgeSends(g.calls, must, "")
	for _, x := range w.due {
		if x.attempts == 0 { // it is done, or due later, whatever becomes of the name and the mailbox
			x.unsure = true
		}
	}
	w.due = nil
}

// ask sends an event of a claim and compares what comes of it with what the reference
// wants.
func (w *world) ask(what string, c *claim, x want, f func(*authn.Service) (*authn.Answer, error)) {
	w.t.Helper()
	now := w.Now()
	s, somebody := w.whose(c)
	user := ""
	var v ledger
	var begins start
	if x.begins && c.purpose != authn.PurposeSignUp {
		user = s.User
		if c.tx != nil {
			user = c.tx.user
		}
		if somebody || c.tx != nil {
			v = w.view(user)
			begins = w.begin(c, user, mailbox(s.Address), w.FactorsOf(user), w.closed(user), v, w.asks || w.asked != nil, now)
		}
	}
	right := x
	if x.begins && c.purpose != authn.PurposeSignUp {
		switch {
		case x.repeated && w.finding:
			x = want{err: authn.ErrUnavailable, or: []error{authn.ErrFinished}, either: c.tx != nil}
		case x.repeated && c.tx == nil && (s.User != c.proves.User || s.Address != c.proves.Address):
			x = refused(authn.ErrFinished) // it was right for somebody else
			if w.closed(s.User) {
				x.or = []error{authn.ErrNoUser}
			}
		case !x.repeated && begins.err != nil && !errors.Is(begins.err, authn.ErrFinished): // the code stays good
			x = want{err: begins.err, again: begins.again}
			w.cover["not carried on: "+begins.err.Error()]++
		case !x.repeated:
			c.proves = s
		}
	}
	generations := len(c.codes)
	var a *authn.Answer
	var err error
	g := w.call(what == "resend", func(s *authn.Service) { a, err = f(s) })
	if a != nil {
		w.tell("%s, claim %d of %q: %s %s", what, c.seq, c.name, a.State, a.Outcome)
	} else {
		w.tell("%s, claim %d of %q: %v", what, c.seq, c.name, err)
	}
	w.untouched(&g, user)
	if !w.routines || !x.begins {
		for _, m := range g.sends() {
			if m.Message.Factor == "" && m.Message.Kind == authn.CodeMessage && !w.routines {
				w.failf("C3: %s sends before the answer", what)
			}
		}
	}
	saved := g.has(w.nameKeys[c.name])
	if g.fired && errors.Is(err, authn.ErrUnavailable) {
		w.cover["port failed in "+what]++
		c.code().unsure = true
		if saved && right.apply != nil {
			right.apply()
		}
		if len(c.codes) > generations {
			c.code().unsure = true
		}
		if x.begins && c.purpose != authn.PurposeSignUp {
			w.orphan(c, user, mailbox(s.Address), v, begins, now)
		}
		return
	}
	if begins.either && !right.repeated && errors.Is(err, authn.ErrFinished) { // it is void, and ends
		c.proves = s
		right.apply()
		return
	}
	switch {
	case x.err != nil:
		if x.either && err == nil {
			break
		}
		for _, or := range x.or {
			if errors.Is(err, or) {
				x = refused(or)
			}
		}
		w.refuses(what, err, x.err, x.again)
		if x.apply != nil {
			x.apply()
		} else if saved && !g.fired && x.err != authn.ErrFinished && !w.routines {
			w.failf("P1: %s is refused and saved", what)
		}
		w.after(&g)
		return
	case x.either && errors.Is(err, authn.ErrFinished):
		return
	case x.begins && c.purpose != authn.PurposeSignUp:
		if x.apply != nil {
			x.apply()
		}
		w.carriedOn(what, c, user, mailbox(s.Address), v, begins, a, err, g, now)
		w.judgeSends(g.calls, nil, user)
		return
	case err != nil:
		w.failf("%s: %v, want %q", what, err, x.outcome)
	}
	if x.apply != nil {
		x.apply()
	}
	switch {
	case x.repeated:
		w.cover["repeated "+what]++
	case a.Outcome != x.outcome:
		w.failf("%s: outcome %q, want %q", what, a.Outcome, x.outcome)
	case x.outcome != authn.Done:
		w.cover[string(x.outcome)]++
	}
	if c.state == authn.Success {
		w.signedUp(what, c, a)
		return
	}
	w.compareClaim(what, c, a, now)
	if a.Token != "" {
		c.token = a.Token
	}
	if len(c.codes) > generations {
		w.promised(c)
		w.cover["resend"]++
	}
	if !w.late || w.routines {
		w.after(&g)
	}
}

// signedUp judges the answer to the right code of a sign-up.
func (w *world) signedUp(what string, c *claim, a *authn.Answer) {
	w.t.Helper()
	if a.State != authn.Success || a.User != "" || a.Session == "" && c.session == "" || c.session != "" && a.Session != "" && a.Session != c.session {
		w.failf("%s of a sign-up: %+v", what, *a)
	}
	if c.session == "" {
		c.session = a.Session
	}
	w.cover["signed up"]++
}

// carriedOn judges the answer to a right code: C6.
func (w *world) carriedOn(what string, c *claim, user, came string, v ledger, s start, a *authn.Answer, err error, g watched, now time.Time) {
	w.t.Helper()
	fresh := w.fresh(user, v)
	if c.tx != nil {
		w.foundAgain(what, c, a, err, fresh)
		return
	}
	switch {
	case s.either && errors.Is(err, authn.ErrFinished):
		return
	case s.err != nil: // it is void, or an event is repeated
		w.refuses(what+", right", err, s.err, s.again)
		w.cover["not carried on: "+s.err.Error()]++
		if len(fresh) > 0 {
			w.failf("C6: %v, and a transaction has begun", err)
		}
		return
	case err != nil:
		w.failf("%s, right: %v, want %s", what, err, s.state)
	case a.State != s.state:
		w.failf("%s, right, by %s: %s, want %s, with factors %+v", what, came, a.State, s.state, w.FactorsOf(user))
	case len(fresh) != 1:
		w.failf("C6: %d transactions have begun", len(fresh))
	}
	t := w.adopt(c, user, came, v, s, fresh[0], now)
	w.answered(what, t, a, authn.EventPrimary)
	w.cover["carried on: "+string(c.purpose)+" "+string(s.state)]++
	if c.openedAt.IsZero() {
		w.cover["by code"]++
	} else {
		w.cover["by link"]++
		if c.code().handed {
			w.cover["by link, handed over"]++
		}
	}
}

// adopt notes what a claim has begun.
func (w *world) adopt(c *claim, user, came string, v ledger, s start, id string, now time.Time) *transaction {
	t := &transaction{
		user: user, came: came, by: c.by, purpose: c.purpose, require: c.require, relay: c.relay, id: id, state: s.state, expires: now.Add(w.p.Life), at: authn.EventPrimary,
		until: now.Add(w.p.SessionLife),
	}
	if s.asks {
		t.question = "the question of " + user
	}
	c.tx = t
	w.begun = append(w.begun, t)
	if live := w.under(v, now); live < w.p.Live {
		w.sync(user, "", now)
	} else {
		w.sync(user, "a further one", now)
	}
	if s.state == authn.Success && c.purpose == authn.PurposeUnlock {
		w.unlocked(user, v, now)
	}
	return t
}

// foundAgain judges the repetition of a right code.
func (w *world) foundAgain(what string, c *claim, a *authn.Answer, err error, fresh []string) {
	w.t.Helper()
	t := c.tx
	now, _ := w.whose(c)
	switch {
	case len(fresh) > 0:
		w.failf("C6: %s begins another transaction", what)
	case errors.Is(err, authn.ErrNoUser) && (w.closed(t.user) || w.closed(now.User)):
		return
	case errors.Is(err, authn.ErrFinished) && (t.over || t.redeemed || !w.Now().Before(t.expires) || t.state == authn.Success || w.moved(c)):
		return
	case err != nil:
		w.failf("%s, again: %v; the transaction is in %s", what, err, t.state)
	case a.User != t.user || !t.over && a.State != t.state:
		w.failf("%s, again: %s of %q, want %s of %q", what, a.State, a.User, t.state, t.user)
	case a.Session != "" && t.at != authn.EventPrimary:
		w.failf("C6, %s, again: the session of another event", what)
	case a.Session != "" && (t.state != authn.Success || !t.signsIn() || t.session != "" && a.Session != t.session):
		w.failf("C6, %s, again: a session in %s", what, a.State)
	case t.token == "":
		t.token = a.Token
		if t.state == authn.Success {
			t.session = a.Session
		}
	}
	w.cover["found again"]++
}

// closed reports whether the Directory does not know a user.
func (w *world) closed(user string) bool {
	_, err := w.Factors(ctx, user)
	return errors.Is(err, authn.ErrNoUser)
}

// moved reports whether the name of a claim is another's, or at another address.
func (w *world) moved(c *claim) bool {
	s, ok := w.whose(c)
	return !ok || s.User != c.tx.user || mailbox(s.Address) != c.tx.came || w.finding
}

// orphan finds what a claim has begun although a port has failed.
func (w *world) orphan(c *claim, user, came string, v ledger, s start, now time.Time) {
	w.t.Helper()
	if user == "" {
		return
	}
	switch fresh := w.fresh(user, v); {
	case len(fresh) == 0:
		w.cover["nothing has begun"]++
	case c.tx != nil || len(fresh) > 1 || s.err != nil:
		w.failf("C6: %d transactions have begun", len(fresh))
	default:
		if c.proved.IsZero() && c.openedAt.IsZero() {
			w.failf("a transaction has begun, and the claim is not proved")
		}
		w.adopt(c, user, came, v, s, fresh[0], now)
		w.cover["begun, and not answered"]++
	}
}

// fresh returns the ids of transactions that were not there before.
func (w *world) fresh(user string, v ledger) (ids []string) {
	for _, t := range w.view(user).Transactions {
		if !slices.ContainsFunc(v.Transactions, func(o authn.TransactionView) bool { return o.ID == t.ID }) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// under returns how many transactions of an account are under way.
func (w *world) under(v ledger, now time.Time) (n int) {
	for _, t := range v.Transactions {
		if t.Expires.After(now) && t.State != authn.Canceled && t.State != authn.LockedOut && t.State != authn.Expired {
			n++
		}
	}
	return n
}

// inDay is how many times are of the last day: older ones may be forgotten.
func inDay(ts []time.Time, now time.Time) (n int) {
	for _, t := range ts {
		if t.After(now.Add(-aDay)) {
			n++
		}
	}
	return n
}

// unlocked checks what an unlock has done: C8.
func (w *world) unlocked(user string, v ledger, now time.Time) {
	w.t.Helper()
	is := w.view(user)
	switch {
	case is.LockedUntil.After(now) || is.BackoffUntil.After(now):
		w.failf("C8: the lock has not ended: %v", is.LockedUntil)
	case is.Failures != v.Failures || inDay(is.WrongCodes, now) != inDay(v.WrongCodes, now) || is.Disabled != v.Disabled:
		w.failf("C8: counts are %d, %d, want %d, %d", is.Failures, len(is.WrongCodes), v.Failures, len(v.WrongCodes))
	case v.LockedUntil.After(now):
		w.cover["unlocked"]++
	}
	if w.fault.fired {
		return
	}
	if n := len(w.passwords.unlocks); n == 0 || w.passwords.unlocks[n-1] != user {
		w.failf("the host's lock has not ended")
	}
}
