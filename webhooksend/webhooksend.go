// Package webhooksend hands the messages of package authn to the host's own
// gateway: JSON by HTTP POST, signed with a shared secret.
//
// Gateways for SMS, calls, push and mail differ by vendor. A [Sender] knows none
// of them: it tells a handler of the host's what to send to whom, and the handler
// calls the vendor. [New] takes a [Config]; a URL and a Secret are enough.
//
// # The request
//
// The body is one JSON object of at most [MaxBody] bytes, in ASCII. A field that
// is empty or zero is absent.
//
//	key         string: the same on every attempt at one message, and on no other message
//	kind        string: an authn.MessageKind, such as "code" or "account_locked"
//	channel     string: how it goes, such as "email"
//	tenant      string: as in authn.Config
//	user        string: the host's user id; absent for the purpose "sign_up"
//	to          string: one address; absent if the factor has none
//	factor      string: the ID of the factor that it goes to; absent for the code of a claim
//	locale      string: BCP 47 tag
//	purpose     string: what the code is for: "sign_in", "enroll", "recover", "unlock" or "sign_up"; kind "code" only
//	code        string: the code, which may begin with zeros; kind "code" only
//	approval    string: in place of a code, the token with which another device answers; kind "code" only
//	link        string: beside the code of a claim, the token that authn.Service.Open takes; kind "code" only
//	generation  number: tells codes apart, from 1; kind "code" only
//	expires     string: when the code expires, RFC 3339 in UTC; kind "code" only
//	until       string: when the lock ends, RFC 3339 in UTC; kind "account_locked" only, absent if only the host can unlock
//
// More fields and kinds may come: a receiver passes over what it does not know.
// In Go, json.Unmarshal reads the body into an authn.Message.
//
// The header Idempotency-Key has the key as well, for gateways that look there.
// It has no quotes, and is escaped as a path segment of a URL is, which changes no
// key of package authn. Every attempt has the same body, and a signature of its own.
//
// # The signature
//
// The header Authn-Signature proves who sent the body, and when:
//
//	Authn-Signature: t=1893553445,v1=cd47f869abcf9101de728a2a3a3ec239cf5f3c86ca942b059b8bc31dfdd3225b
//
// Here t is the time of the attempt in seconds since 1970, and v1 is the
// HMAC-SHA-256 of the text of t, a dot and the body as it came, in hexadecimal.
// The key of the HMAC is the Secret, byte for byte. The line above is right for
// the secret 0123456789abcdef0123456789abcdef and this body without a line end:
//
//	{"key":"k","kind":"code"}
//
// A receiver in Go calls [Verify]. In another language, it
//
//  1. splits the header at commas, and each part at its first "="; it refuses a
//     header in which t or v1 is missing or occurs twice, and passes over other names;
//  2. computes the HMAC over the bytes that it received, before any parsing;
//  3. compares it with v1 in constant time;
//  4. refuses a t that is more than five minutes away from its clock;
//  5. passes the message on only once for each key, which it takes from the body:
//     only the body is signed.
//
// To change the Secret, let receivers accept both, then change the Sender's, then
// withdraw the old one. Give each gateway a secret of its own: the signature does
// not say for whom it is.
//
// # Answers
//
// A status of 2xx means accepted. 400, 404, 410, 413 and 422 mean that the same
// message would be refused again: the error wraps authn.ErrUndeliverable, and the
// user is told at once. Answer 422 for a recipient that cannot be reached. After
// any other status and every failure of the network the message is tried again
// later, by package authn and not by the Sender. That includes 401 and 403, which
// a change of secrets may cause for a while, 408, 425, 429, every 5xx and every
// redirection, which is never followed.
//
// An error for a status is a [StatusError]: alert on 401, 403 and 404, which the
// host has to mend. Errors contain nothing that the gateway wrote but the status,
// and no code, recipient, path or secret.
package webhooksend

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/authnfsm/authn"
)

const (
	// SignatureHeader is the name of the header that [Verify] reads.
	SignatureHeader = "Authn-Signature"

	// MaxBody is the longest body that a Sender sends, in bytes. A receiver need
	// not read more.
	MaxBody = 64 << 10

	// DefaultTimeout is how long a message may take if Config does not say.
	DefaultTimeout = 10 * time.Second
)

// maxAnswer bounds what is read of an answer's body, which is done only to keep
// the connection for the next message.
const maxAnswer = 4 << 10

// Config says where the gateway is. It prints without its secrets.
type Config struct {
	// URL is where messages are posted: https, or http if its host is localhost
	// or a loopback address. It has no user information and no fragment. Required.
	URL string

	// Secret is the key of the signature, at least 32 bytes: make it with a
	// cryptographic random generator. Required.
	Secret authn.Secret

	// Header has further headers of every request by name, such as an
	// Authorization that the gateway wants. Values are printable ASCII. The
	// headers that a Sender or HTTP itself sets are refused.
	Header map[string]authn.Secret

	// Timeout is for one message, from dialing to the end of the answer; an
	// earlier end of the context is kept. 0 is [DefaultTimeout]; otherwise at
	// least 100 milliseconds and at most 5 minutes.
	Timeout time.Duration

	// Client, if not nil, makes the requests, for instance with a certificate or
	// through a proxy of the host's. A copy of it is used that follows no
	// redirection. If nil, it is a client that reads at most 64 KiB of headers,
	// keeps connections and honors HTTPS_PROXY.
	Client *http.Client

	// Now is the clock, for the time in the signature. If nil, it is [time.Now].
	Now func() time.Time
}

// Format writes the host of the URL and nothing else for every verb.
func (c Config) Format(f fmt.State, _ rune) {
	host := ""
	if u, err := url.Parse(c.URL); err == nil {
		host = u.Host
	}
	fmt.Fprintf(f, "webhooksend.Config{%s}", host)
}

var _ authn.Sender = (*Sender)(nil)

// A Sender posts messages to one gateway. Make it with [New]. It is safe for
// concurrent use. It prints without its secrets.
type Sender struct {
	url, host string
	secret    []byte
	header    http.Header
	timeout   time.Duration
	client    *http.Client
	now       func() time.Time
}

// Format writes the host of the URL and nothing else for every verb.
func (s Sender) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "webhooksend.Sender{%s}", s.host) }

// Send posts m and returns nil once the gateway has answered with 2xx. It returns
// when ctx ends. It does not try again, except that a kept connection which the
// gateway has closed is replaced: the request then goes out once more, with the
// same key.
//
// The error is a [*StatusError] if the gateway answered with another status. It
// wraps [authn.ErrUndeliverable] for the statuses that the package documentation
// lists, and if m itself is at fault: it has no kind or recipient, a code message
// has no code, a string is not UTF-8, or the body is longer than [MaxBody]. It
// wraps [context.Canceled] or [context.DeadlineExceeded] if the context ended or
// Config.Timeout passed. Unless the error is a StatusError, the gateway may have
// the message all the same.
func (s *Sender) Send(ctx context.Context, m authn.Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("webhooksend: %w", err)
	}
	body, err := encode(&m)
	if err != nil {
		return fmt.Errorf("webhooksend: %w: %w", err, authn.ErrUndeliverable)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhooksend: %w", errURL)
	}
	req.Header = s.header.Clone()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(SignatureHeader, sign(s.secret, s.now(), body))
	if m.Key != "" {
		req.Header.Set("Idempotency-Key", url.PathEscape(m.Key))
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("webhooksend: %w", known(ctx, err))
	}
	defer resp.Body.Close()
	io.CopyN(io.Discard, resp.Body, maxAnswer) // whatever comes, the status has decided
	return judge(resp.StatusCode)
}
