package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
)

const (
	serverKeyEnv = "IDP_SERVER_KEY"
	minServerKey = 16
)

// trusting tells servers of the host's own by their key, as Okta's clients send one;
// nil if there is none.
func trusting(key string) func(*http.Request) bool {
	if key == "" {
		return nil
	}
	want := sha256.Sum256([]byte("SSWS " + key))
	return func(r *http.Request) bool {
		got := sha256.Sum256([]byte(r.Header.Get("Authorization")))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
}
