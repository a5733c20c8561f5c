package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/wneessen/go-mail/smtp"
)

// ErrSetup reports that the server refuses this sender, and not the recipient or
// the mail: for instance its login, its address or that it relays through this
// server, or because the sender has used up a limit. It lasts until somebody
// changes the set-up, so alert on it.
var ErrSetup = errors.New("server refuses this sender")

var (
	errNoStartTLS = fmt.Errorf("server does not offer STARTTLS: %w", ErrSetup)
	errNoLogin    = fmt.Errorf("server offers neither PLAIN nor LOGIN: %w", ErrSetup)
	errTooMuch    = errors.New("server says too much")
	errProtocol   = errors.New("server does not speak SMTP")
)

// A failure is why a mail was not accepted. It has the server's number and
// not its words: those may quote the recipient or the mail.
type failure struct {
	step     string
	code     int    // of the server's answer; 0 if there was none
	enhanced string // enhanced status code (RFC 3463): "5.1.1"; "" if there was none
	cause    error  // nil if there was an answer that may be another one next time
}

func (f *failure) Error() string {
	s := "smtpmail: " + f.step + ": "
	if f.code == 0 {
		return s + f.cause.Error()
	}
	s += "server answered " + strconv.Itoa(f.code)
	if f.enhanced != "" {
		s += " " + f.enhanced
	}
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

func (f *failure) Unwrap() error { return f.cause }

// Enhanced status codes: where RFC 3463 puts them, and where qmail does.
var (
	enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)
	qmailCode    = regexp.MustCompile(`\(#([245]\.\d{1,3}\.\d{1,3})\)`)
)

func enhanced(text string) string {
	if code := enhancedCode.FindString(text); code != "" {
		return code
	}
	if found := qmailCode.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// newFailure keeps of err what is safe to print.
func newFailure(ctx context.Context, step string, kind authn.MessageKind, err error) *failure {
	f := &failure{step: step}
	if answer := new(textproto.Error); errors.As(err, &answer) {
		f.code, f.enhanced = answer.Code, enhanced(answer.Msg)
		f.cause = judge(step, kind, f.code, f.enhanced, answer.Msg)
		return f
	}
	if ctx.Err() != nil {
		f.cause = context.Cause(ctx)
		return f
	}
	f.cause = known(err)
	return f
}

// judge says what an answer means. A lasting one to anything but recipient and
// mail is about the host's set-up, and so may be one to these. Then no other
// attempt at a code is made, so that the user is told at once; but a notice is
// not dropped for what the host can mend.
func judge(step string, kind authn.MessageKind, code int, enhanced, text string) error {
	switch {
	case code/100 != refuse:
		return nil
	case step != stepTo && step != stepMail, wantsMore(code):
		return ErrSetup
	case !aboutSender(enhanced, text):
		return authn.ErrUndeliverable
	case kind == authn.CodeMessage:
		return fmt.Errorf("%w: %w", authn.ErrUndeliverable, ErrSetup)
	}
	return ErrSetup
}

// wantsMore says that the server asks for a login, for a better one, or for
// encryption (RFC 4954, RFC 3207).
func wantsMore(code int) bool { return slices.Contains([]int{530, 534, 535, 538}, code) }

var (
	// recipientCodes are certainly about the recipient.
	recipientCodes = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.5", "5.1.6", "5.1.10", "5.2.1", "5.2.2", "5.2.3"}

	// senderCodes are about the sender: its address, and what large providers
	// answer to one who has sent too much.
	senderCodes = []string{"5.1.7", "5.1.8", "5.1.90", "5.4.5", "5.4.6"}

	// senderWords are in answers about the sender that have no such code.
	senderWords = regexp.MustCompile(`(?i)\b(relay|relaying|sender|sending|submission|outbound|authenticat\w*|daily|hourly)\b`)

	addresses = regexp.MustCompile(`\S*@\S*`)
)

// aboutSender says that a lasting answer to recipient or mail is about the
// sender: it may not use this relay, or has used it too much, or a policy is
// against it (RFC 3463: 5.7).
func aboutSender(enhanced, text string) bool {
	switch {
	case strings.HasPrefix(enhanced, "5.7."), slices.Contains(senderCodes, enhanced):
		return true
	case slices.Contains(recipientCodes, enhanced):
		return false
	}
	return senderWords.MatchString(addresses.ReplaceAllString(text, ""))
}

// known finds an error whose text no server can choose while it knows a
// message. Anything else becomes a word.
func known(err error) error {
	for _, is := range []error{
		errNoStartTLS, errNoLogin, errTooMuch, io.ErrUnexpectedEOF, io.EOF, smtp.ErrUnencrypted, smtp.ErrWrongHostname,
	} {
		if errors.Is(err, is) {
			return is
		}
	}
	if e := new(tls.CertificateVerificationError); errors.As(err, &e) {
		return e
	}
	if e := (tls.RecordHeaderError{}); errors.As(err, &e) {
		return errProtocol
	}
	if e := new(net.OpError); errors.As(err, &e) {
		return e
	}
	return errProtocol
}
