package chihost

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/client"
)

// Who came long ago takes no memory; who has come since is remembered.
func TestLimiterForgets(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	l := &Limiter{PerHour: 5, Now: func() time.Time { return now }}
	come := func(remote string) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = remote
		client.Handler("", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if at, err := l.Allow(r.Context(), authn.Attempt{Event: authn.EventChallenge}); err != nil || !at.IsZero() {
				t.Errorf("%s: %v %v", remote, at, err)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	for i := range 200 {
		come(fmt.Sprintf("192.0.2.%d:1", i))
	}
	if len(l.sent) != 200 {
		t.Fatalf("%d clients of the last hour", len(l.sent))
	}
	now = now.Add(30 * time.Minute)
	come("198.51.100.1:1")
	now = now.Add(30 * time.Minute)
	come("198.51.100.2:1")
	if len(l.sent) != 2 || len(l.sent["198.51.100.1"]) != 1 {
		t.Errorf("%d clients are remembered", len(l.sent))
	}
}
