package claims

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

// What random histories are made of.

// any returns a claim, often the last one.
func (w *world) any(r *rapid.T) *claim {
	var cs []*claim
	for _, c := range w.claims {
		if c.token != "" {
			cs = append(cs, c)
		}
	}
	if len(cs) == 0 {
		return nil
	}
	if rapid.Bool().Draw(r, "the last one") {
		return cs[len(cs)-1]
	}
	return rapid.SampledFrom(cs[max(0, len(cs)-6):]).Draw(r, "claim")
}

func drawKey(r *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "k", "k", "l"}).Draw(r, "key")
}

// arm makes a call of the store fail, sometimes.
func (w *world) arm(r *rapid.T) {
	if w.routines || rapid.IntRange(0, 4).Draw(r, "fault") > 0 {
		return
	}
	w.fault.in = rapid.IntRange(1, 5).Draw(r, "at store call")
	w.fault.times = rapid.SampledFrom([]int{1, 1, 2, 9}).Draw(r, "times")
	w.fault.is = rapid.SampledFrom([]authntest.Fault{{Err: errDown}, {Err: errDown, After: true}, {Err: authn.ErrConflict}}).Draw(r, "which")
}

func (w *world) actClaim(r *rapid.T) {
	c := authn.Claim{
		Name: rapid.SampledFrom([]string{
			"ada", "ada", "countess", "countess", " Ada ", "ada@example.com", "ada@example.com", "ada-work", "ada-work", "bob", "bob", "eve", "nil", "nobody",
			"turing", "new@example.com", phone, rapid.SampledFrom([]string{"ada", "", "a\x01", strings.Repeat("a", 255)}).Draw(r, "odd"),
		}).Draw(r, "name"),
		For: rapid.SampledFrom([]authn.Purpose{
			"", authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeUnlock, authn.PurposeSignUp,
		}).Draw(r, "for"),
		By:      rapid.SampledFrom([]string{"", "", "", "", authn.Email, authn.SMS}).Draw(r, "by"),
		Require: rapid.SampledFrom([]authn.Requirement{authn.RequireFactor, authn.RequireIfActive, authn.RequireNothing}).Draw(r, "require"),
		Relay:   rapid.SampledFrom([]string{"", "relayed"}).Draw(r, "relay"),

		HandOver: rapid.IntRange(0, 7).Draw(r, "hand over") == 0,
	}
	if c.For != "" && c.For != authn.PurposeSignIn {
		c.Require = 0
	}
	w.arm(r)
	w.claim(c)
}

// submit hands in a code.
func (w *world) submit(c *claim, text, factor, key string) {
	e := event{authn.EventVerify, text + "\x00" + factor, key}
	x := w.verify(c, e, text, factor, w.Now(), w.finding)
	if _, ok := w.formed(text); !ok && x.err != nil {
		x.or = append(x.or, authn.ErrMalformed) // nobody need look at the claim
	}
	w.ask("verify", c, x, func(s *authn.Service) (*authn.Answer, error) {
		return s.Do(ctx, c.token, keyed(key, authn.Verify{Factor: factor, Code: authn.Code(text)}))
	})
}

func keyed(key string, ev authn.Event) authn.Event {
	if key == "" {
		return ev
	}
	return authn.WithKey(key, ev)
}

// known returns the codes of a claim that were sent, the last one first.
func (c *claim) known() (texts []string) {
	for _, g := range slices.Backward(c.codes) {
		for _, v := range slices.Backward(g.variants) {
			if v.code != "" {
				texts = append(texts, v.code)
			}
		}
	}
	return texts
}

func (w *world) actRight(r *rapid.T) {
	c := w.any(r)
	if c == nil || len(c.known()) == 0 {
		return
	}
	text := c.known()[0]
	if rapid.IntRange(0, 4).Draw(r, "spaced") == 0 {
		text = text[:3] + " " + text[3:6] + "-" + text[6:]
	}
	w.arm(r)
	w.submit(c, text, "", drawKey(r))
}

func (w *world) actWrong(r *rapid.T) {
	c := w.any(r)
	if c == nil {
		return
	}
	text := fmt.Sprintf("%0*d", w.digits(), rapid.IntRange(0, 9999).Draw(r, "code"))
	factor := ""
	switch rapid.IntRange(0, 7).Draw(r, "what is wrong") {
	case 0:
		text = text[1:]
	case 1:
		text = "x" + text[1:]
	case 2:
		factor = "f0"
	case 3, 4: // replaced
		if k := c.known(); len(k) > 0 {
			text = k[len(k)-1]
		}
	case 5: // of another claim
		if o := w.any(r); len(o.known()) > 0 {
			text = o.known()[0]
		}
	}
	w.arm(r)
	w.submit(c, text, factor, drawKey(r))
}

