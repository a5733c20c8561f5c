package clusters

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
)

// TestAuthnctl looks at an account of a cluster of three, and ends its sign-in, by the
// operator's tool. It needs one member only.
func TestAuthnctl(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds a program")
	}
	dir := t.TempDir()
	tool, policy := filepath.Join(dir, "authnctl"), filepath.Join(dir, "policy.json")
	if out, err := exec.Command("go", "-C", "../../cmd/authnctl", "build", "-o", tool, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(policy, []byte(`{"Digits": 8, "NoBackoff": true}`), 0o600); err != nil {
		t.Fatal(err)
	}
	const name = "operated"
	for kind, at := range map[string]struct{ scheme, prefix string }{etcd.name: {"etcd://", name + "/"}, jetStream.name: {"nats://", name}} {
		t.Run(kind, func(t *testing.T) {
			c := startCluster(t, kindOf(kind), 3)
			f := newFleet(t)
			f.add(c.store(t, name))
			a, err := f.nodes[0].Begin(t.Context(), authn.Login{User: "ada"})
			if err != nil {
				t.Fatal(err)
			}
			run := func(want int, args ...string) string {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), tool, append(args, "-allow-volatile", "-prefix", at.prefix, "-policy", policy)...)
				encode := base64.StdEncoding.EncodeToString
				cmd.Env = append(os.Environ(), "AUTHN_STORE="+at.scheme+c.members[1].Clients[1],
					"AUTHN_KEYS=1:"+encode([]byte(key)), "AUTHN_PSEUDONYM_KEY="+encode([]byte(otherKey)))
				out, _ := cmd.CombinedOutput()
				if code := cmd.ProcessState.ExitCode(); code != want || strings.Contains(string(out), string(a.Token)) {
					t.Errorf("%q: exit code %d, want %d\n%s", args, code, want, out)
				}
				return string(out)
			}
			healthy := map[bool]int{true: 0, false: 5}[f.tends] // 5: a warning
			run(healthy, "doctor")
			if out := run(0, "show", "ada"); !strings.Contains(out, string(authn.MFARequired)) {
				t.Error(out)
			}
			run(0, "revoke", "-yes", "ada")
			if b, err := f.nodes[0].Status(t.Context(), a.Token); err == nil && b.State != authn.Canceled {
				t.Errorf("revoked, and in %s", b.State)
			}
			if out := run(0, "list"); !strings.Contains(out, "ada") {
				t.Error(out)
			}
			run(4, "show", "nobody")
		})
	}
}
