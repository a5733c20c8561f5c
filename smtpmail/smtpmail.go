// Package smtpmail sends the messages of package authn through an SMTP
// server.
//
// [New] takes a [Config] and returns a [Sender], ready for authn's own
// Config: the address of a relay, a sender and the name of the service are
// enough. A [Composer] writes the same mails without sending them.
//
// # The mail
//
// A mail has a plain and an HTML part, in the words of embedded English
// templates or of the host's own, by kind of message and locale: see
// Config.Templates. It says what the code is for, its number, when it dies,
// that nobody will ever ask for it and what to do if it comes unexpectedly.
// It has no image, no account data and, unless Config.Links says so, no link: a
// template gets a [Data] and no more, and a header gets nothing that a user has
// typed. The subject has no code and no link, because subjects are logged by
// servers and shown on locked screens.
//
// The Message-ID is a hash of the message's Key, so every attempt at one
// message has the same, and a server or a mail program can drop repetitions.
//
// # The connection
//
// The connection is encrypted, and the server's certificate verified, unless
// [Plaintext] is asked for. Each message has a connection of its own, closed
// when the server has answered or the context ends, unless [Config].Keep lets it
// wait for the next message. A server that hangs holds up one message for
// [Config].Timeout at most. There is nothing to close: a connection is kept for 30
// seconds at most.
//
// # Failures
//
// An answer of 5xx to the recipient or to the mail itself is final: the error
// wraps authn.ErrUndeliverable. Anything else may be different next time: an
// answer of 4xx, a server that cannot be reached or whose certificate is
// wrong.
//
// An answer of 5xx that is about the sender lasts until the host mends its
// set-up: the error wraps [ErrSetup]. So does that of a refused login or sender,
// and of a recipient or mail that is refused because the sender may not relay
// (5.7.x) or has used up a limit. A notice is then tried again later, since it
// is not the recipient's fault. A code is given up, so that the user is told at
// once and may ask for another one. Whoever wraps a Sender can alert on ErrSetup.
//
// Errors hold the step and the number that the server answered, never its
// words, which like to quote addresses and mails.
package smtpmail

import (
	"context"
	"crypto/tls"
	"io/fs"
	"net/mail"
	"time"

	"github.com/authnfsm/authn"
	"github.com/wneessen/go-mail/smtp"
)

// TLSMode says how a connection is encrypted.
type TLSMode uint8

// The modes. The zero value is the right one for port 587.
const (
	StartTLS    TLSMode = iota // begins in the clear and must then change to TLS, else nothing is sent
	ImplicitTLS                // TLS from the first byte: port 465
	Plaintext                  // codes and addresses in the clear: for a relay on the same machine
)

// DefaultTimeout is how long a message may take if Config does not say.
const DefaultTimeout = 10 * time.Second

