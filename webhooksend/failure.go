package webhooksend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/authnfsm/authn"
)

// A StatusError reports that the gateway answered with a status other than 2xx.
type StatusError struct {
	Status int // such as 503
}

// Error says which status it was.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("webhooksend: gateway answered %d", e.Status)
	if err := e.Unwrap(); err != nil {
		s += ": " + err.Error()
	}
	return s
}

// Unwrap returns [authn.ErrUndeliverable] if the same message would be refused
// again, else nil.
func (e *StatusError) Unwrap() error {
	if slices.Contains(final, e.Status) {
		return authn.ErrUndeliverable
	}
	return nil
}

// final are the statuses that are about the message. The others are about the
// gateway or the host's set-up, which may be mended before the next attempt.
var final = []int{
	http.StatusBadRequest, http.StatusNotFound, http.StatusGone, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity,
}

func judge(status int) error {
	if status/100 == 2 {
		return nil
	}
	return &StatusError{Status: status}
}

var (
	errURL    = errors.New("the URL makes no request")
	errAnswer = errors.New("no valid answer")
)

// known finds an error whose text no gateway can choose while it knows a message,
// and that has no URL. Anything else becomes a word.
func known(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e := new(net.OpError); errors.As(err, &e) {
		return e
	}
	if e := new(tls.CertificateVerificationError); errors.As(err, &e) {
		return e
	}
	for _, is := range []error{
		context.Canceled, context.DeadlineExceeded, io.ErrUnexpectedEOF, io.EOF, http.ErrSchemeMismatch,
	} {
		if errors.Is(err, is) {
			return is
		}
	}
	return errAnswer
}
