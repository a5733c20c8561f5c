package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// model makes random calls and compares their results with those of a map. It
// returns the first difference and skips the calls after it. It checks the
// same contract as the cases, with sequences that no case has.
func model(t *rapid.T, e *env) error {
	m := &reference{env: e, ctx: context.Background(), records: map[string]authn.Record{}}
	step := func(f func(*rapid.T) error) func(*rapid.T) {
		return func(t *rapid.T) {
			if m.err == nil {
				m.err = f(t)
			}
		}
	}
	actions := map[string]func(*rapid.T){
		"save":   step(m.save),
		"delete": step(m.delete),
		"wrong":  step(m.wrong),
		"":       step(m.check),
	}
	if _, ok := e.s.(authn.Sweeper); ok {
		actions["due"] = step(m.due)
	}
	t.Repeat(actions)
	return m.err
}

// reference is the expected content of the store.
type reference struct {
	*env
	ctx     context.Context
	records map[string]authn.Record
	past    []uint64 // every version used so far, of any key
	checks  int
	err     error
}

var (
	modelKeys  = []string{key(1), key(2), key(3), key(1 << 20)}
	someKey    = rapid.SampledFrom(modelKeys)
	someClient = rapid.IntRange(0, 1)
	// Few different times, so that some are equal; 0 is the zero time.
	someTime = rapid.Custom(func(t *rapid.T) time.Time {
		n := rapid.IntRange(0, 5).Draw(t, "time")
		if n == 0 {
			return time.Time{}
		}
		return date.Add(time.Duration(n) * time.Second)
	})
)

// draw returns a record with an unused version.
func (m *reference) draw(t *rapid.T) authn.Record {
	r := authn.Record{
		Value:   rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "value"),
		Version: rapid.Uint64Min(1).Draw(t, "version"),
		Due:     someTime.Draw(t, "due"),
	}
	for m.used(r.Version) {
		r.Version = r.Version*3 + 1
	}
	m.past = append(m.past, r.Version)
	return r
}

func (m *reference) used(version uint64) bool {
	return version == 0 || slices.Contains(m.past, version)
}

func (m *reference) save(t *rapid.T) error {
	k, s := someKey.Draw(t, "key"), m.client(someClient.Draw(t, "client"))
	r := m.draw(t)
	if err := s.Save(m.ctx, k, m.records[k].Version, r); err != nil {
		return must("save at the current version", err)
	}
	m.records[k] = r
	return nil
}

func (m *reference) delete(t *rapid.T) error {
	if len(m.records) == 0 {
		t.Skip("there is nothing to delete")
	}
	k, s := someKey.Draw(t, "key"), m.client(someClient.Draw(t, "client"))
	old := m.records[k].Version
	err := s.Save(m.ctx, k, old, authn.Record{})
	if old == 0 && errors.Is(err, authn.ErrConflict) {
		err = nil // deleting nothing may be refused
	}
	delete(m.records, k)
	return must("delete at the current version", err)
}

// wrong saves at a version that is not the current one.
func (m *reference) wrong(t *rapid.T) error {
	k, s := someKey.Draw(t, "key"), m.client(someClient.Draw(t, "client"))
	old := rapid.SampledFrom(append([]uint64{0, 1}, m.past...)).Draw(t, "old")
	if old == m.records[k].Version {
		return nil
	}
	r := authn.Record{}
	if rapid.Bool().Draw(t, "replace") {
		r = m.draw(t)
	}
	return wantIs(fmt.Sprintf("save at %d over %d", old, m.records[k].Version), s.Save(m.ctx, k, old, r), authn.ErrConflict)
}

func (m *reference) due(t *rapid.T) error {
	want := map[string]time.Time{}
	for k, r := range m.records {
		want[k] = r.Due
	}
	limit := rapid.IntRange(-1, 5).Draw(t, "limit")
	return m.wantDue(m.ctx, "due", want, someTime.Draw(t, "before"), limit)
}

// check compares all records, using the clients in turn.
func (m *reference) check(*rapid.T) error {
	m.checks++
	for _, k := range modelKeys {
		want, there := m.records[k]
		got, err := m.client(m.checks).Load(m.ctx, k)
		switch {
		case !there:
			err = wantIs("load where there is no record", err, authn.ErrNotFound)
		case err == nil:
			err = same(got, want)
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", k, err)
		}
	}
	return nil
}
