package chihost_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/examples/hosting/chihost"
	"github.com/authnfsm/authn/examples/hosting/internal/try"
)

// Whatever browsers do, over connections, and whatever fails meanwhile.
func TestAnyHistory(t *testing.T) {
	authntest.Run(t, func(t testing.TB, p authntest.Ports) authntest.Host {
		svc, err := authn.New(p.Config())
		if err != nil {
			t.Fatal(err)
		}
		s := new(try.Site)
		srv := httptest.NewServer(chihost.Router(s.Handler(t, svc), nil))
		t.Cleanup(srv.Close)
		at, err := url.Parse(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		s.Send = func(r *http.Request) (*http.Response, error) {
			r.URL.Scheme, r.URL.Host, r.Host = at.Scheme, at.Host, at.Host
			return srv.Client().Do(r)
		}
		return s
	})
}
