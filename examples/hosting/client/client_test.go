package client_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/authnfsm/authn/examples/hosting/client"
)

// Whoever has a /64 has one limit, and nobody chooses a limit with a header.
func TestNetwork(t *testing.T) {
	for _, c := range []struct {
		remote, header string
		said           []string
		want           string
	}{
		{remote: "192.0.2.7:1234", want: "192.0.2.7"},
		{remote: "[2001:db8:1:2::1]:1234", want: "2001:db8:1:2::/64"},
		{remote: "[2001:db8:1:2:ffff:ffff:ffff:ffff]:1", want: "2001:db8:1:2::/64"},
		{remote: "[2001:db8:1:3::1]:1234", want: "2001:db8:1:3::/64"},
		{remote: "[fe80::1%eth0]:1234", want: "fe80::/64"},
		{remote: "[::ffff:192.0.2.7]:1234", want: "192.0.2.7"},
		{remote: "@", want: ""},
		{remote: "192.0.2.7:1", said: []string{"198.51.100.1"}, want: "192.0.2.7"},
		{remote: "192.0.2.7:1", header: "X-Client", said: []string{"198.51.100.1"}, want: "198.51.100.1"},
		{remote: "192.0.2.7:1", header: "X-Client", said: []string{"2001:db8::5"}, want: "2001:db8::/64"},
		{remote: "192.0.2.7:1", header: "X-Client", said: []string{"made up, 198.51.100.1"}, want: "198.51.100.1"},
		{remote: "192.0.2.7:1", header: "X-Client", said: []string{"203.0.113.9", "198.51.100.1"}, want: "198.51.100.1"},
		{remote: "192.0.2.7:1", header: "X-Client", said: []string{"198.51.100.1, made up"}, want: ""},
		{remote: "192.0.2.7:1", header: "X-Client", want: ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Client"] = c.remote, c.said
		got := "not asked"
		client.Handler(c.header, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			got = client.Network(r.Context())
		})).ServeHTTP(httptest.NewRecorder(), r)
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	if got := client.Network(t.Context()); got != "" {
		t.Errorf("outside of a request: %q", got)
	}
}
