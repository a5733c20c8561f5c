package storetest

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/authnfsm/authn"
)

// A Gate holds each call of the stores that it wraps until the test releases
// it. A test can thus run one client between another's Load and Save, the same
// way every time:
//
//	gate := storetest.NewGate()
//	go func() { defer close(done); client(gate.Wrap(store)) }()
//	(<-gate.Calls()).Release() // its Load
//	save := <-gate.Calls()     // its Save waits
//	other(store)
//	save.Release()
//	<-done
//
// A Gate is safe for concurrent use.
type Gate struct {
	calls chan *Held
}

// A Held is a call that waits at a [Gate].
type Held struct {
	Call
	free func()
}

// Release lets the call continue and does not wait for it. A second Release
// does nothing.
func (h *Held) Release() { h.free() }

// NewGate returns a gate that holds every call.
func NewGate() *Gate { return &Gate{calls: make(chan *Held)} }

// Calls returns the channel that receives each call. It is never closed: a
// test that does not know whether another call follows must also wait for the
// end of the client.
func (g *Gate) Calls() <-chan *Held { return g.calls }

// Wrap returns s behind the gate. A call whose context ends while it waits
// returns the context's error and does not reach s. One Gate may wrap several
// stores. The store is an [authn.Sweeper] if s is; then Due is held too.
func (g *Gate) Wrap(s authn.Store) authn.Store {
	var n Counter
	return wrap(s, func(ctx context.Context, c Call, call func() error) error {
		free := make(chan struct{})
		h := &Held{n.count(c), sync.OnceFunc(func() { close(free) })}
		select {
		case g.calls <- h:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case <-free:
			return call()
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// A Turn is one call that [Interleave] released.
type Turn struct {
	Client int
	Op     Op
	Key    string
}

// String returns the client and the operation, such as "1:save".
func (t Turn) String() string { return fmt.Sprintf("%d:%s", t.Client, t.Op) }

// Interleave runs each client in its own goroutine and lets one call of s
// through at a time. While n clients wait, pick chooses the next by a number
// from 0 to n-1, in the order of the clients. Take pick from [Schedules] for
// every order, or from rapid or math/rand for some. Interleave returns the
// calls in order, after all clients have returned.
//
// A client must make one call at a time and must not wait for another client.
func Interleave(s authn.Store, pick func(n int) int, clients ...func(authn.Store)) []Turn {
	var turns []Turn
	held := make([]*Held, len(clients)) // nil: the client has returned
	next := make([]func() *Held, len(clients))
	for i, client := range clients {
		gate, done := NewGate(), make(chan struct{})
		next[i] = func() *Held {
			select {
			case h := <-gate.Calls():
				return h
			case <-done:
				return nil
			}
		}
		go func() {
			defer close(done)
			client(gate.Wrap(s))
		}()
		held[i] = next[i]()
	}
	for {
		var waiting []int
		for i, h := range held {
			if h != nil {
				waiting = append(waiting, i)
			}
		}
		if len(waiting) == 0 {
			return turns
		}
		i := waiting[pick(len(waiting))]
		turns = append(turns, Turn{i, held[i].Op, held[i].Key})
		held[i].Release()
		held[i] = next[i]()
	}
}

// Schedules returns every sequence of choices, each as a pick for
// [Interleave], in lexical order:
//
//	for pick := range storetest.Schedules() {
//		store := new(memstore.Store)
//		turns := storetest.Interleave(store, pick, alice, bob)
//		… // check what alice and bob were told, and what store has now
//	}
//
// Schedules discovers the choices as the loop makes them: the body must depend
// on pick alone, or Schedules panics. Two clients with a Load and a Save each
// have 6 schedules, three have 90; clients that retry after a conflict have
// more.
func Schedules() iter.Seq[func(n int) int] {
	return func(yield func(func(n int) int) bool) {
		var taken, of []int // the choices of this run, and out of how many
		for {
			depth := 0
			pick := func(n int) int {
				if depth == len(of) {
					taken, of = append(taken, 0), append(of, n)
				}
				if of[depth] != n {
					panic("storetest: the same choices led to another situation")
				}
				depth++
				return taken[depth-1]
			}
			if !yield(pick) {
				return
			}
			if depth != len(of) {
				panic("storetest: the same choices led to fewer choices")
			}
			last := len(of) - 1
			for last >= 0 && taken[last] == of[last]-1 {
				last--
			}
			if last < 0 {
				return
			}
			taken, of = taken[:last+1], of[:last+1]
			taken[last]++
		}
	}
}
