package authn

import "testing"

// internal/proof/secrets looks for whatever is derived from a key: a new use
// belongs into its list too.
func TestKeyUses(t *testing.T) {
	known := []string{"code", "session", "seal", "once", "account", "token", "recipient"}
	for i, label := range keyUseLabels {
		if i >= len(known) || label != "authn/v1/"+known[i] {
			t.Errorf("key use %q is not in internal/proof/secrets", label)
		}
	}
}
