package nodes

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/authnfsm/authn"
)

// people is a Directory, and an Auditor, in a folder: what one process has
// written there is there for the next.
type people string

const (
	factorID  = "mail"
	newcomers = "new" // so begin the names of users who have no factor yet
)

func address(user string) string { return user + "@example.com" }

func (p people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	f := authn.Factor{ID: factorID, Type: authn.Email, Address: address(user), Status: authn.Active}
	if strings.HasPrefix(user, newcomers) && len(p.told(user, activated)) == 0 {
		f.Status = authn.NotSetUp
	}
	return []authn.Factor{f}, nil
}

func (p people) Activated(_ context.Context, key, user string, f authn.Factor) error {
	return p.write(user, activated, key)
}

func (p people) Audit(_ context.Context, e authn.AuditEvent) error {
	return p.write(e.User, string(e.Event), e.Key)
}

// What is written down of a user.
const (
	activated       = "activated"        // by the Directory
	factorActivated = "factor_activated" // by the Auditor, like the next
	signedIn        = "signed_in"
)

func (p people) file(user, what string) string { return filepath.Join(string(p), user+"."+what) }

func (p people) write(user, what, key string) error {
	f, err := os.OpenFile(p.file(user, what), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(key + "\n")
	return err
}

// told returns the keys of what was written down, each as often as it was.
func (p people) told(user, what string) []string {
	b, _ := os.ReadFile(p.file(user, what))
	return strings.Fields(string(b))
}
