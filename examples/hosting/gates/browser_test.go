package gates_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/gates"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/people"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
)

// A browser passes the host's own states, and reads why something was rejected.
func TestBrowser(t *testing.T) {
	records, err := gates.Open("")
	if err != nil {
		t.Fatal(err)
	}
	dir, mail := new(people.Directory), new(memsender.Sender)
	dir.Add("ada", try.Ada, true)
	svc, err := authn.New(authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: try.Key()}}, PseudonymKey: try.Key(),
		Store: new(memstore.Store), Mailer: mail, Directory: dir, Gates: records.Gates(2),
	})
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	h := try.Handler(t, svc, func(a *authn.Assertion) { in = append(in, a.User) })
	b := try.NewBrowser(t, http.StripPrefix("/signin", h))
	b.Post("/signin/begin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", "mail")
	b.Post("/signin/verify", 200, "TERMS", "code", try.Code(mail, try.Ada))
	b.Post("/signin/pass", 409, "TERMS", "gate", "PROFILE", "input", "accept 2")
	if v, _ := b.Post("/signin/pass", 200, "TERMS", "gate", "TERMS", "input", "accept 1"); !slices.Equal(v.Reasons, []string{"the latest terms are version 2"}) {
		t.Errorf("%+v", v)
	}
	b.Post("/signin/pass", 200, "PROFILE", "gate", "TERMS", "input", "accept 2")
	if len(in) > 0 {
		t.Error("a session before the last gate")
	}
	b.Post("/signin/pass", 200, authn.Success, "gate", "PROFILE", "input", `{"name":"Ada","country":"GB"}`)
	if !slices.Equal(in, []string{"ada"}) {
		t.Errorf("sessions of %q", in)
	}
}
