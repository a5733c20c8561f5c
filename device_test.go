package authn

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

const remembered = 30 * 24 * time.Hour

// trusting is an account whose user has had a device remembered, and the device's token.
func trusting(t *testing.T, p Policy, fs ...Factor) (*walk, Secret) {
	t.Helper()
	if p.Remember == 0 {
		p.Remember = remembered
	}
	w := begun(t, p, ada, fs...)
	w.do(Challenge{fs[0].ID})
	w.want(w.do(Verify{Code: w.right(), Remember: true}), Success)
	d, ok := w.m.Device(&w.a, w.h)
	if !ok {
		t.Fatal("no device")
	}
	w.acknowledge()
	return w, d
}

// on begins on a device, and returns the state.
func (w *walk) on(l Login, d Secret) State {
	w.Helper()
	l.Device = d
	w.begin(l)
	return w.m.stateOf(&w.a.txs[w.slot()])
}

// A device is remembered until its end to the second, for its user and an active factor at
// the same address: S38.
func TestDevice(t *testing.T) {
	w, d := trusting(t, Policy{}, adaMail, adaSpare)
	w.want(w.on(ada, d), Success)
	as, err := assertion(w)
	if err != nil || !as.Remembered || !slices.Equal(as.Methods, []string{"pwd"}) || len(as.Factors) != 0 || len(as.Proofs) != 1 {
		t.Fatalf("%+v %v", as, err)
	}
	fresh := ada
	fresh.Fresh = true
	w.want(w.on(fresh, d), MFARequired)
	for _, status := range []PasswordStatus{PasswordHasExpired, PasswordNeedsReset, PasswordExpiresSoon} {
		l := ada // a new password takes the factor itself
		if l.Password = status; status == PasswordExpiresSoon {
			l.PasswordExpires = t0.Add(time.Hour)
		}
		w.want(w.on(l, d), MFARequired)
	}
	w.at += time.Hour // those starts did not succeed
	adding := ada
	adding.Adding = true
	w.want(w.on(adding, d), MFARequired)
	only := ada
	only.Accept = []string{TOTP}
	refuseBegin(w, only, d, ErrNoFactor)
	w.want(w.on(ada.with(RequireIfActive), d), Success)
	w.want(w.on(ada, d[:len(d)-1]), MFARequired)
	w.want(w.on(ada, Secret(strings.Repeat("A", len(d)))), MFARequired)
	w.at += time.Hour // starts that did not succeed
	moved := adaMail
	moved.Address = "elsewhere@example.com"
	for name, fs := range map[string][]Factor{"moved": {moved, adaSpare}, "gone": {adaSpare}, "a required one is missing": {adaMail, {ID: "app", Type: TOTP, Status: NotSetUp, Required: true}}} {
		w.fs = fs
		if st := w.on(ada, d); st != MFARequired {
			t.Errorf("%s: %s", name, st)
		}
	}
	w.fs = []Factor{adaMail}
	w.at = remembered - 1
	w.want(w.on(ada, d), Success)
	w.at = remembered
	w.want(w.on(ada, d), MFARequired)
}

func refuseBegin(w *walk, l Login, d Secret, want error) {
	w.Helper()
	l.Device = d
	refused(w, &w.r, w.m.Begin(&w.a, l, w.env(), &w.r), want)
}

// redeemed redeems the session token of the transaction at hand.
func assertion(w *walk) (*Assertion, error) {
	h, _ := w.m.Session(&w.a, w.h)
	as, err := w.m.Redeem(&w.a, h, w.env(), &w.r)
	if err == nil {
		w.a = w.r.Account
	}
	return as, err
}

// What proves that the user may have changed forgets the devices.
func TestDeviceIsForgotten(t *testing.T) {
	codes := Factor{ID: "codes", Type: RecoveryCodes, Status: NotSetUp}
	for name, do := range map[string]func(w *walk, d Secret){
		"a new password": func(w *walk, d Secret) {
			l := ada
			l.Password, l.Require = PasswordNeedsReset, RequireNothing
			w.want(w.on(l, d), PasswordReset)
			w.verdict = takes("h")
			w.do(ResetPassword{fresh})
			w.acknowledge()
		},
		"a recovery code": func(w *walk, d Secret) {
			l := ada
			l.Adding = true
			w.fs = []Factor{adaMail, codes}
			w.begin(l)
			w.do(Challenge{adaMail.ID})
			w.do(Verify{Code: w.right()})
			w.do(Enroll{RecoveryCodes})
			list := w.answer().Prompt.Codes
			w.do(Activate{Code: list[0]})
			w.fs = append([]Factor{adaMail}, w.acknowledge()...)
			w.want(w.on(ada, d), Success)
			w.begin(ada)
			w.want(w.do(Verify{Factor: codes.ID, Code: list[1]}), Success)
			w.fs = append([]Factor{adaMail}, w.acknowledge()...)
		},
		"a stricter policy": func(w *walk, d Secret) { w.m = newMachine(w, Policy{}) },
	} {
		w, d := trusting(t, Policy{}, adaMail)
		do(w, d)
		if st := w.on(ada, d); st != MFARequired {
			t.Errorf("%s: %s", name, st)
		}
	}
}

