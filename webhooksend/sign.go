package webhooksend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// DefaultTolerance is how far a signature's time may be away if the caller of
// [Verify] does not say.
const DefaultTolerance = 5 * time.Minute

// Errors of [Verify].
var (
	// ErrSignature reports a header that is missing or malformed, or a signature
	// by none of the secrets: the body was altered or comes from somebody else.
	ErrSignature = errors.New("signature is not valid")

	// ErrTime reports a signature that is valid and whose time is too far away:
	// the request is repeated by somebody who saw it, or a clock is wrong.
	ErrTime = errors.New("time of the signature is too far away")
)

const (
	minSecret = 32
	maxHeader = 512
	maxDigits = 12 // of a time, beyond the year 9999
)

// Verify returns nil if header, the value of [SignatureHeader], is a signature of
// body by one of the secrets, and its time is at most tolerance before or after
// now. A tolerance of 0 is [DefaultTolerance]. The body is as it was received. Two
// secrets are for the time in which the Sender's is changed.
//
// The error wraps [ErrSignature] or [ErrTime]: answer 401. Any other error is the
// caller's: no secret, one of fewer than 32 bytes, or a negative tolerance.
//
// Within the tolerance a request can be repeated by somebody who saw it: pass the
// message on only once for each key.
func Verify(header string, body []byte, now time.Time, tolerance time.Duration, secrets ...authn.Secret) error {
	if tolerance == 0 {
		tolerance = DefaultTolerance
	}
	if tolerance < 0 {
		return errors.New("webhooksend: verify: the tolerance is negative")
	}
	if len(secrets) == 0 {
		return errors.New("webhooksend: verify: no secret")
	}
	for i, s := range secrets {
		if len(s) < minSecret {
			return fmt.Errorf("webhooksend: verify: secret %d has fewer than %d bytes", i, minSecret)
		}
	}
	at, mac, err := parse(header)
	if err != nil {
		return fmt.Errorf("webhooksend: verify: %w: %w", ErrSignature, err)
	}
	valid := false
	for _, s := range secrets {
		valid = hmac.Equal(mac, compute([]byte(s), at, body)) || valid
	}
	if !valid {
		return fmt.Errorf("webhooksend: verify: %w", ErrSignature)
	}
	if off := now.Sub(time.Unix(at, 0)); off > tolerance || off < -tolerance {
		return fmt.Errorf("webhooksend: verify: %w", ErrTime)
	}
	return nil
}

// sign returns the value of the header for body.
func sign(secret []byte, now time.Time, body []byte) string {
	at := now.Unix()
	return fmt.Sprintf("t=%d,v1=%x", at, compute(secret, at, body))
}

func compute(secret []byte, at int64, body []byte) []byte {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "%d.", at)
	h.Write(body)
	return h.Sum(nil)
}

// parse reads "t=SECONDS,v1=HEX". Other names are passed over, so that a later
// scheme can stand beside v1.
func parse(header string) (at int64, mac []byte, err error) {
	if header == "" {
		return 0, nil, errors.New("there is none")
	}
	if len(header) > maxHeader {
		return 0, nil, errors.New("the header is too long")
	}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch {
		case name == "t" && at == 0:
			at, err = parseTime(value)
		case name == "v1" && mac == nil:
			mac, err = parseMAC(value)
		case name == "t", name == "v1":
			err = fmt.Errorf("%s occurs twice", name)
		}
		if err != nil {
			return 0, nil, err
		}
	}
	if at == 0 || mac == nil {
		return 0, nil, errors.New("want t=SECONDS,v1=HEX")
	}
	return at, mac, nil
}

// parseTime accepts only the spelling that is signed: one time has one header.
func parseTime(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || len(s) > maxDigits || strconv.FormatInt(n, 10) != s {
		return 0, errors.New("t is not a number of seconds since 1970")
	}
	return n, nil
}

func parseMAC(s string) ([]byte, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size {
		return nil, fmt.Errorf("v1 is not %d hexadecimal digits", 2*sha256.Size)
	}
	return b, nil
}
