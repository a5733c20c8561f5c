package pages

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// audited notes what the Auditor is told: the event, and for a step its
// destination and its guards.
type audited []string

func (a *audited) Audit(_ context.Context, e authn.AuditEvent) error {
	*a = append(*a, fmt.Sprintf("%s %s %s", e.Event, e.To, e.Guard))
	return nil
}

// ada is a Directory with one user.
type ada struct{}

func (ada) Factors(context.Context, string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}}, nil
}

func (ada) Activated(context.Context, string, string, authn.Factor) error { return nil }

// TestMonitor locks an account, and then disables its factor: what the page on
// operations says to watch for is what the Auditor is told, and "lock" is not
// for an account with one transaction.
func TestMonitor(t *testing.T) {
	var told audited
	mail, now := new(memsender.Sender), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	svc, err := authn.New(authn.Config{
		Keys:         []authn.Key{{ID: 1, Secret: []byte(strings.Repeat("\x01", 31) + "\x02")}},
		PseudonymKey: []byte(strings.Repeat("\x03", 31) + "\x04"),
		Store:        new(memstore.Store), Mailer: mail, Directory: ada{}, Auditor: &told, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	guess := func() error {
		a, err := svc.Begin(t.Context(), authn.Login{User: "ada"})
		if err == nil {
			a, err = svc.Do(t.Context(), a.Token, authn.Challenge{Factor: a.Factors[0].ID})
		}
		if err != nil {
			return err
		}
		wrong := []byte(mail.Last("ada@example.com").Code)
		wrong[0] = '0' + '9' - wrong[0]
		_, err = svc.Do(t.Context(), a.Token, authn.Verify{Code: authn.Code(wrong)})
		return err
	}
	all := func() string { return strings.Join(told, "\n") }
	for tries := 0; !strings.Contains(all(), "factor exhausted"); tries++ {
		if tries > 10_000 {
			t.Fatalf("the factor is not disabled:\n%s", all())
		}
		_ = guess() // or it is refused
		now = now.Add(6 * time.Hour)
	}
	page := read(t, "docs/operations.md")
	for _, want := range []struct{ told, page string }{
		{"verify LOCKED_OUT wrong code, account exhausted", "| audit events `verify` and `activate` to `LOCKED_OUT` whose guards have `account exhausted` or `factor exhausted` |"},
		{"verify LOCKED_OUT wrong code, factor exhausted", "`factor exhausted`"},
		{"factor_disabled", "| audit event `factor_disabled` |"},
	} {
		if !strings.Contains(all(), want.told) || !strings.Contains(page, want.page) {
			t.Errorf("want %q from the Auditor, and %q on the page; the Auditor was told\n%s", want.told, want.page, all())
		}
	}
	if strings.Contains(all(), "lock LOCKED_OUT") {
		t.Errorf("an account with one transaction has a %q event", authn.EventLock)
	}
}
