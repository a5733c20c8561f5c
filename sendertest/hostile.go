package sendertest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/authnfsm/authn"
)

const (
	intruder = "intruder@example.net"
	header   = "X-Injected"
)

// hostile returns strings with line ends, encodings, markup, templates and
// other text that some reader interprets.
func hostile() []string {
	s := []string{
		"\r\n.\r\nMAIL FROM:<" + intruder + ">\r\nRCPT TO:<" + intruder + ">\r\nDATA\r\n" + header + ": yes\r\n",
		"=?utf-8?q?a=0D=0A" + header + ":_yes?=",
		"a\" <" + intruder + ">, <" + intruder + ">",
		`<a href="https://intruder.example/">x</a><script>x</script>`,
		`"><a href='https://intruder.example/'>`,
		"{{.}}", "{{.Code}}", "{{template \"x\"}}", "%s%n", "../../etc/passwd", "..\\..\\x", "/",
		"Zoë 用户 🦀 \u202e\u200b\ufeff", "\xff\xfe\xc0\x80",
		strings.Repeat("x", 10<<10), strings.Repeat("é ", 5<<10),
	}
	for _, br := range []string{"\r", "\n", "\r\n", "\n\r", "\x00", "\v", "\f", "\x1b", "\u0085", "\u2028", "\u2029", "\r\n\t"} {
		s = append(s, strings.Join([]string{"a", header + ": yes", "Bcc: " + intruder, "", header + ": body"}, br))
	}
	return s
}

var fields = []func(*authn.Message, string){
	func(m *authn.Message, s string) { m.User = s },
	func(m *authn.Message, s string) { m.Tenant = s },
	func(m *authn.Message, s string) { m.Locale = s },
	func(m *authn.Message, s string) { m.Purpose = authn.Purpose(s) },
	func(m *authn.Message, s string) { m.Key += s },
}

// attack sends a message with a hostile string in every field. If the sender
// refuses it, perhaps because of one field, attack tries each field alone.
func (b *bench) attack(ctx context.Context, k authn.MessageKind, s string, sent map[string]authn.Message) {
	all := b.message(k)
	for _, set := range fields {
		set(&all, s)
	}
	sent[all.To] = all
	if b.mail(ctx, all) == nil {
		return
	}
	for _, set := range fields {
		m := b.message(k)
		set(&m, s)
		sent[m.To] = m
		b.mail(ctx, m)
	}
}

func checkFields(ctx context.Context, b *bench) error {
	plain := make(map[authn.MessageKind]Mail)
	for _, k := range []authn.MessageKind{authn.CodeMessage, authn.LockedMessage} {
		got, err := b.send(ctx, b.message(k))
		if err != nil {
			return err
		}
		plain[k] = got[0]
	}
	sent := make(map[string]authn.Message)
	for k := range plain {
		for _, s := range hostile() {
			b.attack(ctx, k, s, sent)
		}
	}
	by, err := b.arrivals()
	if err != nil {
		return err
	}
	for to, got := range by {
		m, ok := sent[to]
		for _, x := range got {
			if err := intact(x, plain[m.Kind]); ok && err != nil {
				return fmt.Errorf("%w, with User %.80q, Tenant %.80q, Locale %.80q, Purpose %.80q, Key %.120q",
					err, m.User, m.Tenant, m.Locale, m.Purpose, m.Key)
			}
			if ok && m.Kind == authn.CodeMessage && !says(x.Text, string(m.Code)) {
				return errors.New("a hostile field damages the code")
			}
		}
	}
	return nil
}

// intact returns an error if a hostile string added a header, a line or markup
// to m, which otherwise resembles plain.
func intact(m, plain Mail) error {
	for name, values := range m.Header {
		if plain.Header != nil && len(values) > len(plain.Header[name]) {
			return fmt.Errorf("there is an additional header %s", name)
		}
	}
	for part, s := range map[string]string{"raw": string(m.Raw), "text": m.Text, "html": m.HTML} {
		for _, line := range strings.FieldsFunc(s, breaks) {
			for _, start := range []string{header + ":", "Bcc:", "MAIL FROM:", "RCPT TO:"} {
				if strings.HasPrefix(line, start) {
					return fmt.Errorf("a line of the %s part begins with %s", part, start)
				}
			}
		}
	}
	for _, markup := range []string{"<a href=\"https://intruder", "<a href='https://intruder", "<script"} {
		if strings.Contains(m.HTML, markup) {
			return fmt.Errorf("the html part has injected markup: %s", markup)
		}
	}
	return nil
}

func checkRecipient(ctx context.Context, b *bench) error {
	bad := []string{
		"", "user", "user@", "@example.com", "user@example.com " + intruder, "user@example.com\x00" + intruder,
		"user@example.com, " + intruder, "user@example.com;" + intruder, "user@example.com>,<" + intruder,
		"<user@example.com> SIZE=1", "user@example.com> NOTIFY=NEVER", "\"x\" <" + intruder + ">", "x (" + intruder + ")",
		"group: " + intruder + ", user@example.com;", "\"a\r\nb\"@example.com", "user@[127.0.0.1]\r\n",
	}
	for _, br := range []string{"\r", "\n", "\r\n", "\u2028", "\u0085"} {
		bad = append(bad, "user@example.com"+br+"Bcc: "+intruder, "user@example.com>"+br+"RCPT TO:<"+intruder+">")
	}
	for _, to := range bad {
		m := b.message(authn.CodeMessage)
		m.To = to
		b.mail(ctx, m)
	}
	by, err := b.arrivals()
	if err != nil {
		return err
	}
	if len(by[intruder]) > 0 {
		return fmt.Errorf("a hostile To reached %s", intruder)
	}
	for to, got := range by {
		for _, x := range got {
			if len(x.Header["Bcc"]) > 0 || len(x.Header["To"]) > 1 {
				return fmt.Errorf("the To %q added a header", to)
			}
		}
	}
	return nil
}

func checkKind(ctx context.Context, b *bench) error {
	sent := make(map[string]authn.Message)
	for _, s := range append(hostile(), "", "CODE", "unknown") {
		m := b.message(authn.CodeMessage)
		m.Kind = authn.MessageKind(s)
		b.mail(ctx, m)
		sent[m.To] = m
	}
	by, err := b.arrivals()
	if err != nil {
		return err
	}
	for to, got := range by {
		m := sent[to]
		for _, x := range got {
			if err := intact(x, Mail{}); err != nil {
				return fmt.Errorf("%w, with kind %.80q", err, m.Kind)
			}
			if len(x.Header["Bcc"]) > 0 || len(x.Header[header]) > 0 || len(x.Header["Subject"]) > 1 {
				return fmt.Errorf("kind %.80q added a header", m.Kind)
			}
			if strings.Contains(x.everything(), string(m.Code)) {
				return fmt.Errorf("a message of kind %.80q has the code", m.Kind)
			}
		}
	}
	return nil
}
