package okta

import (
	"encoding/base64"
	"strings"

	"github.com/authnfsm/authn"
)

// What a token begins with. Okta's clients take a state token that begins
// with anything but 00 for one of another API.
const (
	stateMark   = "00"
	sessionMark = "20"
)

// unwrap returns the token behind its mark, or "" if the mark is missing.
func unwrap[T authn.StateToken | authn.SessionToken](mark, s string) T {
	t, ok := strings.CutPrefix(s, mark)
	if !ok {
		return ""
	}
	return T(t)
}

// isStateToken reports whether s has the form of a state token, live or not.
func isStateToken(s string) bool { return hasForm(stateMark, s) }

func hasForm(mark, s string) bool {
	t := unwrap[authn.StateToken](mark, s)
	if len(t) != 64 {
		return false
	}
	_, err := base64.RawURLEncoding.DecodeString(string(t))
	return err == nil
}

// needState refuses a request without a state token. It tells a client that
// sent a session token instead where that belongs.
func (x *exchange) needState() error {
	switch {
	case x.in.stateToken == "":
		return fault(invalid, "stateToken: it is required")
	case hasForm(sessionMark, x.in.stateToken):
		return fault(badToken, "stateToken: this is a session token; POST it as sessionToken to %s", x.base()+sessionsPath)
	case isStepUp(x.in.stateToken):
		if _, _, err := x.askedStepUp(); err != nil {
			return err
		}
		return fault(wrongState, "The transaction is in %s. Begin with POST %s", authn.Unauthenticated, x.base()+authnPath)
	}
	return nil
}
