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
	Client *http.Client // nil: http.DefaultClient
}

type mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Mail implements [authn.Sender]. Its errors hold neither code nor address:
// the service's own words might, so only its status is told.
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
	client := m.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("apimail: %w", err)
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusUnprocessableEntity: // there is no such mailbox
		return fmt.Errorf("apimail: %s: %w", resp.Status, authn.ErrUndeliverable)
	}
	return fmt.Errorf("apimail: %s", resp.Status) // tried again later
}

// words are what a person reads.
func words(m authn.Message) (subject, text string, err error) {
	clock := func(t time.Time) string { return t.UTC().Format("15:04 UTC") }
	switch m.Kind {
	case authn.CodeMessage:
		what := "sign in"
		if m.Purpose == authn.PurposeEnroll {
			what = "confirm this address"
		}
		return "Your code", fmt.Sprintf("Code %d to %s is %s, good until %s.", m.Generation, what, string(m.Code), clock(m.Expires)), nil
	case authn.BackoffMessage:
		return "Wrong codes", "Somebody who has your password has entered several wrong codes. If it was not you, change it.", nil
	case authn.LockedMessage:
		text = "Your account is locked after too many wrong codes. Ask the service desk to open it."
		if !m.Until.IsZero() {
			text = "Your account is locked after too many wrong codes, until " + clock(m.Until) + "."
		}
		return "Your account is locked", text, nil
	case authn.ActivatedMessage:
		return "Address confirmed", "From now on, codes to sign in are sent to this address.", nil
	}
	return "", "", errors.New("apimail: unknown kind of message")
}
