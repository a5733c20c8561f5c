package okta

import (
	"cmp"
	"encoding/json"

	"github.com/authnfsm/authn"
)

// What a request hands in, as the machine takes it: a code as it is, and what a
// Verifier judges as one text.

// isProof are the members that prove something.
const isProof = passCode | answer | assertion | attestation

// assertion are the members that an authenticator fills in to sign in. Of them
// clientData also comes with an attestation.
const assertion = clientData | authenticatorData | signatureData

// handsIn reports whether the request proves something. A passCode that is empty
// does not: see verify.
func (in *input) handsIn() bool { return in.has&isProof&^passCode != 0 || in.passCode != "" }

// proof returns what a request to verify hands in.
func (x *exchange) proof() (authn.Code, error) {
	in := &x.in
	switch {
	case in.has&assertion != 0 && in.has&(passCode|answer) == 0:
		return x.assertion()
	case in.has&isProof&^answer == 0 && in.answer != "":
		return authn.Code(in.answer), nil
	case in.has&isProof&^passCode == 0:
		return authn.Code(in.passCode), nil
	}
	return "", fault(invalid, "passCode, answer, clientData: one of them is expected, and not empty")
}

// confirmation returns what a request to activate hands in.
func (x *exchange) confirmation() (authn.Code, error) {
	in := &x.in
	switch {
	case in.has&(attestation|clientData) != 0 && in.has&passCode == 0:
		return in.registration()
	case in.has&(attestation|clientData) == 0 && in.passCode != "":
		return authn.Code(in.passCode), nil
	case in.has&isProof == 0 && in.profile != "":
		return questionAndAnswer(in)
	case in.has&isProof&^passCode == 0:
		return "", nil
	}
	return "", fault(invalid, "passCode, attestation: one of them is expected")
}

// A question and its answer, as an enrollment brings them in its profile, and as
// the Verifier of the type gets them.
type enrolledQuestion struct {
	Question string `json:"question,omitempty"`
	Text     string `json:"questionText,omitempty"`
	Answer   string `json:"answer"`
}

// questionAndAnswer reads the profile. Names are compared as they are, and what else
// is in it does not matter.
func questionAndAnswer(in *input) (authn.Code, error) {
	var members map[string]json.RawMessage
	if in.profile != "" {
		json.Unmarshal([]byte(in.profile), &members)
	}
	text := func(name string) (s string) {
		json.Unmarshal(members[name], &s)
		return s
	}
	q := enrolledQuestion{text("question"), text("questionText"), text("answer")}
	q.Question = cmp.Or(q.Question, q.Text) // one of the user's own has no key
	if len(q.Question)+len(q.Text)+len(q.Answer) > maxAnswer {
		return "", fault(invalid, "profile: a question and its answer are longer than %d bytes", maxAnswer)
	}
	if q.Answer == "" {
		return "", fault(invalid, "profile: question and answer are required")
	}
	b, err := json.Marshal(q)
	return authn.Code(b), err
}
