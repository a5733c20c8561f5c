package smtpmail_test

import (
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

// linked is a message of a claim, which has a code and a link.
func linked(p authn.Purpose) authn.Message {
	m := code()
	m.Purpose, m.Factor, m.Link = p, "", "LINK-of_the-claim"
	return m
}

func composer(t *testing.T, c smtpmail.Config) *smtpmail.Composer {
	t.Helper()
	c.Service, c.Now = "Example", func() time.Time { return now }
	w, err := smtpmail.NewComposer(c)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestLinks: a purpose that has a page gets the link in place of the code, any other the
// code. Neither is in the subject.
func TestLinks(t *testing.T) {
	links := map[authn.Purpose]string{authn.PurposeRecover: "https://id.example.com/recover", authn.PurposeUnlock: "http://localhost:8080/unlock"}
	w := composer(t, smtpmail.Config{Links: links})
	links[authn.PurposeSignIn] = "https://other.example/" // the Composer has its own
	none := linked(authn.PurposeRecover)
	none.Link = ""
	for _, c := range []struct {
		m    authn.Message
		want string
	}{
		{linked(authn.PurposeRecover), "https://id.example.com/recover#LINK-of_the-claim"},
		{linked(authn.PurposeUnlock), "http://localhost:8080/unlock#LINK-of_the-claim"},
		{linked(authn.PurposeSignIn), string(code().Code)},
		{none, string(code().Code)},
	} {
		subject, text, html, err := w.Compose(c.m)
		if err != nil {
			t.Fatal(err)
		}
		other := map[bool]string{true: "LINK-of", false: string(c.m.Code)}[c.want == string(c.m.Code)]
		for _, part := range []string{text, html} {
			if !strings.Contains(part, c.want) || strings.Contains(part, other) || !strings.Contains(part, "Was it not you?") {
				t.Errorf("%s: no %q, or %q, in\n%s", c.m.Purpose, c.want, other, part)
			}
		}
		if strings.Contains(subject, "LINK-of") || strings.Contains(subject, string(c.m.Code)) || !strings.Contains(subject, "Example: your ") {
			t.Errorf("%s: the subject is %q", c.m.Purpose, subject)
		}
	}
	late := linked(authn.PurposeRecover)
	late.Expires = now
	for _, bad := range []authn.Message{late, func() (m authn.Message) { m = linked(authn.PurposeRecover); m.Link = `"><script>`; return m }(),
		func() (m authn.Message) { m = linked(authn.PurposeRecover); m.Kind = "link"; return m }()} {
		if _, _, _, err := w.Compose(bad); err == nil || strings.Contains(err.Error(), "script") {
			t.Errorf("%s, %v: %v", bad.Kind, bad.Expires, err)
		}
	}
}

// TestLinksRefused: a page that somebody else could read, or that has no place for a link.
func TestLinksRefused(t *testing.T) {
	for _, page := range []string{
		"", "id.example.com/recover", "http://id.example.com/recover", "http://localhost.example.com/", "ftp://id.example.com/", "https:///recover", "https://id.example.com",
		"https://u:p@id.example.com/", "https://id.example.com/?a=b", "https://id.example.com/#", "https://id.example.com/" + strings.Repeat("a", 200), "https://id.example.com/\n",
	} {
		if _, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Links: map[authn.Purpose]string{authn.PurposeRecover: page}}); err == nil || !strings.Contains(err.Error(), "Config.Links") {
			t.Errorf("%q: %v", page, err)
		}
	}
	if _, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Links: map[authn.Purpose]string{"dinner": "https://id.example.com/"}}); err == nil {
		t.Error("a purpose that does not exist")
	}
}

// TestLinksTemplates: a host has words of its own for links, which are tried out.
func TestLinksTemplates(t *testing.T) {
	own := files("de/link.subject", "Dein Link{{if gt .Generation 2}} {{.URL}}{{end}}", "de/link.txt", "Öffne {{.URL}}\n", "de/link.html", "<p>Öffne <a href=\"{{.URL}}\">den Link</a></p>")
	w := composer(t, smtpmail.Config{Links: map[authn.Purpose]string{authn.PurposeRecover: "https://id.example.com/recover"}, Templates: own})
	m := linked(authn.PurposeRecover)
	m.Locale, m.Generation = "de-AT", 3 // not as when the template was tried out
	if subject, text, html, err := w.Compose(m); err != nil || subject != "Dein Link" || text != "Öffne https://id.example.com/recover#LINK-of_the-claim\n" || !strings.Contains(html, `href="https://id.example.com/recover#LINK-of_the-claim"`) {
		t.Errorf("%q, %q, %q, %v", subject, text, html, err)
	}
	for part, text := range map[string]string{"subject": "{{.URL}}", "txt": "{{.Code}} here", "html": "<p>none</p>"} {
		bad := files("de/link.subject", "Dein Link", "de/link.txt", "{{.URL}}", "de/link.html", "<p>{{.URL}}</p>")
		bad["de/link."+part].Data = []byte(text)
		if _, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Templates: bad}); err == nil {
			t.Errorf("%s: %q is taken", part, text)
		}
	}
}
