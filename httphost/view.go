package httphost

import (
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// A View is the JSON form of an [authn.Answer] or an [authn.Refusal], without its tokens:
// each transport carries those in a place of its own. Times are those of RFC 3339, and
// members that are empty are left out. [OpenAPI] describes it.
type View struct {
	SignIn          string        `json:"signIn,omitempty"`         // name of the sign-in, if the transport keeps the token
	Error           string        `json:"error,omitempty"`          // why nothing has changed, in a word; "": the event was taken
	RetryAt         time.Time     `json:"retryAt,omitzero"`         // of an error: when it no longer holds; absent: waiting does not help
	State           authn.State   `json:"state,omitempty"`          // absent: there is no sign-in any more, or input was not looked at
	Outcome         string        `json:"outcome,omitempty"`        // of the event: "wrong_code", "late_code", "rejected" or "denied"; absent: as asked
	Reasons         []string      `json:"reasons,omitempty"`        // which rules an input does not meet that was rejected
	Session         bool          `json:"session,omitempty"`        // a session was made: the user is signed in
	For             authn.Purpose `json:"for,omitempty"`            // "recover", "unlock" or "sign_up" of what a claim has begun
	User            string        `json:"user,omitempty"`           // the host's user id, once something was proved
	Allowed         []Move        `json:"allowed,omitempty"`        // the events that may come next
	Factors         []Factor      `json:"factors,omitempty"`        // to choose from
	Factor          *Factor       `json:"factor,omitempty"`         // the one at hand
	Prompt          *Prompt       `json:"prompt,omitempty"`         // what proving or enrolling it takes, beyond a code that was sent
	Question        string        `json:"question,omitempty"`       // in RECOVERY
	TriesLeft       int           `json:"triesLeft,omitempty"`      // wrong codes left
	Generation      int           `json:"generation,omitempty"`     // number of the last code, from 1
	Delivery        string        `json:"delivery,omitempty"`       // of the live code: "pending", "sent" or "failed"
	CodeExpires     time.Time     `json:"codeExpires,omitzero"`     // absent: there is no live code
	PasswordExpires time.Time     `json:"passwordExpires,omitzero"` // in PASSWORD_WARN
	Until           time.Time     `json:"until,omitzero"`           // in LOCKED_OUT: end of the account's lock
	Expires         time.Time     `json:"expires,omitzero"`         // of the sign-in
	Now             time.Time     `json:"now,omitzero"`             // the server's time, for countdowns
}

// A Move is an event that may come next.
type Move struct {
	Event authn.EventName `json:"event"`
	At    time.Time       `json:"at,omitzero"` // from which time, such as that of "resend"; absent: now
}

// A Factor is one of the user's.
type Factor struct {
	ID       string    `json:"id,omitempty"`
	Type     string    `json:"type"`
	Address  string    `json:"address,omitempty"` // masked
	Status   string    `json:"status"`            // "NOT_SETUP", "ACTIVE" or "DISABLED"
	Required bool      `json:"required,omitempty"`
	At       time.Time `json:"at,omitzero"` // from which time it can be chosen; absent: now

	Options json.RawMessage `json:"options,omitempty"` // of a type that needs no challenge: JSON, such as the question to answer
}

// A Prompt is an [authn.Prompt]. What it has of a secret is shown while a factor is
// enrolled, and never again.
type Prompt struct {
	Secret  string          `json:"secret,omitempty"`  // of an app, to type in
	URI     string          `json:"uri,omitempty"`     // of an app, for a QR code
	Codes   []string        `json:"codes,omitempty"`   // for recovery
	Left    int             `json:"left,omitempty"`    // recovery codes that are left
	Number  string          `json:"number,omitempty"`  // to be named on the other device
	Pairing string          `json:"pairing,omitempty"` // for the other device
	Replied string          `json:"replied,omitempty"` // the other device's reply: "approved" or "rejected", or "withdrawn"
	Options json.RawMessage `json:"options,omitempty"` // of a type with a verifier: JSON, such as the options of navigator.credentials
}

// NewView shows what the service returned, a refusal as well. The error is what is no
// refusal: a port failed, and there is nothing to show.
func NewView(a *authn.Answer, err error) (View, error) {
	var v View
	var refusal *authn.Refusal
	switch {
	case errors.As(err, &refusal):
		why := problemOf(refusal.Err)
		if why == unavailable {
			return v, err
		}
		v.Error, v.RetryAt, a = why.word, refusal.RetryAt, refusal.Answer
	case err != nil:
		return v, err
	}
	if a != nil {
		v.fill(a)
	}
	return v, nil
}

func (v *View) fill(a *authn.Answer) {
	v.State, v.Outcome, v.Reasons = a.State, strings.ReplaceAll(string(a.Outcome), " ", "_"), a.Reasons
	v.For, v.User, v.Question = a.For, a.User, a.Question
	v.TriesLeft, v.Generation, v.Delivery = a.TriesLeft, a.Generation, string(a.Delivery)
	v.CodeExpires, v.PasswordExpires, v.Until, v.Expires, v.Now = a.CodeExpires, a.PasswordExpires, a.Until, a.Expires, a.Now
	for _, m := range a.Allowed {
		v.Allowed = append(v.Allowed, Move(m))
	}
	for i := range a.Factors {
		v.Factors = append(v.Factors, *factorOf(&a.Factors[i]))
	}
	if a.Factor.Type != "" {
		v.Factor = factorOf(&a.Factor)
	}
	v.Prompt = promptOf(&a.Prompt)
}

func factorOf(f *authn.Factor) *Factor {
	return &Factor{ID: f.ID, Type: f.Type, Address: f.Address, Status: f.Status.String(), Required: f.Required, At: f.At, Options: rawJSON(f.Options)}
}

// promptOf is nil for one that asks for nothing.
func promptOf(p *authn.Prompt) *Prompt {
	x := Prompt{
		Secret: string(p.Secret), URI: string(p.URI), Left: p.Left, Number: p.Number,
		Pairing: string(p.Pairing), Replied: p.Replied, Options: rawJSON(p.Options),
	}
	for _, c := range p.Codes {
		x.Codes = append(x.Codes, string(c))
	}
	if x.Secret == "" && x.URI == "" && x.Codes == nil && x.Left == 0 && x.Number == "" && x.Pairing == "" && x.Replied == "" && x.Options == nil {
		return nil
	}
	return &x
}

// rawJSON is b itself, or b as a text if it is no JSON.
func rawJSON(b []byte) json.RawMessage {
	if len(b) == 0 {
		return nil
	}
	if json.Valid(b) {
		return b
	}
	text, _ := json.Marshal(string(b))
	return text
}
