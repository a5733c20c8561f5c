package httphost

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// exchange is one request and its answer.
type exchange struct {
	h   *Handler
	w   http.ResponseWriter
	r   *http.Request
	tab string // name of the sign-in; "" if the request has none
	was string // name of the sign-in that the tab had, where one begins
	key string // idempotency key; "" is none
	in  input
}

// run finds the operation, reads the request and answers it.
func (x *exchange) run() {
	op := x.h.paths[strings.TrimPrefix(x.r.URL.Path, "/")]
	if op == nil {
		x.fail(unknownPath)
		return
	}
	if x.r.Method != op.method {
		x.w.Header().Set("Allow", op.method)
		x.fail(wrongMethod)
		return
	}
	if op.method == http.MethodPost {
		if why := x.read(op.members); why != nil {
			x.fail(why)
			return
		}
	}
	x.tab = tabOf(x.r)
	switch {
	case op.begins: // what is still said to the old one must not reach the new one
		x.was, x.tab = x.tab, newTab()
	case op.names && x.tab == "":
		x.tab = newTab()
	}
	op.serve(x)
}

// fail answers with a problem that says nothing of a sign-in.
func (x *exchange) fail(why *problem) { x.write(why.status, View{Error: why.word}) }

// fault answers that there is no verdict.
func (x *exchange) fault(err error) {
	if x.h.cfg.Report != nil {
		x.h.cfg.Report(context.WithoutCancel(x.r.Context()), err)
	}
	x.fail(unavailable)
}

// reply answers with what the service returned. A success becomes a session at once,
// unless it is one that signs nobody in, as after a recovery by a mailbox alone.
func (x *exchange) reply(a *authn.Answer, err error) {
	session := false
	if err == nil && a.State == authn.Success && (a.Assertion != nil || a.Session != "") {
		if err = x.startSession(a); err != nil {
			a = nil
		}
		session = err == nil
	}
	v, fault := NewView(a, err)
	if fault != nil {
		x.fault(fault)
		return
	}
	status, why := http.StatusOK, (*problem)(nil)
	var refusal *authn.Refusal
	if errors.As(err, &refusal) {
		why = problemOf(refusal.Err)
		status, a = why.status, refusal.Answer
		if !refusal.RetryAt.IsZero() {
			x.w.Header().Set("Retry-After", strconv.Itoa(int(refusal.RetryAt.Sub(x.h.cfg.Service.Now()).Seconds())+1))
		}
	}
	if a != nil && a.Device != "" {
		x.setCookie(deviceCookie, string(a.Device), deviceLife)
	}
	if x.keepToken(a, why) {
		v.SignIn = x.tab
	}
	if v.Session = session; err == nil && v.State == authn.Success {
		v.Allowed, v.Expires = nil, time.Time{} // they are of the session token, which no client has
	}
	x.write(status, v)
}

// startSession makes the host's session. After a link there is a session token yet.
func (x *exchange) startSession(a *authn.Answer) (err error) {
	as := a.Assertion
	if as == nil {
		if as, err = x.h.cfg.Service.Redeem(x.r.Context(), a.Session); err != nil {
			return err
		}
	}
	w := &sessionWriter{x.w, x.w.Header().Clone()}
	if err := x.h.cfg.Session(w, x.r, as); err != nil {
		return fault{err}
	}
	maps.Copy(x.w.Header(), w.head)
	return nil
}

// sessionWriter keeps what the host sets of a session, such as its cookie, until there is one.
type sessionWriter struct {
	http.ResponseWriter
	head http.Header
}

func (w *sessionWriter) Header() http.Header { return w.head }

// A fault is an error of the host's: no refusal, whatever it wraps.
type fault struct{ err error }

func (f fault) Error() string { return "httphost: session: " + f.err.Error() }

func (x *exchange) write(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // all that is written can be encoded
	}
	head := x.w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	x.w.WriteHeader(status)
	x.w.Write(b)
}
