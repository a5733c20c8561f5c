package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// A page of a site whose name leads here is not answered: it would be of the
// same origin, and could read the inbox.
func TestOwnHosts(t *testing.T) {
	s, _ := serve(t)
	b := s.browser(t)
	port := b.base[len("http://127.0.0.1"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200, "LOCALHOST" + port: 200, "localhost." + port: 200, "127.0.0.1": 200, "127.0.0.1:9000": 200,
		"evil.example": 421, "evil.example" + port: 421, "127.0.0.1.evil.example" + port: 421, "localhost.evil.example": 421,
		"10.0.0.1" + port: 421, "[::1]" + port: 421, "0.0.0.0" + port: 421,
	} {
		for _, path := range []string{"/", "/inbox.json", "/api/v1/authn", "/assets/style.css", "/live"} {
			r, _ := http.NewRequest(http.MethodGet, b.base+path, nil)
			if path == "/live" && want == 200 {
				continue // it never ends
			}
			if path == "/api/v1/authn" && want == 200 {
				continue // it wants POST
			}
			r.Host = host
			if got := b.do(r); got.status != want {
				t.Errorf("%s as %s: %d, want %d", path, host, got.status, want)
			}
		}
	}
}

// A server on all addresses has that of each connection, and the name that
// -addr gives it.
func TestOwnHostsAddr(t *testing.T) {
	for _, c := range []struct {
		addr, reached, host string
		want                int
	}{
		{"0.0.0.0:8080", "192.0.2.5", "192.0.2.5:8080", 200},
		{"0.0.0.0:8080", "192.0.2.5", "192.0.2.6:8080", 421},
		{"0.0.0.0:8080", "192.0.2.5", "localhost:8080", 421},
		{"0.0.0.0:8080", "127.0.0.1", "localhost:8080", 200},
		{":8080", "::1", "[::1]:8080", 200},
		{":8080", "::1", "", 421},
		{"demo.example:8080", "192.0.2.5", "Demo.example:8080", 200},
		{"demo.example:8080", "192.0.2.5", "evil.example:8080", 421},
	} {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(c.reached)}))
		ownHosts(c.addr, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%+v: %d", c, w.Code)
		}
	}
}