// A shorter policy applies to the devices that are remembered, a longer one does not.
func TestRememberAtItsEdge(t *testing.T) {
	for _, c := range []struct {
		then time.Duration
		at   time.Duration
		want State
	}{
		{time.Hour, time.Hour - 1, Success}, {time.Hour, time.Hour, MFARequired},
		{maxRemember, remembered - 1, Success}, {maxRemember, remembered, MFARequired},
	} {
		w, d := trusting(t, Policy{}, adaMail)
		w.m, w.at = newMachine(t, Policy{Remember: c.then}), c.at
		if st := w.on(ada, d); st != c.want {
			t.Errorf("%v at %v: %s", c.then, c.at, st)
		}
	}
	for d, ok := range map[time.Duration]bool{time.Hour: true, time.Hour - 1: false, maxRemember: true, maxRemember + 1: false, -1: false} {
		if _, err := NewMachine(Config{Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: Policy{Remember: d}}); (err == nil) != ok {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// At most ten are remembered, the latest ones; each costs 32 bytes, and none is given
// without a proof, or if the policy does not have it.
func TestManyDevices(t *testing.T) {
	w, first := trusting(t, Policy{}, adaMail)
	size := len(w.m.Seal(&w.a, "k"))
	var second Secret
	for n := 2; n <= maxDevices+1; n++ {
		w.at += time.Hour
		w.begin(ada)
		w.do(Challenge{adaMail.ID})
		w.do(Verify{Code: w.right(), Remember: true})
		w.acknowledge()
		if n == 2 {
			second, _ = w.m.Device(&w.a, w.h)
			if got := w.a.devices.len() * deviceSize; got != 64 || deviceSize > 32 {
				t.Errorf("two devices take %d bytes, after %d in all", got, size)
			}
		}
	}
	w.at += time.Hour
	if n := w.a.devices.len(); n != maxDevices || len(w.a.View().Devices) != n {
		t.Errorf("%d devices", n)
	}
	w.want(w.on(ada, second), Success)
	w.want(w.on(ada, first), MFARequired)

	w = begun(t, Policy{}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.do(Verify{Code: w.right(), Remember: true})
	if _, ok := w.m.Device(&w.a, w.h); ok || w.a.devices != "" {
		t.Error("a device is remembered though the policy does not allow it")
	}
}

// Another user's device, and one in another tenant, is none.
func TestForeignDevice(t *testing.T) {
	w, d := trusting(t, Policy{}, adaMail)
	other := begun(t, Policy{Remember: remembered}, grace, adaMail)
	other.want(other.on(grace, d), MFARequired)
	other.a.devices = w.a.devices // not even where the record says so
	other.want(other.on(grace, d), MFARequired)
	m, err := NewMachine(Config{Tenant: "other", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: Policy{Remember: remembered}})
	if err != nil {
		t.Fatal(err)
	}
	w.m = m
	w.want(w.on(ada, d), MFARequired)
}

// Between SUCCESS and redeem the factor may go, and with it what the device stands for.
func TestDeviceAtRedeem(t *testing.T) {
	w, d := trusting(t, Policy{}, adaMail)
	w.want(w.on(ada, d), Success)
	w.fs = []Factor{adaSpare}
	if _, err := assertion(w); !errors.Is(err, ErrNotOffered) {
		t.Fatal(err)
	}
}

// An active factor that does not count still protects: S40.
func TestAccept(t *testing.T) {
	app := Factor{ID: "app", Type: TOTP, Status: NotSetUp}
	only := ada
	only.Accept = []string{TOTP}
	m := newMachine(t, Policy{})
	for _, c := range []struct {
		require Requirement
		fs      []Factor
		err     error
		st      State
	}{
		{RequireFactor, []Factor{adaMail, app}, ErrNoFactor, ""},
		{RequireIfActive, []Factor{adaMail, app}, ErrNoFactor, ""},
		{RequireFactor, []Factor{app}, nil, MFAEnroll},
		{RequireFactor, []Factor{graceMail, app}, nil, MFAEnroll},
		{RequireFactor, []Factor{graceMail}, ErrNoFactor, ""},
		{RequireIfActive, []Factor{graceMail}, nil, Success},
		{RequireNothing, []Factor{adaMail, app}, nil, Success},
	} {
		var r Result
		e := env(0, 1, c.fs...)
		err := m.Begin(&Account{}, only.with(c.require), e, &r)
		if !errors.Is(err, c.err) || err == nil && r.Account.txs[0].name() != c.st {
			t.Errorf("%+v: %s, %v", c, r.Account.txs[0].name(), err)
		}
		if c.st != MFAEnroll {
			continue
		}
		ans, err := m.Status(&r.Account, handle(e), env(0, 2, c.fs...))
		if err != nil || len(ans.Factors) != 1 || ans.Factors[0].ID != app.ID {
			t.Errorf("offered: %+v %v", ans, err)
		}
		refused(t, &r, m.Step(&r.Account, handle(e), Enroll{Email}, env(0, 2, c.fs...), &r), ErrNotOffered)
	}
	required := graceMail
	required.Required = true
	w := begun(t, Policy{}, only.with(RequireIfActive), required, app)
	w.want(w.do(Skip{}), Success) // what is required does not count here
	for _, l := range []Login{
		{User: "u", Accept: []string{"nonsense"}}, {User: "u", Accept: []string{""}}, {User: "u", Methods: []string{"p w"}}, {User: "u", Methods: []string{strings.Repeat("x", maxMethods), "y"}},
		{User: "u", Relay: strings.Repeat("x", maxRelay+1)}, {User: "u", At: time.Unix(earliest-1, 0)},
	} {
		var r Result
		refused(t, &r, m.Begin(&Account{}, l, env(0, 1, adaMail), &r), ErrMalformed)
	}
}

// The assertion has exactly what the host has verified and what was proved, each with its
// time, none fresher than it is: S41.
func TestStepUp(t *testing.T) {
	l := ada
	l.Methods, l.At, l.Relay, l.Purpose = []string{"hwk", "user"}, t0.Add(-time.Hour+5), strings.Repeat("r", maxRelay), "transfer"
	w := begun(t, Policy{}, l, adaMail)
	w.do(Challenge{adaMail.ID})
	w.at = 61*time.Second + 999
	w.do(Verify{Code: w.right()})
	w.at += time.Second
	as, err := assertion(w)
	if err != nil {
		t.Fatal(err)
	}
	want := []Proof{{Methods: l.Methods, At: t0.Add(-time.Hour)}, {Methods: []string{"otp"}, Factor: adaMail.ID, Type: Email, Channel: "email", At: t0.Add(61 * time.Second)}}
	if !slices.Equal(as.Methods, []string{"hwk", "user", "otp"}) || as.Relay != l.Relay || as.Purpose != l.Purpose || as.Remembered ||
		!slices.EqualFunc(as.Proofs, want, func(a, b Proof) bool {
			return slices.Equal(a.Methods, b.Methods) && a.Factor == b.Factor && a.Type == b.Type && a.Channel == b.Channel && a.At.Equal(b.At)
		}) {
		t.Errorf("%+v", as)
	}
	for _, at := range []time.Time{t0.Add(time.Hour), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} { // in the future: now
		l.At = at
		w = begun(t, Policy{}, l.with(RequireNothing))
		if as, err := assertion(w); err != nil || !as.Proofs[0].At.Equal(t0) {
			t.Errorf("%+v %v", as, err)
		}
		if a, err := w.m.Open(w.m.Seal(&w.a, "k"), "k"); err != nil || a != w.a {
			t.Errorf("%v: %v", at, err)
		}
	}
}

// A device is remembered only if that is asked for.
func TestDeviceUnasked(t *testing.T) {
	w := begun(t, Policy{Remember: remembered}, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.want(w.do(Verify{Code: w.right()}), Success)
	if _, ok := w.m.Device(&w.a, w.h); ok || w.a.devices != "" {
		t.Error("a device is remembered unasked")
	}
}
