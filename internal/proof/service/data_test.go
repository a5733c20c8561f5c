package service

import (
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

var adasCodes = authn.Factor{ID: "list", Type: authn.RecoveryCodes, Status: authn.NotSetUp}

// enrolledCodes enrolls recovery codes for ada and returns them with the last answer.
func enrolledCodes(t *testing.T, d *testhost.Host) ([]authn.Code, *authn.Answer) {
	t.Helper()
	a := d.MustBegin(t, "ada")
	a = d.MustDo(t, a.Token, authn.Enroll{Type: authn.RecoveryCodes})
	codes := a.Prompt.Codes
	if a = d.MustDo(t, a.Token, authn.Activate{Code: codes[0]}); a.State != authn.Success {
		t.Fatal(a.State)
	}
	return codes, a
}

// The answer of the step that changes what is kept of a factor is about what is kept
// now, whether or not the Directory has taken it at once.
func TestAnswerHasWhatIsKept(t *testing.T) {
	for name, down := range map[string]bool{"taken": false, "not taken": true} {
		d := testhost.New(t, nil)
		d.World.SetFactors("ada", adasCodes)
		if down {
			d.World.Fail(authntest.Activated, authntest.Fault{Err: authntest.ErrDown})
		}
		codes, a := enrolledCodes(t, d)
		if a.Prompt.Left != 10 {
			t.Errorf("%s: %d codes left once they are enrolled", name, a.Prompt.Left)
		}
		a = d.MustBegin(t, "ada")
		if a = d.MustDo(t, a.Token, authn.Verify{Factor: "list", Code: codes[5]}); a.State != authn.Success || a.Prompt.Left != 9 {
			t.Errorf("%s: %s, %d codes left", name, a.State, a.Prompt.Left)
		}
	}
}

// Of a user whose factors take no messages, nobody is notified, and nothing stays owed.
func TestNobodyToNotify(t *testing.T) {
	d := testhost.New(t, nil)
	d.World.SetFactors("ada", adasCodes)
	codes, _ := enrolledCodes(t, d)
	a := d.MustBegin(t, "ada")
	d.MustDo(t, a.Token, authn.Verify{Factor: "list", Code: codes[5]})
	acct, err := d.Inspect(t.Context(), "ada")
	if err != nil || len(acct.View().Owed) != 0 {
		t.Errorf("%v: %s", err, acct)
	}
	d.World.SetFactors("ada", append(d.World.FactorsOf("ada"), adasMail)...)
	d.World.Advance(time.Hour)
	if _, err := d.Tend(t.Context()); err != nil || len(d.World.Messages("ada")) != 0 {
		t.Errorf("%v, %d messages", err, len(d.World.Messages("ada")))
	}
}

// A host that offers a factor again keeps its revision: the new data have a higher
// one, even if the record has forgotten what the Directory took.
func TestEnrolledAgain(t *testing.T) {
	d := testhost.New(t, nil)
	d.World.SetFactors("ada", adasCodes)
	old, _ := enrolledCodes(t, d)
	d.World.Advance(48 * time.Hour)
	fs := d.World.FactorsOf("ada")
	fs[0].Status, fs[0].Data = authn.NotSetUp, nil
	d.World.SetFactors("ada", fs...)
	if err := d.Revoke(t.Context(), "ada"); err != nil {
		t.Fatal(err)
	}
	codes, _ := enrolledCodes(t, d)
	if f := d.World.FactorsOf("ada")[0]; f.Revision != 2 || len(f.Data) == 0 {
		t.Fatalf("the Directory keeps revision %d, %d bytes", f.Revision, len(f.Data))
	}
	a := d.MustBegin(t, "ada")
	if got, err := d.Do(t.Context(), a.Token, authn.Verify{Factor: "list", Code: old[3]}); err != nil || got.Outcome != authn.WrongCode {
		t.Errorf("a code of the old list: %v, %v", got, err)
	}
	if got := d.MustDo(t, a.Token, authn.Verify{Factor: "list", Code: codes[3]}); got.State != authn.Success {
		t.Errorf("a code of the new list: %s", got.State)
	}
	if _, err := d.Do(t.Context(), a.Token, authn.Verify{Factor: "list", Code: codes[3]}); !errors.Is(err, authn.ErrFinished) {
		t.Error(err)
	}
}
