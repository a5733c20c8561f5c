package authn

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// A factor that cannot be used is ignored and reported. If it is active, it still
// protects the account: without another active factor, sign-in and enrollment are
// refused permanently.
func TestUnusableFactors(t *testing.T) {
	m := newMachine(t, Policy{})
	spare := Factor{ID: "spare", Type: Email, Address: "s@x.co", Status: NotSetUp}
	for name, change := range map[string]func(f *Factor){
		"no id":        func(f *Factor) { f.ID = "" },
		"id too long":  func(f *Factor) { f.ID = strings.Repeat("x", 65) },
		"id in utf-8":  func(f *Factor) { f.ID = "é" },
		"no status":    func(f *Factor) { f.Status = 0 },
		"bad status":   func(f *Factor) { f.Status = 9 },
		"no address":   func(f *Factor) { f.Address = "" },
		"two lines":    func(f *Factor) { f.Address = "a@x.co\r\nBcc: b@y.co" },
		"umlaut":       func(f *Factor) { f.Address = "ä@x.co" },
		"host umlaut":  func(f *Factor) { f.Address = "a@exämple.com" },
		"unknown type": func(f *Factor) { f.Type = "x:y" },
		"misspelled":   func(f *Factor) { f.Type = "Email" },
	} {
		f := adaMail
		change(&f)
		for _, require := range []Requirement{RequireFactor, RequireIfActive} {
			for _, fs := range [][]Factor{{f}, {f, spare}, {spare, f}} {
				var r Result
				refused(t, &r, m.Begin(&Account{}, Login{User: "ada", Require: require}, env(0, 1, fs...), &r), ErrNoFactor)
				faults := m.Faults("k", "ada", fs)
				if !r.faulty || len(faults) != 1 || faults[0].Factor != fmt.Sprintf("%.64q", f.ID) || !strings.Contains(faults[0].Err, fmt.Sprintf("type %q: ", f.Type)) || faults[0].User != "ada" {
					t.Errorf("%s: %t, %+v", name, r.faulty, faults)
				}
				if f.Address != "" && strings.Contains(fmt.Sprint(faults), f.Address) {
					t.Errorf("%s: the report contains the address", name)
				}
			}
		}
		var r Result
		if a := taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, f, adaSpare), &r)); a.txs[0].name() != MFARequired || !r.faulty {
			t.Errorf("%s: next to a usable one: %s", name, a.txs[0].name())
		}
		if f.Status != Active {
			continue
		}
		f.Status = NotSetUp
		if a := taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, f, spare), &r)); a.txs[0].name() != MFAEnroll {
			t.Errorf("%s: to enroll, next to a usable one: %s", name, a.txs[0].name())
		}
	}
	var r Result
	if a := taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, adaMail, adaMail), &r)); a.txs[0].name() != MFARequired || !r.faulty {
		t.Errorf("two factors with one ID: %s", a.txs[0].name())
	}
	blanks := adaMail
	blanks.Address = " \t" + adaMail.Address + "\r\n "
	a, b := taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, blanks), &r)), taken(t, &r, m.Begin(&Account{}, ada, env(0, 1, adaMail), &r))
	if a != b || r.faulty {
		t.Error("blanks around an address are not ignored")
	}
	sms := Factor{ID: "s", Type: "x:y", Address: "not looked at", Status: NotSetUp}
	refused(t, &r, m.Begin(&Account{}, ada, env(0, 1, sms), &r), ErrNoFactor)
	if r.faulty || m.Faults("k", "ada", []Factor{sms}) != nil {
		t.Error("a type of another service, not set up, is reported")
	}
}

// If a factor of any type becomes active elsewhere during a transaction, or is
// disabled, the password alone no longer allows enroll, skip and redeem.
func TestProtectedMeanwhile(t *testing.T) {
	offer := Factor{ID: "m", Type: Email, Address: "m@x.co", Status: NotSetUp}
	token := Factor{ID: "k", Type: "token", Status: Active}
	off := Factor{ID: "d", Type: Email, Address: "d@x.co", Status: Disabled}
	login := Login{User: "ada", Require: RequireIfActive}
	for name, more := range map[string]Factor{"active": adaMail, "of another type": token, "disabled": off} {
		w := begun(t, Policy{}, login, offer)
		w.fs = []Factor{offer, more}
		w.refuses(Enroll{Email}, ErrNotOffered)
		if name != "disabled" {
			w.refuses(Skip{}, ErrRequired)
		}

		w = begun(t, Policy{}, login, offer)
		w.want(w.do(Enroll{Email}), MFAEnrollActivate)
		w.fs = []Factor{offer, more}
		w.refuses(Activate{Code: w.right()}, ErrNoCode)

		w = begun(t, Policy{}, login, offer)
		w.want(w.do(Skip{}), Success)
		w.fs = []Factor{offer, more}
		session, _ := w.m.Session(&w.a, w.h)
		var r Result
		_, err := w.m.Redeem(&w.a, session, w.env(), &r)
		refused(t, &r, err, ErrNotOffered)
	}
}

