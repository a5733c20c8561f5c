package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/authnfsm/authn/examples/host"
)

// kept is the little that this host has to remember by itself: small values
// by kind and name. What the library remembers is in an authn.Store.
type kept interface {
	get(ctx context.Context, kind, name string) ([]byte, error)                      // nil: there is none
	put(ctx context.Context, kind, name string, value []byte, until time.Time) error // zero: for good
	remove(ctx context.Context, kind, name string) error
	all(ctx context.Context, kind string) (map[string][]byte, error)
	// sweep drops what was put until now or earlier. Its cost is that of what it drops.
	sweep(ctx context.Context, now time.Time) error
}

// The kinds.
const (
	factorKind   = "factor"   // set up; by factor id
	heldKind     = "held"     // what the phone has of a factor; by factor id
	handleKind   = "handle"   // whose it is; by the handle of a passkey
	sessionKind  = "session"  // by the hash of its cookie
	mailKind     = "mail"     // that was sent; by time
	passwordKind = "password" // in the place of everybody's; by user
	unlockedKind = "unlocked" // accounts whose lock has ended; by user
	traceKind    = "trace"    // of a visitor's sign-in; by visitor
)

// newKept keeps it where the store is.
func newKept(ctx context.Context, st *host.Storage) (kept, error) {
	switch {
	case st.DB != nil:
		return newKeptInSQL(ctx, st.DB, st.Dialect)
	case st.Redis != nil:
		return keptInRedis{st.Redis}, nil
	}
	return new(keptInMemory), nil
}

// load returns nil if there is none.
func load[T any](ctx context.Context, k kept, kind, name string) (*T, error) {
	b, err := k.get(ctx, kind, name)
	if err != nil || b == nil {
		return nil, err
	}
	return decode[T](kind, b)
}

func decode[T any](kind string, b []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		return nil, fmt.Errorf("kept %s: %w", kind, err)
	}
	return v, nil
}

func save(ctx context.Context, k kept, kind, name string, v any) error {
	return saveUntil(ctx, k, kind, name, v, time.Time{})
}

func saveUntil(ctx context.Context, k kept, kind, name string, v any, until time.Time) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return k.put(ctx, kind, name, b, until)
}

// endOf is the second from which on a value is over; 0: it stays.
func endOf(until time.Time) int64 {
	if until.IsZero() {
		return 0
	}
	return until.Add(time.Second - 1).Unix()
}

// keptInMemory is for a store that is in memory too.
type keptInMemory struct {
	mu   sync.Mutex
	m    map[string]map[string]keptValue
	ends []end // in order; of a value that was put again the last one counts
}

type (
	keptValue struct {
		b     []byte
		until time.Time
	}
	end struct {
		at         time.Time
		kind, name string
	}
)

func (k *keptInMemory) get(_ context.Context, kind, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m[kind][name].b, nil
}

func (k *keptInMemory) put(_ context.Context, kind, name string, value []byte, until time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[string]map[string]keptValue{}
	}
	if k.m[kind] == nil {
		k.m[kind] = map[string]keptValue{}
	}
	k.m[kind][name] = keptValue{value, until}
	if !until.IsZero() {
		i, _ := slices.BinarySearchFunc(k.ends, until, func(e end, at time.Time) int { return e.at.Compare(at) })
		k.ends = slices.Insert(k.ends, i, end{until, kind, name})
	}
	return nil
}

func (k *keptInMemory) remove(_ context.Context, kind, name string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m[kind], name)
	return nil
}

func (k *keptInMemory) all(_ context.Context, kind string) (map[string][]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := map[string][]byte{}
	for name, v := range k.m[kind] {
		all[name] = v.b
	}
	return all, nil
}

func (k *keptInMemory) sweep(_ context.Context, now time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for ; n < len(k.ends) && !now.Before(k.ends[n].at); n++ {
		if e := k.ends[n]; k.m[e.kind][e.name].until.Equal(e.at) {
			delete(k.m[e.kind], e.name)
		}
	}
	k.ends = slices.Delete(k.ends, 0, n)
	return nil
}
