package authn

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// RecoveryCodes is the factor type of a list of ten codes that the user keeps, each
// good for one sign-in: look-up secrets in the terms of NIST SP 800-63B. The code that
// confirms the list proves that the user has it, and stays good. While the list is
// enrolled, [Answer].Prompt has the codes. Afterwards nobody can show them again:
// [Factor].Data has hashes, and which codes were used. Each use is notified
// ([RecoveryMessage]); [Prompt].Left says how many codes are left.
const RecoveryCodes = "recovery_codes"

var recoveryType = FactorType{Name: RecoveryCodes, Methods: []string{"otp"}, codes: recovery{}}

// recovery is a list of codes. Its plain data are two bytes, with a bit for each code
// that was used, and a hash of each code: of 80 random bits a plain hash tells
// nothing, and no key brings the code back.
type recovery struct{}

const (
	recoveryCodes = 10
	recoveryBytes = 10 // of a code: 80 bits, where NIST SP 800-63B section 4.2.1.1 asks for 64
	recoveryChars = 16 // of a code, in base32
	recoveryHash  = 16
	recoveryPlain = 2 + recoveryCodes*recoveryHash
)

func recoveryCode(seed *digest, i int) string {
	h := hmac.New(sha256.New, seed[:])
	h.Write([]byte{byte(i)})
	return base32Text.EncodeToString(h.Sum(nil)[:recoveryBytes])
}

func (recovery) enrolled(seed *digest) []byte {
	b := make([]byte, 2, recoveryPlain)
	for i := range recoveryCodes {
		sum := sha256.Sum256([]byte(recoveryCode(seed, i)))
		b = append(b, sum[:recoveryHash]...)
	}
	return b
}

func (r recovery) imported(list Secret) ([]byte, error) {
	b := make([]byte, 2, recoveryPlain)
	for _, text := range strings.Fields(string(list)) {
		in := input{code: text}
		if !in.squeeze() || !r.formed(in.typed[:in.n], nil) {
			return nil, fmt.Errorf("%w: a code is not %d characters of base32", ErrMalformed, recoveryChars)
		}
		sum := sha256.Sum256(in.typed[:in.n])
		for at := 2; at < len(b); at += recoveryHash {
			if string(b[at:at+recoveryHash]) == string(sum[:recoveryHash]) {
				return nil, fmt.Errorf("%w: a code occurs twice", ErrMalformed)
			}
		}
		if b = append(b, sum[:recoveryHash]...); len(b) > recoveryPlain {
			break
		}
	}
	if !r.valid(b) {
		return nil, fmt.Errorf("%w: the list does not have %d codes", ErrMalformed, recoveryCodes)
	}
	return b, nil
}

func (recovery) valid(plain []byte) bool { return len(plain) == recoveryPlain }

func (recovery) show(p *Prompt, seed *digest, _, _ string) {
	for i := range recoveryCodes {
		c := recoveryCode(seed, i)
		p.Codes = append(p.Codes, Code(c[:4]+"-"+c[4:8]+"-"+c[8:12]+"-"+c[12:]))
	}
	p.Left = recoveryCodes
}

func (recovery) formed(code, _ []byte) bool {
	if len(code) != recoveryChars {
		return false
	}
	for _, c := range code {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

func (recovery) judge(plain, code []byte, _ int64, _ int, _ uint32) (j judgment) {
	sum := sha256.Sum256(code)
	spent := binary.BigEndian.Uint16(plain)
	for i := range recoveryCodes {
		if subtle.ConstantTimeCompare(sum[:recoveryHash], plain[2+i*recoveryHash:][:recoveryHash]) != 1 {
			continue
		}
		if j.worth = used; spent&(1<<i) == 0 {
			j.worth = right
			j.plain = append([]byte(nil), plain...)
			binary.BigEndian.PutUint16(j.plain, spent|1<<i)
		}
	}
	return j
}

func (recovery) next([]byte, uint32) int64 { return 0 }

func (recovery) counts() bool { return true }

func (recovery) left(plain []byte) int {
	return recoveryCodes - bits.OnesCount16(binary.BigEndian.Uint16(plain))
}
