// Package client tells a host's limits who asks: the network of the client.
package client

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

type key struct{}

// Handler puts the client's network into the context of each request, where a
// Limiter finds it. Behind a proxy, header is the one in which the proxy puts
// the client's address; "" means that there is no proxy.
func Handler(header string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := network(peer(r, header))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, n)))
	})
}

// Network returns the network of the client that ctx belongs to. All clients
// without a valid address share one: "".
func Network(ctx context.Context) string {
	n, _ := ctx.Value(key{}).(string)
	return n
}

// peer is the address of the connection, or what the proxy says. Of a list the
// last one counts: the proxy has added it, and the client may have written the
// others.
func peer(r *http.Request, header string) netip.Addr {
	if header == "" {
		a, _ := netip.ParseAddrPort(r.RemoteAddr)
		return a.Addr()
	}
	said := strings.Join(r.Header.Values(header), ",")
	a, _ := netip.ParseAddr(strings.TrimSpace(said[strings.LastIndex(said, ",")+1:]))
	return a
}

// network is an IPv4 address, or the /64 of an IPv6 address: a subscriber has
// all the addresses of a /64.
func network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return ""
	case a.Is4():
		return a.String()
	}
	p, _ := a.Prefix(64)
	return p.String()
}
