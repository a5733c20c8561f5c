package authn

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// imported is an active authenticator app of ada's, sealed by a machine's key.
func imported(t *testing.T, m *Machine, user, id string) Factor {
	t.Helper()
	f, err := (&Service{m: m}).Import(user, Factor{ID: id, Type: TOTP}, "otpauth://totp/acme:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

const importedSecret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

func TestImportedSignsIn(t *testing.T) {
	m := newMachine(t, Policy{})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1}
	w.begin(ada)
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
	if n := len(w.a.owed()); n != 1 {
		t.Errorf("%d effects, want the report alone: what the Directory keeps has not changed", n)
	}
}

// Data are good for the user, the factor, the type and the tenant that they were made
// for, and only unaltered. A factor whose data cannot be opened protects, and is
// reported; it is never a wrong code.
func TestDataIsBound(t *testing.T) {
	m := newMachine(t, Policy{})
	other, err := NewMachine(Config{Tenant: "other", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 2, Secret: keyB}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	good := imported(t, m, ada.User, "app")
	with := func(change func(*Factor)) Factor {
		f := good
		f.Data = bytes.Clone(f.Data)
		change(&f)
		return f
	}
	bad := map[string]Factor{
		"another user's":   with(func(f *Factor) { f.Data = imported(t, m, "eve", "app").Data }),
		"another factor's": with(func(f *Factor) { f.Data = imported(t, m, ada.User, "app2").Data }),
		"another tenant's": with(func(f *Factor) { f.Data = imported(t, other, ada.User, "app").Data }),
		"another key's":    with(func(f *Factor) { f.Data = imported(t, rotated, ada.User, "app").Data }),
		"another type's":   with(func(f *Factor) { f.Type = RecoveryCodes }),
		"none":             with(func(f *Factor) { f.Data = nil }),
		"one byte":         with(func(f *Factor) { f.Data = []byte{1} }),
		"long":             with(func(f *Factor) { f.Data = append(f.Data, make([]byte, maxData)...) }),
	}
	for i := range good.Data {
		bad["altered "+string(rune('a'+i%26))+strings.Repeat("'", i/26)] = with(func(f *Factor) { f.Data[i] ^= 1 })
	}
	for i := range good.Data {
		bad["cut "+string(rune('a'+i%26))+strings.Repeat("'", i/26)] = with(func(f *Factor) { f.Data = f.Data[:i] })
	}
	var r Result
	for name, f := range bad {
		refused(t, &r, m.Begin(&Account{}, ada, env(0, 1, f), &r), ErrNoFactor)
		if es := m.Faults("k", ada.User, []Factor{f}); len(es) != 1 || es[0].Event != EventFactorUnusable {
			t.Errorf("%s: %d reports", name, len(es))
		}
		w := &walk{TB: t, m: m, fs: []Factor{f, adaMail}, seed: 1}
		w.begin(ada)
		w.refuses(Verify{Factor: "app", Code: appCode(importedSecret, t0)}, ErrNotOffered)
		if w.a.fails != 0 {
			t.Errorf("%s: counted", name)
		}
	}
}

// Data that a key seals which is not in use any more are sealed anew when they are
// used, and by Reseal.
func TestReseal(t *testing.T) {
	m := newMachine(t, Policy{})
	f := imported(t, m, ada.User, "app")
	next, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 2, Secret: keyB}, {ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	last, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 2, Secret: keyB}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{TB: t, m: next, fs: []Factor{f}, seed: 1}
	w.begin(ada)
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
	kept := w.acknowledge()
	if len(kept) != 1 || kept[0].Revision != f.Revision+1 {
		t.Fatalf("kept: %v", kept)
	}
	service := &Service{m: next}
	again, changed, err := service.Reseal(ada.User, f)
	if err != nil || !changed || again.Revision != f.Revision || bytes.Equal(again.Data, f.Data) {
		t.Errorf("resealed: %v, changed %t, revision %d", err, changed, again.Revision)
	}
	if _, changed, err := service.Reseal(ada.User, again); err != nil || changed {
		t.Errorf("once more: %v, changed %t", err, changed)
	}
	if _, changed, err := service.Reseal(ada.User, adaMail); err != nil || changed {
		t.Errorf("a factor without data: %v, changed %t", err, changed)
	}
	if _, _, err := service.Reseal("eve", f); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another user's: %v", err)
	}
	for _, f := range []Factor{kept[0], again} {
		w := &walk{TB: t, m: last, fs: []Factor{f}, seed: 1, at: time.Hour}
		w.begin(ada)
		w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0.Add(time.Hour))}), Success)
	}
}

