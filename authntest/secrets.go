package authntest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// rule is what a host has broken. docs/testing.md explains each.
type rule string

const (
	ruleVerdict rule = "verdict"   // the answer reports the right class
	ruleFault   rule = "fault"     // no verdict and no effect while a port fails
	ruleState   rule = "state"     // the answer shows the right state
	ruleAllowed rule = "allowed"   // answers and refusals list the allowed events
	ruleToken   rule = "token"     // tokens appear where they should, and are not mixed up
	ruleMail    rule = "mail"      // one code is sent when due, to the right address
	ruleHanded  rule = "directory" // the directory gets each enrolled factor
	ruleSession rule = "session"   // one session for each redeemed token
	ruleSecret  rule = "secret"    // answers reveal no secret
	ruleLog     rule = "log"       // logs hold no secret
	ruleRepeat  rule = "repeated"  // a repeated request is applied once
)

// broken fails the history. Equal histories give equal messages, as rapid
// requires: no code, token or real time is in them.
func (h *history) broken(r rule, format string, args ...any) {
	h.Helper()
	h.Fatalf("authntest: broken rule %q: %s", string(r), fmt.Sprintf(format, args...))
}

// secret is text that must not leave the host, or only in certain answers.
type secret struct {
	what string
	text string
	of   *tx // the transaction whose client may see it; nil: none
}

// inner is in the text of every injected error. No answer may repeat it.
const inner = "(an inner matter of a port)"

// outcome is a request and its result.
type outcome struct {
	what string // the request, in words
	x    *tx    // nil if the request is not about one
	s    Seen
	mail []authn.Message // codes sent
}

// codes returns the codes that the host tried to send since the last call, once
// for each key.
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

// ask makes a request and checks what leaves the host.
func (h *history) ask(what string, x *tx, f func() Seen) outcome {
	h.Helper()
	h.codes()
	o := outcome{what: what, x: x, s: f()}
	o.mail = h.codes()
	h.noted(o)
	return o
}

// noted logs an outcome and searches it for secrets.
func (h *history) noted(o outcome) {
	h.Helper()
	h.Logf("%s  %s: %s", h.w.Now().Format("15:04:05"), o.what, shown(o.s, len(o.mail)))
	plain := strings.NewReplacer(" ", "", "-", "")
	raw, log := o.s.Raw, o.s.Log
	tight, tightLog := plain.Replace(raw), plain.Replace(log)
	if strings.Contains(raw, inner) {
		h.broken(ruleSecret, "%s: the answer shows the error text of a port", o.what)
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

// in reports whether a text contains the secret; tight is the text without
// spaces and hyphens.
func (s *secret) in(text, tight string) bool {
	return strings.Contains(text, s.text) || s.what == "a code" && strings.Contains(tight, s.text)
}

// needle returns the part of a token to search for.
func needle(token string) string { return token[max(0, len(token)-24):] }

// shown describes an answer without its secrets.
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

// holds compares the host's sessions with those that should exist.
func (h *history) holds(what string) {
	h.Helper()
	if h.halfway {
		return
	}
	got := slices.Concat(h.before, h.host.Sessions())
	if !slices.Equal(got, h.sessions) {
		h.broken(ruleSession, "%s: the host has sessions of %v. It should have sessions of %v", what, got, h.sessions)
	}
}
