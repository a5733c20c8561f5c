package authn

import "testing"

// An error lists the allowed events if there are any.
func TestErrorListsWhatIsAllowed(t *testing.T) {
	r := &Refusal{State: MFARequired, Event: "skip", Err: ErrNotAllowed, Answer: &Answer{}}
	if got, want := r.Error(), "authn: skip in MFA_REQUIRED: not allowed in this state"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
	r.Answer.Allowed = []Allowed{{Event: "challenge"}, {Event: "cancel"}}
	if got, want := r.Error(), "authn: skip in MFA_REQUIRED: not allowed in this state; allowed: challenge, cancel"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
