package authn

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	old   = Secret("correct horse")
	fresh = Secret("battery staple 9")
)

func takes(data string) *Verdict { return &Verdict{Right: true, Data: []byte(data)} }

// hosted is a walk on a machine with gates.
func hosted(t testing.TB, gates []Gate, l Login, fs ...Factor) *walk {
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Gates: gates})
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{TB: t, m: m, fs: fs, seed: 1}
	w.begin(l)
	return w
}

// The factor comes before the password: G1, G2.
func TestPasswordAfterTheFactor(t *testing.T) {
	for status, st := range map[PasswordStatus]State{PasswordExpiresSoon: PasswordWarn, PasswordHasExpired: PasswordExpired, PasswordNeedsReset: PasswordReset} {
		l := ada
		if l.Password = status; status == PasswordExpiresSoon {
			l.PasswordExpires = t0.Add(48 * time.Hour)
		}
		w := begun(t, Policy{}, l, adaMail)
		w.want(w.a.txs[0].name(), MFARequired)
		w.refuses(ResetPassword{fresh}, ErrNotAllowed)
		w.do(Challenge{adaMail.ID})
		w.refuses(ChangePassword{old, fresh}, ErrNotAllowed)
		w.want(w.do(Verify{Code: w.right()}), st)
		var ev Event = ChangePassword{old, fresh}
		if status == PasswordNeedsReset {
			w.refuses(ev, ErrNotAllowed)
			ev = ResetPassword{fresh}
		}
		if status == PasswordExpiresSoon {
			if at := w.answer().PasswordExpires; !at.Equal(l.PasswordExpires) {
				t.Errorf("it expires at %s", at)
			}
		} else {
			w.refuses(Skip{}, ErrNotAllowed)
		}
		w.verdict = takes("hash")
		w.want(w.do(ev), Success)
		if w.a.txs[0].passwordEnd != 0 {
			t.Errorf("%s: when the old one expires is kept", st)
		}
		if e := w.s().owedPassword(); e == nil {
			t.Errorf("%s: no password is owed", st)
		}
	}
	l := ada
	l.Password, l.PasswordExpires, l.Require = PasswordExpiresSoon, t0.Add(time.Hour), RequireNothing
	w := begun(t, Policy{}, l, adaMail)
	w.want(w.do(Skip{}), Success)
}

// s is the account for a look at its parts.
func (w *walk) s() *step { return &step{m: w.m, acct: &w.a, i: w.slot(), now: t0.Add(w.at).UnixNano()} }

// A wrong old password costs what a wrong code costs; one that is rejected costs nothing,
// and during a back-off nobody is asked: G3, G5.
func TestPasswordGuesses(t *testing.T) {
	l := ada
	l.Password, l.Require = PasswordHasExpired, RequireNothing
	w := begun(t, Policy{}, l, adaMail)
	ev := ChangePassword{old, fresh}
	w.verdict = &Verdict{Rejected: true, Reasons: []string{"too short"}}
	w.want(w.do(ev), PasswordExpired)
	if w.r.Outcome != Rejected || w.a.fails != 0 || len(w.a.failures.at) != 0 || w.a.txs[0].tries != 0 {
		t.Fatalf("a rejection is counted: %v", w.a)
	}
	for n := 1; n <= 4; n++ {
		w.verdict = new(Verdict)
		w.want(w.do(ev), PasswordExpired)
		if w.r.Outcome != WrongCode || int(w.a.fails) != n || w.a.failures.at.len() != n || int(w.a.txs[0].tries) != n {
			t.Fatalf("after %d: %v", n, w.a)
		}
	}
	if r := w.refuses(ev, ErrTooSoon); r.RetryAt != t0.Add(30*time.Second) { // without a verdict: none is asked for
		t.Fatal(r.RetryAt)
	}
	w.at = 30*time.Second - 1
	w.refuses(ev, ErrTooSoon)
	w.at++
	var lack *Lack
	if err := w.m.Step(&w.a, w.h, ev, w.env(), &w.r); !errors.As(err, &lack) || lack.Password == nil || lack.Password.Old != old || lack.Password.New != fresh {
		t.Fatal(err)
	}
	w.verdict = takes("h")
	w.want(w.do(ev), Success)
	if w.a.fails != 0 || w.a.failures.at != "" {
		t.Fatalf("a right password forgives: %v", w.a)
	}
}

// What only the host judges takes back no wrong codes of other sign-ins: no factor was
// proved by it.
func TestPasswordForgivesItsOwn(t *testing.T) {
	w := begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.wrong()})
	w.do(Verify{Code: w.wrong()})
	l := ada
	l.Password, l.Require = PasswordHasExpired, RequireNothing
	w.begin(l)
	w.verdict = new(Verdict)
	w.do(ChangePassword{old, fresh})
	if w.a.fails != 3 {
		t.Fatal(w.a.fails)
	}
	w.verdict = takes("h")
	w.want(w.do(ChangePassword{old, fresh}), Success)
	if w.a.fails != 2 || w.a.failures.at.len() != 2 {
		t.Errorf("%d in a row, %d in all", w.a.fails, w.a.failures.at.len())
	}
}

