package model

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"pgregory.net/rapid"
)

// More actions of TestModel: redeem, repeated events, the operations of the host,
// the clock, and ports that fail.

func (w *world) actRedeem(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	k := a.tickets[tx]
	switch session := k.session; {
	case session == "", rapid.IntRange(0, 3).Draw(t, "garbage") == 3:
		garbage := rapid.SampledFrom([]authn.SessionToken{"", "x", authn.SessionToken(k.token), "AAAA", session + "A"}).Draw(t, "token")
		w.redeem(a, -1, garbage)
	default:
		w.redeem(a, tx, session)
	}
}

// actAgain sends the last event of a transaction again, as a client does after a
// broken connection, or another event with the same key.
func (w *world) actAgain(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	c := a.tickets[tx].last
	if c.event == "" {
		c = w.natural(a, tx)
		if rapid.IntRange(0, 3).Draw(t, "mail") == 3 {
			c.event, c.factor, c.code = "resend", "", ""
		}
		c.key = "k"
		w.do(a, c)
	}
	if c.key != "" && a.o.state(tx) != "" && rapid.IntRange(0, 2).Draw(t, "other") == 2 {
		c = call{tx: tx, event: "verify", code: w.aCode(t, a, tx), key: c.key}
	}
	w.do(a, c)
}

func (w *world) actTend(*rapid.T) { w.tend() }

func (w *world) actRevoke(t *rapid.T) { w.revoke(rapid.SampledFrom(w.accounts).Draw(t, "account")) }

func (w *world) actReinstate(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	now, _ := a.o.clock(w.Now())
	if _, locked := a.o.lockedAt(now); !locked && rapid.IntRange(0, 3).Draw(t, "though") < 3 {
		return // usually reinstate only a locked account
	}
	w.reinstate(a)
}

// actJump advances the clock to a deadline, or one nanosecond before or after it.
// Near deadlines are more likely.
func (w *world) actJump(t *rapid.T) {
	var ds []time.Time
	for _, a := range w.accounts {
		ds = append(ds, a.o.deadlines(w.Now())...)
	}
	slices.SortFunc(ds, time.Time.Compare)
	if len(ds) == 0 {
		w.Advance(time.Minute)
		return
	}
	i := rapid.IntRange(0, min(3, len(ds)-1)).Draw(t, "deadline")
	if rapid.IntRange(0, 9).Draw(t, "far") == 9 {
		i = rapid.IntRange(0, len(ds)-1).Draw(t, "far deadline")
	}
	w.wait(ds[i].Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "nanoseconds"))))
	w.zone++
}

// actEdge goes to one deadline of one transaction, or one nanosecond before or
// after it, and sends the event that it affects: B1, B2, B3.
func (w *world) actEdge(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 {
		return
	}
	now, _ := a.o.clock(w.Now())
	to, c := a.o.expires(tx), w.natural(a, tx)
	code, kept := a.o.kept(tx)
	send := call{tx: tx, event: "resend"}
	if s := a.o.state(tx); s == stateRequired || s == stateEnroll {
		send = c
	}
	switch rapid.IntRange(0, 5).Draw(t, "what ends") {
	case 0:
	case 1, 2:
		if to = a.o.cool(tx, now); to.IsZero() {
			to = a.o.free(now, a.o.sends())
		}
		c = send
	case 3:
		to = a.o.backoff(now)
	default:
		if kept {
			to = code.expires
			if c.event == "resend" && kinds[code.kind].coded {
				c.event, c.code = "verify", code.text
			}
		}
	}
	if a.o.state(tx) == stateActivate && c.event == "verify" {
		c.event = "activate"
	}
	w.wait(to.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "nanoseconds"))))
	if a.o.state(tx) == stateSuccess {
		w.redeem(a, tx, a.tickets[tx].session)
		return
	}
	w.send(t, a, c)
}

func (w *world) actTick(t *rapid.T) {
	w.Advance(rapid.SampledFrom([]time.Duration{1, 300 * time.Millisecond, time.Second, 7 * time.Second, 31 * time.Second, 3 * time.Minute}).Draw(t, "tick"))
}

