package authn

import (
	"errors"
	"testing"
	"time"
)

var (
	t0     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keyA   = []byte("key A for tests: 0123456789abcdef")
	keyB   = []byte("key B for tests: 0123456789abcdef")
	pseudo = []byte("pseudonym key for tests: 0123456789")

	adaMail   = Factor{ID: "eml1x7k2", Type: Email, Address: "ada.lovelace@example.com", Status: Active}
	adaSpare  = Factor{ID: "eml2", Type: Email, Address: "ada@spare.example.org", Status: Active}
	graceMail = Factor{ID: "eml9", Type: Email, Address: "grace@example.com", Status: NotSetUp}

	ada   = Login{User: "0c4cbe2b-5a35-4a2f-9d13-1f3f2b6f7d11"}
	grace = Login{User: "grace"}
)

func newMachine(t testing.TB, p Policy) *Machine {
	t.Helper()
	m, err := NewMachine("acme", []Key{{ID: 1, Secret: keyA}}, pseudo, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// env is a world at t0 + at, with entropy that seed makes, and these factors.
func env(at time.Duration, seed int, fs ...Factor) Env {
	e := Env{Now: t0.Add(at), Factors: fs}
	for i := range e.Entropy {
		e.Entropy[i] = byte(seed*7 + i + seed>>5)
	}
	return e
}

func handle(e Env) Handle { return Handle(e.Entropy[16:48]) }

// taken fails the test unless the step was taken.
func taken(t testing.TB, r *Result, err error) Account {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Ended {
		t.Fatal("the transaction's time was up")
	}
	return r.Account
}

// refused fails the test unless the step was refused with the sentinel.
func refused(t testing.TB, r *Result, err, want error) *Refusal {
	t.Helper()
	var ref *Refusal
	if !errors.As(err, &ref) || !errors.Is(err, want) {
		t.Fatalf("got %v, %v; want a refusal: %v", r.Outcome, err, want)
	}
	return ref
}

// liveCode is the code that the transaction in slot i accepts.
func (m *Machine) liveCode(a *Account, i int) Secret {
	s := m.pool.Get().(*step)
	defer m.pool.Put(s)
	s.acct, s.own, s.i = &s.own, *a, i
	var code [maxDigits]byte
	if !s.derive(&code) {
		return ""
	}
	return Secret(code[:s.tx().limits.digits])
}

// wrongCode is a well-formed code that the transaction does not accept.
func (m *Machine) wrongCode(a *Account, i int) Secret {
	c := []byte(m.liveCode(a, i))
	if len(c) == 0 {
		return "000000"
	}
	c[0] = '0' + (c[0]-'0'+1)%10
	return Secret(c)
}

// challenged is an account with one transaction in MFA_CHALLENGE.
func challenged(t testing.TB, m *Machine) (Account, Handle) {
	t.Helper()
	e := env(0, 1, adaMail)
	var r Result
	taken(t, &r, m.Begin(&Account{}, ada, e, &r))
	return taken(t, &r, m.Step(&r.Account, handle(e), Challenge{adaMail.ID}, env(0, 2, adaMail), &r)), handle(e)
}

// enrolling is an account with one transaction in MFA_ENROLL_ACTIVATE.
func enrolling(t testing.TB, m *Machine) (Account, Handle) {
	t.Helper()
	e := env(0, 3, graceMail)
	var r Result
	taken(t, &r, m.Begin(&Account{}, grace, e, &r))
	return taken(t, &r, m.Step(&r.Account, handle(e), Enroll{Email}, env(0, 4, graceMail), &r)), handle(e)
}
