package service

import (
	"errors"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
)

// The owner learns of the start that uses up the hour, and of no earlier one, at the
// first active factor; an address that nobody has confirmed is sent nothing.
func TestOwnerLearnsOfStarts(t *testing.T) {
	d := testhost.New(t, func(_ *testhost.Host, c *authn.Config) { c.Policy.StartsPerHour = 3 })
	d.World.SetFactors("ada",
		authn.Factor{ID: "new", Type: authn.Email, Address: "new@example.com", Status: authn.NotSetUp},
		authn.Factor{ID: "mail", Type: authn.Email, Address: "ada@example.com", Status: authn.Active})
	for _, user := range []string{"ada", "grace"} {
		for n := 1; n <= 4; n++ {
			_, err := d.Begin(t.Context(), authn.Login{User: user})
			if (n == 4) != errors.Is(err, authn.ErrTooSoon) {
				t.Errorf("%s, start %d: %v", user, n, err)
			}
			ms := d.World.Messages(user)
			if want := user == "ada" && n >= 3; (len(ms) == 1) != want {
				t.Errorf("%s, start %d: %d messages", user, n, len(ms))
			} else if want && (ms[0].Kind != authn.StartsMessage || ms[0].To != "ada@example.com" || ms[0].Code != "") {
				t.Errorf("%+v", ms[0])
			}
		}
	}
	d.Wait(time.Hour + time.Second)
	d.MustBegin(t, "ada")
	if n := len(d.World.Messages("ada")); n != 1 {
		t.Errorf("an hour later: %d messages", n)
	}
}
