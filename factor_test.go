package authn

import (
	"strings"
	"testing"
)

func TestFactorID(t *testing.T) {
	for id, want := range map[string]bool{"": false, "!": true, "~": true, " ": false, "a b": false, "\x7f": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false} {
		if validFactorID(id) != want {
			t.Errorf("%q: %t", id, !want)
		}
	}
}

func TestStatusNames(t *testing.T) {
	for s, want := range map[Status]string{NotSetUp: "NOT_SETUP", Active: "ACTIVE", Disabled: "DISABLED", 99: "INVALID"} {
		if s.String() != want {
			t.Errorf("%d is %q", s, s)
		}
	}
}
