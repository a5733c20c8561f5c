package questionfactor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/authnfsm/authn"
	"golang.org/x/text/unicode/norm"
)

// verifier asks the questions.
type verifier struct {
	offered []Question
	own     bool
	hashing chan struct{} // has a place for each hash at a time
}

// shown is a question on the wire, in the words of Okta's API.
type shown struct {
	Question     string `json:"question,omitempty"`
	QuestionText string `json:"questionText"`
}

// Prompt implements [authn.Verifier].
func (v *verifier) Prompt(_ context.Context, c authn.Check) ([]byte, error) {
	if c.Purpose != authn.PurposeEnroll {
		k, err := decode(c.Factor.Data)
		if err != nil {
			return nil, err
		}
		return json.Marshal(shown{k.key, k.text})
	}
	has, err := questionsOf(c.Others)
	if err != nil {
		return nil, err
	}
	offer := struct {
		Questions   []shown `json:"questions"`
		OwnQuestion bool    `json:"ownQuestion,omitempty"`
	}{[]shown{}, v.own}
	for _, q := range v.offered {
		if !has(q) {
			offer.Questions = append(offer.Questions, shown{q.Key, q.Text})
		}
	}
	return json.Marshal(offer)
}

// Verify implements [authn.Verifier].
func (v *verifier) Verify(ctx context.Context, c authn.Check) (authn.Verdict, error) {
	if c.Purpose == authn.PurposeEnroll {
		return v.enroll(ctx, &c)
	}
	k, err := decode(c.Factor.Data)
	if err != nil {
		return authn.Verdict{}, err
	}
	answer, ok := normalized(string(c.Response))
	if !ok {
		return authn.Verdict{Malformed: true}, nil
	}
	right, err := v.answers(ctx, &k, answer)
	return authn.Verdict{Right: right}, err
}

// enroll takes a question and its answer.
func (v *verifier) enroll(ctx context.Context, c *authn.Check) (authn.Verdict, error) {
	var in struct{ Question, Answer string }
	has, err := questionsOf(c.Others)
	if err != nil {
		return authn.Verdict{}, err
	}
	if !utf8.Valid(c.Response) || json.Unmarshal(c.Response, &in) != nil {
		return authn.Verdict{Malformed: true}, nil
	}
	q, known := v.choose(in.Question)
	answer, ok := normalized(in.Answer)
	if !known || !ok || has(q) || isObvious(answer, q, c) {
		return authn.Verdict{Malformed: true}, nil
	}
	k, err := v.keep(ctx, q, answer)
	if err != nil {
		return authn.Verdict{}, err
	}
	return authn.Verdict{Right: true, Data: k.encode()}, nil
}

// choose finds the question that a user has chosen by key or text, or takes the user's
// own.
func (v *verifier) choose(named string) (q Question, ok bool) {
	for _, q := range v.offered {
		if named == q.Key || named == q.Text {
			return q, true
		}
	}
	named = strings.Join(strings.Fields(norm.NFC.String(named)), " ")
	n := utf8.RuneCountInString(named)
	return Question{Text: named}, v.own && readable(named) && n >= ownMin && n <= ownMax
}

// isObvious says that the answer is what an attacker sees or knows.
func isObvious(answer string, q Question, c *authn.Check) bool {
	return slices.ContainsFunc([]string{q.Text, q.Key, c.User, c.Factor.Address}, func(s string) bool { return folded(s) == answer })
}

// questionsOf says which questions a user has, by key and by text.
func questionsOf(others []authn.Factor) (has func(Question) bool, err error) {
	var all []kept
	for _, f := range others {
		k, err := decode(f.Data)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return func(q Question) bool {
		return slices.ContainsFunc(all, func(k kept) bool { return k.key != "" && k.key == q.Key || folded(k.text) == folded(q.Text) })
	}, nil
}
