package authn

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/golden"
)

// accounts returns some accounts that the machine reaches.
func accounts(t testing.TB, m *Machine) map[string]Account {
	as := map[string]Account{"fresh": {}}
	w := &walk{TB: t, m: m, fs: []Factor{adaMail, adaSpare}, seed: 1}
	w.begin(ada)
	as["required"] = w.a
	w.do(Challenge{adaMail.ID})
	as["challenge"] = w.a
	w.do(WithKey("key", Verify{Code: w.wrong()}))
	as["wrong"] = w.a
	w.begin(ada)
	w.at = time.Minute
	w.do(Challenge{adaSpare.ID})
	as["two"] = w.a
	w.do(Verify{Code: w.right()})
	as["success"] = w.a
	g := &walk{TB: t, m: m, fs: []Factor{graceMail}, seed: 40}
	g.begin(grace)
	g.do(Enroll{Email})
	as["enrolling"] = g.a
	g.do(WithKey("k", Activate{Code: g.right()}))
	as["activated"] = g.a
	g.do(Cancel{})
	as["canceled"] = g.a
	l := &walk{TB: t, m: newMachine(t, Policy{LockEvery: 1}), fs: []Factor{adaMail}, seed: 80}
	l.begin(ada)
	l.do(Challenge{adaMail.ID})
	l.do(Verify{Code: l.wrong()})
	as["locked"] = l.a
	as["full"] = fullest()
	return as
}

// fullest returns an account with every field at its maximum.
func fullest() Account {
	a := Account{ledger: ledger{user: strings.Repeat("u", maxUser), seen: 1 << 60, disabled: true, fails: 100, notBefore: 1 << 60, lockedUntil: 1 << 60}}
	for i := range maxWindow {
		at := int64(1.7e18) + int64(i)*3*int64(day)
		a.failures.add(at, i%3)
		a.sends.add(at)
		a.starts.add(at)
	}
	for i := range a.txs {
		t := &a.txs[i]
		t.state, t.rev = uint8(MFAChallenge.index()+1), 100
		t.id[0], t.token[0] = byte(i), byte(i)
		t.born, t.expires, t.sendAt = 1<<60, 1<<60, 1<<60
		t.tries, t.sends, t.owing = 30, 5, true
		t.limits = limits{digits: 12, codeTries: 10, tries: 30, sends: 5, codeLife: 1 << 40, cooldowns: [4]int64{1 << 40, 1 << 40, 1 << 40, 1 << 40}}
		t.code = liveCode{live: true, tries: 10, key: 1<<32 - 1, expires: 1 << 60}
		t.delivery = deliveryPending
		t.last = lastEvent{set: true, say: 2, key: 1<<32 - 1}
		t.factor = pin{id: strings.Repeat("f", maxFactorID), kind: strings.Repeat("k", maxKind), recipient: id{9}}
		for j := range t.proofs {
			t.proofs[j] = t.factor.proof()
			t.proofs[j].recipient[1] = byte(j)
		}
	}
	for i := range a.txs {
		a.outbox[i] = entry{kind: sendCode, tx: a.txs[i].id, rev: 100, attempts: 5, next: 1 << 60, factor: a.txs[i].factor}
	}
	for i := queue; i < maxOutbox; i++ {
		a.outbox[i] = entry{kind: notifyLocked, rev: 100, n: 3, attempts: 255, next: 1 << 60, at: 1 << 60, until: 1 << 60, factor: a.txs[0].factor}
	}
	return a
}

// P4: an account is read as it was written, and has only one encoding.
func TestRecordRoundTrip(t *testing.T) {
	m := newMachine(t, Policy{})
	for name, a := range accounts(t, m) {
		b := m.Seal(&a, "k")
		got, err := m.Open(b, "k")
		if err != nil || got != a {
			t.Errorf("%s: %v\n%s\n%s", name, err, a.String(), got.String())
		}
		if !bytes.Equal(m.Seal(&got, "k"), b) {
			t.Errorf("%s: a second encoding", name)
		}
	}
}

// Upper bounds of the size of a record, which operations.md states.
const oneRecord, fullRecord = 512, 4 << 10

func TestRecordSize(t *testing.T) {
	m := newMachine(t, Policy{})
	as := accounts(t, m)
	one := as["challenge"]
	one.outbox = [maxOutbox]entry{}
	full := as["full"]
	for _, c := range []struct {
		name string
		a    Account
		most int
	}{{"one transaction", one, oneRecord}, {"full", full, fullRecord}} {
		n := len(m.Seal(&c.a, "k"))
		t.Logf("%s: %d bytes", c.name, n)
		if n >= c.most {
			t.Errorf("%s takes %d bytes, want fewer than %d", c.name, n, c.most)
		}
	}
}