// actFall turns the clock back, usually by no more than MaxSkew: B5.
func (w *world) actFall(t *rapid.T) {
	by := rapid.SampledFrom([]time.Duration{1, time.Second, 10 * time.Second, authn.MaxSkew, authn.MaxSkew + 1, 10 * time.Minute, 3 * time.Hour}).Draw(t, "fall")
	if by > authn.MaxSkew && rapid.IntRange(0, 2).Draw(t, "far") < 2 {
		by = 5 * time.Second
	}
	if by == authn.MaxSkew && w.passwords {
		by -= time.Microsecond // a new password comes a nanosecond after the last save
	}
	w.Advance(-by)
	w.wait(w.floor)
	if by > authn.MaxSkew {
		for _, a := range w.accounts {
			maps.DeleteFunc(a.once, func(what string, _ bool) bool { return strings.Contains(what, " ") }) // time steps come again
		}
	}
	w.cover["clock fell"]++
	for _, a := range w.accounts {
		if _, wrong := a.o.clock(w.Now()); wrong {
			w.cover["clock wrong"]++
		}
	}
}

// actWeather makes the mailer, the directory and the auditor fail, or recover.
func (w *world) actWeather(t *rapid.T) {
	mailer := rapid.SampledFrom([]error{nil, nil, nil, authntest.ErrDown, errNoBox}).Draw(t, "mailer")
	w.Fail(authntest.Send, authntest.Fault{Err: mailer})
	w.tell("mailer: %v", mailer)
	for _, p := range []authntest.Port{authntest.Activated, authntest.Audit} {
		if w.Heal(p); rapid.IntRange(0, 3).Draw(t, string(p)) == 3 {
			w.Fail(p, down)
			w.tell("%s: down", p)
		}
	}
	if mailer == errNoBox {
		w.cover["mail failed for good"]++
	}
}

// actLost sends an event while the directory has another address for every
// factor, or no factors.
func (w *world) actLost(t *rapid.T) {
	a, tx := w.pick(t)
	if tx < 0 || a.o.state(tx) == stateSuccess || a.o.over(tx) {
		return
	}
	fs := w.FactorsOf(a.user)
	gone := slices.Clone(fs)[:0]
	if _, name := a.o.hand(tx); a.o.state(tx) == stateActivate && kinds[name].coded && rapid.Bool().Draw(t, "moved") {
		for _, f := range fs {
			f.Address = "new-" + f.Address
			gone = append(gone, f)
		}
	}
	c := w.varied(t, a, tx)
	if len(gone) > 0 && c.event != "activate" || c.event == "respond" {
		return
	}
	if _, name := a.o.hand(tx); c.event == "verify" && a.o.state(tx) == stateChallenge && kinds[name].channel != "" {
		return // the list is not looked at
	}
	w.SetFactors(a.user, gone...)
	w.blur = true
	w.do(a, c)
	w.blur = false
	w.SetFactors(a.user, fs...)
}

// actDown checks that a begin without a directory returns an error and writes
// nothing.
func (w *world) actDown(t *rapid.T) {
	a := rapid.SampledFrom(w.accounts).Draw(t, "account")
	w.Fail(authntest.Factors, down)
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		ans, err := s.Begin(ctx, authn.Login{User: a.user})
		return ans, nil, err
	})
	w.Heal(authntest.Factors)
	w.tell("%s: begin without a directory: %v", a.user, g.err)
	if g.saves > 0 || !errors.Is(g.err, authn.ErrUnavailable) && !slices.ContainsFunc(a.o.begin(len(a.tickets), authn.Login{}, w.Now()).errs, func(err error) bool { return errors.Is(g.err, err) }) {
		w.failf("begin without a directory: %v", g.err)
	}
}

// actUnknown checks that an unknown user leaves no record.
func (w *world) actUnknown(t *rapid.T) {
	user := rapid.SampledFrom([]string{"nobody", "", "two\nlines"}).Draw(t, "user")
	want := authn.ErrNoUser
	if user != "nobody" {
		want = authn.ErrMalformed
	}
	g := w.watch(func(s *authn.Service) (*authn.Answer, *authn.Assertion, error) {
		ans, err := s.Begin(ctx, authn.Login{User: user})
		return ans, nil, err
	})
	if !errors.Is(g.err, want) || g.saves > 0 {
		w.failf("begin of %q: %v, %d saves", user, g.err, g.saves)
	}
}
