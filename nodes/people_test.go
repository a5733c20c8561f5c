package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/authnfsm/authn"
)

// people is a Directory, an Auditor and the users' phones, in a folder: what one
// process has written there is there for the next.
type people string

// So begin the names of users.
const (
	regulars  = "old"  // who get codes by mail
	newcomers = "new"  // who have no factor yet
	appUsers  = "app"  // who want to add an authenticator app
	listUsers = "list" // who want to add a list of recovery codes
	pushUsers = "push" // who are asked on their phones

	resetUsers = "reset" // who have to set a new password, and to accept terms
)

// IDs of factors.
const (
	mailID  = "mail"
	appID   = "app"
	listID  = "list"
	phoneID = "phone"
)

// pushType asks the user's phone.
var pushType = authn.FactorType{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true}

// listed is what the Directory says of users before they change anything.
var listed = map[string][]authn.Factor{
	regulars:  {{ID: mailID, Type: authn.Email, Status: authn.Active}},
	newcomers: {{ID: mailID, Type: authn.Email, Status: authn.NotSetUp}},
	appUsers:  {{ID: mailID, Type: authn.Email, Status: authn.Active}, {ID: appID, Type: authn.TOTP, Status: authn.NotSetUp}},
	listUsers: {{ID: mailID, Type: authn.Email, Status: authn.Active}, {ID: listID, Type: authn.RecoveryCodes, Status: authn.NotSetUp}},
	pushUsers: {{ID: phoneID, Type: pushType.Name, Status: authn.Active}},

	resetUsers: {{ID: mailID, Type: authn.Email, Status: authn.Active}},
}

func address(user string) string { return user + "@example.com" }

func (p people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	list := slices.Clone(listed[kind(user)])
	for i := range list {
		if err := p.fill(user, &list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// fill adds what the Directory has learnt of a factor.
func (p people) fill(user string, f *authn.Factor) error {
	if f.Type == authn.Email {
		f.Address = address(user)
	}
	now, err := p.newest(user, f.ID)
	if err == nil && now.Status == authn.Active {
		f.Status, f.Data, f.Revision = now.Status, now.Data, now.Revision
	}
	return err
}

// Activated keeps each revision in a file of its own, named after it, which is
// there whole or not at all. What is there stays, and the highest one counts: an
// older one that comes late changes nothing.
func (p people) Activated(_ context.Context, key, user string, f authn.Factor) error {
	if err := p.keep(user, int(f.Revision), f); err != nil {
		return err
	}
	return p.write(user, activated, key)
}

func (p people) keep(user string, n int, f authn.Factor) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	folder := p.folder(user, f.ID)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	draft, err := os.CreateTemp(string(p), "draft")
	if err != nil {
		return err
	}
	defer os.Remove(draft.Name())
	defer draft.Close()
	if _, err := draft.Write(b); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), revision(folder, n)); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// newest is the factor as it was handed over last; one without a status never was.
func (p people) newest(user, factor string) (f authn.Factor, err error) {
	files, err := os.ReadDir(p.folder(user, factor)) // sorted
	if errors.Is(err, fs.ErrNotExist) || len(files) == 0 {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	b, err := os.ReadFile(filepath.Join(p.folder(user, factor), files[len(files)-1].Name()))
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	return f, err
}

func (p people) folder(user, factor string) string { return p.file(user, factor+".kept") }

func revision(folder string, n int) string { return filepath.Join(folder, fmt.Sprintf("%06d", n)) }

func (p people) Audit(_ context.Context, e authn.AuditEvent) error {
	return p.write(e.User, string(e.Event), e.Key)
}

// Send reaches the user's phone.
func (p people) Send(_ context.Context, m authn.Message) error {
	return p.write(m.User, pushed, fmt.Sprintf("%s/%s/%d", m.Key, string(m.Approval), m.Generation))
}

// pushes are the questions that the user's phone was sent, as letters.
func (p people) pushes(user string) (in []letter) {
	for _, line := range p.told(user, pushed) {
		part := strings.Split(line, "/")
		l := letter{id: part[0], code: part[1]}
		_, _ = fmt.Sscan(part[2], &l.generation)
		in = append(in, l)
	}
	return in
}

// What is written down of a user.
const (
	activated       = "activated"        // by the Directory
	factorActivated = "factor_activated" // by the Auditor, like the next
	signedIn        = "signed_in"
	pushed          = "pushed" // by the phone
	stored          = "stored" // by the host's Passwords
	passed          = "passed" // by the Keeper of its gate
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
