package authntest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// app is an authenticator app: RFC 6238, apart from the machine's.
type app struct {
	key    string // "" is no app
	hash   string
	digits int
	period int64 // seconds
}

// readApp reads what an app reads from a QR code.
func readApp(uri authn.Secret) (a app, err error) {
	u, err := url.Parse(string(uri))
	if err != nil || u.Scheme != "otpauth" {
		return a, fmt.Errorf("%w: no otpauth URI", authn.ErrMalformed) // the parser's error repeats the secret
	}
	q := u.Query()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(q.Get("secret")))
	if err != nil || len(key) == 0 {
		return a, fmt.Errorf("%w: otpauth URI without a secret", authn.ErrMalformed)
	}
	a = app{key: string(key), hash: strings.ToUpper(q.Get("algorithm")), digits: 6, period: 30}
	if n, err := strconv.Atoi(q.Get("digits")); err == nil {
		a.digits = n
	}
	if n, err := strconv.ParseInt(q.Get("period"), 10, 64); err == nil {
		a.period = n
	}
	return a, nil
}

// at is the time step at a moment.
func (a *app) at(now time.Time) int64 { return now.Unix() / a.period }

// code is what the app shows in a time step.
func (a *app) code(step int64) authn.Code {
	hashes := map[string]func() hash.Hash{"": sha1.New, "SHA1": sha1.New, "SHA256": sha256.New, "SHA512": sha512.New}
	h := hmac.New(hashes[a.hash], []byte(a.key))
	binary.Write(h, binary.BigEndian, step)
	sum := h.Sum(nil)
	n := binary.BigEndian.Uint32(sum[sum[len(sum)-1]%16:]) % (1 << 31)
	text := fmt.Sprintf("%010d", n)
	return authn.Code(text[len(text)-a.digits:])
}

// drift is how many time steps an app's clock may be off.
func drift(p *authn.Policy) int64 {
	if p.NoTOTPDrift {
		return 0
	}
	return 1
}

// match is the newest time step that counts now and has the code; 0 is none.
func (a *app) match(code authn.Code, now time.Time, p *authn.Policy) (step int64) {
	if a.key == "" {
		return 0
	}
	for n := a.at(now) - drift(p); n <= a.at(now)+drift(p); n++ {
		if a.code(n) == code {
			step = n
		}
	}
	return step
}
