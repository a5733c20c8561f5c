package web_test

import (
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
	"github.com/authnfsm/authn/examples/hosting/web"
)

// Whatever browsers do, and whatever fails meanwhile.
func TestAnyHistory(t *testing.T) {
	authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host {
		svc, err := authn.New(p.Config())
		if err != nil {
			t.Fatal(err)
		}
		s := new(try.Site)
		s.Send = try.Direct((&web.Host{Service: svc, Check: s.Check, Session: s.Session}).Handler())
		return s
	})
}
