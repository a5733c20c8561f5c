package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"pgregory.net/rapid"
)

// TestCatches tests the suite: the named cases detect each broken store, and
// each case detects at least one.
func TestCatches(t *testing.T) {
	useful := map[string]bool{}
	for _, b := range slices.Concat(brokenVersions, brokenValues, brokenRaces, brokenDues, brokenLists) {
		by, notModel := strings.CutPrefix(b.by, "!")
		t.Run(b.name, func(t *testing.T) {
			open := func() *env {
				s := &bent{Store: new(memstore.Store)}
				b.bend(s)
				return &env{s: s}
			}
			catch(t, by, open, useful)
			if !notModel && modeled(open) == nil {
				t.Error("the model does not detect it")
			}
		})
	}
	for _, b := range slices.Concat(brokenWorlds, brokenClocks) {
		t.Run(b.name, func(t *testing.T) { catch(t, b.by, b.open, useful) })
	}
	for _, c := range cases() {
		if !useful[c.name] {
			t.Errorf("case %q fails for no broken store", c.name)
		}
	}
}

// catch fails unless each of the named cases rejects the stores of open.
func catch(t *testing.T, by string, open func() *env, useful map[string]bool) {
	for _, name := range strings.Split(by, ", ") {
		useful[name] = true
		if err := find(t, name).check(t.Context(), open()); err == nil {
			t.Errorf("case %q does not detect it", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

func find(t *testing.T, name string) testCase {
	for _, c := range cases() {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no case %q", name)
	return testCase{}
}

// modeled returns the model's first error about the stores of open.
func modeled(open func() *env) (err error) {
	run := rapid.Custom(func(t *rapid.T) error { return model(t, open()) })
	for seed := range 300 {
		if err := run.Example(seed); err != nil {
			return err
		}
	}
	return nil
}

// A brokenWorld is a way to be wrong that takes more than a store's own methods, and
// the cases that must detect it.
type brokenWorld struct {
	name string
	by   string
	open func() *env
}

// brokenWorlds are stores that are wrong for a second client or after a crash.
var brokenWorlds = []brokenWorld{
	{"caches what it loaded", "second client, stale version, lost update", func() *env {
		m := new(memstore.Store)
		return &env{s: cached(m), second: cached(m)}
	}},
	{"writes late", "reopened, killed while saving", func() *env {
		disk, memory := new(memstore.Store), new(memstore.Store)
		late := &bent{Store: memory}
		var mu sync.Mutex
		n := 0
		late.save = func(ctx context.Context, key string, old uint64, r authn.Record) error {
			mu.Lock()
			defer mu.Unlock()
			err := memory.Save(ctx, key, old, r)
			if n++; err == nil && n < 30 {
				err = disk.Save(ctx, key, old, r)
			}
			return err
		}
		return reopening(late, disk)
	}},
	{"reopens with half a record", "killed while saving", func() *env {
		m := new(memstore.Store)
		half := Faulty(m, Always(Load, Fault{Damage: Truncate(50)}))
		return reopening(m, half)
	}},
	{"reopens without its index", "reopened", func() *env {
		m := new(memstore.Store)
		return reopening(m, &bent{Store: m, due: new(memstore.Store).Due})
	}},
	{"fails before it is reopened", "killed while saving", func() *env {
		s := Faulty(new(memstore.Store), Always(Save, Fault{Err: errors.New("down")}))
		return &env{s: s}
	}},
}

// reopening returns an env in which reopening replaces s by after.
func reopening(s, after authn.Store) *env {
	e := &env{s: s}
	e.reopen = func() { e.s = after }
	return e
}

// cached is a client that returns its cached record until it saves.
func cached(m *memstore.Store) authn.Store {
	var kept sync.Map
	return &bent{
		Store: m,
		load: func(ctx context.Context, key string) (authn.Record, error) {
			if r, ok := kept.Load(key); ok {
				return r.(authn.Record), nil
			}
			r, err := m.Load(ctx, key)
			if err == nil {
				kept.Store(key, r)
			}
			return r, err
		},
		save: func(ctx context.Context, key string, old uint64, r authn.Record) error {
			err := m.Save(ctx, key, old, r)
			if err == nil {
				kept.Delete(key)
			}
			return err
		},
	}
}

// TestRun checks that Run uses the hooks of a Harness and accepts clients that
// fail once the store is reopened.
func TestRun(t *testing.T) {
	type world struct {
		data *memstore.Store
		dead atomic.Bool
	}
	worlds := map[authn.Store]*world{}
	seconds, reopened := 0, 0
	connect := func(w *world) authn.Store {
		s := Faulty(w.data, func(Call) (f Fault) {
			if w.dead.Load() {
				f.Err = errors.New("connection refused")
			}
			return f
		})
		worlds[s] = w
		return s
	}
	Harness{
		Open: func(*testing.T) authn.Store {
			return connect(&world{data: new(memstore.Store)})
		},
		Second: func(_ *testing.T, s authn.Store) authn.Store {
			seconds++
			return connect(worlds[s])
		},
		Reopen: func(_ *testing.T, s authn.Store) authn.Store {
			reopened++
			worlds[s].dead.Store(true)
			return connect(&world{data: worlds[s].data})
		},
	}.Run(t)
	if reopened != len(durableCases) || seconds < len(cases()) {
		t.Errorf("%d second clients, %d reopened", seconds, reopened)
	}
}

// TestRunWithoutSweeper checks that a store need not be an [authn.Sweeper].
func TestRunWithoutSweeper(t *testing.T) {
	Run(t, func(*testing.T) authn.Store {
		return struct{ authn.Store }{new(memstore.Store)}
	})
}
