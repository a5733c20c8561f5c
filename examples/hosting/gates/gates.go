// Package gates is a host with two states of its own between the last proof and
// SUCCESS: the user accepts the latest terms, and completes the profile.
package gates

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// Records are what the host keeps of its users, in memory and, if it has a name, in a
// file. A host with a database keeps the same in a table. They are safe for concurrent use.
type Records struct {
	file string

	mu    sync.Mutex
	users map[string]record
}

type record struct {
	Terms    int     // the latest version that the user has accepted
	Profile  Profile // "" for a name that is not known yet
	Profiled time.Time
}

// Open reads the records from a file, which need not exist; "" keeps them in memory.
func Open(file string) (*Records, error) {
	r := &Records{file: file, users: map[string]record{}}
	if file == "" {
		return r, nil
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &r.users)
	}
	return r, err
}

// Gates are the host's own states, in the order in which a sign-in comes to them.
// Version is that of the latest terms.
func (r *Records) Gates(version int) []authn.Gate {
	return []authn.Gate{
		{
			State:  "TERMS",
			Means:  "The user has not accepted the latest terms.",
			Shows:  "The terms with their version, and buttons to accept and to decline them.",
			Keeper: terms{r, version},
		},
		{
			State:  "PROFILE",
			Means:  "The profile of the user is not complete.",
			Shows:  "A form for name and country; if it was rejected, `Answer.Reasons`.",
			Keeper: profiles{r},
		},
	}
}

// of returns the record of a user.
func (r *Records) of(user string) record {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[user]
}

// change changes the record of a user. It is kept as soon as it returns nil, also if
// the machine stops then; after an error, nothing has changed.
func (r *Records) change(ctx context.Context, user string, f func(*record)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	old, known := r.users[user]
	now := old
	f(&now)
	r.users[user] = now
	err := r.write()
	if err != nil {
		if r.users[user] = old; !known {
			delete(r.users, user)
		}
	}
	return err
}

// write writes another file and gives it the name, so that a reader sees the old
// records or the new ones.
func (r *Records) write() error {
	if r.file == "" {
		return nil
	}
	b, err := json.Marshal(r.users)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(r.file+".next", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(r.file+".next", r.file)
}
