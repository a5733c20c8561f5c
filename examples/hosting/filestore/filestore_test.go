//go:build unix

package filestore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/hosting/filestore"
	"github.com/authnfsm/authn/storetest"
)

func TestStore(t *testing.T) {
	storetest.Harness{
		Open:   func(t *testing.T) authn.Store { return &filestore.Store{Dir: fast(t)} },
		Second: func(t *testing.T, s authn.Store) authn.Store { return &filestore.Store{Dir: s.(*filestore.Store).Dir} },

		// The directory moves: whatever was under way is cut off.
		Reopen: func(t *testing.T, s authn.Store) authn.Store {
			moved := filepath.Join(fast(t), "moved")
			if err := os.Rename(s.(*filestore.Store).Dir, moved); err != nil {
				t.Fatal(err)
			}
			return &filestore.Store{Dir: moved}
		},
	}.Run(t)
}

// fast is a directory in memory, if there is one: the suite saves some ten
// thousand records, and a disk needs minutes to make each of them safe.
func fast(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "filestore")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
