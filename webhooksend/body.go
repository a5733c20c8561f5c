package webhooksend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

// payload is the body of a request. The names are stable: receivers in other
// languages depend on them.
type payload struct {
	Key        string            `json:"key,omitzero"`
	Kind       authn.MessageKind `json:"kind"`
	Channel    string            `json:"channel,omitzero"`
	Tenant     string            `json:"tenant,omitzero"`
	User       string            `json:"user,omitzero"`
	To         string            `json:"to,omitzero"`
	Locale     string            `json:"locale,omitzero"`
	Purpose    authn.Purpose     `json:"purpose,omitzero"`
	Factor     string            `json:"factor,omitzero"`
	Code       string            `json:"code,omitzero"`
	Approval   string            `json:"approval,omitzero"`
	Link       string            `json:"link,omitzero"`
	Generation int               `json:"generation,omitzero"`
	Expires    time.Time         `json:"expires,omitzero"`
	Until      time.Time         `json:"until,omitzero"`
}

// encode returns the body for m. A kind that is not known here is passed on,
// without a code.
func encode(m *authn.Message) ([]byte, error) {
	p := payload{
		Key: m.Key, Kind: m.Kind, Channel: m.Channel, Tenant: m.Tenant, User: m.User, To: m.To, Locale: m.Locale, Factor: m.Factor,
	}
	switch m.Kind {
	case authn.CodeMessage:
		p.Approval, p.Link = string(m.Approval), string(m.Link)
		p.Purpose, p.Code, p.Generation, p.Expires = m.Purpose, string(m.Code), m.Generation, m.Expires.UTC()
	case authn.LockedMessage:
		p.Until = m.Until.UTC()
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, errors.New("message: a time is out of range")
	}
	if b = ascii(b); len(b) > MaxBody {
		return nil, fmt.Errorf("message: the body is longer than %d bytes", MaxBody)
	}
	return b, nil
}

func (p *payload) check() error {
	// The separator keeps two broken strings from being a valid one together.
	all := strings.Join([]string{
		p.Key, string(p.Kind), p.Channel, p.Tenant, p.User, p.To, p.Locale, string(p.Purpose), p.Factor, p.Code, p.Approval, p.Link,
	}, " ")
	switch {
	case p.Kind == "":
		return errors.New("message: no kind")
	case p.To == "" && p.Approval == "": // a device is found by its factor
		return errors.New("message: no recipient")
	case p.Kind == authn.CodeMessage && p.Code == "" && p.Approval == "":
		return errors.New("message: no code")
	case !utf8.ValidString(all): // JSON would replace it, and name another user
		return errors.New("message: a string is not UTF-8")
	}
	return nil
}

// ascii escapes everything else in JSON, so that a reader takes no character for
// another one or for the end of a line, whatever encoding it assumes.
func ascii(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		if r < 0x7f {
			out = append(out, byte(r))
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}
