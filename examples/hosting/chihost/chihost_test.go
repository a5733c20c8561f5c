package chihost_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/chihost"
	"github.com/authnfsm/authn/examples/hosting/client"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/memstore"
)

func TestRouter(t *testing.T) {
	limit := &chihost.Limiter{PerHour: 2}
	svc, mail := try.Service(t, new(memstore.Store), limit)
	in := ""
	h := try.Handler(t, svc, func(a *authn.Assertion) { in = a.User })
	var asked string
	okta := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.Path })
	b := try.NewBrowser(t, chihost.Router(h, okta))

	b.Post("/signin/begin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	b.Post("/signin/challenge", 200, authn.MFAChallenge, "factor", "mail")
	b.Post("/signin/verify", 200, authn.Success, "code", try.Code(mail, try.Ada))
	if in != "ada" {
		t.Errorf("a session of %q", in)
	}

	// The third mail of the hour waits, whoever asks.
	b.Post("/signin/begin", 200, authn.MFAEnroll, "name", "grace", "password", try.Password)
	b.Post("/signin/enroll", 200, authn.MFAEnrollActivate, "factor", authn.Email)
	b.Post("/signin/cancel", 200, authn.Canceled)
	b.Post("/signin/begin", 200, authn.MFARequired, "name", "ada", "password", try.Password)
	_, head := b.Post("/signin/challenge", 429, authn.MFARequired, "factor", "mail")
	if n, _ := strconv.Atoi(head.Get("Retry-After")); n < 3500 || n > 3600 {
		t.Errorf("Retry-After %s", head.Get("Retry-After"))
	}
	b.Post("/api/v1/authn", 200, "")
	if asked != "/api/v1/authn" {
		t.Errorf("Okta's handler was asked for %q", asked)
	}
	if got := b.Origin("/signin/begin", "https://evil.example"); got != 403 {
		t.Errorf("another site's page: %d", got)
	}
}

// Whoever has many addresses of one network has one limit.
func TestLimiterNetwork(t *testing.T) {
	l := &chihost.Limiter{PerHour: 1}
	for _, c := range []struct {
		remote string
		event  authn.EventName
		want   bool
	}{
		{"[2001:db8::1]:1", authn.EventVerify, true},
		{"[2001:db8::1]:1", authn.EventChallenge, true},
		{"[2001:db8::1]:1", authn.EventVerify, true},
		{"[2001:db8::2:3]:1", authn.EventEnroll, false},
		{"[2001:db8:0:1::1]:1", authn.EventChallenge, true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = c.remote
		client.Handler("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if at, err := l.Allow(r.Context(), authn.Attempt{Event: c.event}); err != nil || at.IsZero() != c.want {
				t.Errorf("%+v: %v %v", c, at, err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
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
		if at, err := l.Allow(t.Context(), authn.Attempt{Event: authn.EventResend}); err != nil || !at.Equal(c.want) {
			t.Errorf("after %v: %v %v, want %v", c.at, at, err, c.want)
		}
	}
}
