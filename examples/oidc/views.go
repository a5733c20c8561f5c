package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/oidc/pages"
)

// view is what the sign-in page shows: the answer, or without one the form for the
// password, or the offer to step up.
type view struct {
	Request   string // its id, which every form sends along
	App       string // who asks
	Name      string // the account, as far as the client has told
	Fixed     bool   // no other account will do
	StepUp    string // the account whose session is to be stepped up
	Passkey   bool   // only a passkey will do
	Answer    *authn.Answer
	Note      string
	CanResend bool
	CanGoBack bool
	CanSkip   bool
	Options   string // for the browser's dialog about a passkey
	Accounts  []string
	Password  string // of the demo
}

// show writes the sign-in page. Its forms may lead on to the client, and nowhere else.
func (p *provider) show(w http.ResponseWriter, req *request, v view) {
	to, _ := url.Parse(req.RedirectURI) // it is registered
	v.Request, v.App, v.Passkey = req.id, to.Host, req.accept != nil
	v.Accounts, v.Password = slices.Sorted(maps.Keys(p.people.all)), password
	v.Name = req.LoginHint
	if v.Fixed = req.hint != ""; v.Fixed {
		v.Name = req.hint + domain
	}
	if v.Answer != nil {
		_, v.CanResend = v.Answer.Allows(authn.EventResend)
		_, v.CanGoBack = v.Answer.Allows(authn.EventPrevious)
		_, v.CanSkip = v.Answer.Allows(authn.EventSkip)
		v.Options = string(v.Answer.Prompt.Options)
	}
	pages.Headers(w.Header(), to.Scheme+"://"+to.Host)
	pages.Show(w, http.StatusOK, "signin", "Sign in", v)
}

type message struct{ Heading, Text string }

func (p *provider) message(w http.ResponseWriter, status int, heading, text string) {
	pages.Show(w, status, "message", heading, message{heading, text})
}

// endSessionPage is where a client signs its user out. TerminateSessionFromRequest decides.
func (p *provider) endSessionPage(w http.ResponseWriter, r *http.Request) {
	p.op.ServeHTTP(w, with(r, sessionKey, p.session(r)))
}

func (p *provider) askSignOut(w http.ResponseWriter, _ *http.Request) {
	pages.Show(w, http.StatusOK, "signout", "Sign out", nil)
}

func (p *provider) signOut(w http.ResponseWriter, r *http.Request) {
	p.store.endSession(p.session(r))
	p.setCookie(w, sessionCookie, "", 0)
	http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
}

func (p *provider) signedOut(w http.ResponseWriter, _ *http.Request) {
	p.message(w, http.StatusOK, "You are signed out", "You can close this page.")
}

// inbox is the mail of all accounts, the newest first. No real server has such a thing.
func (p *provider) inbox(w http.ResponseWriter, _ *http.Request) {
	all := p.mail.All()
	slices.Reverse(all)
	pages.Show(w, http.StatusOK, "inbox", "Inbox", all)
}

// phone plays a phone with an authenticator app.
type phone struct {
	now func() time.Time

	mu   sync.Mutex // guards apps
	apps map[string]authn.Secret
}

func newPhone(now func() time.Time) *phone { return &phone{now: now, apps: map[string]authn.Secret{}} }

// scan is POST /phone/scan: the phone reads the secret off the page of the sign-in.
func (p *provider) scan(w http.ResponseWriter, r *http.Request) {
	req := p.bound(w, r)
	if req == nil {
		return
	}
	a, err := p.svc.Status(r.Context(), authn.StateToken(p.cookie(r, signInCookie+req.id)))
	if err != nil || a.Prompt.Secret == "" {
		p.message(w, http.StatusConflict, "There is nothing to scan", "No authenticator app is being set up.")
		return
	}
	p.phone.mu.Lock()
	p.phone.apps[a.User] = a.Prompt.Secret
	p.phone.mu.Unlock()
	http.Redirect(w, r, "/phone", http.StatusSeeOther)
}

type shown struct {
	Name, Code string
	Seconds    int // that it is shown for
}

func (p *provider) phonePage(w http.ResponseWriter, _ *http.Request) {
	var list []shown
	now := p.now().Unix()
	p.phone.mu.Lock()
	for user, secret := range p.phone.apps {
		list = append(list, shown{user + domain, totp(secret, now), int(30 - now%30)})
	}
	p.phone.mu.Unlock()
	pages.Show(w, http.StatusOK, "phone", "Phone", list)
}

// totp is what an authenticator app shows at a time: RFC 6238.
func totp(secret authn.Secret, at int64) string {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(string(secret))
	if err != nil {
		return "?"
	}
	sum := hmac.New(sha1.New, key)
	binary.Write(sum, binary.BigEndian, at/30)
	b := sum.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(b[b[19]&15:])&0x7fffffff%1e6)
}

func with(r *http.Request, key contextKey, v any) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), key, v))
}
