package questionfactor

import (
	"context"
	"errors"

	"github.com/authnfsm/authn"
)

// Imported returns what [authn.Service.Import] takes of a question that another system
// has asked, with its answer as the user has given it there: hash it anew where the user
// gives it once more, if only a hash is known. q need not be one that is offered; without
// a Key it is the user's own. It takes as long as a hash.
func Imported(q Question, answer authn.Secret) (authn.Secret, error) {
	text, ok := normalized(string(answer))
	if !ok {
		return "", errors.New("questionfactor: the answer does not have 4 to 128 characters")
	}
	key := q.Key
	if key == "" {
		q.Key = "own"
	}
	if err := q.check(); err != nil {
		return "", errors.New("questionfactor: the question: " + err.Error())
	}
	q.Key = key
	v := verifier{hashing: make(chan struct{}, 1)}
	k, err := v.keep(context.Background(), q, text)
	return authn.Secret(k.encode()), err
}
