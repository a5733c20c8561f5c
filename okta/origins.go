package okta

import (
	"net/http"
	"slices"
)

// cors lets the scripts of listed origins read the answer.
func (x *exchange) cors() {
	head := x.w.Header()
	head.Add("Vary", "Origin")
	if o := x.r.Header["Origin"]; len(o) == 1 && slices.Contains(x.h.cfg.Origins, o[0]) {
		head.Set("Access-Control-Allow-Origin", o[0])
		head.Set("Access-Control-Allow-Credentials", "true")
		head.Set("Access-Control-Expose-Headers", "Date, Retry-After, X-Okta-Request-Id")
	}
}

// preflight tells a browser what the scripts of a listed origin may send.
func (x *exchange) preflight() error {
	head := x.w.Header()
	if head.Get("Access-Control-Allow-Origin") == "" {
		return fault(forbidden, "Origin: it is not on the list")
	}
	head.Set("Access-Control-Allow-Methods", http.MethodPost)
	head.Set("Access-Control-Allow-Headers", "accept, content-type, idempotency-key, x-device-fingerprint, x-okta-user-agent-extended")
	head.Set("Access-Control-Max-Age", "600")
	x.wrote = true
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}
