package smtpmail

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"strconv"

	"github.com/authnfsm/authn"
	"github.com/wneessen/go-mail/smtp"
)

var (
	errNoStartTLS = errors.New("server does not offer STARTTLS")
	errNoLogin    = errors.New("server offers neither PLAIN nor LOGIN")
	errTooMuch    = errors.New("server says too much")
	errProtocol   = errors.New("server does not speak SMTP")
)

// A failure is why a mail was not accepted. It has the server's number and
// not its words: those may quote the recipient or the mail.
type failure struct {
	step     string
	code     int    // of the server's answer; 0 if there was none
	enhanced string // enhanced status code (RFC 3463): "5.1.1"; "" if there was none
	cause    error  // nil if there was an answer that is not final
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

var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// newFailure keeps of err what is safe to print.
func newFailure(ctx context.Context, step string, err error) *failure {
	f := &failure{step: step}
	if answer := new(textproto.Error); errors.As(err, &answer) {
		f.code, f.enhanced = answer.Code, enhancedCode.FindString(answer.Msg)
		if final(step, answer.Code) {
			f.cause = authn.ErrUndeliverable
		}
		return f
	}
	if ctx.Err() != nil {
		f.cause = context.Cause(ctx)
		return f
	}
	f.cause = known(err)
	return f
}

// final says that an answer is about this message for good. 5xx to anything
// but recipient and mail is about the host's set-up, and so are the numbers
// that ask for a login or for encryption (RFC 4954, RFC 3207).
func final(step string, code int) bool {
	switch code {
	case 530, 534, 535, 538:
		return false
	}
	return (step == stepTo || step == stepMail) && code >= 500 && code <= 599
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
