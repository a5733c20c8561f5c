package storetest

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

var errTest = errors.New("test")

// TestWrappersAreStores checks that a wrapper without faults conforms.
func TestWrappersAreStores(t *testing.T) {
	t.Run("counter", func(t *testing.T) {
		Run(t, func(*testing.T) authn.Store { return new(Counter).Wrap(new(memstore.Store)) })
	})
	t.Run("faulty", func(t *testing.T) {
		Run(t, func(*testing.T) authn.Store { return Faulty(new(memstore.Store), Always("", Fault{})) })
	})
	t.Run("gate", func(t *testing.T) {
		Run(t, func(t *testing.T) authn.Store {
			gate := NewGate()
			go func() {
				for {
					select {
					case h := <-gate.Calls():
						h.Release()
						h.Release() // does nothing
					case <-t.Context().Done():
						return
					}
				}
			}()
			return gate.Wrap(new(memstore.Store))
		})
	})
}

// TestSweeper checks that a wrapper is a Sweeper if the wrapped store is.
func TestSweeper(t *testing.T) {
	for _, wrap := range []func(authn.Store) authn.Store{
		new(Counter).Wrap, NewGate().Wrap,
		func(s authn.Store) authn.Store { return Faulty(s, Always("", Fault{})) },
	} {
		if _, ok := wrap(new(memstore.Store)).(authn.Sweeper); !ok {
			t.Error("the wrapper of a Sweeper is not a Sweeper")
		}
		if _, ok := wrap(struct{ authn.Store }{new(memstore.Store)}).(authn.Sweeper); ok {
			t.Error("the wrapper of a store without Due is a Sweeper")
		}
	}
}

func TestCounter(t *testing.T) {
	var c Counter
	a, b := c.Wrap(new(memstore.Store)), c.Wrap(new(memstore.Store))
	_, _ = a.Load(t.Context(), key(1))
	_ = a.Save(t.Context(), key(1), 0, authn.Record{Value: []byte("x"), Version: 1})
	_ = b.Save(t.Context(), key(1), 7, authn.Record{}) // a conflict counts too
	for range 3 {
		_, _ = b.(authn.Sweeper).Due(t.Context(), date, 1)
	}
	if c.Loads() != 1 || c.Saves() != 2 || c.Dues() != 3 {
		t.Errorf("%d loads, %d saves, %d dues", c.Loads(), c.Saves(), c.Dues())
	}
}

func TestFaultErr(t *testing.T) {
	for _, after := range []bool{false, true} {
		m := new(memstore.Store)
		r := authn.Record{Value: []byte("value"), Version: 1, Due: date}
		s := Faulty(m, Always("", Fault{Err: errTest, After: after}))
		if err := s.Save(t.Context(), key(1), 0, r); !errors.Is(err, errTest) {
			t.Errorf("save: %v", err)
		}
		if m.Len() != map[bool]int{true: 1}[after] {
			t.Errorf("after %v: there are %d records", after, m.Len())
		}
		if r, err := s.Load(t.Context(), key(1)); !errors.Is(err, errTest) || r.Version != 0 || r.Value != nil {
			t.Errorf("load: %v, %v", r, err)
		}
		if keys, err := s.(authn.Sweeper).Due(t.Context(), date, 1); !errors.Is(err, errTest) || keys != nil {
			t.Errorf("due: %v, %v", keys, err)
		}
	}
}

func TestFaultPanic(t *testing.T) {
	for _, after := range []bool{false, true} {
		m := new(memstore.Store)
		s := Faulty(m, Always(Save, Fault{Panic: "boom", After: after, Err: errTest}))
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v", r)
				}
			}()
			t.Error(s.Save(t.Context(), key(1), 0, authn.Record{Value: []byte("value"), Version: 1}))
		}()
		if m.Len() != map[bool]int{true: 1}[after] {
			t.Errorf("after %v: there are %d records", after, m.Len())
		}
	}
}

func TestFaultDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(memstore.Store)
		r := authn.Record{Value: []byte("value"), Version: 1}
		start := time.Now()
		s := Faulty(m, Always("", Fault{Delay: time.Second}))
		if err := s.Save(t.Context(), key(1), 0, r); err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s = Faulty(m, Always("", Fault{Delay: Forever, After: true, Err: errTest}))
		err := s.Save(ctx, key(1), 1, authn.Record{})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second+time.Minute {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if m.Len() != 1 {
			t.Error("a call whose context ended changed the store")
		}
	})
}

func TestFaultDamage(t *testing.T) {
	m := new(memstore.Store)
	r := authn.Record{Value: []byte("\x00\x00\x00"), Version: 1}
	if err := m.Save(t.Context(), key(1), 0, r); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		damage func(authn.Record) authn.Record
		want   string
	}{
		{"first bit", Flip(0), "\x01\x00\x00"},
		{"bit 9", Flip(9), "\x00\x02\x00"},
		{"last bit", Flip(-1), "\x00\x00\x80"},
		{"round the end", Flip(24), "\x01\x00\x00"},
		{"round the start", Flip(-25), "\x00\x00\x80"},
		{"first bytes", Truncate(2), "\x00\x00"},
		{"nothing left", Truncate(0), ""},
		{"nothing cut", Truncate(9), "\x00\x00\x00"},
		{"all but the last", Truncate(-1), "\x00\x00"},
		{"less than nothing left", Truncate(-9), ""},
		{"another", Instead(authn.Record{Value: []byte("another"), Version: 1}), "another"},
	} {
		s := Faulty(m, Always("", Fault{Damage: c.damage}))
		for range 2 {
			got, err := s.Load(t.Context(), key(1))
			if err != nil || string(got.Value) != c.want || got.Version != 1 {
				t.Errorf("%s: %q, %v", c.name, got.Value, err)
			}
			clear(got.Value)
		}
		if got, err := m.Load(t.Context(), key(1)); err != nil || string(got.Value) != string(r.Value) {
			t.Errorf("%s: the store now has %q, %v", c.name, got.Value, err)
		}
		if _, err := s.Load(t.Context(), key(2)); !errors.Is(err, authn.ErrNotFound) {
			t.Errorf("%s: load of no record: %v", c.name, err)
		}
	}
	if got := Flip(3)(authn.Record{}); got.Value != nil {
		t.Error("Flip changed an empty value")
	}
}