// The Directory is told of a change until it takes it, and what it says meanwhile does
// not count; afterwards an older list is "unavailable" for a day.
func TestStaleDirectory(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "list", Type: RecoveryCodes, Status: NotSetUp})
	codes := enrolledList(t, w)
	w.begin(grace)
	w.want(w.do(Verify{Factor: "list", Code: codes[0]}), Success)
	old := w.fs
	taken := w.acknowledge()
	for _, c := range []struct {
		after time.Duration
		want  error
	}{{0, errStale}, {day - time.Second, errStale}, {day, nil}} {
		var r Result
		e := env(w.at+c.after, 77, old...)
		if err := w.m.Begin(&w.a, grace, e, &r); err != c.want {
			t.Errorf("after %v: %v", c.after, err)
		}
		if err := w.m.Begin(&w.a, grace, env(w.at+c.after, 78, taken...), &r); err != nil {
			t.Errorf("the list as it was taken, after %v: %v", c.after, err)
		}
	}
}

// A factor that was removed and is enrolled again gets data that a Directory keeps which
// remembers the revision of the old ones.
func TestRevisionAfterRemoval(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp, Revision: 7})
	w.do(Enroll{TOTP})
	w.want(w.do(Activate{Code: appCode(string(w.answer().Prompt.Secret), t0.Add(w.at))}), Success)
	if kept := w.acknowledge(); len(kept) != 1 || kept[0].Revision != 8 {
		t.Errorf("after revision 7 comes %v", kept)
	}
}

// A list from before the first activation is out of date as well: the password alone
// must not open enrollment once more.
func TestStaleBeforeActivation(t *testing.T) {
	for _, typ := range []string{TOTP, RecoveryCodes} {
		before := []Factor{{ID: "f", Type: typ, Status: NotSetUp}}
		w := begun(t, Policy{}, grace, before...)
		w.do(Enroll{typ})
		p := w.answer().Prompt
		code := append(p.Codes, appCode(string(p.Secret), t0))[0]
		w.want(w.do(Activate{Code: code}), Success)
		taken := w.acknowledge()
		var r Result
		if err := w.m.Begin(&w.a, grace, env(time.Hour, 77, before...), &r); err != errStale {
			t.Errorf("%s: %v", typ, err)
		}
		reset := taken[0]
		reset.Status = NotSetUp
		if err := w.m.Begin(&w.a, grace, env(time.Hour, 78, reset), &r); err != nil || r.Account.txs[r.slot].name() != MFAEnroll {
			t.Errorf("%s, reset by the host: %v", typ, err)
		}
		if err := w.m.Begin(&w.a, grace, env(0, 79, taken...), &r); err != nil || r.Account.txs[r.slot].name() != MFARequired {
			t.Errorf("%s, as it was taken: %v", typ, err)
		}
	}
}

// The code of an app that is used counts for the secret, whatever factor has it.
func TestUsedForTheSecret(t *testing.T) {
	m := newMachine(t, Policy{})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app"), imported(t, m, ada.User, "app2")}, seed: 1}
	w.begin(ada)
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
	w.begin(ada)
	w.refuses(Verify{Factor: "app2", Code: appCode(importedSecret, t0)}, ErrUsed)
}

// One code, submitted in two transactions that both have loaded the account before:
// the second save conflicts, and after it the code is used.
func TestCodeOfAnAppInTwoTransactions(t *testing.T) {
	m := newMachine(t, Policy{})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1}
	w.begin(ada)
	first := w.h
	w.begin(ada)
	code := Verify{Factor: "app", Code: appCode(importedSecret, t0)}
	loaded := w.a
	var r1, r2 Result
	if err := errors.Join(m.Step(&loaded, first, code, w.env(), &r1), m.Step(&loaded, w.h, code, w.env(), &r2)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		saved Account
		other TokenSecret
	}{{r1.Account, w.h}, {r2.Account, first}} {
		var r Result
		refused(t, &r, m.Step(&c.saved, c.other, code, w.env(), &r), ErrUsed)
	}
}

