package web_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/web"
	"github.com/authnfsm/authn/memsender"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// open returns a browser at a host, its mailbox and the users who got a session.
func open(t *testing.T, store authn.Store) (*try.Browser, *memsender.Sender, *[]string) {
	svc, mail := try.Service(t, store, nil)
	in := new([]string)
	h := &web.Host{Service: svc, Check: try.Check, Session: func(w http.ResponseWriter, a *authn.Assertion) error {
		*in = append(*in, a.User)
		return nil
	}}
	return try.NewBrowser(t, h.Handler()), mail, in
}

func TestSignIn(t *testing.T) {
	b, mail, in := open(t, new(memstore.Store))
	v, _ := b.Post("/signin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", v.Factors[0].ID)
	if v, _ := b.Post("/signin/verify", 200, authn.MFAChallenge, "code", try.Wrong(mail, try.Ada)); v.Outcome != authn.WrongCode {
		t.Errorf("got %+v", v)
	}
	if len(*in) != 0 {
		t.Fatal("a session without a success")
	}
	b.Post("/signin/verify", 200, authn.Success, "code", try.Code(mail, try.Ada))
	if !slices.Equal(*in, []string{"ada"}) {
		t.Errorf("sessions of %q", *in)
	}
	b.Post("/signin/verify", 401, "", "code", try.Code(mail, try.Ada))
}

func TestEnroll(t *testing.T) {
	b, mail, in := open(t, new(memstore.Store))
	b.Post("/signin", 200, authn.MFAEnroll, "name", "grace", "password", try.Password)
	b.Post("/signin/enroll", 200, authn.MFAEnrollActivate, "factor", authn.Email)
	b.Post("/signin/activate", 200, authn.Success, "code", try.Code(mail, try.Grace))
	b.Post("/signin", 200, authn.MFARequired, "name", "grace", "password", try.Password)
	if !slices.Equal(*in, []string{"grace"}) {
		t.Errorf("sessions of %q", *in)
	}
}

// A client that lost its way goes on from the refusal.
func TestRefusals(t *testing.T) {
	b, _, _ := open(t, new(memstore.Store))
	b.Post("/signin", 401, "", "name", "ada", "password", "guess")
	b.Post("/signin/challenge", 401, "", "factor", "mail")
	b.Post("/signin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	v, _ := b.Post("/signin/verify", 409, authn.MFARequired, "code", "123456")
	if v.Refused != authn.ErrNotAllowed.Error() || v.Allowed[0].Event != "challenge" {
		t.Errorf("got %+v", v)
	}
	b.Post("/signin/dance", 404, "")
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", "mail")
	b.Post("/signin/verify", 400, "", "code", "x")
	if _, h := b.Post("/signin/resend", 429, authn.MFAChallenge); h.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if got := b.Origin("/signin/cancel", "https://evil.example"); got != 403 {
		t.Errorf("another site's page: %d", got)
	}
	b.Post("/signin/cancel", 200, authn.Canceled)
	b.Post("/signin/resend", 401, "")
}

// A store that fails gives no verdict.
func TestFault(t *testing.T) {
	b, _, in := open(t, storetest.Faulty(new(memstore.Store), storetest.Nth(storetest.Save, 1, storetest.Fault{Err: errors.New("down")})))
	b.Post("/signin", 503, "", "name", "ada", "password", try.Password)
	b.Post("/signin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	if len(*in) > 0 {
		t.Error("a session")
	}
}