func (w *world) actResend(r *rapid.T) {
	if c := w.any(r); c != nil {
		w.resendOf(c, drawKey(r), r)
	}
}

func (w *world) resendOf(c *claim, key string, r *rapid.T) {
	w.Advance(1)
	w.arm(r)
	w.ask("resend", c, w.resend(c, event{authn.EventResend, "", key}, w.Now()), func(s *authn.Service) (*authn.Answer, error) {
		return s.Do(ctx, c.token, keyed(key, authn.Resend{}))
	})
}

func (w *world) actCancel(r *rapid.T) {
	if c := w.any(r); c != nil {
		w.cancelOf(c, drawKey(r), r)
	}
}

func (w *world) cancelOf(c *claim, key string, r *rapid.T) {
	x := w.cancel(c, event{authn.EventCancel, "", key}, w.Now())
	if !c.proved.IsZero() {
		return // the client goes on with another token
	}
	w.arm(r)
	w.ask("cancel", c, x, func(s *authn.Service) (*authn.Answer, error) { return s.Do(ctx, c.token, keyed(key, authn.Cancel{})) })
}

// actAgain repeats the last event of a claim.
func (w *world) actAgain(r *rapid.T) {
	c := w.any(r)
	if c == nil || c.last == nil {
		return
	}
	key := c.last.key
	if rapid.IntRange(0, 3).Draw(r, "another key") == 0 {
		key = drawKey(r)
	}
	switch c.last.name {
	case authn.EventVerify:
		text, factor, _ := strings.Cut(c.last.text, "\x00")
		w.arm(r)
		w.submit(c, text, factor, key)
	case authn.EventResend:
		w.resendOf(c, key, r)
	case authn.EventCancel:
		w.cancelOf(c, key, r)
	}
}

// actOpen opens a link: the last one, or any that was sent.
func (w *world) actOpen(r *rapid.T) {
	var links []authn.Secret
	for _, c := range w.claims {
		for _, g := range c.codes {
			for _, v := range g.variants {
				if v.link != "" {
					links = append(links, v.link)
				}
			}
		}
	}
	if len(links) == 0 {
		return
	}
	link := links[len(links)-1]
	if rapid.Bool().Draw(r, "any link") {
		link = rapid.SampledFrom(links[max(0, len(links)-6):]).Draw(r, "link")
	}
	w.arm(r)
	w.opens(link, drawKey(r))
}

func (w *world) opens(link authn.Secret, key string) {
	for _, c := range w.claims {
		for _, g := range c.codes {
			if slices.ContainsFunc(g.variants, func(v variant) bool { return v.link == link }) {
				x := w.open(c, g, event{authn.EventOpen, string(link), key}, w.Now(), w.finding)
				w.ask("open", c, x, func(s *authn.Service) (*authn.Answer, error) { return s.Open(ctx, link, key) })
				return
			}
		}
	}
}

// actAnother sends an event that a claim does not take.
func (w *world) actAnother(r *rapid.T) {
	c := w.any(r)
	if c == nil {
		return
	}
	ev := rapid.SampledFrom([]authn.Event{
		authn.Challenge{Factor: "f0"}, authn.Skip{}, authn.Previous{}, authn.Enroll{Type: authn.Email}, authn.ResetPassword{New: "a new password 7Kq2"},
		authn.AnswerQuestion{Answer: "yes"}, authn.Activate{Code: "12345678"},
	}).Draw(r, "event")
	x := refused(authn.ErrNotAllowed)
	if !c.live(w.Now()) {
		x = refused(authn.ErrFinished)
	}
	w.ask(fmt.Sprintf("%T", ev), c, x, func(s *authn.Service) (*authn.Answer, error) { return s.Do(ctx, c.token, ev) })
}

