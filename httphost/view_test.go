package httphost_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/httphost"
)

// A refusal and a step that was taken look alike, and neither shows a token.
func TestNewView(t *testing.T) {
	at := time.Unix(1e9, 0).UTC()
	a := &authn.Answer{
		State: authn.MFAChallenge, Token: "secret-state", Session: "secret-session", Device: "secret-device", TriesLeft: 9, Outcome: authn.Rejected, Reasons: []string{"too short"},
		Allowed: []authn.Allowed{{Event: "verify"}, {Event: "resend", At: at}}, For: authn.PurposeRecover, User: "u1", Generation: 2, Delivery: authn.Sent,
		Factors: []authn.Factor{{ID: "mail", Type: authn.Email, Address: "a...a@example.com", Status: authn.Active, Required: true, At: at, Options: []byte(`{"q":2}`), Data: []byte("secret-data"), Handle: "secret-handle"}},
		Factor:  authn.Factor{ID: "app", Type: authn.TOTP, Status: authn.NotSetUp},
		Prompt:  authn.Prompt{Secret: "JBSW", URI: "otpauth://totp/x", Codes: []authn.Code{"11", "22"}, Left: 2, Number: "42", Pairing: "pair", Replied: "approved", Options: []byte(`{"a":1}`)},
		Now:     at, Expires: at, CodeExpires: at, Until: at, PasswordExpires: at, Question: "who?",
	}
	const when = `"2001-09-09T01:46:40Z"`
	rest := strings.ReplaceAll(`"outcome":"rejected","reasons":["too short"],"for":"recover","user":"u1","allowed":[{"event":"verify"},{"event":"resend","at":#}],`+
		`"factors":[{"id":"mail","type":"email","address":"a...a@example.com","status":"ACTIVE","required":true,"at":#,"options":{"q":2}}],"factor":{"id":"app","type":"totp","status":"NOT_SETUP"},`+
		`"prompt":{"secret":"JBSW","uri":"otpauth://totp/x","codes":["11","22"],"left":2,"number":"42","pairing":"pair","replied":"approved","options":{"a":1}},`+
		`"question":"who?","triesLeft":9,"generation":2,"delivery":"sent","codeExpires":#,"passwordExpires":#,"until":#,"expires":#,"now":#}`, "#", when)
	for start, err := range map[string]error{
		`{"state":"MFA_CHALLENGE",`: nil,
		`{"error":"too_soon","retryAt":` + when + `,"state":"MFA_CHALLENGE",`: fmt.Errorf("wrapped: %w", &authn.Refusal{Err: authn.ErrTooSoon, RetryAt: at, Answer: a}),
	} {
		in := a
		if err != nil {
			in = nil
		}
		v, fault := httphost.NewView(in, err)
		if b, _ := json.Marshal(v); string(b) != start+rest || fault != nil {
			t.Errorf("got  %s %v\nwant %s", b, fault, start+rest)
		}
	}
	if v, err := httphost.NewView(nil, &authn.Refusal{Err: authn.ErrFinished}); err != nil || v.State != "" || v.Error != "finished" {
		t.Errorf("got %+v %v", v, err)
	}
	for _, e := range []error{authn.ErrUnavailable, authn.ErrCorrupt, errors.New("else"), &authn.Refusal{Err: errors.New("unknown")}} {
		if v, err := httphost.NewView(nil, e); !errors.Is(err, e) || v.Error != "" {
			t.Errorf("%v: got %+v %v", e, v, err)
		}
	}
}

// What a verifier has that is no JSON is a text.
func TestOptions(t *testing.T) {
	for options, want := range map[string]string{"": `{}`, `"x"`: `{"prompt":{"options":"x"}}`, "who?": `{"prompt":{"options":"who?"}}`, `{"b":[]}`: `{"prompt":{"options":{"b":[]}}}`} {
		v, _ := httphost.NewView(&authn.Answer{Prompt: authn.Prompt{Options: []byte(options)}}, nil)
		if b, _ := json.Marshal(v); string(b) != want {
			t.Errorf("%q: got %s, want %s", options, b, want)
		}
	}
}
