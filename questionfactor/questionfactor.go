// Package questionfactor is a type of factor for security questions, for hosts whose
// clients were built for Okta's API and ask for one.
//
// No standard accepts security questions any more. NIST SP 800-63B knows no
// authenticator of that kind, and forbids to prompt for such questions where a password
// is chosen (revision 4, section 3.1.1.2). OWASP ASVS 5.0 demands, at its lowest level,
// that they are not present (6.4.2). Answers can be looked up, guessed, and are given
// to other sites as well. Do not offer questions to users who do not have one already.
//
// A question is never to be the only factor of a user. A sign-in proves one factor, and
// whoever signs in chooses which: an account is as safe as its weakest factor. List
// a question beside another factor, and treat an assertion whose Methods are "pwd" and
// "kba" alone as that of a password: both are something that the user knows.
//
// [New] makes an [authn.FactorType] for Config.Types. The Directory lists a question like
// any other factor: with an ID, the type "question", and [authn.NotSetUp] until it is
// enrolled.
//
// # What clients send
//
// While a question is enrolled, [authn.Prompt].Options has those that are offered and
// that the user does not have yet, with ownQuestion if users may write one:
//
//	{"questions": [{"question": "disliked_food", "questionText": "What is the food …?"}, …], "ownQuestion": true}
//
// The Code of [authn.Activate] is what the user has chosen: the key or the text of
// a question that is offered, or a text of the user's, and the answer:
//
//	{"question": "disliked_food", "answer": "Brussels sprouts"}
//
// To sign in, the Code of [authn.Verify] is the answer alone, as it was typed. It needs no
// challenge; a client that wants to show the question chooses the factor first, and reads
// Options:
//
//	{"question": "disliked_food", "questionText": "What is the food …?"}
//
// Of a user's own question there is no key. The text is the one that the user answered,
// whatever is offered by now.
//
// # Answers
//
// Case, blanks around and between words and the way in which a character is written do
// not count: an answer is brought to NFKC, case-folded, and its blanks are collapsed.
// Then it has 4 to 128 characters. An answer to enroll is not the question, its key, the
// user's id or the Address of the factor. What cannot be an answer is malformed: it is
// refused, and not counted. A wrong one counts like a wrong code.
//
// What is kept is the question and a slow hash of the answer: argon2id with 19 MiB, two
// passes and one lane, the least that OWASP's Password Storage Cheat Sheet recommends;
// package authn seals both. As many hashes are computed at once as the process may use
// processors, so that their memory is bounded: others wait.
package questionfactor

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

// Config says which questions there are.
type Config struct {
	// Questions are offered, in this order: up to 100. A question that is withdrawn is
	// still asked of the users who have it.
	Questions []Question

	// OwnQuestions lets users write a question of their own, of 4 to 128 characters.
	// Without it at least one question is required.
	OwnQuestions bool
}

// A Question is one that users may choose.
type Question struct {
	Key  string // stands for it, such as Okta's "disliked_food": 1 to 64 of a–z, 0–9 and _
	Text string // as users read it: 1 to 256 bytes, without control characters
}

const (
	maxQuestions = 100
	maxKey       = 64
	maxText      = 256
	ownMin       = 4 // characters of a user's own question
	ownMax       = 128
)

// New returns the type, with the name "question". It needs no challenge, and its method
// is "kba". The error names the field of c that is wrong.
func New(c Config) (authn.FactorType, error) {
	if err := c.check(); err != nil {
		return authn.FactorType{}, fmt.Errorf("questionfactor: %w", err)
	}
	v := &verifier{
		offered: slices.Clone(c.Questions), own: c.OwnQuestions,
		hashing: make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	return authn.FactorType{Name: "question", Methods: []string{"kba"}, Verifier: v, AtOnce: true}, nil
}

func (c *Config) check() error {
	if n := len(c.Questions); n > maxQuestions || n == 0 && !c.OwnQuestions {
		return fmt.Errorf("Config.Questions: %d, want 1 to %d", n, maxQuestions)
	}
	for i, q := range c.Questions {
		if err := q.check(); err != nil {
			return fmt.Errorf("Config.Questions: %q: %w", q.Key, err)
		}
		if slices.ContainsFunc(c.Questions[:i], func(o Question) bool { return o.Key == q.Key || o.Text == q.Text }) {
			return fmt.Errorf("Config.Questions: %q occurs twice", q.Key)
		}
	}
	return nil
}

func (q *Question) check() error {
	switch {
	case q.Key == "" || len(q.Key) > maxKey || strings.Trim(q.Key, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
		return fmt.Errorf("its Key is not 1 to %d of a–z, 0–9 and _", maxKey)
	case q.Text == "" || len(q.Text) > maxText:
		return fmt.Errorf("its Text has %d bytes, not 1 to %d", len(q.Text), maxText)
	case !readable(q.Text):
		return errors.New("its Text has control characters, or is not UTF-8")
	}
	return nil
}

func readable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}
