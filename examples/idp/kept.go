package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"

	"github.com/authnfsm/authn/examples/host"
)

// kept is the little that this host has to remember by itself: small values
// by kind and name. What the library remembers is in an authn.Store.
type kept interface {
	get(ctx context.Context, kind, name string) ([]byte, error) // nil: there is none
	put(ctx context.Context, kind, name string, value []byte) error
	remove(ctx context.Context, kind, name string) error
	all(ctx context.Context, kind string) (map[string][]byte, error)
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
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return k.put(ctx, kind, name, b)
}

// keptInMemory is for a store that is in memory too.
type keptInMemory struct {
	mu sync.Mutex
	m  map[string]map[string][]byte
}

func (k *keptInMemory) get(_ context.Context, kind, name string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.m[kind][name], nil
}

func (k *keptInMemory) put(_ context.Context, kind, name string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.m == nil {
		k.m = map[string]map[string][]byte{}
	}
	if k.m[kind] == nil {
		k.m[kind] = map[string][]byte{}
	}
	k.m[kind][name] = value
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
	return maps.Clone(k.m[kind]), nil
}
