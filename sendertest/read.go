package sendertest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parse reads an RFC 5322 message that arrived for the recipients to. It
// decodes encoded headers, quoted-printable and base64, and takes the first
// text/plain and the first text/html part that are not attachments. It accepts
// the charsets UTF-8 and US-ASCII only. The Mail keeps to and raw.
func Parse(to []string, raw []byte) (Mail, error) {
	m := Mail{To: to, Raw: raw, Header: make(map[string][]string)}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Mail{}, fmt.Errorf("sendertest: header: %w", err)
	}
	var words mime.WordDecoder
	for name, values := range msg.Header {
		for _, v := range values {
			d, err := words.DecodeHeader(v)
			if err != nil {
				return Mail{}, fmt.Errorf("sendertest: header %s: %w", name, err)
			}
			m.Header[name] = append(m.Header[name], d)
		}
	}
	m.ID = msg.Header.Get("Message-Id")
	if err := m.part(textproto.MIMEHeader(msg.Header), msg.Body); err != nil {
		return Mail{}, fmt.Errorf("sendertest: %w", err)
	}
	return m, nil
}

// part reads one part of a message, or the whole.
func (m *Mail) part(h textproto.MIMEHeader, r io.Reader) error {
	typ, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if h.Get("Content-Type") == "" {
		typ, err = "text/plain", nil
	}
	if err != nil {
		return fmt.Errorf("content type: %w", err)
	}
	if strings.HasPrefix(typ, "multipart/") {
		return m.multi(multipart.NewReader(r, params["boundary"]))
	}
	if disposition, _, _ := mime.ParseMediaType(h.Get("Content-Disposition")); disposition == "attachment" {
		return nil
	}
	into := &m.Text
	switch typ {
	case "text/plain":
	case "text/html":
		into = &m.HTML
	default:
		return nil
	}
	if c := strings.ToLower(params["charset"]); c != "" && c != "utf-8" && c != "us-ascii" {
		return fmt.Errorf("charset %q", c)
	}
	switch enc := strings.ToLower(h.Get("Content-Transfer-Encoding")); enc {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	case "", "7bit", "8bit":
	default:
		return fmt.Errorf("transfer encoding %q", enc)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("body of %s: %w", typ, err)
	}
	if *into == "" {
		*into = string(b)
	}
	return nil
}

// multi reads the parts of a part.
func (m *Mail) multi(r *multipart.Reader) error {
	for {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if err := m.part(p.Header, p); err != nil {
			return err
		}
	}
}

// wellFormed returns an error if m has content that is wrong in any message.
func wellFormed(m Mail) error {
	for line := range bytes.Lines(m.Raw) {
		if len(bytes.TrimRight(line, "\r\n")) > 998 {
			return errors.New("a raw line has more than 998 bytes")
		}
	}
	for name, values := range m.Header {
		for _, v := range values {
			if i := strings.IndexFunc(v, breaks); i >= 0 {
				return fmt.Errorf("header %s has a control character: %q", name, v)
			}
		}
	}
	for part, s := range map[string]string{"text": m.Text, "html": m.HTML} {
		s = strings.NewReplacer("\r\n", "", "\n", "", "\t", "").Replace(s)
		if i := strings.IndexFunc(s, breaks); i >= 0 || !utf8.ValidString(s) {
			return fmt.Errorf("the %s part has a control character or is not UTF-8", part)
		}
	}
	return nil
}

// breaks reports whether some reader treats r as the end of a line or text.
func breaks(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

var (
	unseen = regexp.MustCompile(`(?is)<(head|style|script|title)\b.*?</(head|style|script|title)>|<!--.*?-->`)
	block  = regexp.MustCompile(`(?i)</?(p|div|br|li|ul|tr|td|table|h[1-6]|pre|body)\b[^>]*>`)
	tag    = regexp.MustCompile(`<[^>]*>`)
)

// visible returns roughly the visible text of HTML, enough to find words in it.
func visible(s string) string {
	s = unseen.ReplaceAllString(s, "")
	s = block.ReplaceAllString(s, "\n")
	return html.UnescapeString(tag.ReplaceAllString(s, ""))
}

// says reports whether text contains word as a separate word or number.
func says(text, word string) bool {
	const beside = `[^0-9A-Za-z:]`
	return regexp.MustCompile(`(^|` + beside + `)` + regexp.QuoteMeta(word) + `($|` + beside + `)`).MatchString(text)
}
