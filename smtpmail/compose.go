package smtpmail

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/authnfsm/authn"
	gomail "github.com/wneessen/go-mail"
)

const (
	maxSubject = 150 // characters
	maxCode    = 64
	maxLink    = 512
)

// purposes are those that templates tell apart.
var purposes = []authn.Purpose{authn.PurposeSignIn, authn.PurposeEnroll, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp}

// Data is what a template gets. Nothing in it was typed by a user.
type Data struct {
	Service    string            // Config.Service
	Contact    string            // Config.Contact, or its default
	Kind       authn.MessageKind // as the file is named
	Purpose    authn.Purpose     // of a code; "" if this package does not know it
	First      bool              // of a code: nothing was proved before it, so anybody can have asked for it
	Code       string            // CodeMessage only, and "" for the subject, and if there is a link
	URL        string            // of a link, in place of a code: see Config.Links; "" for the subject
	Generation int               // CodeMessage only
	Expires    time.Time         // CodeMessage only; in Config.Zone
	Minutes    int               // CodeMessage only: until Expires, rounded, at least 1
	Until      time.Time         // LockedMessage only; in Config.Zone, zero if only the host can unlock
}

// malformed reports that a message can never be sent.
func malformed(what string) error {
	return &failure{step: "compose", cause: fmt.Errorf("%s: %w", what, authn.ErrUndeliverable)}
}

// A Composer writes what messages say, for hosts that send mail in another
// way, or show it. Make it with [NewComposer]. It is safe for concurrent use.
type Composer struct {
	service, contact string
	links            map[authn.Purpose]string
	templates        catalog
	zone             *time.Location
	now              func() time.Time
}

// NewComposer returns a Composer. Of c it takes Service, Contact, Links, Templates,
// Zone and Now, as [New] does; the error names the field, or the template, that is
// missing or wrong.
func NewComposer(c Config) (*Composer, error) {
	w, err := newComposer(&c)
	if err != nil {
		return nil, fmt.Errorf("smtpmail: %w", err)
	}
	return w, nil
}

// Compose writes a message as a [Sender] with the same Config would send it:
// the subject, of one line and without the code, the plain part and the HTML
// part. It looks at no address. The error wraps authn.ErrUndeliverable if the
// message can never be sent, because its Kind is unknown, its code malformed
// or its time up.
func (w *Composer) Compose(msg authn.Message) (subject, text, html string, err error) {
	out, err := w.compose(msg, w.now().UTC())
	return out.subject, out.text, out.html, err
}

func (w *Composer) compose(msg authn.Message, now time.Time) (rendered, error) {
	if msg.Kind == linkMail || w.templates.lookup(msg.Locale, msg.Kind) == nil {
		return rendered{}, malformed("unknown kind of message")
	}
	d, err := w.data(msg, now)
	if err != nil {
		return rendered{}, err
	}
	t := w.templates.lookup(msg.Locale, d.template())
	out, err := t.render(d)
	if err != nil {
		// The cause stays here: it may quote what the template was given.
		return rendered{}, &failure{step: "compose", cause: fmt.Errorf("template %s fails", t.name)}
	}
	return out, nil
}

// compose renders a message as it goes over the wire.
func (m *Sender) compose(msg authn.Message) ([]byte, error) {
	if !validAddress(msg.To) {
		return nil, malformed("not an address")
	}
	now := m.words.now().UTC()
	out, err := m.words.compose(msg, now)
	if err != nil {
		return nil, err
	}
	from := m.from
	w := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	w.FromMailAddress(&from)
	w.ToMailAddress(&mail.Address{Address: msg.To})
	w.Subject(out.subject)
	w.SetDateWithValue(now)
	w.SetMessageIDWithValue(messageID(msg.Key) + "@" + m.domain)
	w.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no holiday replies
	w.SetBodyString(gomail.TypeTextPlain, out.text)
	w.AddAlternativeString(gomail.TypeTextHTML, out.html)
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, &failure{step: "compose", cause: errUnsaid}
	}
	return b.Bytes(), nil
}

func (w *Composer) data(msg authn.Message, now time.Time) (Data, error) {
	d := Data{Service: w.service, Contact: w.contact, Kind: msg.Kind}
	switch msg.Kind {
	case authn.CodeMessage:
		left := msg.Expires.Sub(now)
		if left <= 0 {
			return d, malformed("code has expired")
		}
		if !validCode(string(msg.Code)) {
			return d, malformed("not a code")
		}
		if slices.Contains(purposes, msg.Purpose) {
			d.Purpose, d.First = msg.Purpose, msg.Factor == ""
		}
		d.Code, d.Generation, d.Expires = string(msg.Code), msg.Generation, msg.Expires.In(w.zone)
		if page := w.links[msg.Purpose]; page != "" && msg.Link != "" {
			if !validLink(string(msg.Link)) {
				return d, malformed("not a link")
			}
			d.Code, d.URL = "", page+"#"+string(msg.Link)
		}
		d.Minutes = max(1, int(left.Round(time.Minute)/time.Minute))
	case authn.LockedMessage:
		if !msg.Until.IsZero() {
			d.Until = msg.Until.In(w.zone)
		}
	}
	return d, nil
}

// linkMail is how templates with a link in place of a code are named.
const linkMail authn.MessageKind = "link"

// template is the kind of template that prints the data.
func (d *Data) template() authn.MessageKind {
	if d.URL != "" {
		return linkMail
	}
	return d.Kind
}

// validLink says that nothing in a link has a meaning to a URL, or to HTML.
func validLink(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return len(s) <= maxLink
}

func validCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return s != "" && len(s) <= maxCode
}

// messageID is the local part of the Message-ID. The hash keeps the key, and
// with it the transaction, from those who see the mail. Without a key no two
// messages are the same.
func messageID(key string) string {
	if key == "" {
		return rand.Text()
	}
	h := sha256.Sum256([]byte("authn smtpmail Message-ID\x00" + key))
	return hex.EncodeToString(h[:16])
}

// oneLine makes a subject of what a template wrote: one line, not too long.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > maxSubject {
		s = strings.TrimSpace(string(r[:maxSubject]))
	}
	return s
}
