package service

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// How many recovery codes are left is said by the answer that used one, by its repeat
// and by Status, whether or not the Directory has taken the change yet.
func TestRecoveryCodesLeft(t *testing.T) {
	for name, faults := range map[string]func(*authntest.World){
		"taken": func(*authntest.World) {},
		"owed":  func(w *authntest.World) { w.Fail(authntest.Activated, authntest.Fault{Err: authntest.ErrDown}) },
	} {
		d := testhost.New(t, nil)
		d.World.SetFactors("ada", authn.Factor{ID: "list", Type: authn.RecoveryCodes, Status: authn.NotSetUp})
		faults(&d.World)
		left := func(what string, a *authn.Answer, want int) {
			t.Helper()
			if a.Prompt.Left != want {
				t.Errorf("%s: %s: %d codes left, not %d", name, what, a.Prompt.Left, want)
			}
		}
		a := d.MustDo(t, d.MustBegin(t, "ada").Token, authn.Enroll{Type: authn.RecoveryCodes})
		codes := a.Prompt.Codes
		left("enrolled", d.MustDo(t, a.Token, authn.Activate{Code: codes[0]}), 10)
		for i := range 2 {
			use := authn.WithKey("once", authn.Verify{Factor: "list", Code: codes[i]})
			b := d.MustBegin(t, "ada")
			left("used", d.MustDo(t, b.Token, use), 9-i)
			left("repeated", d.MustDo(t, b.Token, use), 9-i)
			left("looked at", testhost.OK(t)(d.Status(t.Context(), b.Token)), 9-i)
		}
	}
}
