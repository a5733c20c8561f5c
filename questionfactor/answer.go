package questionfactor

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	minAnswer = 4 // characters of a normalized answer
	maxAnswer = 128
	maxTyped  = 1 << 10 // bytes of an answer as it was typed

	saltSize = 16 // bytes: RFC 9106 section 3.1
	hashSize = 32

	// The least that OWASP's Password Storage Cheat Sheet recommends. RFC 9106 section 4
	// would have 64 MiB, three passes and four lanes: too much memory for each of many
	// tries at a time.
	passes = 2
	memory = 19 << 10 // KiB
	lanes  = 1
)

// normalized is the form in which answers are compared; false if it cannot be one.
func normalized(typed string) (answer string, ok bool) {
	answer = folded(typed)
	n := utf8.RuneCountInString(answer)
	return answer, n >= minAnswer && n <= maxAnswer
}

// folded is a text without what does not count; "" if it is too long, or is no text.
func folded(s string) string {
	if len(s) > maxTyped {
		return ""
	}
	s = strings.Join(strings.Fields(s), " ")
	if !readable(s) {
		return ""
	}
	// Of Cherokee, package cases folds each case to the other one. What a folding gives
	// may be written in another way again, and a compatible form may have blanks.
	s = norm.NFKC.String(strings.ToLower(cases.Fold().String(norm.NFKC.String(s))))
	return strings.Join(strings.Fields(s), " ")
}

// kept is what is kept of a question. In [authn.Factor].Data, before it is sealed, it is
//
//	version  1 byte: 1, which also stands for how the answer is hashed
//	key      1 byte of length, then up to 64 bytes: none of a user's own question
//	text     2 bytes of length, then 1 to 512 bytes
//	salt     16 bytes
//	hash     32 bytes
type kept struct {
	key, text  string
	salt, hash string
}

const (
	version = 1
	maxKept = 512 // bytes of a text: 128 characters
)

func (k *kept) encode() []byte {
	b := append([]byte{version, byte(len(k.key))}, k.key...)
	b = append(append(b, byte(len(k.text)>>8), byte(len(k.text))), k.text...)
	return append(append(b, k.salt...), k.hash...)
}

var errData = errors.New("questionfactor: the data of a factor are missing, or not of this version")

// decode reads what encode has written, and nothing else.
func decode(data []byte) (k kept, err error) {
	s := string(data)
	if len(s) < 2 || s[0] != version || int(s[1]) > maxKey || len(s) < 2+int(s[1])+2 {
		return k, errData
	}
	k.key, s = s[2:2+s[1]], s[2+s[1]:]
	n := int(s[0])<<8 | int(s[1])
	if n < 1 || n > maxKept || len(s) != 2+n+saltSize+hashSize {
		return kept{}, errData
	}
	k.text, s = s[2:2+n], s[2+n:]
	k.salt, k.hash = s[:saltSize], s[saltSize:]
	return k, nil
}

// hash computes the slow hash of an answer. It waits until few enough are computed; the
// error is that of the context.
func (v *verifier) hash(ctx context.Context, answer, salt string) (string, error) {
	select {
	case v.hashing <- struct{}{}:
		defer func() { <-v.hashing }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	return string(argon2.IDKey([]byte(answer), []byte(salt), passes, memory, lanes, hashSize)), nil
}

// keep hashes the answer to a new question.
func (v *verifier) keep(ctx context.Context, q Question, answer string) (k kept, err error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	k = kept{key: q.Key, text: q.Text, salt: string(salt)}
	k.hash, err = v.hash(ctx, answer, k.salt)
	return k, err
}

// answers says whether the answer is the one that is kept.
func (v *verifier) answers(ctx context.Context, k *kept, answer string) (bool, error) {
	hash, err := v.hash(ctx, answer, k.salt)
	return err == nil && subtle.ConstantTimeCompare([]byte(hash), []byte(k.hash)) == 1, err
}
