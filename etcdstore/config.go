package etcdstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
)

// ErrProbe reports that a record of the probe was not saved, loaded, found or deleted
// as it should be, for instance because the user lacks a right or the quota is used
// up. The error that wraps it says which step failed, and how.
var ErrProbe = errors.New("the probe failed")

// Config configures a [Store].
type Config struct {
	// Prefix is the prefix of all keys. It defaults to "authn/" and may have up to
	// 64 bytes. Every process that shares the records must use the same prefix, and
	// no other store one that begins with it.
	Prefix string
}

// check sets the default.
func (c *Config) check() error {
	if c.Prefix == "" {
		c.Prefix = "authn/"
	}
	if len(c.Prefix) > 64 {
		return fmt.Errorf("config: Prefix %q: want up to 64 bytes", c.Prefix)
	}
	return nil
}

// cleaning is for how long a probe that failed tries to delete its record.
const cleaning = 5 * time.Second

// farAway is when the record of a probe is due: nobody tends it.
var farAway = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// probe does what a host will do. A record that it cannot delete is left behind.
func (s *Store) probe(ctx context.Context) error {
	key := "probe-" + rand.Text()
	first := authn.Record{Value: make([]byte, 256), Version: 1<<63 | 1, Due: farAway}
	for i := range first.Value {
		first.Value[i] = byte(i) // every byte
	}
	second := authn.Record{Value: []byte("again"), Version: 1<<63 | 2}
	load := func(want authn.Record) error {
		r, _, err := s.load(ctx, key)
		if err == nil && (r.Version != want.Version || !r.Due.Equal(want.Due) || !bytes.Equal(r.Value, want.Value)) {
			err = errors.New("it is not what was saved")
		}
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"save", func() error { return s.save(ctx, key, 0, first) }, nil},
		{"load", func() error { return load(first) }, nil},
		{"find what is due", func() error { return s.probeDue(ctx, key) }, nil},
		{"save what is there", func() error { return s.save(ctx, key, 0, second) }, authn.ErrConflict},
		{"replace", func() error { return s.save(ctx, key, first.Version, second) }, nil},
		{"load what was replaced", func() error { return load(second) }, nil},
		{"delete", func() error { return s.save(ctx, key, second.Version, authn.Record{}) }, nil},
		{"load what was deleted", func() error { return load(second) }, authn.ErrNotFound},
	} {
		err := step.do()
		if errors.Is(err, step.want) {
			continue
		}
		if err == nil {
			err = fmt.Errorf("it works, want %w", step.want)
		}
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer stop()
		for _, r := range []authn.Record{first, second} {
			_ = s.save(ctx, key, r.Version, authn.Record{})
		}
		return fmt.Errorf("%w: %s: %w", ErrProbe, step.name, err)
	}
	return nil
}

// probeDue looks for the one record that is due so late.
func (s *Store) probeDue(ctx context.Context, key string) error {
	got, err := s.kv.Get(ctx, s.entry(farAway, key))
	if err == nil && len(got.Kvs) == 0 {
		err = errors.New("it is not in the index")
	}
	if err == nil {
		_, err = s.due(ctx, time.Unix(0, 0), 1)
	}
	return err
}