func TestMarks(t *testing.T) {
	var m marks
	now := t0.UnixNano()
	tag := func(i int) string { return fmt.Sprintf("%08d", i) }
	for i := range fullAt + maxFactors {
		if m.isFull("newcomer", now) != (i >= fullAt) || i > 0 && m.isFull(tag(0), now) {
			t.Errorf("%d marks: full %v", i, m.isFull("newcomer", now))
		}
		m.set(tag(i), uint32(i+1), now+int64(minute))
	}
	if m.len() != fullAt+maxFactors || m.last(tag(0), now) != 1 { // who asks first is not made be forgotten by a whole list of factors
		t.Errorf("%d marks, the first is %d", m.len(), m.last(tag(0), now))
	}
	m.set(tag(-1), 7, now+int64(minute))
	if m.len() != fullAt+maxFactors || m.last(tag(0), now) != 0 || m.last(tag(1), now) != 2 {
		t.Errorf("%d marks, the first is %d", m.len(), m.last(tag(0), now))
	}
	m = ""
	m.set("12345678", 7, now+int64(minute))
	m.set("12345678", 8, now+2*int64(minute))
	if m.len() != 1 || m.last("12345678", now) != 8 || m.last("other678", now) != 0 || m.end() != now+2*int64(minute) {
		t.Errorf("%d marks, the last is %d until %v", m.len(), m.last("12345678", now), unix(m.end()))
	}
	for _, c := range []struct {
		at   time.Duration
		left int
	}{{2*time.Minute - 1, 1}, {2 * time.Minute, 0}} {
		n := m
		if n.trim(now + int64(c.at)); n.len() != c.left {
			t.Errorf("%d marks are left after %v", n.len(), c.at)
		}
	}
}

// A clock that was ahead for a moment, in whichever other sign-in, makes no used code
// good again.
func TestUsedUnderAClockThatWasAhead(t *testing.T) {
	m := newMachine(t, Policy{})
	for _, ahead := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour} {
		w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1}
		w.begin(ada)
		w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
		w.at = ahead
		w.begin(ada)
		w.at = 0
		w.begin(ada)
		w.refuses(Verify{Factor: "app", Code: appCode(importedSecret, t0)}, ErrUsed)
	}
}

// Nor does one that was behind for a moment, by less than a day.
func TestUsedUnderAClockThatWasBehind(t *testing.T) {
	m := newMachine(t, Policy{})
	for _, behind := range []time.Duration{time.Minute, 3 * time.Minute, 5 * time.Minute, time.Hour, 23 * time.Hour} {
		w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1}
		w.begin(ada)
		w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
		w.at = -behind
		w.begin(ada)
		w.at = 20 * time.Second
		w.begin(ada)
		w.refuses(Verify{Factor: "app", Code: appCode(importedSecret, t0)}, ErrUsed)
	}
}

// A clock that was ahead has used codes of the future: their owner can use the codes of
// the present at once when it is right again.
func TestMarksAfterAClockFault(t *testing.T) {
	m := newMachine(t, Policy{})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1, at: 365 * 24 * time.Hour}
	w.begin(ada)
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0.Add(w.at))}), Success)
	w.at = 0
	w.begin(ada)
	w.want(w.do(Verify{Factor: "app", Code: appCode(importedSecret, t0)}), Success)
	w.begin(ada)
	w.refuses(Verify{Factor: "app", Code: appCode(importedSecret, t0)}, ErrUsed)
}

// Data that we have sealed and that are none of the type, such as an empty secret, prove
// nothing.
func TestImpossibleData(t *testing.T) {
	m := newMachine(t, Policy{})
	for _, plain := range []string{"", "\x00\x06\x1e", "\x00\x06\x1e123456789012345", "\x03\x06\x1e12345678901234567890", "\x00\x07\x1e12345678901234567890", "\x00\x06\x0012345678901234567890"} {
		f := Factor{ID: "app", Type: TOTP, Status: Active, Revision: 1}
		f.Data = m.fresh().sealData(ada.User, "app", TOTP, make([]byte, dataNonce), []byte(plain))
		var r Result
		refused(t, &r, m.Begin(&Account{}, ada, env(0, 1, f), &r), ErrNoFactor)
	}
}

// An app that the host calls verified is enrolled like any other.
func TestVerifiedIsNotEnrolled(t *testing.T) {
	w := begun(t, Policy{}, grace, Factor{ID: "app", Type: TOTP, Status: NotSetUp, Verified: true})
	w.want(w.do(Enroll{TOTP}), MFAEnrollActivate)
}

// Wrong codes of an app do not end its challenge: only the transaction and the account
// count them.
func TestChallengeOfAnAppDoesNotWearOut(t *testing.T) {
	m := newMachine(t, Policy{CodeTries: 1})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app")}, seed: 1}
	w.begin(ada)
	w.do(Challenge{"app"})
	for range 2 {
		if w.do(Verify{Code: "000000"}); w.r.Outcome != WrongCode {
			t.Fatalf("%q", w.r.Outcome)
		}
	}
	w.want(w.do(Verify{Code: appCode(importedSecret, t0)}), Success)
}

// A code is not looked at once the Directory does not list its factor any more.
func TestFactorIsTakenAway(t *testing.T) {
	m := newMachine(t, Policy{})
	w := &walk{TB: t, m: m, fs: []Factor{imported(t, m, ada.User, "app"), adaMail}, seed: 1}
	w.begin(ada)
	w.do(Challenge{"app"})
	w.fs = w.fs[1:]
	w.refuses(Verify{Code: "000000"}, ErrNoCode)
}
