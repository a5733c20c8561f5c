package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// listed is a Directory with contacts.
type listed struct {
	authn.Directory
	to  []authn.Factor
	err error
}

func (l *listed) Contacts(context.Context, string) ([]authn.Factor, error) { return l.to, l.err }

// enrollsList enrolls recovery codes for ada, which is notified, and returns them.
func enrollsList(t *testing.T, h *testhost.Host, beside ...authn.Factor) []authn.Code {
	t.Helper()
	h.World.SetFactors("ada", append(beside, authn.Factor{ID: "list", Type: authn.RecoveryCodes, Status: authn.NotSetUp})...)
	a := h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Enroll{Type: authn.RecoveryCodes})
	h.MustDo(t, a.Token, authn.Activate{Code: a.Prompt.Codes[0]})
	return a.Prompt.Codes
}

func sent(h *testhost.Host) (list []string) {
	for _, m := range h.World.Messages("ada") {
		list = append(list, string(m.Kind)+" to "+m.To+" by "+m.Channel)
	}
	return list
}

func owed(t *testing.T, h *testhost.Host) (names []string) {
	t.Helper()
	acct, err := h.Inspect(t.Context(), "ada")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range acct.View().Owed {
		names = append(names, e.Name)
	}
	return names
}

// A notice about a factor without an address goes to the first active one that codes
// are sent to. If there is none, it is given up.
func TestNoticeOfAFactorWithoutAddress(t *testing.T) {
	h := testhost.New(t, nil)
	codes := enrollsList(t, h)
	if got := sent(h); len(got) != 0 || len(owed(t, h)) != 0 {
		t.Errorf("sent %v, owed %v", got, owed(t, h))
	}
	mail := authn.Factor{ID: "m", Type: authn.Email, Address: "ada@example.com", Status: authn.Active}
	h.World.SetFactors("ada", append(h.World.FactorsOf("ada"), authn.Factor{ID: "n", Type: authn.Email, Address: "not@example.com", Status: authn.NotSetUp}, mail)...)
	h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Verify{Factor: "list", Code: codes[1]})
	if got := sent(h); len(got) != 1 || got[0] != "recovery_code to ada@example.com by email" {
		t.Errorf("sent %v", got)
	}
}

// With Contacts, each contact gets a message of its own. As long as one of them can be
// tried again all are, with the same keys.
func TestContacts(t *testing.T) {
	dir := &listed{to: []authn.Factor{
		{Type: authn.Email, Address: "one@example.com"}, {Type: authn.Email, Address: "two@example.com", Locale: "de"},
		{Type: authn.Email, Address: "no address"}, {Type: authn.TOTP}, {Type: "acme:unknown", Address: "x"},
	}}
	h := testhost.New(t, func(h *testhost.Host, c *authn.Config) { dir.Directory, c.Directory = c.Directory, dir })
	codes := enrollsList(t, h)
	got := h.World.Messages("ada")
	if len(got) != 2 || got[0].To != "one@example.com" || got[1].To != "two@example.com" || got[1].Locale != "de" || got[0].Kind != authn.ActivatedMessage ||
		got[0].Key == got[1].Key || !strings.HasSuffix(got[1].Key, "-1") {
		t.Fatalf("sent %+v", got)
	}
	for _, f := range []authn.Factor{{Type: authn.Email, Address: "ada@example.com", ID: "m", Status: authn.Active}} {
		h.World.SetFactors("ada", append(h.World.FactorsOf("ada"), f)...)
	}

	dir.err = errors.New("down")
	h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Verify{Factor: "list", Code: codes[1]})
	if names := owed(t, h); len(names) != 1 || names[0] != "notify of recovery code" {
		t.Errorf("owed while the contacts are not known: %v", names)
	}
	dir.err = nil
	h.Wait(time.Minute)
	if _, err := h.Tend(t.Context()); err != nil {
		t.Error(err)
	}
	if got := sent(h); len(got) != 4 || len(owed(t, h)) != 0 {
		t.Errorf("sent %v, owed %v", got, owed(t, h))
	}

	// A code still goes to the factor itself.
	a := h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Challenge{Factor: "m"})
	if m := h.Last("ada"); m.To != "ada@example.com" || m.Code == "" {
		t.Errorf("the code went to %q", m.To)
	}
	h.MustDo(t, a.Token, authn.Cancel{})

	for _, to := range [][]authn.Factor{nil, {{Type: authn.TOTP}}} {
		dir.to = to
		before := len(sent(h))
		h.Wait(25 * time.Hour)
		h.MustDo(t, h.MustBegin(t, "ada").Token, authn.Verify{Factor: "list", Code: codes[2+len(to)]})
		if len(sent(h)) != before || len(owed(t, h)) != 0 {
			t.Errorf("with %d contacts: sent %d, owed %v", len(to), len(sent(h))-before, owed(t, h))
		}
	}
}
