package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// take takes the only ticket. It is a client with a bug: it ignores save
// conflicts.
func take(s authn.Store, who string) string {
	ctx := context.Background()
	r, err := s.Load(ctx, "ticket")
	if err != nil || string(r.Value) != "free" {
		return who + " came late"
	}
	// A correct client would check this error.
	_ = s.Save(ctx, "ticket", r.Version, authn.Record{Value: []byte(who), Version: 2})
	return who + " has it"
}

// Run two clients in every order of their calls, so that the race always shows.
func ExampleInterleave() {
	worst := 0
	for pick := range storetest.Schedules() {
		store := new(memstore.Store)
		_ = store.Save(context.Background(), "ticket", 0, authn.Record{Value: []byte("free"), Version: 1})
		var a, b string
		turns := storetest.Interleave(store, pick,
			func(s authn.Store) { a = take(s, "ann") },
			func(s authn.Store) { b = take(s, "bob") },
		)
		fmt.Println(turns, a, "and", b)
		if a == "ann has it" && b == "bob has it" {
			worst++
		}
	}
	fmt.Println("wrong:", worst)
	// Output:
	// [0:load 0:save 1:load] ann has it and bob came late
	// [0:load 1:load 0:save 1:save] ann has it and bob has it
	// [0:load 1:load 1:save 0:save] ann has it and bob has it
	// [1:load 0:load 0:save 1:save] ann has it and bob has it
	// [1:load 0:load 1:save 0:save] ann has it and bob has it
	// [1:load 1:save 0:load] ann came late and bob has it
	// wrong: 4
}

// The connection breaks after the second save has reached the store. The
// caller loads the record: its version tells whether the save succeeded.
func ExampleFaulty() {
	ctx := context.Background()
	cut := errors.New("connection reset")
	store := storetest.Faulty(new(memstore.Store), storetest.Nth(storetest.Save, 2, storetest.Fault{Err: cut, After: true}))

	fmt.Println(store.Save(ctx, "key", 0, authn.Record{Value: []byte("first"), Version: 11}))
	fmt.Println(store.Save(ctx, "key", 11, authn.Record{Value: []byte("second"), Version: 22}))
	r, err := store.Load(ctx, "key")
	fmt.Println(r.Version, err)
	// Output:
	// <nil>
	// connection reset
	// 22 <nil>
}

// Hold one client between its Load and its Save while another does both.
func ExampleGate() {
	store := new(memstore.Store)
	_ = store.Save(context.Background(), "ticket", 0, authn.Record{Value: []byte("free"), Version: 1})
	gate := storetest.NewGate()
	done := make(chan string)
	go func() { done <- take(gate.Wrap(store), "ann") }()

	(<-gate.Calls()).Release() // ann's Load
	save := <-gate.Calls()
	fmt.Println(take(store, "bob"))
	fmt.Println("ann waits before her", save.Op)
	save.Release()
	fmt.Println(<-done)
	// Output:
	// bob has it
	// ann waits before her save
	// ann has it
}

// Count the calls that an operation makes.
func ExampleCounter() {
	var calls storetest.Counter
	store := calls.Wrap(new(memstore.Store))
	take(store, "ann")
	_, _ = store.(authn.Sweeper).Due(context.Background(), time.Now(), 10)
	fmt.Println(calls.Loads(), calls.Saves(), calls.Dues())
	// Output: 1 0 1
}

// Return a truncated value, a changed one, and another record.
func ExampleAlways() {
	ctx := context.Background()
	good := new(memstore.Store)
	_ = good.Save(ctx, "key", 0, authn.Record{Value: []byte("sealed"), Version: 7})
	for _, damage := range []func(authn.Record) authn.Record{
		storetest.Flip(0), storetest.Truncate(4), storetest.Instead(authn.Record{Value: []byte("another's"), Version: 9}),
	} {
		store := storetest.Faulty(good, storetest.Always(storetest.Load, storetest.Fault{Damage: damage}))
		r, err := store.Load(ctx, "key")
		fmt.Printf("%q %d %v\n", r.Value, r.Version, err)
	}
	// Output:
	// "realed" 7 <nil>
	// "seal" 7 <nil>
	// "another's" 9 <nil>
}
