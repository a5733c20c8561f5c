package smtpmail_test

import (
	"errors"
	"io/fs"
	"maps"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

func files(pairs ...string) fstest.MapFS {
	m := make(fstest.MapFS)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return m
}

func german() fstest.MapFS {
	return files(
		"de/code.subject", "Dein Code für {{.Service}}",
		"de/code.txt", "Dein Code Nummer {{.Generation}} für {{.Service}}:\n\n{{.Code}}\n\nbis {{.Expires.Format \"15:04\"}} UTC\n",
		"de/code.html", "<p>Dein Code Nummer {{.Generation}} für {{.Service}}:</p><p>{{.Code}}</p><p>bis {{.Expires.Format \"15:04\"}} UTC</p>",
	)
}

// mailed returns how a message arrives when templates are used.
func mailed(t *testing.T, templates fs.FS, m authn.Message) (subject, text, html string) {
	t.Helper()
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	mailer := s.open(t, func(c *smtpmail.Config) { c.Templates, c.Service = templates, "A & <B>" })
	if err := mailer.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.only(t)
	return strings.Join(got.Header["Subject"], "|"), got.Text, got.HTML
}

// TestCompose: what a Composer writes is what a Sender sends.
func TestCompose(t *testing.T) {
	for _, m := range []authn.Message{code(), {Kind: authn.BackoffMessage, To: "ada@example.com"}, {Kind: authn.LockedMessage, To: "ada@example.com", Locale: "de"}} {
		c, err := smtpmail.NewComposer(smtpmail.Config{Service: "A & <B>", Templates: german(), Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		subject, text, html, err := c.Compose(m)
		lines := strings.NewReplacer("\n", "\r\n") // as they travel
		sentSubject, sentText, sentHTML := mailed(t, german(), m)
		if err != nil || subject != sentSubject || lines.Replace(text) != sentText || lines.Replace(html) != sentHTML {
			t.Errorf("%s: got %q, %q, %q, %v\nsent %q, %q, %q", m.Kind, subject, text, html, err, sentSubject, sentText, sentHTML)
		}
	}
	c, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	late := code()
	late.Expires = time.Now().Add(-time.Second)
	for _, m := range []authn.Message{{Kind: "other"}, late} {
		if _, _, _, err := c.Compose(m); !errors.Is(err, authn.ErrUndeliverable) {
			t.Errorf("%s: %v", m.Kind, err)
		}
	}
	if _, err := smtpmail.NewComposer(smtpmail.Config{}); err == nil {
		t.Error("a Composer for no service")
	}
}

func TestLocale(t *testing.T) {
	templates := german()
	for name, f := range german() {
		templates["pt-BR"+strings.TrimPrefix(name, "de")] = &fstest.MapFile{Data: []byte(strings.ReplaceAll(string(f.Data), "Dein", "Seu"))}
	}
	for locale, want := range map[string]string{
		"de": "Dein", "DE": "Dein", "de-CH": "Dein", "de_AT": "Dein", "de-Latn-CH-1996": "Dein", "pt-br": "Seu", "pt-BR-x-a": "Seu",
		"": "your", "pt": "your", "fr-CH": "your", "default": "your", "d": "your", "-": "your", "-de": "your", "deu": "your", "*": "your",
		"../../etc/passwd": "your", "../de": "your", "de/code": "your", "{{.}}": "your", "de\r\nBcc: x": "your",
		strings.Repeat("de-", 3500) + "x": "your", "\x00": "your",
	} {
		m := code()
		m.Locale = locale
		if subject, _, _ := mailed(t, templates, m); !strings.Contains(subject, want) {
			t.Errorf("locale %.40q: subject %q, want %q", locale, subject, want)
		}
	}
	notice := authn.Message{Key: "1", Kind: authn.BackoffMessage, To: "ada@example.com", Locale: "de"}
	if subject, _, _ := mailed(t, templates, notice); !strings.Contains(subject, "wrong codes") {
		t.Errorf("a kind without German templates: subject %q", subject)
	}
}

func TestTemplate(t *testing.T) {
	m := code()
	m.Locale = "de"
	subject, text, html := mailed(t, german(), m)
	if want := "Dein Code für A & <B>"; subject != want {
		t.Errorf("subject %q, want %q", subject, want)
	}
	if want := "Dein Code Nummer 2 für A & <B>:\r\n\r\n012345\r\n\r\nbis 03:09 UTC\r\n"; text != want {
		t.Errorf("text %q, want %q", text, want)
	}
	if want := "<p>Dein Code Nummer 2 für A &amp; &lt;B&gt;:</p><p>012345</p><p>bis 03:09 UTC</p>"; html != want {
		t.Errorf("html %q, want %q", html, want)
	}
}

func TestDefaultTemplate(t *testing.T) {
	templates := make(fstest.MapFS)
	for name, f := range german() {
		templates["default"+strings.TrimPrefix(name, "de")] = f
	}
	if subject, _, _ := mailed(t, templates, code()); !strings.HasPrefix(subject, "Dein") {
		t.Errorf("subject %q", subject)
	}
}

// TestSubjectIsOneLine, whatever a template writes.
func TestSubjectIsOneLine(t *testing.T) {
	templates := german()
	templates["de/code.subject"].Data = []byte("\n a\r\nBcc: x@example.net\t\u2028b\x00" + strings.Repeat("é", 200))
	m := code()
	m.Locale = "de"
	subject, _, _ := mailed(t, templates, m)
	if want := "a Bcc: x@example.net b " + strings.Repeat("é", 127); subject != want {
		t.Errorf("subject %q, want %q", subject, want)
	}
}

// TestSubjectHasNoCode, not even by a template that looks harmless to New.
func TestSubjectHasNoCode(t *testing.T) {
	templates := german()
	templates["de/code.subject"].Data = []byte("Code{{if eq .Generation 7}} {{.Code}}{{end}}")
	m := code()
	m.Locale, m.Generation = "de", 7
	if subject, _, _ := mailed(t, templates, m); subject != "Code" {
		t.Errorf("subject %q", subject)
	}
}

// TestOddPurpose: what a template gets is known, or nothing.
func TestOddPurpose(t *testing.T) {
	templates := german()
	templates["de/code.txt"].Data = []byte("{{.Code}} for {{printf \"%q\" .Purpose}}")
	for purpose, want := range map[authn.Purpose]string{authn.PurposeEnroll: `"enroll"`, "recover": `"recover"`, "sign_in\r\n": `""`, "later": `""`} {
		m := code()
		m.Locale, m.Purpose = "de", purpose
		if _, text, _ := mailed(t, templates, m); text != "012345 for "+want {
			t.Errorf("purpose %q: text %q", purpose, text)
		}
	}
}

func TestTemplatesRefused(t *testing.T) {
	for name, change := range map[string]func(fstest.MapFS){
		"de/coed.txt: want LOCALE/KIND.PART":    func(m fstest.MapFS) { maps.Copy(m, files("de/coed.txt", "x")) },
		"README: want":                          func(m fstest.MapFS) { maps.Copy(m, files("README", "x")) },
		"de/x/code.txt: want":                   func(m fstest.MapFS) { maps.Copy(m, files("de/x/code.txt", "x")) },
		"d/code.txt: want":                      func(m fstest.MapFS) { maps.Copy(m, files("d/code.txt", "x")) },
		"de/code.text: want .subject":           func(m fstest.MapFS) { maps.Copy(m, files("de/code.text", "x")) },
		"de/code: want .subject, .txt and":      func(m fstest.MapFS) { delete(m, "de/code.html") },
		"bad character":                         func(m fstest.MapFS) { m["de/code.html"].Data = []byte("{{if}") },
		"can't evaluate field User":             func(m fstest.MapFS) { m["de/code.txt"].Data = []byte("{{.Code}} {{.User}}") },
		"de/code: .txt and .html have to":       func(m fstest.MapFS) { m["de/code.txt"].Data = []byte("{{printf \"%.3s\" .Code}}") },
		"de/code: .txt and .html have to print": func(m fstest.MapFS) { m["de/code.html"].Data = []byte("<p>0</p>") },
		"de/code: the subject must not":         func(m fstest.MapFS) { m["de/code.subject"].Data = []byte("{{.Code}} is your code") },
		"de/code: .txt and .html have to print the": func(m fstest.MapFS) {
			m["de/code.txt"].Data = []byte(`{{if eq .Purpose "unlock"}}to unlock{{else}}{{.Code}}{{end}}`)
		},
		"can't evaluate field Servcie": func(m fstest.MapFS) {
			m["de/code.txt"].Data = []byte("{{.Code}} {{if and .Purpose (not .First)}}{{.Servcie}}{{end}}")
		},
		"can't evaluate field Contcat": func(m fstest.MapFS) {
			maps.Copy(m, files("de/account_locked.subject", "x", "de/account_locked.txt", "{{if .Until.IsZero}}{{.Contcat}}{{end}}x", "de/account_locked.html", "x"))
		},
		"can't evaluate field Purpsoe": func(m fstest.MapFS) {
			m["de/code.html"].Data = []byte(`<p>{{.Code}} {{if eq .Purpose ""}}{{.Purpsoe}}{{end}}`)
		},
		"de/code: .txt and .html have to print the code": func(m fstest.MapFS) { m["de/code.txt"].Data = []byte("x {{if .First}}{{.Code}}{{end}}") },
		"there is ":                func(m fstest.MapFS) { maps.Copy(m, files("DE/code.txt", "{{.Code}}")) },
		"de/code: a part is empty": func(m fstest.MapFS) { m["de/code.subject"].Data = []byte(" \n") },
		"de/code.txt: larger than": func(m fstest.MapFS) { m["de/code.txt"].Data = make([]byte, 64<<10+1) },
	} {
		templates := german()
		change(templates)
		_, err := smtpmail.New(smtpmail.Config{
			Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example", Templates: templates,
		})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "Config.Templates: ") {
			t.Errorf("want an error with %q, got %v", name, err)
		}
	}
}

// TestTemplateFails: at a message that New could not foresee.
func TestTemplateFails(t *testing.T) {
	templates := german()
	templates["de/code.txt"].Data = []byte("{{.Code}}{{if eq .Generation 7}}{{.Expires.Format .Code | index \"x\"}}{{end}}")
	s := (&server{mode: smtpmail.Plaintext}).start(t)
	mailer := s.open(t, func(c *smtpmail.Config) { c.Templates = templates })
	m := code()
	m.Locale, m.Generation = "de", 7
	err := mailer.Send(t.Context(), m)
	if err == nil || err.Error() != "smtpmail: compose: template de/code fails" || errors.Is(err, authn.ErrUndeliverable) {
		t.Errorf("error %v", err)
	}
	if n := s.hits.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}
