package authn

import (
	"errors"
	"testing"
)

// A form is good only in the effect for which it was sealed: of another user, another
// transaction, another step, another tenant, or as what a gate keeps, it is corrupt.
func TestFormIsBound(t *testing.T) {
	owed := func(m *Machine, user string, seed int) (Account, int) {
		w := &walk{TB: t, m: m, seed: seed}
		w.begin(Login{User: user, Require: RequireNothing, Password: PasswordNeedsReset})
		w.verdict = takes("form of " + user)
		w.do(ResetPassword{fresh})
		for i := queue; i < maxOutbox; i++ {
			if w.a.outbox[i].kind == storePassword {
				return w.a, i
			}
		}
		t.Fatal("nothing is owed")
		return w.a, 0
	}
	m := newMachine(t, Policy{})
	mine, i := owed(m, "ada", 1)
	if c, err := m.change(&mine, &mine.outbox[i]); err != nil || string(c.Data) != "form of ada" {
		t.Fatal(c, err)
	}
	other, err := NewMachine(Config{Tenant: "another", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	theirs, j := owed(m, "grace", 9)
	later, k := owed(m, "ada", 5)
	for name, f := range map[string]func(a *Account) *Machine{
		"user":        func(a *Account) *Machine { a.user = "grace"; return m },
		"transaction": func(a *Account) *Machine { a.outbox[i].tx[3] ^= 1; return m },
		"step":        func(a *Account) *Machine { a.outbox[i].rev++; return m },
		"kind":        func(a *Account) *Machine { a.outbox[i].kind = passGate; return m },
		"tenant":      func(*Account) *Machine { return other },
		"theirs":      func(a *Account) *Machine { a.outbox[i].data = theirs.outbox[j].data; return m },
		"later":       func(a *Account) *Machine { a.outbox[i].data = later.outbox[k].data; return m },
		"cut":         func(a *Account) *Machine { a.outbox[i].data = a.outbox[i].data[:len(a.outbox[i].data)-1]; return m },
		"none":        func(a *Account) *Machine { a.outbox[i].data = ""; return m },
	} {
		a := mine
		if c, err := f(&a).change(&a, &a.outbox[i]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}
