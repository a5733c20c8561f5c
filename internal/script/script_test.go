package script

import (
	"strings"
	"testing"

	"github.com/authnfsm/authn/memstore"
)

// A line that cannot be played is an error.
func TestUnplayable(t *testing.T) {
	for _, line := range []string{
		"verfy right", "verify", "verify code 1", "verify old", "tab one: cancel", "tab 1: ", "wait soon", "clock forward", "policy Nope=1", "policy Tries=many", "policy Tries=1000",
		"user ada: mail", "user ada: mail LOST a@example.com", "mailer angry", "directory angry", "store angry",
	} {
		s := New(new(memstore.Store))
		r, err := s.Run(t.Context(), line)
		if err == nil { // a policy is checked when a service is opened
			r, err = s.Run(t.Context(), "begin")
		}
		if err == nil {
			t.Errorf("%q: %q", line, r.Brief)
		}
	}
}

// Replay compares every answer with the recorded line.
func TestReplayCompares(t *testing.T) {
	const file = "user ada: mail ACTIVE ada@example.com\n\n# why\nnew\nbegin\n=> MFA_REQUIRED | a row\nnew\nbegin\n=> MFA_REQUIRED\ncancel\n=> CANCELED\n"
	if n, err := Replay(t.Context(), file, new(memstore.Store)); n != 3 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	wrong := strings.ReplaceAll(file, "=> CANCELED", "=> SUCCESS")
	if n, err := Replay(t.Context(), wrong, new(memstore.Store)); n != 3 || err == nil || !strings.Contains(err.Error(), "line 11") {
		t.Errorf("%d, %v", n, err)
	}
}
