package gates

import (
	"context"
	"strconv"

	"github.com/authnfsm/authn"
)

// terms is an [authn.Gatekeeper]: the user accepts the latest version, or the sign-in
// ends.
type terms struct {
	*Records
	version int
}

// Needed implements [authn.Gatekeeper]: until the latest version is accepted.
func (t terms) Needed(_ context.Context, user string) (bool, error) {
	return t.of(user).Terms < t.version, nil
}

// Check implements [authn.Gatekeeper]. The client sends the version that it has shown,
// so that nobody accepts terms that have changed meanwhile.
func (t terms) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	latest := strconv.Itoa(t.version)
	switch string(in.Input) {
	case "decline":
		return authn.Verdict{Denied: true}, nil
	case "accept " + latest:
		return authn.Verdict{Right: true, Data: []byte(latest)}, nil
	}
	return authn.Verdict{Rejected: true, Reasons: []string{"the latest terms are version " + latest}}, nil
}

// Passed implements [authn.Gatekeeper]. It may come twice, and an older version may
// come after a newer one.
func (t terms) Passed(ctx context.Context, c authn.Change) error {
	version, err := strconv.Atoi(string(c.Data))
	if err != nil {
		return err
	}
	return t.change(ctx, c.User, func(r *record) { r.Terms = max(r.Terms, version) })
}
