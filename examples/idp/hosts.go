package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
)

// ownHosts answers what is asked of this server by one of its names: localhost,
// the address that the connection has reached, or the host of -addr. Another
// site may let its own name lead here, and its pages would then be of the same
// origin for a browser: they could read the inbox.
func ownHosts(addr string, next http.Handler) http.Handler {
	named, _, _ := net.SplitHostPort(addr)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !own(r, named) {
			http.Error(w, fmt.Sprintf("This server is not %.100q. Use the address that it prints at its start.", r.Host), http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func own(r *http.Request, named string) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	reached, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if ip := net.ParseIP(host); ip != nil {
		return reached != nil && ip.Equal(reached.IP)
	}
	if host == "localhost" {
		return reached != nil && reached.IP.IsLoopback()
	}
	return host != "" && host == strings.ToLower(named)
}