func TestPlans(t *testing.T) {
	f := Fault{Err: errTest}
	for name, c := range map[string]struct {
		plan Plan
		want string // for load, save, load, save: x is a fault
	}{
		"always":       {Always("", f), "xxxx"},
		"always save":  {Always(Save, f), ".x.x"},
		"first":        {Nth("", 1, f), "x..."},
		"third":        {Nth("", 3, f), "..x."},
		"second save":  {Nth(Save, 2, f), "...x"},
		"ninth":        {Nth("", 9, f), "...."},
		"none is zero": {Nth("", 0, f), "...."},
	} {
		if got := calls(t, Faulty(new(memstore.Store), c.plan)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// calls loads and saves by turns and marks the calls that fail.
func calls(t *testing.T, s authn.Store) (marks string) {
	for i := range 4 {
		var err error
		if i%2 == 0 {
			_, err = s.Load(t.Context(), key(1))
		} else {
			err = s.Save(t.Context(), key(1), 0, authn.Record{})
		}
		if errors.Is(err, errTest) {
			marks += "x"
		} else {
			marks += "."
		}
	}
	return marks
}

func TestGateContext(t *testing.T) {
	gate := NewGate()
	m := new(memstore.Store)
	s := gate.Wrap(m)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	save := func() { done <- s.Save(ctx, key(1), 0, authn.Record{Value: []byte("x"), Version: 1}) }
	go save()
	held := <-gate.Calls()
	if held.Op != Save || held.Key != key(1) || held.Old != 0 || held.New.Version != 1 || held.N != 1 || held.All != 1 {
		t.Errorf("held %+v", held.Call)
	}
	cancel() // while it waits to be released
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	held.Release()
	go save() // not received
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if m.Len() != 0 {
		t.Error("a call that was never released reached the store")
	}
}

// count adds 1 to the number under key(1). If swaps, it retries after a
// conflict; otherwise it ignores it and may lose an update.
func count(t *testing.T, swaps bool) func(authn.Store) {
	return func(s authn.Store) {
		for {
			r, err := s.Load(t.Context(), key(1))
			if err != nil && !errors.Is(err, authn.ErrNotFound) {
				t.Error(err)
				return
			}
			n, _ := strconv.Atoi(string(r.Value))
			next := authn.Record{Value: strconv.AppendInt(nil, int64(n+1), 10), Version: rand.Uint64() | 1}
			err = s.Save(t.Context(), key(1), r.Version, next)
			if err == nil || !swaps {
				return
			}
		}
	}
}

// TestInterleave counts in two and three clients, in every order.
func TestInterleave(t *testing.T) {
	for _, c := range []struct {
		clients   int
		swaps     bool
		schedules int
		wrong     int
	}{
		{1, false, 1, 0},
		{2, false, 6, 4}, // only the sequential ones are right
		{3, false, 90, 84},
		{2, true, 6, 0}, // no choice remains once one client has returned
		{3, true, 498, 0},
	} {
		clients := make([]func(authn.Store), c.clients)
		for i := range clients {
			clients[i] = count(t, c.swaps)
		}
		schedules, wrong := 0, 0
		seen := map[string]bool{}
		for pick := range Schedules() {
			m := new(memstore.Store)
			trace := ""
			for _, turn := range Interleave(m, pick, clients...) {
				trace += turn.String() + " "
			}
			if seen[trace] {
				t.Fatalf("%s comes twice", trace)
			}
			seen[trace] = true
			schedules++
			if r, err := m.Load(t.Context(), key(1)); err != nil || string(r.Value) != strconv.Itoa(c.clients) {
				wrong++
			}
		}
		if wrong != c.wrong || schedules != c.schedules {
			t.Errorf("%d clients, swaps %v: %d schedules, %d wrong", c.clients, c.swaps, schedules, wrong)
		}
	}
}

func TestInterleaveEnds(t *testing.T) {
	if turns := Interleave(new(memstore.Store), func(int) int { return 0 }); turns != nil {
		t.Error(turns)
	}
	idle := func(authn.Store) {}
	if turns := Interleave(new(memstore.Store), func(int) int { return 0 }, idle, idle); turns != nil {
		t.Error(turns)
	}
}

func TestSchedules(t *testing.T) {
	var got []string
	for pick := range Schedules() {
		s := ""
		for range 2 {
			s += strconv.Itoa(pick(2))
		}
		if s == "01" {
			s += strconv.Itoa(pick(3))
		}
		got = append(got, s)
	}
	want := []string{"00", "010", "011", "012", "10", "11"}
	if len(got) != len(want) {
		t.Fatal(got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatal(got)
		}
	}
	for range Schedules() { // the loop may break
		break
	}
	n := 0
	for range Schedules() { // and may make no choice
		n++
	}
	if n != 1 {
		t.Errorf("without a choice there were %d runs", n)
	}
}

// TestSchedulesDiffer checks that Schedules panics if the body depends on more
// than its choices.
func TestSchedulesDiffer(t *testing.T) {
	for name, body := range map[string]func(run int, pick func(int) int){
		"another number of choices": func(run int, pick func(int) int) { pick(2 + run) },
		"fewer choices": func(run int, pick func(int) int) {
			pick(2)
			if run == 0 {
				pick(2)
			}
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			run := 0
			for pick := range Schedules() {
				body(run, pick)
				run++
			}
		}()
	}
}