// Every altered, shortened, lengthened or moved record is an error, never a panic.
func TestRecordTampered(t *testing.T) {
	m := newMachine(t, Policy{})
	other, err := NewMachine(Config{Tenant: "other", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range accounts(t, m) {
		b := m.Seal(&a, "k")
		bad := func(what string, b []byte) {
			t.Helper()
			if _, err := m.Open(b, "k"); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		for i := range b {
			for bit := range 8 {
				c := bytes.Clone(b)
				c[i] ^= 1 << bit
				bad("a flipped bit", c)
			}
		}
		for i := range b {
			bad("truncated", b[:i])
		}
		bad("a trailing byte", append(bytes.Clone(b), 0))
		bad("10 MiB", append(bytes.Clone(b), make([]byte, 10<<20)...))
		if _, err := m.Open(b, "another key"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: moved: %v", name, err)
		}
		if _, err := other.Open(b, "k"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: another tenant's: %v", name, err)
		}
	}
}

// Impossible bytes with a valid seal are refused too: the decoder does not rely on
// the seal.
func TestRecordImpossible(t *testing.T) {
	m := newMachine(t, Policy{})
	for name, change := range map[string]func(a *Account){
		"unknown state":             func(a *Account) { a.txs[0].state = uint8(len(states) + 1) },
		"state before begin":        func(a *Account) { a.txs[0].state = 1 },
		"more tries than allowed":   func(a *Account) { a.txs[0].tries = a.txs[0].limits.tries + 1 },
		"more sends than allowed":   func(a *Account) { a.txs[0].sends = a.txs[0].limits.sends + 1 },
		"code tries":                func(a *Account) { a.txs[0].code.tries = 200 },
		"code outlives its end":     func(a *Account) { a.txs[0].code.expires = a.txs[0].expires + 1 },
		"half a mark":               func(a *Account) { a.used = "12345678" },
		"65 marks":                  func(a *Account) { a.kept = marks(strings.Repeat("m", (maxMarks+1)*markSize)) },
		"unknown reply":             func(a *Account) { a.txs[0].reply = uint8(len(replies)) },
		"a purpose of 65 bytes":     func(a *Account) { a.txs[0].purpose = strings.Repeat("p", maxPurpose+1) },
		"data of 2 KiB and a byte":  func(a *Account) { a.outbox[queue] = entry{kind: handOver, data: strings.Repeat("d", maxData+1)} },
		"no digits":                 func(a *Account) { a.txs[0].limits.digits = 0 },
		"13 digits":                 func(a *Account) { a.txs[0].limits.digits = 13 },
		"no factor at hand":         func(a *Account) { a.txs[0].factor = pin{} },
		"a factor without an ID":    func(a *Account) { a.txs[0].factor.id = "" },
		"a factor without a type":   func(a *Account) { a.txs[0].factor.kind = "" },
		"a proof without an ID":     func(a *Account) { a.txs[0].proofs[0] = proof{recipient: id{1}} },
		"session before success":    func(a *Account) { a.txs[0].session.live = true },
		"success before success":    func(a *Account) { a.txs[0].done = 1 },
		"unknown requirement":       func(a *Account) { a.txs[0].require = 3 },
		"a factor type of 25 bytes": func(a *Account) { a.txs[0].factor.kind = strings.Repeat("k", maxKind+1) },
		"no steps":                  func(a *Account) { a.txs[0].rev = 0 },
		"too many steps":            func(a *Account) { a.txs[0].rev = maxSteps + 2 },
		"mail without a code":       func(a *Account) { a.txs[0].code = liveCode{} },
		"unknown delivery":          func(a *Account) { a.txs[0].delivery = uint8(len(deliveries)) },
		"negative time":             func(a *Account) { a.seen = -1 },
		"window out of order":       func(a *Account) { a.sends.add(t0.UnixNano() - int64(time.Hour)) },
		"charge at no time":         func(a *Account) { a.sends = "\x00\x00\x00\x00" },
		"charge of a free slot":     func(a *Account) { a.failures.add(t0.UnixNano(), 2) },
		"charge of no slot":         func(a *Account) { a.failures.add(t0.UnixNano(), 9) },
		"user with a newline":       func(a *Account) { a.user = "a\nb" },
		"unknown effect":            func(a *Account) { a.outbox[queue].kind = effectKinds },
		"unknown outcome":           func(a *Account) { a.txs[0].last = lastEvent{set: true, say: uint8(len(outcomes))} },
		"a code in the outbox":      func(a *Account) { a.outbox[queue].kind = sendCode },
		"effect of half a factor":   func(a *Account) { a.outbox[queue] = entry{kind: reportSignIn, factor: pin{kind: Email}} },
	} {
		a, _ := challenged(t, m)
		change(&a)
		if _, err := m.Open(m.Seal(&a, "k"), "k"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The bytes of records. A change of them requires a new schema.
func TestRecordGolden(t *testing.T) {
	m := newMachine(t, Policy{})
	as := accounts(t, m)
	var b strings.Builder
	for _, name := range []string{"fresh", "challenge", "wrong", "two", "success", "activated", "canceled", "locked"} {
		a := as[name]
		b.WriteString(name + "\n" + hex.EncodeToString(m.Seal(&a, "k")) + "\n" + a.String() + "\n\n")
	}
	golden.Same(t, "testdata/records/now.txt", b.String())
}

// Records of earlier schemas, one file for each, can still be read, with the same
// content. These files are never rewritten.
func TestRecordsOfBefore(t *testing.T) {
	m := newMachine(t, Policy{})
	for v := 1; v < schema; v++ {
		name := fmt.Sprintf("testdata/records/%d.txt", v)
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts := strings.Split(strings.TrimSuffix(string(file), "\n\n"), "\n\n")
		if len(texts) < 8 {
			t.Errorf("%s: %d records", name, len(texts))
		}
		for _, text := range texts {
			what, rest, _ := strings.Cut(text, "\n")
			sealed, said, _ := strings.Cut(rest, "\n")
			b, err := hex.DecodeString(sealed)
			if err != nil || len(b) == 0 || int(b[0]) != v {
				t.Fatalf("%s: %s is not a record of schema %d: %v", name, what, v, err)
			}
			if v == 1 { // transactions that were under way have ended, and with them their codes
				said = regexp.MustCompile(`\n  (transaction|owed: send code)[^\n]*`).ReplaceAllString(said, "")
			}
			a, err := m.Open(b, "k")
			if err != nil || a.String() != said {
				t.Errorf("%s: %s: %v\n%s\nwant\n%s", name, what, err, &a, said)
			}
		}
	}
}

func TestSchema(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	b := m.Seal(&a, "k")
	for _, v := range []byte{0, schema + 1, 255} {
		c := bytes.Clone(b[:len(b)-sealLen])
		c[0] = v
		s := m.pool.Get().(*step)
		c = append(c, s.seal(0, append(s.sealed("k"), c...))...)
		if _, err := m.Open(c, "k"); !errors.Is(err, ErrCorrupt) {
			t.Errorf("schema %d: %v", v, err)
		}
	}
}

// A stored record contains no code, token, address or key.
func TestAtRest(t *testing.T) {
	m := newMachine(t, Policy{})
	a, h := challenged(t, m)
	b := m.Seal(&a, "k")
	for what, secret := range map[string][]byte{
		"code": []byte(m.liveCode(&a, 0)), "handle": h[:], "address": []byte(adaMail.Address), "key": keyA, "pseudonym key": pseudo,
		"derived key": m.ring[0].sub[forCode], "domain": []byte("example.com"),
	} {
		if bytes.Contains(b, secret) {
			t.Errorf("the record contains the %s", what)
		}
	}
}

func FuzzOpen(f *testing.F) {
	m := newMachine(f, Policy{})
	for _, a := range accounts(f, m) {
		b := m.Seal(&a, "k")
		f.Add(b[:len(b)-sealLen])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 0 && b[0] < schema {
			return // it is written as the schema in use
		}
		s := m.pool.Get().(*step)
		sealed := append(bytes.Clone(b), s.seal(0, append(s.sealed("k"), b...))...)
		m.pool.Put(s)
		a, err := m.Open(sealed, "k")
		if err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		if again := m.Seal(&a, "k"); !bytes.Equal(again, sealed) {
			t.Fatalf("%x reads, and is written as %x", sealed, again)
		}
	})
}

// A record has one encoding: no trailing bytes, and no number with extra bytes.
func TestRecordSpelling(t *testing.T) {
	m := newMachine(t, Policy{})
	a, _ := challenged(t, m)
	b := m.Seal(&a, "k")
	body := b[2 : len(b)-sealLen] // after the schema and the key's id
	var back Account
	if err := (&reader{b: slices.Clone(body), schema: schema}).account(&back); err != nil || back != a {
		t.Fatalf("%v\n%v", err, &back)
	}
	if err := (&reader{b: append(slices.Clone(body), 0), schema: schema}).account(&back); !errors.Is(err, ErrCorrupt) {
		t.Errorf("an extra byte: %v", err)
	}
	for name, a := range accounts(t, m) {
		body := a.append(nil)
		for i := range body {
			if err := (&reader{b: body[:i], schema: schema}).account(&back); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %d of %d bytes: %v", name, i, len(body), err)
			}
		}
	}
	short, long := reader{b: []byte{0x01, schema: schema}}, reader{b: []byte{0x81, 0x00}}
	if short.number(9) != 1 || short.bad {
		t.Error("a number of one byte is not read")
	}
	if long.number(9); !long.bad {
		t.Error("a number with an extra byte is read")
	}
}
