package main

import (
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// token is POST /oauth/token. The library looks at a code before it knows who brings it.
// Here the client comes first (RFC 6749 section 4.1.3), so that nobody else uses a code up
// or ends what it has brought.
func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuseToken(w, http.StatusBadRequest, oidc.ErrInvalidRequest().WithDescription("The form cannot be read."))
		return
	}
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	} else {
		id, secret = formDecoded(id), formDecoded(secret)
	}
	if p.store.AuthorizeClientIDSecret(r.Context(), id, secret) != nil {
		if r.Header.Get("Authorization") != "" {
			w.Header().Set("WWW-Authenticate", `Basic realm="token"`) // section 5.2
		}
		refuseToken(w, http.StatusUnauthorized, oidc.ErrInvalidClient().WithDescription("The client is not known, or its secret is wrong."))
		return
	}
	p.op.ServeHTTP(w, r)
}

// formDecoded reads an id or a secret as section 2.3.1 has it; "" is none.
func formDecoded(s string) string {
	s, err := url.QueryUnescape(s)
	if err != nil {
		return ""
	}
	return s
}

func refuseToken(w http.ResponseWriter, status int, why *oidc.Error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": string(why.ErrorType), "error_description": why.Description})
}
