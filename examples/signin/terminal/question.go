package terminal

import (
	"context"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"github.com/authnfsm/authn"
)

// questionType is a type of factor of the demo's own: the answer to a question. That
// proves little, and NIST SP 800-63B does not count it at all; but it shows how small
// a Verifier is.
const questionType = "question"

var question = authn.FactorType{Name: questionType, Methods: []string{"kba"}, Verifier: asker{bcrypt.DefaultCost}, AtOnce: true}

// asker keeps a hash of the answer, in the data of the factor.
type asker struct{ cost int }

const aboutPet = "What was the name of your first pet?"

const minAnswer, maxAnswer = 4, 72 // bytes; bcrypt reads no further

// plain is an answer without what people write differently from day to day.
func plain(answer string) string { return strings.ToLower(strings.Join(strings.Fields(answer), " ")) }

// Prompt implements [authn.Verifier].
func (asker) Prompt(context.Context, authn.Check) ([]byte, error) {
	return []byte(aboutPet), nil
}

// Verify implements [authn.Verifier].
func (q asker) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	answer := []byte(plain(string(c.Response)))
	if len(answer) < minAnswer || len(answer) > maxAnswer {
		return authn.Verdict{Malformed: true}, nil
	}
	if c.Purpose == authn.PurposeEnroll {
		hash, err := bcrypt.GenerateFromPassword(answer, q.cost)
		return authn.Verdict{Right: true, Data: hash}, err
	}
	return authn.Verdict{Right: bcrypt.CompareHashAndPassword(c.Factor.Data, answer) == nil}, nil
}