// actTick moves the clock: a little, or to where something changes.
func (w *world) actTick(r *rapid.T) {
	now := w.Now()
	if rapid.IntRange(0, 2).Draw(r, "a little") == 0 {
		w.Advance(rapid.SampledFrom([]time.Duration{1, time.Second, 31 * time.Second, 2 * time.Minute}).Draw(r, "for so long"))
		return
	}
	var ends []time.Time
	add := func(t time.Time) {
		if t.After(now.Add(1)) {
			ends = append(ends, t)
		}
	}
	for _, c := range w.claims[max(0, len(w.claims)-5):] {
		at, _ := w.mayResend(c)
		for _, t := range []time.Time{c.expires, c.code().expires, at, at, c.proved.Add(w.p.SessionLife), c.openedAt.Add(w.p.SessionLife)} {
			add(t)
		}
		if rapid.IntRange(0, 3).Draw(r, "far") == 0 {
			add(charged(c.began).Add(anHour))
			add(charged(c.began).Add(aDay))
		}
	}
	for _, t := range w.begun[max(0, len(w.begun)-2):] {
		add(t.deadline())
		v := w.view(t.user)
		add(v.BackoffUntil)
		if v.LockedUntil.After(now) && rapid.Bool().Draw(r, "to the end of the lock") {
			add(v.LockedUntil)
		}
	}
	if len(ends) > 0 {
		to := rapid.SampledFrom(ends).Draw(r, "to").Add(rapid.SampledFrom([]time.Duration{-1, 0, 1}).Draw(r, "about"))
		w.Advance(to.Sub(now))
	}
}

// actHost does what voids the claims of a user.
func (w *world) actHost(r *rapid.T) {
	user := w.somebody(r)
	s := w.service()
	var err error
	what := rapid.SampledFrom([]string{"revoke", "reinstate", "erase", "password", "password"}).Draw(r, "what")
	g := w.watch(func() {
		switch what {
		case "revoke":
			err = s.Revoke(ctx, user)
		case "reinstate":
			err = s.Reinstate(ctx, user, "test")
		case "erase":
			err = s.Erase(ctx, user)
		default:
			err = w.changes(s, user)
		}
	})
	w.tell("%s of %s: %v", what, user, err)
	w.untouched(&g, user)
	w.judgeSends(g.calls, nil, user)
	if err != nil && what != "password" {
		w.failf("%s: %v", what, err)
	}
	if err == nil {
		w.mark(user, w.savedAt(user))
		w.cover[what]++
	}
	for _, t := range w.begun {
		if t.user == user && err == nil && !t.redeemed {
			if !t.over && t.session != "" && w.Now().Before(t.until) {
				if _, err := s.Redeem(ctx, t.session); err == nil {
					w.failf("a session token outlives %s", what)
				}
			}
			t.over = true
		}
	}
	w.sync(user, what, w.Now())
}

// changes signs a user in whose password has to be reset.
func (w *world) changes(s *authn.Service, user string) error {
	a, err := s.Begin(ctx, authn.Login{User: user, Require: authn.RequireNothing, Password: authn.PasswordNeedsReset})
	if err == nil {
		_, err = s.Do(ctx, a.Token, authn.ResetPassword{New: "a new password 7Kq2"})
	}
	return err
}

func (w *world) somebody(r *rapid.T) string {
	if c := w.any(r); c != nil {
		if s, ok := w.whose(c); ok && s.User != "" {
			return s.User
		}
	}
	return rapid.SampledFrom(append([]string{"ada", "ada"}, w.users...)).Draw(r, "user")
}

// actAttack guesses codes of a user's app, until something gives way.
func (w *world) actAttack(r *rapid.T) {
	user := w.somebody(r)
	app := w.apps[user]
	if app == nil {
		return
	}
	id := ""
	for _, f := range w.FactorsOf(user) {
		if f.Type == authn.TOTP {
			id = f.ID
		}
	}
	s := w.service()
	a, err := s.Begin(ctx, authn.Login{User: user})
	for n := rapid.SampledFrom([]int{1, 2, 3, 3, 4}).Draw(r, "guesses"); err == nil && n > 0; n-- {
		_, err = s.Do(ctx, a.Token, authn.Verify{Factor: id, Code: app.notShown(w.Now())})
	}
	w.tell("attack on %s: %v", user, err)
	w.sync(user, "an attack", w.Now())
}

// actMove gives a name to somebody else, or somebody another mailbox, or back.
func (w *world) actMove(r *rapid.T) {
	name := rapid.SampledFrom([]string{"ada", "countess", "bob", "nil"}).Draw(r, "name")
	key := authn.Email + " " + name
	switch rapid.SampledFrom([]string{"nobody's", "ada's", "bob's", "at work"}).Draw(r, "moved") {
	case "nobody's":
		delete(w.names, key)
	case "ada's":
		w.names[key] = authn.Subject{User: "ada", Address: claimedMail}
	case "bob's":
		w.names[key] = authn.Subject{User: "bob", Address: familyMail}
	default:
		w.names[key] = authn.Subject{User: "ada", Address: workMail}
	}
	w.tell("%s is %+v", key, w.names[key])
}

