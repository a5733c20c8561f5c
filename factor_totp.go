package authn

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash"
	"net/url"
	"strconv"
	"strings"
)

// TOTP is the factor type of an authenticator app: a code of RFC 6238 for every 30
// seconds. While a factor is enrolled, [Answer].Prompt has the secret for the app;
// afterwards only [Factor].Data has it, sealed. A code is good in its own time step
// and in the one before and after it (see [Policy].NoTOTPDrift), once. The Address of
// a TOTP factor, if it has one, is the name of the account that the app shows.
const TOTP = "totp"

var totpType = FactorType{Name: TOTP, Methods: []string{"otp"}, codes: totp{}}

// TOTPType returns a type like [TOTP] with a name of its own, for [Config].Types of a host
// that tells two authenticator apps apart, such as the one that Okta's clients know by the
// provider OKTA and the one of the provider GOOGLE. The name is 1 to 24 printable ASCII
// bytes without a space.
func TOTPType(name string) FactorType {
	t := totpType
	t.Name = name
	return t
}

// totp is RFC 6238. Its plain data are three bytes, for the hash, the digits and the
// period in seconds, and the secret.
type totp struct{}

const (
	totpHead   = 3
	totpSecret = 20 // bytes: RFC 4226 section 4, R6 recommends 160 bits
	totpDigits = 6
	totpPeriod = 30 // seconds: RFC 6238 section 5.2

	minTOTPSecret = 16 // bytes: RFC 4226 section 4, R6 demands 128 bits
	maxTOTPSecret = 128
)

var totpHashes = [...]struct {
	name string
	new  func() hash.Hash
}{{"SHA1", sha1.New}, {"SHA256", sha256.New}, {"SHA512", sha512.New}}

func (totp) enrolled(seed *digest) []byte {
	return append([]byte{0, totpDigits, totpPeriod}, seed[:totpSecret]...)
}

func (totp) valid(plain []byte) bool {
	return len(plain) >= totpHead+minTOTPSecret && int(plain[0]) < len(totpHashes) &&
		(plain[1] == 6 || plain[1] == 8) && (plain[2] == 30 || plain[2] == 60)
}

func (totp) show(p *Prompt, seed *digest, issuer, account string) {
	secret := base32Text.EncodeToString(seed[:totpSecret])
	label, query := url.PathEscape(account), "secret="+secret
	if issuer != "" {
		label = url.PathEscape(issuer) + ":" + label
		query += "&issuer=" + strings.ReplaceAll(url.QueryEscape(issuer), "+", "%20") // apps show a + as it is
	}
	p.Secret, p.URI = Secret(secret), Secret("otpauth://totp/"+label+"?"+query)
}

func (totp) formed(code, plain []byte) bool {
	if plain == nil {
		return (len(code) == 6 || len(code) == 8) && allDigits(code)
	}
	return len(code) == int(plain[1]) && allDigits(code)
}

// judge computes the codes of all steps that count, whichever matches. Of two steps
// with the same code it takes the newer one, so that a fresh code is not refused for
// an old one that looks like it.
func (totp) judge(plain, code []byte, now int64, drift int, last uint32) (j judgment) {
	var text [8]byte
	want := text[:plain[1]]
	h := hmac.New(totpHashes[plain[0]].new, plain[totpHead:])
	period := int64(plain[2])
	step := now / 1e9 / period
	for at := step - int64(drift); at <= step+int64(drift); at++ {
		h.Reset()
		hotp(h, uint64(at), want)
		if subtle.ConstantTimeCompare(want, code) != 1 {
			continue
		}
		if j.worth = used; uint32(at) > last {
			j.worth, j.at, j.until = right, uint32(at), (at+int64(drift)+1)*period*1e9
		}
	}
	return j
}

func (totp) next(plain []byte, last uint32) int64 { return (int64(last) + 1) * int64(plain[2]) * 1e9 }

func (totp) counts() bool { return false }

func (totp) left([]byte) int { return 0 }

// hotp writes the code of a counter, as RFC 4226 section 5.3 has it.
func hotp(h hash.Hash, counter uint64, dst []byte) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], counter)
	h.Write(b[:])
	var sum [sha512.Size]byte
	out := h.Sum(sum[:0])
	n := binary.BigEndian.Uint32(out[out[len(out)-1]&15:]) & 0x7fffffff
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

var base32Text = base32.StdEncoding.WithPadding(base32.NoPadding)

// imported reads an otpauth URI.
func (totp) imported(uri Secret) ([]byte, error) {
	fault := func(what string) ([]byte, error) { return nil, fmt.Errorf("%w: otpauth URI: %s", ErrMalformed, what) }
	u, err := url.Parse(string(uri))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" {
		return fault("it does not begin with otpauth://totp/") // the parser's error repeats the secret
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fault("its query is malformed")
	}
	for name, values := range q {
		if len(values) > 1 {
			return fault(fmt.Sprintf("%.20q occurs twice", name))
		}
	}
	text := strings.ToUpper(strings.ReplaceAll(strings.TrimRight(q.Get("secret"), "="), " ", ""))
	secret, err := base32Text.DecodeString(text)
	if err != nil || base32Text.EncodeToString(secret) != text {
		return fault("its secret is not base32")
	}
	if len(secret) < minTOTPSecret || len(secret) > maxTOTPSecret {
		return fault(fmt.Sprintf("its secret has %d bytes, not %d to %d", len(secret), minTOTPSecret, maxTOTPSecret))
	}
	plain := []byte{0, totpDigits, totpPeriod}
	if name := strings.ToUpper(q.Get("algorithm")); name != "" {
		i := 0
		for i < len(totpHashes) && totpHashes[i].name != name {
			i++
		}
		if plain[0] = byte(i); i == len(totpHashes) {
			return fault("its algorithm is not SHA1, SHA256 or SHA512")
		}
	}
	for _, n := range []struct {
		name string
		dst  *byte
		or   [2]byte
	}{{"digits", &plain[1], [2]byte{6, 8}}, {"period", &plain[2], [2]byte{30, 60}}} {
		if !q.Has(n.name) {
			continue
		}
		switch q.Get(n.name) {
		case strconv.Itoa(int(n.or[0])):
			*n.dst = n.or[0]
		case strconv.Itoa(int(n.or[1])):
			*n.dst = n.or[1]
		default:
			return fault(fmt.Sprintf("its %s is neither %d nor %d", n.name, n.or[0], n.or[1]))
		}
	}
	return append(plain, secret...), nil
}
