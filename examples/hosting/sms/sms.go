// Package sms sends messages as SMS through a vendor's HTTP API: a form, with
// basic authentication and an idempotency key.
package sms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/authnfsm/authn"
)

var _ authn.Sender = (*Sender)(nil)

// Sender is an [authn.Sender]. It is safe for concurrent use.
type Sender struct {
	URL     string // of the vendor's API, with https
	Account string
	Token   authn.Secret
	From    string       // the number or name that recipients see
	Client  *http.Client // with a timeout, and a CheckRedirect that follows nothing
}

// Send implements [authn.Sender]. Its errors hold no word of the vendor, who
// might quote the code or the number.
func (s *Sender) Send(ctx context.Context, m authn.Message) error {
	text, err := words(m)
	if err != nil {
		return err
	}
	form := url.Values{"From": {s.From}, "To": {m.To}, "Body": {text}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader(form.Encode()))
	if err != nil {
		return errors.New("sms: the URL makes no request")
	}
	req.SetBasicAuth(s.Account, string(s.Token))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Idempotency-Key", url.PathEscape(m.Key)) // a repetition is the same SMS
	resp, err := s.Client.Do(req)
	switch {
	case ctx.Err() != nil && err != nil:
		return fmt.Errorf("sms: %w", ctx.Err())
	case err != nil:
		return errors.New("sms: no answer")
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode/100 == 2:
		return nil
	case resp.StatusCode == http.StatusBadRequest: // there is no such number
		return fmt.Errorf("sms: status %d: %w", resp.StatusCode, authn.ErrUndeliverable)
	}
	return fmt.Errorf("sms: status %d", resp.StatusCode) // tried again later
}

// purposes are what codes are for.
var purposes = map[authn.Purpose]string{
	authn.PurposeSignIn: "sign in", authn.PurposeEnroll: "confirm this number", authn.PurposeRecover: "reset your password",
	authn.PurposeUnlock: "unlock your account", authn.PurposeSignUp: "sign up",
}

// words are what a person reads: short, and without a link.
func words(m authn.Message) (string, error) {
	switch m.Kind {
	case authn.CodeMessage:
		what, known := purposes[m.Purpose]
		if !known {
			what = "go on"
		}
		return fmt.Sprintf("Example: %s is code %d to %s, good until %s. Give it to nobody.",
			string(m.Code), m.Generation, what, m.Expires.UTC().Format("15:04 UTC")), nil
	case authn.BackoffMessage:
		return "Example: somebody with your password or a code of yours enters wrong codes. If it is not you, change the password.", nil
	case authn.LockedMessage:
		until := "the service desk opens it"
		if !m.Until.IsZero() {
			until = m.Until.UTC().Format("15:04 UTC on 2 January 2006")
		}
		return "Example: your account is locked after too many wrong codes, until " + until + ".", nil
	case authn.StartsMessage:
		return "Example: somebody with your password begins many sign-ins. If it is not you, change it.", nil
	case authn.RecoveryMessage:
		return "Example: somebody has signed in as you with a recovery code. If it was not you, change your password.", nil
	case authn.PasswordMessage:
		return "Example: your password was changed. If it was not by you, turn to the service desk now.", nil
	case authn.ActivatedMessage:
		return "Example: a factor was set up to sign in as you. If it was not by you, change your password.", nil
	}
	return "", fmt.Errorf("sms: unknown kind of message: %w", authn.ErrUndeliverable)
}
