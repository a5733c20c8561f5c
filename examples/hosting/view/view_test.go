package view_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/view"
)

// A refusal and a step that was taken look alike, and neither shows a token.
func TestOf(t *testing.T) {
	a := &authn.Answer{
		State: authn.MFAChallenge, Token: "secret-state", Session: "secret-session", TriesLeft: 9,
		Allowed: []authn.Allowed{{Event: "verify"}, {Event: "resend", At: time.Unix(1e9, 0).UTC()}},
		Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: "a***@e***.com"}},
	}
	want := `"allowed":[{"event":"verify"},{"event":"resend","at":"2001-09-09T01:46:40Z"}],"factors":[{"id":"mail","type":"email","address":"a***@e***.com"}],"triesLeft":9}`
	for start, err := range map[string]error{
		`{"state":"MFA_CHALLENGE",`:                      nil,
		`{"state":"MFA_CHALLENGE","refused":"too soon",`: &authn.Refusal{Err: authn.ErrTooSoon, Answer: a},
	} {
		in := a
		if err != nil {
			in = nil
		}
		v, at, fault := view.Of(in, err)
		b, _ := json.Marshal(v)
		if string(b) != start+want || at != a || fault != nil || strings.Contains(string(b), "secret") {
			t.Errorf("got %s %v", b, fault)
		}
	}
	if v, at, fault := view.Of(nil, &authn.Refusal{Err: authn.ErrFinished}); v.State != "" || v.Refused == "" || at != nil || fault != nil {
		t.Errorf("got %+v %v %v", v, at, fault)
	}
	if _, _, fault := view.Of(nil, authn.ErrUnavailable); !errors.Is(fault, authn.ErrUnavailable) {
		t.Errorf("got %v", fault)
	}
}