// actDirectory closes an account, or opens it again.
func (w *world) actDirectory(r *rapid.T) {
	user := w.somebody(r)
	if _, err := w.Factors(ctx, user); err == nil && len(w.live(user)) == 0 {
		w.Remove(user)
		w.tell("%s is closed", user)
	} else {
		w.SetFactors(user, w.FactorsOf(user)...)
		w.tell("%s is open", user)
	}
}

func (w *world) live(user string) (ts []*transaction) {
	for _, t := range w.begun {
		if t.user == user && !t.over && w.Now().Before(t.deadline()) {
			ts = append(ts, t)
		}
	}
	return ts
}

// actWeather makes ports fail, or work again.
func (w *world) actWeather(r *rapid.T) {
	w.finding, w.mailing, w.asked = false, nil, nil
	switch rapid.IntRange(0, 5).Draw(r, "weather") {
	case 0:
		w.finding = true
	case 1:
		w.mailing = errDown
	case 2:
		w.mailing = errNoBox
	case 3:
		if w.asks {
			w.asked = errDown
		}
	}
	w.tell("find fails %v, mail %v, question %v", w.finding, w.mailing, w.asked)
}

// actDeliver lets what follows an answer happen, in any order, or lets it be lost.
func (w *world) actDeliver(r *rapid.T) {
	if len(w.queue) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.queue)-1).Draw(r, "which")
	if rapid.IntRange(0, 5).Draw(r, "lost") == 0 {
		w.queue, w.due = slices.Delete(w.queue, i, i+1), slices.Delete(w.due, i, i+1)
		w.tell("what follows an answer is lost")
		return
	}
	w.arm(r)
	w.deliver(i)
}

// actTend tends: what was not sent is sent, and nothing else changes.
func (w *world) actTend(*rapid.T) {
	now := w.Now()
	var must []*generation
	for _, c := range w.claims {
		// After the delivery timeout and 30 seconds; of one at a time, so that the budget is sure.
		if g := c.code(); len(must) == 0 && w.mustSend(g, now) && !now.Before(g.at.Add(time.Minute)) && !g.unsure {
			must = append(must, g)
		}
	}
	var err error
	g := w.call(false, func(s *authn.Service) { _, err = s.Tend(ctx) })
	w.tell("tend: %d sends, %v", len(g.sends()), err)
	if err != nil && w.mailing == nil && !w.finding {
		w.failf("Tend: %v", err)
	}
	w.judgeSends(g.calls, nil, everybody)
	for _, x := range must {
		c := w.claimOf(x)
		s, _ := w.whose(c)
		if surely, _ := w.room(mailbox(s.Address), now); surely && x.attempts == 0 {
			w.failf("E3: Tend does not send a code that was lost a minute ago: claim %d of %q", c.seq, c.name)
		}
		w.cover["tend sends"]++
	}
	for _, c := range w.claims { // what was not sent was given up, or is due later
		if g := c.code(); g.attempts == 0 || !g.accepted {
			g.unsure = true
		}
	}
	for _, u := range w.users {
		w.sync(u, "", now)
	}
}

// actRedeem redeems the session of a sign-up.
func (w *world) actRedeem(r *rapid.T) {
	var cs []*claim
	for _, c := range w.claims {
		if c.session != "" {
			cs = append(cs, c)
		}
	}
	if len(cs) == 0 {
		return
	}
	c := rapid.SampledFrom(cs).Draw(r, "signed up")
	as, err := w.service().Redeem(ctx, c.session)
	w.tell("redeem of %q: %v", c.name, err)
	if c.redeemed || !w.Now().Before(c.proved.Add(w.p.SessionLife)) {
		w.refuses("redeem of a sign-up", err, authn.ErrFinished, time.Time{})
		return
	}
	if err != nil {
		w.failf("redeem of a sign-up: %v", err)
	}
	w.asserts("", c.name, c.by, c.relay, nil, as)
	c.redeemed = true
	w.cover["redeemed: sign_up"]++
}

// status compares where every claim stands.
func (w *world) status(*rapid.T) {
	now := w.Now()
	for _, c := range w.claims[max(0, len(w.claims)-5):] {
		if c.token == "" || !c.live(now) {
			continue
		}
		a, err := w.service().Status(ctx, c.token)
		if err != nil {
			w.failf("status of claim %d: %v", c.seq, err)
		}
		w.compareClaim("status", c, a, now)
	}
}
