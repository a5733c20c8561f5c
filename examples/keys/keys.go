// Package keys holds the secrets of the examples.
package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/authnfsm/authn"
)

// Keys are all secrets of a host. In production they come from a secret
// manager; here they are random, or in a file that only its owner may read.
// A store that outlives the program is worth nothing without them: they name
// its records, seal them, and derive every code and token.
type Keys struct {
	Ring      []ringKey `json:"keys"`
	Pseudonym []byte    `json:"pseudonymKey"`
	Cookie    []byte    `json:"cookieKey"`
}

type ringKey struct {
	ID     uint32 `json:"id"`
	Secret []byte `json:"secret"`
}

// Random makes keys that nobody else has.
func Random() *Keys {
	b := make([]byte, 3*32)
	rand.Read(b)
	return &Keys{[]ringKey{{1, b[:32]}}, b[32:64], b[64:]}
}

// KeyRing returns the keys that derive codes, the one in use first.
func (k *Keys) KeyRing() (ring []authn.Key) {
	for _, r := range k.Ring {
		ring = append(ring, authn.Key{ID: r.ID, Secret: r.Secret})
	}
	return ring
}

// Of is the usual file for the keys of a store: beside a file. It is "" for
// any other store.
func Of(store string) string {
	if file, ok := strings.CutPrefix(store, "sqlite:"); ok && file != "" {
		return file + ".keys"
	}
	return ""
}

// Open reads the file, or makes it. Without a file the keys are random.
func Open(file string) (*Keys, error) {
	if file == "" {
		return Random(), nil
	}
	k, err := Read(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = create(file)
		if err == nil || errors.Is(err, fs.ErrExist) { // another process was faster
			k, err = Read(file)
		}
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Read reads the file. It makes none: what is in a store is worth nothing with
// new keys.
func Read(file string) (*Keys, error) {
	st, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if m := st.Mode().Perm(); m&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode is %04o: others than its owner may read it", file, m)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	k := new(Keys)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if d.Decode(k) != nil || len(k.Ring) == 0 {
		return nil, fmt.Errorf("%s: not a file of keys", file) // the cause could quote a key
	}
	return k, nil
}

// create writes the file whole or not at all.
func create(file string) (err error) {
	b, err := json.MarshalIndent(Random(), "", "\t")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".keys-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(b, '\n'))
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	return os.Link(tmp.Name(), file) // fails if it is there by now
}
