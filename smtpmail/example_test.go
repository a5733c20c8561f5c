package smtpmail_test

import (
	"fmt"
	"log"
	"os"
	"testing/fstest"

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
	// smtpmail: Config.Templates: de/code: the subject must not have the code
}
