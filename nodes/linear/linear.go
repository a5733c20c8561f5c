// Package linear checks that what clients do to a store, and what they are told, could
// have been told by one register, had they come one by one. It is for tests.
package linear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/storetest"
)

// What clients do to a few records and what they are told must be what one
// register with a version could have told them, had they come one by one.

// input is a call, and output what came of it. Version 0 stands for no record.
type (
	input struct {
		save     bool
		key      int
		old, new uint64 // of a save; a new 0 deletes
	}
	output struct {
		version  uint64 // of a load
		conflict bool   // of a save
		unknown  bool   // an error that says nothing
	}
)

// register is a record as it should be. Its state is its version.
var register = porcupine.NondeterministicModel{
	Partition: byKey,
	Init:      func() []any { return []any{uint64(0)} },
	Step: func(state, in, out any) []any {
		call, got, now := in.(input), out.(output), state.(uint64)
		lost := []any{now}
		swapped := lost
		if call.save && call.old == now {
			swapped = []any{call.new}
		}
		switch {
		case call.save && got.unknown:
			return append(lost, swapped...)
		case call.save && got.conflict && call.old != now:
			return lost
		case call.save && !got.conflict && call.old == now:
			return swapped
		case !call.save && (got.unknown || got.version == now):
			return lost
		}
		return nil
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) },
}

func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	parts := map[int][]porcupine.Operation{}
	for _, op := range history {
		k := op.Input.(input).key
		parts[k] = append(parts[k], op)
	}
	var all [][]porcupine.Operation
	for _, p := range parts {
		all = append(all, p)
	}
	return all
}

// judge says whether there is an order for the history. It gives up after a
// while: then it is unknown.
func judge(history []porcupine.Operation) porcupine.CheckResult {
	model := register.ToModel()
	return porcupine.CheckOperationsTimeout(model, history, 20*time.Second)
}

const (
	linearClients = 6
	linearCalls   = 40 // of each
	linearKeys    = 2
)

// historian records what clients do. The records are those of one round.
type historian struct {
	start time.Time
	round int

	mu      sync.Mutex // guards the fields below
	history []porcupine.Operation
	err     error
}

// history lets clients use the stores, each one of them, at once.
func history(ctx context.Context, round int, stores ...authn.Store) ([]porcupine.Operation, error) {
	h := &historian{start: time.Now(), round: round}
	var wg sync.WaitGroup
	for i := range linearClients {
		wg.Go(func() { h.client(ctx, i, stores[i%len(stores)]) })
	}
	wg.Wait()
	return h.history, h.err
}

// client loads, saves, deletes and creates, mostly at the version it saw last.
func (h *historian) client(ctx context.Context, id int, s authn.Store) {
	var seen [linearKeys][]uint64
	for range linearCalls {
		in := input{key: rand.IntN(linearKeys)}
		past := seen[in.key]
		if in.save = len(past) > 0 && rand.IntN(3) > 0; in.save {
			in.old, in.new = past[len(past)-1], rand.Uint64()|1
			if rand.IntN(8) == 0 {
				in.old = past[rand.IntN(len(past))]
			}
			if in.old != 0 && rand.IntN(5) == 0 {
				in.new = 0
			}
		}
		out := h.do(ctx, id, s, in)
		switch {
		case !in.save && !out.unknown:
			seen[in.key] = append(past, out.version)
		case in.save && !out.conflict && !out.unknown:
			seen[in.key] = append(past, in.new)
		}
	}
}

// do makes one call and writes it down. One whose outcome is unknown may have
// its effect at any time after it began.
func (h *historian) do(ctx context.Context, id int, s authn.Store, in input) output {
	op := porcupine.Operation{ClientId: id, Input: in, Call: int64(time.Since(h.start))}
	out, err := h.call(ctx, s, in)
	op.Output, op.Return = out, int64(time.Since(h.start))
	if out.unknown {
		op.Return = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = append(h.history, op)
	if h.err == nil {
		h.err = err
	}
	return out
}

// ErrUnknown is the error of a call that may have happened or not. Any other error
// but the two sentinels of a store fails the check.
var ErrUnknown = errors.New("what happened is unknown")

func (h *historian) call(ctx context.Context, s authn.Store, in input) (out output, err error) {
	key := fmt.Sprintf("%d-%d", h.round, in.key)
	var r authn.Record
	if in.save {
		if r.Version = in.new; in.new != 0 {
			r.Value = strconv.AppendUint(nil, in.new, 10)
		}
		err = s.Save(ctx, key, in.old, r)
	} else if r, err = s.Load(ctx, key); err == nil {
		if out.version = r.Version; string(r.Value) != strconv.FormatUint(r.Version, 10) {
			return out, fmt.Errorf("version %d comes with value %q", r.Version, r.Value)
		}
	}
	switch {
	case errors.Is(err, ErrUnknown):
		out.unknown, err = true, nil
	case in.save && errors.Is(err, authn.ErrConflict):
		out.conflict, err = true, nil
	case !in.save && errors.Is(err, authn.ErrNotFound):
		err = nil
	}
	return out, err
}

// cut loses some answers of a store, good ones among them.
func cut(s authn.Store) authn.Store {
	return storetest.Faulty(s, func(storetest.Call) storetest.Fault {
		switch rand.IntN(30) {
		case 0:
			return storetest.Fault{Err: ErrUnknown}
		case 1:
			return storetest.Fault{Err: ErrUnknown, After: true}
		}
		return storetest.Fault{}
	})
}

// Check fails the test if a history of clients of the stores, which have the same
// records, is wrong. Some of their calls are cut.
func Check(t *testing.T, rounds int, stores ...authn.Store) {
	t.Helper()
	for i, s := range stores {
		stores[i] = cut(s)
	}
	for round := range rounds {
		h, err := history(t.Context(), round, stores...)
		if err != nil {
			t.Fatal(err)
		}
		if got := judge(h); got != porcupine.Ok {
			t.Fatalf("round %d: a history of %d calls is %s", round, len(h), got)
		}
	}
}

// CheckRacy fails the test if the store, which races, cannot be told from one that
// does not.
func CheckRacy(t *testing.T, s authn.Store) {
	t.Helper()
	const rounds = 100
	for round := range rounds {
		h, err := history(t.Context(), -1-round, s)
		if err != nil {
			t.Fatal(err)
		}
		if judge(h) == porcupine.Illegal {
			return
		}
	}
	t.Errorf("%d histories of a store that races look right", rounds)
}
