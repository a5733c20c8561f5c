package gates

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/authnfsm/authn"
)

// A Profile is what the host wants to know of each user.
type Profile struct {
	Name    string `json:"name"`
	Country string `json:"country"` // ISO 3166-1 alpha-2
}

const maxName = 70 // characters: a profile fits into the 512 bytes of a verdict, however it is escaped

// profiles is an [authn.Gatekeeper]: the user tells what the host wants to know.
type profiles struct{ *Records }

// Needed implements [authn.Gatekeeper]: until there is a profile.
func (p profiles) Needed(_ context.Context, user string) (bool, error) {
	return p.of(user).Profile.Name == "", nil
}

// Check implements [authn.Gatekeeper]. What is not good enough is rejected with
// reasons, as many as there are; nothing of it is a guess.
func (p profiles) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	var x Profile
	if err := json.Unmarshal([]byte(in.Input), &x); err != nil {
		return authn.Verdict{Rejected: true, Reasons: []string{"this is no profile"}}, nil
	}
	x.Name, x.Country = strings.TrimSpace(x.Name), strings.ToUpper(strings.TrimSpace(x.Country))
	var reasons []string
	switch n := utf8.RuneCountInString(x.Name); {
	case n == 0:
		reasons = append(reasons, "the name is missing")
	case n > maxName:
		reasons = append(reasons, "the name is longer than 70 characters")
	}
	if len(x.Country) != 2 || strings.Trim(x.Country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		reasons = append(reasons, "the country is not a code of two letters")
	}
	if reasons != nil {
		return authn.Verdict{Rejected: true, Reasons: reasons}, nil
	}
	data, err := json.Marshal(x)
	return authn.Verdict{Right: true, Data: data}, err
}

// Passed implements [authn.Gatekeeper]. Of two profiles the later one counts, in
// whatever order they come.
func (p profiles) Passed(ctx context.Context, c authn.Change) error {
	var x Profile
	if err := json.Unmarshal(c.Data, &x); err != nil {
		return err
	}
	return p.change(ctx, c.User, func(r *record) {
		if !c.At.Before(r.Profiled) {
			r.Profile, r.Profiled = x, c.At
		}
	})
}
