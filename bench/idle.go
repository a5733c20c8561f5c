package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

const (
	idleBytes  = "bytes of an idle transaction in memstore, all in"
	tendStored = "Tend of 1,000 due among very many : among 10,000"
)

const (
	many  = 1_000_000
	fewer = many / 4 // with -quick; maps are as full with a quarter
	few   = 10_000
	batch = 1000 // due at once
)

// A template is a record that the Service saved after a challenge whose mail was
// delivered. Its account can be stored under any number of keys.
type template struct {
	m       *authn.Machine
	account authn.Account
	due     time.Time
	size    int
}

// newTemplate makes a template of an account that was challenged at a time.
func newTemplate(at time.Time) (*template, error) {
	h := newHost()
	h.set(at)
	s := new(keyed)
	svc, err := h.service(s)
	if err != nil {
		return nil, err
	}
	if _, err := h.tickets(svc, "user-with-a-name-of-thirty-bytes", 1); err != nil {
		return nil, err
	}
	r, err := s.Load(context.Background(), s.key)
	if err != nil {
		return nil, err
	}
	t := &template{due: r.Due, size: len(r.Value)}
	if t.m, err = newMachine(); err != nil {
		return nil, err
	}
	t.account, err = t.m.Open(r.Value, s.key)
	return t, err
}

// keyed remembers the key of the last save.
type keyed struct {
	memstore.Store
	key string
}

func (s *keyed) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	s.key = key
	return s.Store.Save(ctx, key, old, r)
}

// fill stores the account n times, under keys of its tenant that go on with the
// group.
func (t *template) fill(s authn.Store, group uint64, n int) error {
	var p [16]byte
	binary.BigEndian.PutUint64(p[:], group)
	own := t.m.Key("anybody")
	mark := own[:len(own)-hex.EncodedLen(len(p))]
	for i := range n {
		binary.BigEndian.PutUint64(p[8:], uint64(i)*0x9e3779b97f4a7c15)
		key := mark + hex.EncodeToString(p[:])
		r := authn.Record{Value: t.m.Seal(&t.account, key), Version: version(), Due: t.due}
		if err := s.Save(context.Background(), key, 0, r); err != nil {
			return err
		}
	}
	return nil
}

// An attic is a store in which some batches are due soon, and the rest much
// later.
type attic struct {
	store *memstore.Store
	host  *host
	svc   *authn.Service
	next  int // batch to tend
}

// batches is the number of batches to tend. All must be done within ten minutes,
// because then the records of ended transactions are due again.
const batches = 9

// batchDue returns the time at which the transactions of a batch begin.
func batchDue(i int) time.Time { return start.Add(time.Duration(i) * 30 * time.Second) }

// newAttic stores n records, of which some batches are due soon.
func newAttic(n int) (*attic, error) {
	a := &attic{store: new(memstore.Store), host: newHost()}
	var err error
	if a.svc, err = a.host.service(a.store); err != nil {
		return nil, err
	}
	for i := range batches {
		t, err := newTemplate(batchDue(i))
		if err == nil {
			err = t.fill(a.store, uint64(i+1), batch)
		}
		if err != nil {
			return nil, err
		}
	}
	later, err := newTemplate(start.Add(30 * 24 * time.Hour))
	if err == nil {
		err = later.fill(a.store, 0, n-batches*batch)
	}
	return a, err
}

// tends returns a contestant that tends the next batch.
func (a *attic) tends() contestant {
	return contestant{
		name: fmt.Sprintf("%d stored", a.store.Len()),
		prepare: func(int) error {
			t, err := newTemplate(batchDue(a.next))
			if err != nil {
				return err
			}
			a.next++
			a.host.set(t.due)
			return nil
		},
		run: func(int) error {
			did, err := a.svc.Tend(context.Background())
			if err == nil && (did.Records != batch || did.Ended != batch) {
				err = fmt.Errorf("%d records were due and %d transactions ended, not %d", did.Records, did.Ended, batch)
			}
			return err
		},
	}
}

// idle fills a store with a million transactions, measures its memory and tends
// it.
func idle(p *plan) (*section, error) {
	sec := &section{title: "Idle transactions", text: idleText}
	n := many
	if p.quick {
		n = fewer
	}
	before := heap()
	p.say("  %d records", n)
	large, err := newAttic(n)
	if err != nil {
		return nil, err
	}
	each := float64(heap()-before) / float64(n)
	sec.find(idleBytes, []float64{each}, nil)
	small, err := newAttic(few)
	if err != nil {
		return nil, err
	}
	p.say("  Tend")
	t := table{caption: "Tend, " + strconv.Itoa(batch) + " records due, each with a transaction whose time is up", head: []string{"", "time", "spread", "a record"}}
	all, err := inTurns([]contestant{large.tends(), small.tends()}, batches, []int{1, 1})
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		w := spreadOf(l.of(wall))
		t.add(l.name, nanos(w.mid), percent(w), nanos(w.mid/batch))
	}
	one, err := newTemplate(start)
	if err != nil {
		return nil, err
	}
	sec.tables = append(sec.tables, table{caption: "in memory, " + strconv.Itoa(n) + " transactions", head: []string{"", "bytes"},
		rows: [][]string{{"a record's value", strconv.Itoa(one.size)}, {"all in", fmt.Sprintf("%.0f", each)}}}, t)
	sec.find(tendStored, paired(all[0].of(cpu), all[1].of(cpu)), nil)
	return sec, nil
}

// heap returns the size of the live heap.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const idleText = `A million records as the Service saves them after a challenge whose mail was delivered, each under its own key, and the growth of the heap: value,
key, entry, map and queue. Tend then ends 1,000 expired transactions, in a large store and in a small one.`