// What is required may change until the code is sent, and what was proved until the
// session token is redeemed.
func TestListedMeanwhile(t *testing.T) {
	app := Factor{ID: "app", Type: TOTP, Status: NotSetUp, Required: true}
	w := begun(t, Policy{}, Login{User: "ada"}, adaMail)
	w.fs = []Factor{adaMail, app}
	w.do(Challenge{adaMail.ID})
	w.want(w.do(Verify{Code: w.right()}), MFAEnroll)

	w = begun(t, Policy{}, Login{User: "ada"}, adaMail)
	w.do(Challenge{adaMail.ID})
	w.want(w.do(Verify{Code: w.right()}), Success)
	gone := adaMail
	gone.Status = NotSetUp
	w.fs = []Factor{gone}
	session, _ := w.m.Session(&w.a, w.h)
	var r Result
	_, err := w.m.Redeem(&w.a, session, w.env(), &r)
	refused(t, &r, err, ErrNotOffered)
}

// Of a list, 32 factors count. An active one always protects, wherever it is, and a
// required one is required beside any number of active ones.
func TestManyFactors(t *testing.T) {
	m := newMachine(t, Policy{})
	status := map[rune]Factor{'a': {Status: Active}, 'r': {Status: NotSetUp, Required: true}, 'n': {Status: NotSetUp}}
	n := strings.Repeat
	for in, want := range map[string]struct {
		state  State
		offers int
		owing  bool
		faulty bool
	}{
		"a": {MFARequired, 1, false, false}, "n": {MFAEnroll, 1, false, false}, "nra": {MFARequired, 1, true, false},
		n("a", 31) + "r":             {MFARequired, 31, true, false},
		n("n", 31) + "a":             {MFARequired, 1, false, false},
		n("n", 32):                   {MFAEnroll, 32, false, false},
		n("n", 33):                   {MFAEnroll, 32, false, true},
		n("a", 32) + "r":             {MFARequired, 32, false, true},
		n("a", 1) + n("n", 31) + "a": {MFARequired, 1, false, true},
		n("n", 32) + "a":             {"", 0, false, true}, // an active one that cannot be proved
	} {
		var fs []Factor
		for i, c := range in {
			f := status[c]
			f.ID, f.Type, f.Address = fmt.Sprint("f", i), Email, fmt.Sprintf("a%d@x.co", i)
			fs = append(fs, f)
		}
		var r Result
		err := m.Begin(&Account{}, ada, env(0, 1, fs...), &r)
		if want.state == "" {
			refused(t, &r, err, ErrNoFactor)
		} else {
			tx := taken(t, &r, err).txs[0]
			ans, err := m.describe(&r.Account, 0, &Env{Now: t0, Factors: fs})
			if err != nil || tx.name() != want.state || len(ans.Factors) != want.offers || tx.owing != want.owing {
				t.Errorf("%s: %s, %d to choose from, owing %t, %v", in, tx.name(), len(ans.Factors), tx.owing, err)
			}
		}
		if r.faulty != want.faulty || want.faulty != (len(m.Faults("k", "ada", fs)) == 1) {
			t.Errorf("%s: reported %t", in, r.faulty)
		}
	}
}

func TestVerifiedAddress(t *testing.T) {
	verified := Factor{ID: "m", Type: Email, Address: "ada@example.com", Status: NotSetUp, Verified: true}
	w := begun(t, Policy{}, ada, verified)
	w.want(w.a.txs[0].name(), MFARequired)
	if w.a.txs[0].delivery != deliveryNone || w.a.outbox[0].kind != 0 {
		t.Error("a mail was sent before a factor was chosen")
	}
	w.want(w.do(Challenge{"m"}), MFAChallenge)
	w.want(w.do(Verify{Code: w.right()}), Success)

	w = begun(t, Policy{NoAutoActivate: true}, ada, verified)
	w.want(w.a.txs[0].name(), MFAEnroll)
}

// The password alone allows enrollment only for an account without a factor.
func TestEnrollmentIsCheckedWhenUsed(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	active := graceMail
	active.Status = Active
	w.fs = []Factor{active}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Enroll{Email}, ErrNotOffered)
	w.fs = []Factor{graceMail}
	w.do(Enroll{Email})
	code := w.right()
	w.fs = []Factor{graceMail, adaMail}
	w.refuses(Activate{Code: code}, ErrNoCode)
	moved := graceMail
	moved.Address = "other@example.com"
	w.fs = []Factor{moved}
	w.refuses(Activate{Code: code}, ErrNoCode)
	w.fs = []Factor{graceMail}
	w.want(w.do(Activate{Code: code}), Success)
}

// A factor that was activated here protects although the Directory has not taken
// it and lists nothing, or another one, at the moment.
func TestOwedFactorProtects(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.right()}), Success)
	owed := w.r.Effects()
	spare := Factor{ID: "spare", Type: Email, Address: "s@x.co", Status: NotSetUp}
	login := Login{User: "grace", Require: RequireIfActive}
	begin := func(a *Account, fs ...Factor) (State, error) {
		var r Result
		w.seed++
		err := w.m.Begin(a, login, env(0, w.seed, fs...), &r)
		if err != nil {
			return "", err
		}
		return r.Account.txs[r.slot].name(), nil
	}
	for _, fs := range [][]Factor{nil, {spare}} {
		if st, err := begin(&w.a, fs...); !errors.Is(err, ErrNoFactor) {
			t.Errorf("owed, with %v: %s, %v", fs, st, err)
		}
	}
	if st, err := begin(&w.a, spare, graceMail); st != MFARequired {
		t.Errorf("owed and listed: %s, %v", st, err)
	}
	taken, _, err := w.m.Acknowledge(&w.a, owed, make([]error, len(owed)), t0)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := begin(&taken); st != Success {
		t.Errorf("handed over, and not listed: %s, %v", st, err)
	}
}
