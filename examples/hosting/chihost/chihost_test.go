package chihost_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/chihost"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/web"
	"github.com/authnfsm/authn/memstore"
)

func TestRouter(t *testing.T) {
	limit := &chihost.Limiter{PerHour: 2}
	svc, mail := try.Service(t, new(memstore.Store), limit)
	in := ""
	h := &web.Host{Service: svc, Check: try.Check, Session: func(_ http.ResponseWriter, a *authn.Assertion) error {
		in = a.User
		return nil
	}}
	var asked string
	okta := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Path })
	b := try.NewBrowser(t, chihost.Router(h, okta))

	b.Post("/signin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", "mail")
	b.Post("/signin/verify", 200, authn.Success, "code", try.Code(mail, try.Ada))
	if in != "ada" {
		t.Errorf("a session of %q", in)
	}

	// The third mail of the hour waits, whoever asks.
	b.Post("/signin", 200, authn.MFAEnroll, "name", "grace", "password", try.Password)
	b.Post("/signin/enroll", 200, authn.MFAEnrollActivate, "factor", authn.Email)
	b.Post("/signin/cancel", 200, authn.Canceled)
	b.Post("/signin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	_, head := b.Post("/signin/challenge", 429, authn.MFARequired, "factor", "mail")
	if n, _ := strconv.Atoi(head.Get("Retry-After")); n < 3500 || n > 3600 {
		t.Errorf("Retry-After %s", head.Get("Retry-After"))
	}
	b.Post("/api/v1/authn", 200, "")
	if asked != "/api/v1/authn" {
		t.Errorf("Okta's handler was asked for %q", asked)
	}
	if got := b.Origin("/signin", "https://evil.example"); got != 403 {
		t.Errorf("another site's page: %d", got)
	}
}

// The limit ends to the moment.
func TestLimiter(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &chihost.Limiter{PerHour: 1, Now: func() time.Time { return now }}
	first := now
	for _, c := range []struct {
		at   time.Duration
		want time.Time
	}{{0, time.Time{}}, {time.Hour - 1, first.Add(time.Hour)}, {time.Hour, time.Time{}}} {
		now = first.Add(c.at)
		if at, err := l.Allow(t.Context(), authn.Attempt{}); err != nil || !at.Equal(c.want) {
			t.Errorf("after %v: %v %v, want %v", c.at, at, err, c.want)
		}
	}
}