// Config says which server to use, and what the mails look like.
type Config struct {
	// Addr is the server, as host:port. Required.
	Addr string

	// From is the sender: "no-reply@example.com", or with a name,
	// "Example <no-reply@example.com>". Its domain is also used in the
	// Message-ID. Required.
	From string

	// Service is the name by which users know what they sign in to; mails
	// begin with it. At most 64 printable characters. Required.
	Service string

	// Contact says whom to tell when something is wrong, as it reads after
	// "tell": "the service desk (extension 4711)". At most 200 printable
	// characters. If empty, it is "the support of" the Service.
	Contact string

	// TLS is how the connection is encrypted. The zero value demands STARTTLS.
	TLS TLSMode

	// TLSConfig, if not nil, is used for TLS, as a copy: for a private
	// certificate authority or a client certificate. If it does not say
	// otherwise, ServerName is the host of Addr and the oldest version 1.2.
	TLSConfig *tls.Config

	// Username and Password log in, by PLAIN or LOGIN. If Username is empty,
	// there is no login. They never travel in the clear: with Plaintext, New
	// refuses them unless Addr is localhost, 127.0.0.1 or ::1.
	Username string
	Password authn.Secret

	// Hello is the name for EHLO. If empty, it is the domain of From, which
	// tells the recipients nothing about the host's machines.
	Hello string

	// Timeout is for one message, from dialling to the server's last answer;
	// an earlier end of the context is kept. 0 is [DefaultTimeout]; otherwise
	// at least 100 milliseconds and at most 5 minutes.
	Timeout time.Duration

	// Keep is how many connections may stay open when a message was accepted, each for
	// the next message within 30 seconds, and for 100 messages at most: they spare its
	// connecting, TLS and login. If the server has given up such a connection, the
	// message goes over a new one. 0 is none; at most 100.
	Keep int

	// Links, if not nil, has the page that opens a link, for each purpose whose mail
	// has a link in place of the code of an [authn.Claim]: "https://id.example.com/recover"
	// for [authn.PurposeRecover]. The link is behind the "#" of the address, which no
	// server and no log sees; the page there POSTs it to what calls
	// [authn.Service.Open]. An address has https, or http if its host is localhost, 127.0.0.1
	// or ::1, a path, and neither user, query nor fragment, in up to 200 bytes. Mails of other
	// purposes have the code, and so do those of a sign-up.
	Links map[authn.Purpose]string

	// Templates, if not nil, replaces and adds to the embedded templates. It
	// is read by New, and never again. Its files are named
	//
	//	LOCALE/KIND.subject   text/template, one line
	//	LOCALE/KIND.txt       text/template, the plain part
	//	LOCALE/KIND.html      html/template, the HTML part
	//
	// where LOCALE is a language tag such as "de" or "pt-BR", or "default" in
	// place of English, and KIND is an [authn.MessageKind], or "link" for a code
	// in whose place there is a link; all three files of
	// a kind go together. A message takes the templates of its Locale, else
	// those of the tag with its last subtags cut off, one by one, else the
	// default; case does not matter. Each template is tried out by New, and is in
	// UTF-8, with or without a byte order mark.
	//
	// A folder may be as a volume of Kubernetes or an editor leaves it: links are
	// followed, and names that begin with a dot or end with "~", names between
	// two "#", and lost+found, Thumbs.db, desktop.ini and __MACOSX are passed
	// over. Any other file is an error, since it may be a misspelled template.
	Templates fs.FS

	// Zone is the time zone in which mails give times, with its abbreviation: the
	// end of a code as time of day, and the end of a lock with its day. If nil,
	// it is UTC.
	Zone *time.Location

	// Now is the clock, for the Date of a mail and the time left for a code.
	// If nil, it is [time.Now].
	Now func() time.Time
}

var _ authn.Sender = (*Sender)(nil)

// A Sender sends messages through one server. Make it with [New]. It is safe
// for concurrent use. Between messages it holds the connections of Config.Keep only.
type Sender struct {
	addr, host, hello string
	mode              TLSMode
	tls               *tls.Config
	auth              func() smtp.Auth // a closure, so that no verb prints the password; nil: no login
	timeout           time.Duration
	kept              *kept

	from   mail.Address
	domain string // of from
	words  *Composer
}

// Mail sends m and returns nil once the server has accepted it. It returns
// when ctx ends, and then closes the connection.
//
// The error wraps [authn.ErrUndeliverable] if the server answered the
// recipient or the mail with 5xx (but for those that ask for a login or for
// encryption and, unless m is a code, for those about the sender, see
// [ErrSetup]), and if m itself is at fault: an address that is none, an unknown
// kind, a code that has expired or that is not 1 to 64 ASCII letters and digits. It wraps the context's error if the context ended first or
// Config.Timeout had passed ([context.DeadlineExceeded]). If the connection
// breaks after the whole mail was sent, the server may have it all the same.
func (m *Sender) Send(ctx context.Context, msg authn.Message) error {
	if err := ctx.Err(); err != nil {
		return &failure{step: "begin", cause: err}
	}
	raw, err := m.compose(msg)
	if err != nil {
		return err
	}
	return m.send(ctx, &msg, raw)
}
