package authntest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// rule names what a host has broken. docs/testing.md says what each means.
type rule string

const (
	ruleVerdict rule = "verdict"   // the answer says what came of the request
	ruleFault   rule = "fault"     // a port that fails gives no verdict
	ruleState   rule = "state"     // the answer says where the transaction stands
	ruleAllowed rule = "allowed"   // answers and refusals say what may come next
	ruleToken   rule = "token"     // state and session tokens are where they belong
	ruleMail    rule = "mail"      // a code goes out when it should, to where it should
	ruleHanded  rule = "directory" // a factor that was enrolled is handed to the directory
	ruleSession rule = "session"   // there is a session for each token redeemed, and no other
	ruleSecret  rule = "secret"    // an answer shows nothing that is not the client's
	ruleLog     rule = "log"       // a log shows no secret at all
	ruleRepeat  rule = "repeated"  // under its idempotency key a request is done once
)

// broken fails the history. The message is the same whenever the history is
// the same: no code, token or real time is in it.
func (h *history) broken(r rule, format string, args ...any) {
	h.Helper()
	h.Fatalf("authntest: broken rule %q: %s", string(r), fmt.Sprintf(format, args...))
}

// secret is a text that must not leave the host, or only in some answers.
type secret struct {
	what string
	text string
	of   *tx // whose client may see it; nil: nobody
}

// inner is what the errors of ports say that Run breaks: it is nobody's
// business but the host's.
const inner = "(an inner matter of a port)"

// outcome is one request of a client, and what it has led to.
type outcome struct {
	what string // for the reader
	x    *tx    // nil: of nobody
	s    Seen
	mail []authn.Message // codes that went out
}

// codes are the messages with a code that were tried since this was last asked,
// once for each key.
func (h *history) codes() (ms []authn.Message) {
	all, n := h.w.tried(h.looked)
	h.looked = n
	for _, m := range all {
		if m.Kind == authn.CodeMessage && !h.mailed[m.Key] {
			h.mailed[m.Key] = true
			ms = append(ms, m)
			h.secrets = append(h.secrets, secret{what: "a code", text: string(m.Code)})
		}
	}
	return ms
}

// ask makes a request, and looks at what leaves the host.
func (h *history) ask(what string, x *tx, f func() Seen) outcome {
	h.Helper()
	h.codes()
	o := outcome{what: what, x: x, s: f()}
	o.mail = h.codes()
	h.noted(o)
	return o
}

// noted tells the reader of an outcome, and looks for secrets in it.
func (h *history) noted(o outcome) {
	h.Helper()
	h.Logf("%s  %s: %s", h.w.Now().Format("15:04:05"), o.what, shown(o.s, len(o.mail)))
	plain := strings.NewReplacer(" ", "", "-", "")
	raw, log := o.s.Raw, o.s.Log
	tight, tightLog := plain.Replace(raw), plain.Replace(log)
	if strings.Contains(raw, inner) {
		h.broken(ruleSecret, "%s: the answer repeats what the error of a port says", o.what)
	}
	for _, s := range h.secrets {
		mine := s.of != nil && s.of == o.x
		if !mine && s.in(raw, tight) {
			h.broken(ruleSecret, "%s: the answer shows %s", o.what, s.what)
		}
		if s.in(log, tightLog) {
			h.broken(ruleLog, "%s: the log shows %s", o.what, s.what)
		}
	}
	for what, token := range map[string]string{"the state token": o.s.Token, "the session token": o.s.Session} {
		if token != "" && strings.Contains(log, needle(token)) {
			h.broken(ruleLog, "%s: the log shows %s", o.what, what)
		}
	}
}

// in finds the secret in a text; tight is the text without blanks and hyphens.
func (s *secret) in(text, tight string) bool {
	return strings.Contains(text, s.text) || s.what == "a code" && strings.Contains(tight, s.text)
}

// needle is the part of a token that is looked for.
func needle(token string) string { return token[max(0, len(token)-24):] }

// shown is an answer without its secrets.
func shown(s Seen, mails int) string {
	class, end := string(s.Class), ""
	if s.Class == OK {
		class = "ok"
	} else if !known(s.Class) {
		class = "an answer of no known class"
	}
	if s.State != "" {
		class += ", " + s.State
	}
	if s.Session != "" {
		end += ", a session token"
	}
	if mails > 0 {
		end += fmt.Sprintf(", %d code(s) sent", mails)
	}
	return class + end
}

func known(c Class) bool {
	return c == OK || c == WrongCode || c == LateCode || c == Unavailable ||
		slices.ContainsFunc(sentinels(), func(err error) bool { return Class(err.Error()) == c })
}

// holds compares the sessions that there are with those that there have to be.
func (h *history) holds(what string) {
	h.Helper()
	if h.halfway {
		return
	}
	got := slices.Concat(h.before, h.host.Sessions())
	if !slices.Equal(got, h.sessions) {
		h.broken(ruleSession, "%s: the host has made sessions of %v, and those redeemed were of %v", what, got, h.sessions)
	}
}
