// Package apimail sends mail through a mail service's HTTP API: JSON, with a
// bearer token and an idempotency key.
package apimail

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/authnfsm/authn"
)

var _ authn.Sender = (*Sender)(nil)

// Sender is an [authn.Sender]. It is safe for concurrent use.
type Sender struct {
	URL    string
	Token  authn.StateToken
	Client *http.Client // with a timeout, and a CheckRedirect that follows nothing
}

type mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Send implements [authn.Sender]. Its errors hold neither code nor address: the
// service's own words might, so only the number of its status is told.
func (m *Sender) Send(ctx context.Context, msg authn.Message) error {
	subject, text, err := words(msg)
	if err != nil {
		return err
	}
	body, err := json.Marshal(mail{msg.To, subject, text})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+string(m.Token))
	req.Header.Set("Idempotency-Key", url.QueryEscape(msg.Key)) // a repetition is the same mail
	resp, err := m.Client.Do(req)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("apimail: %w", ctx.Err())
	case err != nil:
		return errors.New("apimail: no answer")
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusUnprocessableEntity: // there is no such mailbox
		return fmt.Errorf("apimail: status %d: %w", resp.StatusCode, authn.ErrUndeliverable)
	}
	return fmt.Errorf("apimail: status %d", resp.StatusCode) // tried again later
}

// purposes are what codes are for.
var purposes = map[authn.Purpose]string{
	authn.PurposeSignIn: "sign in", authn.PurposeEnroll: "confirm this address", authn.PurposeRecover: "reset your password",
	authn.PurposeUnlock: "unlock your account", authn.PurposeSignUp: "sign up",
}

// words are what a person reads.
func words(m authn.Message) (subject, text string, err error) {
	clock := func(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
	switch m.Kind {
	case authn.CodeMessage:
		what, known := purposes[m.Purpose]
		if !known {
			what = "go on"
		}
		return "Your code", fmt.Sprintf("Code %d to %s is %s, good until %s.", m.Generation, what, string(m.Code), clock(m.Expires)), nil
	case authn.BackoffMessage:
		return "Wrong codes", "Somebody who has your password, or a code that was sent to you, has entered several wrong codes. If it was not you, change the password.", nil
	case authn.LockedMessage:
		text = "Your account is locked after too many wrong codes. Ask the service desk to open it."
		if !m.Until.IsZero() {
			text = "Your account is locked after too many wrong codes, until " + m.Until.UTC().Format("15:04 UTC on 2 January 2006") + "."
		}
		return "Your account is locked", text, nil
	case authn.StartsMessage:
		return "Many sign-ins", "Somebody has begun as many sign-ins with your password as an hour allows. If it was not you, change it.", nil
	case authn.RecoveryMessage:
		return "Recovery code used", "Somebody has signed in as you with one of your recovery codes. If it was not you, change your password.", nil
	case authn.PasswordMessage:
		return "Password changed", "Your password was changed. If it was not by you, turn to the service desk now.", nil
	case authn.ActivatedMessage:
		return "Factor set up", "From now on, one factor more can be used to sign in as you. If you did not set it up, change your password.", nil
	}
	return "", "", errors.New("apimail: unknown kind of message")
}
