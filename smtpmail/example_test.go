package smtpmail_test

import (
	"fmt"
	"log"
	"os"
	"strings"
	"testing/fstest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/smtpmail"
)

func Example() {
	mailer, err := smtpmail.New(smtpmail.Config{
		Addr:     "smtp.example.com:587", // STARTTLS is demanded
		From:     "Example <no-reply@example.com>",
		Service:  "Example",
		Contact:  "the service desk, extension 4711",
		Username: "no-reply@example.com",
		Password: authn.Secret(os.Getenv("SMTP_PASSWORD")),
	})
	if err != nil {
		log.Fatal(err)
	}
	var port authn.Sender = mailer // the Mailer field of authn.Config
	_ = port
}

// The host's own words for a kind of message, in German; for every other
// locale and kind the embedded English ones stay. A program would use go:embed.
func ExampleNew_templates() {
	templates := fstest.MapFS{
		"de/code.subject": {Data: []byte(`{{.Service}}: Code {{.Generation}}`)},
		"de/code.txt":     {Data: []byte("Code {{.Generation}}: {{.Code}}\ngültig bis {{.Expires.Format \"15:04\"}} UTC\n")},
		"de/code.html":    {Data: []byte(`<p>Code {{.Generation}}: <b>{{.Code}}</b></p><p>gültig bis {{.Expires.Format "15:04"}} UTC</p>`)},
	}
	_, err := smtpmail.New(smtpmail.Config{
		Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example", Templates: templates,
	})
	fmt.Println(err)

	templates["de/code.subject"].Data = []byte(`{{.Code}} is your code`)
	_, err = smtpmail.New(smtpmail.Config{
		Addr: "127.0.0.1:25", From: "no-reply@example.com", Service: "Example", Templates: templates,
	})
	fmt.Println(err)
	// Output:
	// <nil>
	// smtpmail: Config.Templates: de/code: the subject must not have the code or the link
}

// The same mail, for a host that sends it through an API or shows it.
func ExampleComposer_Compose() {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	c, err := smtpmail.NewComposer(smtpmail.Config{Service: "Example", Now: func() time.Time { return now }})
	if err != nil {
		log.Fatal(err)
	}
	subject, text, html, err := c.Compose(authn.Message{
		Kind: authn.CodeMessage, Purpose: authn.PurposeSignIn, Code: "012345", Generation: 1, Expires: now.Add(5 * time.Minute),
	})
	fmt.Println(subject, err)
	fmt.Println(strings.Contains(text, "012345"), strings.Contains(html, "<strong>012345</strong>"))
	// Output:
	// Example: your code to sign in (code 1) <nil>
	// true true
}
