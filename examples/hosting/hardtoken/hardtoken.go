// Package hardtoken is a type of factor of the host's own: a hardware token that shows
// the next code when its button is pressed, HOTP of RFC 4226.
package hardtoken

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/authnfsm/authn"
)

const (
	digits    = 6
	lookAhead = 10  // codes that one alone may be ahead: the button was pressed for nothing
	resync    = 100 // codes that two in a row may be ahead: RFC 4226 section 7.4
	version   = 1   // of the data: then the counter of the next code, and the secret
	dataHead  = 1 + 8
	minSecret = 16 // bytes: RFC 4226 section 4, R6
)

// Type returns the type of factor. The Address of such a factor is the serial number of
// the token, and secret looks up what the token's vendor has told of it.
func Type(secret func(ctx context.Context, serial string) ([]byte, error)) authn.FactorType {
	return authn.FactorType{
		Name: "example:token", Methods: []string{"otp"},
		Verifier: verifier{secret}, AtOnce: true, // a code needs no challenge
	}
}

type verifier struct {
	secret func(ctx context.Context, serial string) ([]byte, error)
}

// Prompt implements [authn.Verifier]: the user has all that is needed.
func (verifier) Prompt(context.Context, authn.Check) ([]byte, error) { return nil, nil }

// Verify implements [authn.Verifier]. To enroll a token takes two codes in a row. To sign
// in takes one, and two if the token is too far ahead.
func (v verifier) Verify(ctx context.Context, c authn.Check) (authn.Verdict, error) {
	codes := strings.Fields(string(c.Response))
	if !formed(codes) {
		return authn.Verdict{Malformed: true}, nil
	}
	secret, counter, err := v.load(ctx, &c)
	switch {
	case err != nil:
		return authn.Verdict{}, err
	case c.Purpose == authn.PurposeEnroll && len(codes) == 1:
		return authn.Verdict{Malformed: true}, nil
	}
	next, ok := find(secret, counter, codes)
	if !ok {
		return authn.Verdict{}, nil
	}
	return authn.Verdict{Right: true, Data: store(secret, next)}, nil
}

// formed says that it is one code, or two.
func formed(codes []string) bool {
	for _, c := range codes {
		if len(c) != digits || strings.Trim(c, "0123456789") != "" {
			return false
		}
	}
	return len(codes) == 1 || len(codes) == 2
}

// load returns the secret, and the counter of the next code that was not used.
func (v verifier) load(ctx context.Context, c *authn.Check) (secret []byte, counter uint64, err error) {
	if c.Purpose == authn.PurposeEnroll {
		secret, err = v.secret(ctx, c.Factor.Address)
	} else if d := c.Factor.Data; len(d) > dataHead && d[0] == version {
		secret, counter = d[dataHead:], binary.BigEndian.Uint64(d[1:])
	}
	if err == nil && len(secret) < minSecret {
		err = errors.New("the token has no secret") // an empty one would have codes that everybody knows
	}
	if err != nil {
		err = fmt.Errorf("hardtoken: %w", err)
	}
	return secret, counter, err
}

func store(secret []byte, counter uint64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{version}, counter), secret...)
}

// find returns the counter after the codes, which are in a row and not far ahead. The
// counter only rises, so that no code is good twice.
func find(secret []byte, counter uint64, codes []string) (next uint64, ok bool) {
	ahead := uint64(lookAhead)
	if len(codes) == 2 {
		ahead = resync
	}
	for at := counter; at < counter+ahead; at++ {
		same := 1
		for i, c := range codes {
			same &= subtle.ConstantTimeCompare([]byte(code(secret, at+uint64(i))), []byte(c))
		}
		if same == 1 && !ok {
			next, ok = at+uint64(len(codes)), true
		}
	}
	return next, ok
}

// code is the code of a counter: RFC 4226 section 5.3.
func code(secret []byte, counter uint64) string {
	h := hmac.New(sha1.New, secret)
	h.Write(binary.BigEndian.AppendUint64(nil, counter))
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", digits, n%1_000_000)
}
