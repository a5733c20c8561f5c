package main

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/okta"
)

// billingPath is an application that wants a sign-in of the last minutes. Who has signed
// in before is asked for a factor again, and for nothing else.
const (
	billingPath  = "/billing"
	billingFresh = 5 * time.Minute
)

func (p *provider) billingPage(w http.ResponseWriter, r *http.Request) {
	s, err := p.sessions.of(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	if s != nil && p.clock.now().Sub(s.Made) < billingFresh {
		p.show(w, r, "billing", "Billing", nil)
		return
	}
	ask := okta.StepUp{To: "http://" + r.Host + billingPath, Name: "billing", Label: "Billing", Fresh: true, Require: authn.RequireNothing} // than the account asks, no more
	if s != nil {
		k, _, _ := find(s.User)
		ask.User, ask.Methods, ask.At, ask.Require = s.User, s.Methods, s.Began, k.require
		if slices.Contains(s.Methods, "pwd") {
			ask.Methods = []string{"pwd"}
		}
	}
	token, err := p.api.StepUp(w, r, ask)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/?stateToken="+url.QueryEscape(token), http.StatusSeeOther)
}
