package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// ask is what the phone is asked, in the place of a mail's text. The inbox plays the
// phone: whoever sees it can approve.
type ask struct {
	Token   string // the phone answers with it
	Factor  string // of a sign-in
	Pairing bool   // the phone is to become a factor
	Expires time.Time
	Said    string // what came of its answer, as the page says it; "": none was given
}

// What came of an answer.
const (
	saidYes   = "You approved it."
	saidPair  = "This phone approves sign-ins from now on."
	saidNo    = "You rejected it."
	saidWrong = "That was another number than the one on the screen. The request is void."
	saidOver  = "The request is over."
)

// phone is the Sender of the channel that it is asked by.
type phone struct{ *inbox }

// Send implements authn.Sender.
func (p phone) Send(ctx context.Context, m authn.Message) error {
	if m.Kind != authn.CodeMessage || m.Approval == "" {
		return authn.ErrUndeliverable
	}
	return p.keep(ctx, &mail{
		Key: m.Key, To: m.User, Subject: "Are you signing in?",
		Ask: &ask{Token: string(m.Approval), Factor: m.Factor, Expires: m.Expires},
	})
}

// openAt says that the phone can answer.
func (a *ask) openAt(now time.Time) bool { return a.Said == "" && now.Before(a.Expires) }

// scan is POST /inbox/scan, with the state token in a JSON object: what a phone gets
// from the picture that the page of this sign-in shows.
func (p *provider) scan(w http.ResponseWriter, r *http.Request) {
	var in struct{ StateToken string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxScan)).Decode(&in); err != nil {
		http.Error(w, "A JSON object with the stateToken is expected.", http.StatusBadRequest)
		return
	}
	a, err := p.svc.Status(r.Context(), unmarked(in.StateToken))
	switch {
	case errors.Is(err, authn.ErrFinished), err == nil && a.Prompt.Pairing == "":
		http.Error(w, "No phone is being paired.", http.StatusConflict)
		return
	case err == nil:
		token := string(a.Prompt.Pairing)
		err = p.inbox.keep(r.Context(), &mail{
			Key: "pair " + hashed(token), To: a.User, Subject: "Pair this phone?",
			Ask: &ask{Token: token, Pairing: true, Expires: a.CodeExpires},
		})
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	p.changes.tell()
	writeJSON(w, struct{}{})
}

const maxScan = 1 << 10

// reply is POST /inbox/reply/{id}: somebody has pressed a button on the phone.
func (p *provider) reply(w http.ResponseWriter, r *http.Request) {
	m, err := load[mail](r.Context(), p.inbox.kept, mailKind, r.PathValue("id"))
	if err == nil && (m == nil || m.Ask == nil) {
		http.NotFound(w, r)
		return
	}
	reply := authn.Reply{Approve: r.PostFormValue("say") == "yes", Number: strings.TrimSpace(r.PostFormValue("number"))}
	if err == nil && m.Ask.openAt(p.clock.now()) && (!reply.Approve || m.Ask.Pairing || reply.Number != "") {
		if m.Ask.Said, err = p.respond(r.Context(), m.Ask, reply); err == nil {
			err = save(r.Context(), p.inbox.kept, mailKind, r.PathValue("id"), m)
		}
		p.changes.tell()
	}
	if err != nil {
		p.fail(w, r, err)
		return
	}
	back := "/inbox"
	if to := r.PostFormValue("to"); to != "" {
		back += "?" + url.Values{"to": {to}}.Encode()
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// respond hands the answer over. After an error the phone may answer once more.
func (p *provider) respond(ctx context.Context, q *ask, reply authn.Reply) (string, error) {
	a, err := p.svc.Respond(ctx, authn.Secret(q.Token), reply)
	switch {
	case errors.Is(err, authn.ErrFinished), errors.Is(err, authn.ErrNoCode), errors.Is(err, authn.ErrLocked):
		return saidOver, nil
	case err != nil:
		return "", err
	case !reply.Approve:
		return saidNo, nil
	case a.Outcome == authn.WrongCode:
		return saidWrong, nil
	case q.Pairing:
		return saidPair, nil
	}
	return saidYes, nil
}
