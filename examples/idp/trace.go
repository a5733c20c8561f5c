package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// A visitor is a browser, by a cookie of no other meaning: /machine shows each
// browser its own sign-in.
const (
	visitorCookie = "idp_visitor"
	stateCookie   = "idp_state" // its state token, for /machine alone
	visitorLen    = 26          // of rand.Text
	traceLife     = time.Hour
	maxSteps      = 100
)

type visitorKey struct{}

// visitor is the one that a call is made for; "" for a program.
func visitor(ctx context.Context) string {
	v, _ := ctx.Value(visitorKey{}).(string)
	return v
}

// known puts the visitor into the context, from which it reaches the Auditor.
func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie(visitorCookie); err == nil && len(c.Value) == visitorLen {
			r = r.WithContext(context.WithValue(r.Context(), visitorKey{}, c.Value))
		}
		next.ServeHTTP(w, r)
	})
}

// greet gives a browser that opens a page its cookie.
func greet(w http.ResponseWriter, r *http.Request) {
	if visitor(r.Context()) == "" {
		http.SetCookie(w, cookie(visitorCookie, "/", rand.Text(), 0))
	}
}

// A trace is what happened to a visitor's last sign-in.
type trace struct {
	Transaction string
	Steps       []step
}

// A step is a row that was taken, or an event that was refused.
type step struct {
	At       time.Time
	Event    string
	From, To authn.State
	Guard    string
	Outcome  authn.Outcome
	Refused  string
}

// tracer is the Auditor of the service.
type tracer struct {
	mu   sync.Mutex // a trace is read, added to and written
	kept kept
	now  func() time.Time
	say  func(format string, args ...any)
}

// Audit implements authn.Auditor.
func (t *tracer) Audit(ctx context.Context, e authn.AuditEvent) error {
	if e.Key != "" {
		return nil // repeats what a step has told
	}
	s := step{e.Time, string(e.Event), e.From, e.To, e.Guard, e.Outcome, e.Err}
	t.say("%s", s)
	v := visitor(ctx)
	if v == "" {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	tr, err := t.of(ctx, v)
	switch {
	case err != nil:
		return err
	case e.Event == authn.EventPrimary || e.Event == authn.EventPasskey && e.Err == "" || e.Event == authn.EventClaim: // the password or the passkey was right, or somebody is named
		tr = &trace{Transaction: e.Transaction}
	case e.Event == authn.EventRecover || e.Event == authn.EventUnlock: // what was claimed is proved
		if n := len(tr.Steps); n == 0 || tr.Steps[n-1].From != authn.RecoveryChallenge {
			tr = new(trace) // in another browser
		}
		tr.Transaction = e.Transaction
	case e.Transaction == "" || e.Transaction != tr.Transaction:
		return nil // no sign-in of this visitor's: a stranger leaves no trace
	}
	if tr.Steps = append(tr.Steps, s); len(tr.Steps) > maxSteps {
		tr.Steps = slices.Delete(tr.Steps, 0, 1)
	}
	return saveUntil(ctx, t.kept, traceKind, v, tr, t.now().Add(traceLife))
}

func (t *tracer) of(ctx context.Context, visitor string) (*trace, error) {
	tr, err := load[trace](ctx, t.kept, traceKind, visitor)
	if tr == nil {
		tr = new(trace)
	}
	return tr, err
}

// String is the step for the terminal. It holds no code, token or address.
func (s step) String() string {
	text := s.Event
	if s.Guard != "" {
		text += " [" + s.Guard + "]"
	}
	switch {
	case s.Refused != "":
		text += ": refused: " + s.Refused
	case s.From == s.To:
		text += ": stays"
	}
	if s.Refused == "" && s.From != s.To {
		text += " → " + string(s.To)
	}
	if s.From == "" {
		return text
	}
	return string(s.From) + ": " + text
}

// ended is the state that the trace has come to if the service does not know
// the transaction any more, or if the browser has no state token for it.
func (tr *trace) ended(hasToken bool) authn.State {
	if len(tr.Steps) == 0 {
		return authn.Unauthenticated
	}
	if s := tr.Steps[0]; s.Refused == authn.ErrLocked.Error() {
		return authn.LockedOut // as the answer called it; there is no transaction
	}
	last := authn.Unauthenticated
	for _, s := range tr.Steps {
		if s.To != "" {
			last = s.To
		}
	}
	if last == authn.RecoveryChallenge && !hasToken {
		return last // a mailed link has the rest
	}
	switch last {
	case authn.Unauthenticated, authn.Success, authn.LockedOut, authn.Canceled:
		return last
	}
	return authn.Expired // its time ran out with nobody there
}
