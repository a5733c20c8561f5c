package authn

import (
	"testing"
	"time"
)

// walk is one transaction of one account, stepped by hand.
type walk struct {
	testing.TB
	m    *Machine
	a    Account
	h    TokenSecret
	fs   []Factor
	at   time.Duration
	seed int
	r    Result
}

func begun(t testing.TB, p Policy, l Login, fs ...Factor) *walk {
	w := &walk{TB: t, m: newMachine(t, p), fs: fs, seed: 1}
	w.begin(l)
	return w
}

func (w *walk) env() Env {
	w.seed++
	return env(w.at, w.seed, w.fs...)
}

func (w *walk) begin(l Login) {
	w.Helper()
	e := w.env()
	w.h = handle(e)
	w.a = taken(w, &w.r, w.m.Begin(&w.a, l, e, &w.r))
}

// do takes an event and returns the state it led to.
func (w *walk) do(ev Event) State {
	w.Helper()
	w.a = taken(w, &w.r, w.m.Step(&w.a, w.h, ev, w.env(), &w.r))
	return w.a.txs[w.slot()].name()
}

func (w *walk) slot() int { return w.a.find(w.h.digest()) }

// refuses checks that an event is refused and changes nothing.
func (w *walk) refuses(ev Event, want error) *Refusal {
	w.Helper()
	before := w.a
	ref := refused(w, &w.r, w.m.Step(&w.a, w.h, ev, w.env(), &w.r), want)
	if w.a != before {
		w.Fatal("a refused event changed the account")
	}
	return ref
}

func (w *walk) right() Code { return w.m.liveCode(&w.a, w.slot()) }
func (w *walk) wrong() Code { return w.m.wrongCode(&w.a, w.slot()) }

func (w *walk) want(got, want State) {
	w.Helper()
	if got != want {
		w.Fatalf("in %s, not in %s", got, want)
	}
}

func TestVerifiedAddress(t *testing.T) {
	verified := Factor{ID: "m", Type: Email, Address: "ada@example.com", Status: NotSetUp, Verified: true}
	w := begun(t, Policy{}, ada, verified)
	w.want(w.a.txs[0].name(), MFARequired)
	if w.a.txs[0].mail.state != notSent {
		t.Error("mail went out before a factor was chosen")
	}
	w.want(w.do(Challenge{"m"}), MFAChallenge)
	w.want(w.do(Verify{Code: w.right()}), Success)

	w = begun(t, Policy{NoAutoActivate: true}, ada, verified)
	w.want(w.a.txs[0].name(), MFAEnroll)
}

func TestCodeLife(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		want  Outcome
	}{{5*time.Minute - 1, Done}, {5 * time.Minute, LateCode}, {5*time.Minute + 1, LateCode}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		code := w.right()
		w.at = c.after
		w.do(Verify{Code: code})
		if w.r.Outcome != c.want {
			t.Errorf("after %v: %q, want %q", c.after, w.r.Outcome, c.want)
		}
		if c.want == LateCode {
			w.at -= MaxSkew // a clock that falls back revives nothing
			w.refuses(Verify{Code: code}, ErrNoCode)
		}
	}
}

func TestTransactionLife(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		ended bool
	}{{10*time.Minute - 1, false}, {10 * time.Minute, true}, {10*time.Minute + 1, true}} {
		w := begun(t, Policy{}, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		w.at = 9 * time.Minute
		w.do(Resend{}) // extends nothing
		w.at = c.after
		err := w.m.Step(&w.a, w.h, Verify{Code: w.right()}, w.env(), &w.r)
		if err != nil || w.r.Ended != c.ended {
			t.Fatalf("after %v: ended %t, %v", c.after, w.r.Ended, err)
		}
		if st := w.r.Account.txs[0].name(); c.ended != (st == Expired) {
			t.Errorf("after %v: %s", c.after, st)
		}
	}
}

func TestSendLimits(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	for i, wait := range []time.Duration{30 * time.Second, time.Minute} {
		w.at += wait - 1
		if at := w.refuses(Resend{}, ErrTooSoon).RetryAt; !at.Equal(t0.Add(w.at + 1)) {
			t.Errorf("send %d: retry at %v", i+2, at)
		}
		w.at++
		w.do(Resend{})
	}
	w.at += 5 * time.Minute
	w.refuses(Resend{}, ErrExhausted)
	// The mailbox is full at the seventh in an hour, over all transactions.
	w.begin(ada)
	for range 3 {
		w.at += 2 * time.Minute
		ev := Event(Resend{})
		if w.a.txs[w.slot()].name() == MFARequired {
			ev = Challenge{adaMail.ID}
		}
		w.do(ev)
	}
	w.begin(ada)
	first := w.a.sends.until(w.a.sends.len()-1, time.Hour)
	if at := w.refuses(Challenge{adaMail.ID}, ErrTooSoon).RetryAt; at.UnixNano() != first {
		t.Errorf("mailbox free at %v, not when the first of six leaves", at)
	}
	w.at = time.Hour - 1
	w.begin(ada)
	w.refuses(Challenge{adaMail.ID}, ErrTooSoon)
	w.at++
	w.do(Challenge{adaMail.ID})
}

// Going back and forth sends nothing, and leaves the code good.
func TestReloadKeepsTheCode(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail, adaSpare)
	w.do(Challenge{adaMail.ID})
	code := w.right()
	w.want(w.do(Previous{}), MFARequired)
	w.refuses(Verify{Code: code}, ErrNotAllowed)
	w.refuses(Challenge{adaSpare.ID}, ErrTooSoon)
	w.want(w.do(Challenge{adaMail.ID}), MFAChallenge)
	if w.right() != code || w.a.txs[0].sends != 1 {
		t.Error("a reload changed the code or sent another")
	}
	w.at = time.Minute
	w.do(Previous{})
	w.do(Challenge{adaSpare.ID})
	w.do(Verify{Code: code})
	if w.r.Outcome != WrongCode {
		t.Errorf("the code of another factor: %q", w.r.Outcome)
	}
}

func TestTries(t *testing.T) {
	p := Policy{NoBackoff: true, Digits: 8, LockEvery: 50, Cooldowns: []time.Duration{time.Second}}
	for right := range 6 {
		w := begun(t, p, ada, adaMail)
		w.do(Challenge{adaMail.ID})
		for range right {
			w.do(Verify{Code: w.wrong()})
		}
		if right < 5 {
			w.want(w.do(Verify{Code: w.right()}), Success)
			if w.a.fails != 0 || w.a.failures.at != "" {
				t.Errorf("after %d wrong and the right code: %s", right, w.a.String())
			}
			continue
		}
		w.refuses(Verify{Code: "12345678"}, ErrNoCode)
		w.at = time.Second
		w.do(Resend{})
		for range 4 {
			w.do(Verify{Code: w.wrong()})
		}
		w.want(w.do(Verify{Code: w.wrong()}), LockedOut)
		if w.a.lockedUntil != 0 || w.r.Outcome != WrongCode {
			t.Error("the transaction's own tries locked the account")
		}
		w.refuses(Verify{Code: "12345678"}, ErrFinished)
	}
}
