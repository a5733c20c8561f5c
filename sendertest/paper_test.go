package sendertest

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"mime"
	"net/mail"
	"slices"
	"strings"
	"sync"

	"github.com/authnfsm/authn"
)

// office is a test server.
type office struct {
	mu  sync.Mutex
	how Behavior
	in  []posted
}

type posted struct {
	to  []string
	raw []byte
}

var (
	errRefused = errors.New("550 refused")
	errBusy    = errors.New("451 later")
	errDropped = errors.New("connection closed")
)

func (o *office) post(ctx context.Context, to []string, raw []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch o.how {
	case RefuseRecipient:
		return errRefused
	case Busy:
		return errBusy
	case Hang:
		<-ctx.Done()
		return ctx.Err()
	}
	o.in = append(o.in, posted{to, raw})
	if o.how == FailAfterAccept {
		return errDropped
	}
	return nil
}

func (o *office) behave(b Behavior) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.how = b
	return true
}

func (o *office) inbox() ([]Mail, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ms []Mail
	for _, p := range o.in {
		m, err := Parse(p.to, p.raw)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// paper is a sender that conforms except for its bug.
type paper struct {
	office *office
	bug    string

	mu   sync.Mutex
	n    int
	last authn.Code
}

func (p *paper) has(bug string) bool { return p.bug == bug }

func (p *paper) Send(ctx context.Context, m authn.Message) error {
	if err := ctx.Err(); err != nil && !p.has("sends with an ended context") {
		return err
	}
	if a, err := mail.ParseAddress(m.To); (err != nil || a.Address != m.To) && !p.has("believes To") {
		return fmt.Errorf("%w: not an address", authn.ErrUndeliverable)
	}
	if !slices.Contains(kinds, m.Kind) && !p.has("sends unknown kinds") {
		return fmt.Errorf("%w: unknown kind", authn.ErrUndeliverable)
	}
	if p.has("panics at an odd locale") && strings.Contains(m.Locale, "/") {
		panic("no such locale")
	}
	if p.has("waits for ever") && p.office.hangs() {
		ctx = context.WithoutCancel(ctx)
		c, cancel := context.WithTimeout(ctx, 20*promptly)
		defer cancel()
		ctx = c
	}
	to := []string{m.To}
	if p.has("believes To") {
		to = strings.FieldsFunc(m.To, func(r rune) bool { return strings.ContainsRune(" ,;\r\n<>:()\"", r) })
		to = slices.DeleteFunc(to, func(s string) bool { return !strings.Contains(s, "@") })
	}
	p.mu.Lock()
	if p.has("sends the code before") && p.last != "" {
		m.Code, p.last = p.last, m.Code
	}
	p.last = m.Code
	p.mu.Unlock()
	if p.has("sends twice") {
		p.office.post(ctx, to, p.write(m))
	}
	err := p.office.post(ctx, to, p.write(m))
	switch {
	case err == nil, p.has("hides errors"):
		return nil
	case errors.Is(err, errRefused) && !p.has("tries for ever"), p.has("gives up at once"):
		return fmt.Errorf("%w: %w", authn.ErrUndeliverable, err)
	case p.has("code in errors"):
		return fmt.Errorf("%w: message was %q", err, string(m.Code))
	case p.has("address in errors"):
		return fmt.Errorf("posting: %w", fmt.Errorf("%w: <%s>", err, strings.ToUpper(m.To)))
	}
	return err
}

func (o *office) hangs() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.how == Hang
}

// write renders a raw message.
func (p *paper) write(m authn.Message) []byte {
	var w bytes.Buffer
	name := func(s string) string { return mime.QEncoding.Encode("utf-8", s) }
	if p.has("raw headers") {
		name = func(s string) string { return s }
	}
	fmt.Fprintf(&w, "From: paper <paper@example.org>\r\nMessage-Id: %s\r\n", p.id(m))
	switch p.bug {
	case "raw headers", "encoded line breaks":
		fmt.Fprintf(&w, "Subject: mail for %s\r\n", name(m.User))
	case "kind in a header":
		fmt.Fprintf(&w, "Subject: %s\r\n", m.Kind)
	}
	text, body := p.text(m), ""
	if !p.has("no html") {
		body = "<p>" + strings.ReplaceAll(html.EscapeString(text), "\n", "</p>\n<p>") + "</p>"
	}
	switch p.bug {
	case "raw html":
		body += m.Tenant
	case "html drops the code":
		body = strings.ReplaceAll(body, string(m.Code), "")
	}
	fmt.Fprint(&w, "Mime-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n")
	for typ, s := range map[string]string{"plain": text, "html": body} {
		if s != "" {
			fmt.Fprintf(&w, "--b\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n", typ)
			e := base64.StdEncoding.EncodeToString([]byte(s))
			for c := range slices.Chunk([]byte(e), 76) {
				fmt.Fprintf(&w, "%s\r\n", c)
			}
		}
	}
	fmt.Fprint(&w, "--b--\r\n")
	return w.Bytes()
}

func (p *paper) id(m authn.Message) string {
	id := base64.RawURLEncoding.EncodeToString([]byte(m.Key))
	switch p.bug {
	case "a new id for each attempt":
		p.mu.Lock()
		defer p.mu.Unlock()
		p.n++
		id = fmt.Sprint(p.n)
	case "id from the recipient":
		id = "to"
	case "trims keys":
		id = base64.RawURLEncoding.EncodeToString([]byte(strings.TrimSpace(m.Key)))
	}
	if len(id) > 500 {
		id = id[len(id)-500:]
	}
	return "<" + id + "@example.org>"
}

func (p *paper) text(m authn.Message) string {
	clean := func(s string) string {
		return strings.ToValidUTF8(strings.Map(func(r rune) rune {
			if breaks(r) {
				return ' '
			}
			return r
		}, s), "?")
	}
	if p.has("raw text") {
		clean = func(s string) string { return s }
	}
	s := "for " + clean(m.User) + " of " + clean(m.Tenant) + "\n"
	zone := m.Expires.UTC()
	if p.has("local time") {
		zone = m.Expires
	}
	switch {
	case m.Kind == authn.CodeMessage:
		code := string(m.Code)
		switch p.bug {
		case "drops zeros":
			code = strings.TrimLeft(code, "0")
		case "groups digits":
			code = code[:3] + " " + code[3:]
		case "secret":
			code = fmt.Sprint(m.Code)
		}
		if purpose := clean(string(m.Purpose)); !p.has("one text for purposes") {
			s += "to " + purpose + "\n"
		}
		s += code + "\n"
		if !p.has("no generation") {
			s += fmt.Sprintf("code %d\n", m.Generation)
		}
		s += zone.Format("15:04") + " UTC\n"
	case p.has("one text for notices"):
		s = "something happened\n"
	case p.has("no day"):
		s += clean(string(m.Kind)) + m.Until.UTC().Format(" 15:04 UTC\n")
	default:
		s += clean(string(m.Kind)) + m.Until.UTC().Format(" 15:04 UTC on 2 January\n")
	}
	if m.Kind != authn.CodeMessage && p.has("code in notices") || p.has("sends unknown kinds") {
		s += string(m.Code)
	}
	return s
}
