//go:build unix

// Package filestore keeps each record in a file of its own: a Store for one
// machine, in the standard library alone.
package filestore

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/authnfsm/authn"
)

var _ authn.Store = (*Store)(nil)

// Store is an [authn.Store] in a directory that exists. It is safe for
// concurrent use, also by several processes of one machine.
type Store struct{ Dir string }

// Load implements [authn.Store].
func (s *Store) Load(ctx context.Context, key string) (r authn.Record, err error) {
	err = s.locked(ctx, syscall.LOCK_SH, func() error {
		r, err = s.read(key)
		return err
	})
	if err != nil {
		return authn.Record{}, fmt.Errorf("filestore: load %s: %w", key, err)
	}
	return r, nil
}

// Save implements [authn.Store]: compare, then replace, under one lock.
func (s *Store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	err := s.locked(ctx, syscall.LOCK_EX, func() error {
		now, err := s.read(key)
		if err != nil && !errors.Is(err, authn.ErrNotFound) {
			return err
		}
		if now.Version != old { // 0 if there is none
			return authn.ErrConflict
		}
		if len(r.Value) > 0 {
			return s.replace(key, r)
		}
		if old != 0 {
			if err := os.Remove(s.file(key)); err != nil {
				return err
			}
		}
		return sync(s.Dir)
	})
	if err != nil {
		return fmt.Errorf("filestore: save %s: %w", key, err)
	}
	return nil
}

// file is where a record is: keys are hexadecimal, as a file system may hold
// "a" and "A" for the same name.
func (s *Store) file(key string) string {
	return filepath.Join(s.Dir, hex.EncodeToString([]byte(key)))
}

// read and replace know the form of a file: version, due time, value.
func (s *Store) read(key string) (r authn.Record, err error) {
	b, err := os.ReadFile(s.file(key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return r, authn.ErrNotFound
	case err != nil:
		return r, err
	case len(b) < 16:
		return r, errors.New("the file is cut off")
	}
	r.Version, r.Value = binary.BigEndian.Uint64(b), b[16:]
	if due := int64(binary.BigEndian.Uint64(b[8:])); due != 0 {
		r.Due = time.Unix(0, due).UTC()
	}
	return r, nil
}

// replace writes another file and gives it the name: a reader, and a machine
// that stops half-way, sees the old record or the new one.
func (s *Store) replace(key string, r authn.Record) error {
	b := binary.BigEndian.AppendUint64(nil, r.Version)
	due := int64(0)
	if !r.Due.IsZero() {
		due = r.Due.UnixNano()
	}
	b = append(binary.BigEndian.AppendUint64(b, uint64(due)), r.Value...)
	next := filepath.Join(s.Dir, "next")
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return err
	}
	if err := sync(next); err != nil {
		return err
	}
	if err := os.Rename(next, s.file(key)); err != nil {
		return err
	}
	return sync(s.Dir)
}

// sync makes a file, or the names in a directory, outlive a power cut.
func sync(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// locked runs f while no other call, in this process or another, is inside.
func (s *Store) locked(ctx context.Context, how int, f func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(s.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), how); err != nil {
		return err
	}
	return f()
}