func TestPasswordDenied(t *testing.T) {
	l := ada
	l.Password, l.Require = PasswordNeedsReset, RequireNothing
	w := begun(t, Policy{}, l)
	w.verdict = &Verdict{Denied: true, Right: true}
	w.want(w.do(ResetPassword{fresh}), Canceled)
	if w.r.Outcome != Denied {
		t.Fatal(w.r.Outcome)
	}
}

// A new password ends what was begun with the old one, replaces a form that the host has
// not taken, and holds the session back until the host has it: G6.
func TestNewestPasswordWins(t *testing.T) {
	l := ada
	l.Password, l.Require = PasswordNeedsReset, RequireNothing
	w := begun(t, Policy{}, l)
	other := w.h
	w.begin(ada.with(RequireNothing))
	w.want(w.a.txs[w.slot()].name(), Success)
	w.h = other
	w.verdict = takes("first")
	w.want(w.do(ResetPassword{fresh}), Success)
	if st := w.a.txs[w.a.find(handleOf(w, Canceled).digest())].name(); st != Canceled {
		t.Fatal(st)
	}
	w.at = time.Minute / 2
	w.begin(l)
	w.at++ // a new password has a time of its own
	w.verdict = takes("second")
	w.do(ResetPassword{fresh})
	var forms []string
	for _, e := range w.a.owed() {
		job, err := w.m.Job(&w.a, "k", e, nil, t0.Add(w.at))
		if err == nil && job.Password != nil {
			forms = append(forms, string(job.Password.Data))
			if job.Password.User != ada.User || !job.Password.At.Equal(t0.Add(w.at)) || job.Password.Key != e.Key {
				t.Errorf("%+v", job.Password)
			}
		}
	}
	if len(forms) != 1 || forms[0] != "second" {
		t.Fatalf("owed: %q", forms)
	}
	secret, _ := w.m.Session(&w.a, w.h)
	var lack *Lack
	if _, err := w.m.Redeem(&w.a, secret, w.env(), &w.r); !errors.As(err, &lack) || lack.Owed == nil || !errors.Is(err, ErrUnavailable) {
		t.Fatalf("redeem before the host has the password: %v", err)
	}
	w.acknowledge()
	if _, err := w.m.Redeem(&w.a, secret, w.env(), &w.r); err != nil {
		t.Fatal(err)
	}
	if b := string(w.m.Seal(&w.a, "k")); strings.Contains(b, "second") {
		t.Error("the form is stored in the clear")
	}
}

func (l Login) with(r Requirement) Login { l.Require = r; return l }

// A verdict with more to keep than there is room for decides nothing.
func TestFormSize(t *testing.T) {
	for n, ok := range map[int]bool{maxForm: true, maxForm + 1: false} {
		l := ada
		l.Password, l.Require = PasswordNeedsReset, RequireNothing
		w := begun(t, Policy{}, l)
		w.verdict = takes(strings.Repeat("x", n))
		e := w.env()
		if err := w.m.Step(&w.a, w.h, ResetPassword{fresh}, e, &w.r); (err == nil) != ok || !ok && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// What cannot be a password is refused before anything is looked at.
func TestBadPasswords(t *testing.T) {
	l := ada
	l.Password, l.Require = PasswordHasExpired, RequireNothing
	w := begun(t, Policy{}, l)
	nfd := Secret(strings.Repeat("e\u0301", 64))
	for _, c := range []struct {
		p  Secret
		ok bool
	}{{"", false}, {"x", true}, {Secret(strings.Repeat("x", maxPassword)), true}, {Secret(strings.Repeat("x", maxPassword+1)), false}, {Secret(strings.Repeat("x", 1<<20)), false}, {"a\x00b", false}, {"a\xffb", false}, {nfd, true}} {
		for _, ev := range []Event{ChangePassword{old, c.p}, ChangePassword{c.p, fresh}} {
			if !c.ok {
				w.refuses(ev, ErrMalformed)
				continue
			}
			var lack *Lack
			if err := w.m.Step(&w.a, w.h, ev, w.env(), &w.r); !errors.As(err, &lack) {
				t.Errorf("%.10q: %v", string(c.p), err)
			} else if lack.Password.Old != ev.(ChangePassword).Old || lack.Password.New != ev.(ChangePassword).New {
				t.Error("the host does not get what was sent")
			}
		}
	}
	for _, l := range []Login{{User: "u", Password: PasswordNeedsReset + 1}, {User: "u", Password: PasswordExpiresSoon}, {User: "u", PasswordExpires: t0}} {
		if err := w.m.Begin(&Account{}, l, w.env(), &w.r); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", l, err)
		}
	}
}
