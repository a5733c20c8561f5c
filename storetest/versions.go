package storetest

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/authnfsm/authn"
)

var versionCases = []testCase{
	{name: "create", check: create,
		contract: "Save with old 0 creates the record if there is none; otherwise it changes nothing and returns an error that wraps ErrConflict."},
	{name: "stale version", check: staleVersion,
		contract: "Save replaces the record if its version is still old; otherwise it changes nothing and returns an error that wraps ErrConflict."},
	{name: "relaxed", check: relaxed,
		contract: "Save of a record that is Relaxed obeys the same conditions, and Load returns it at once."},
	{name: "no record to replace", check: noRecord,
		contract: "Save with old other than 0 is a conflict if there is no record."},
	{name: "every bit", check: everyBit,
		contract: "Versions are compared in all 64 bits."},
	{name: "any version", check: anyVersion,
		contract: "Load returns the version as it was saved: any number but 0."},
	{name: "delete", check: deletes,
		contract: "Save of a record whose Value is empty deletes the record, under the same condition as any Save."},
	{name: "delete nothing", check: deleteNothing,
		contract: "A delete with old 0 where there is no record changes nothing and returns nil or ErrConflict."},
	{name: "late save", check: lateSave,
		contract: "A deleted record stays deleted: a save that expects one of its versions is a conflict."},
	{name: "create again", check: createAgain,
		contract: "An old version stays a conflict, even after the record was deleted and created again."},
}

func create(ctx context.Context, e *env) error {
	r, err := e.create(ctx, key(1), "value")
	if err != nil {
		return err
	}
	return first(
		e.wantRecord(ctx, "after create", key(1), r),
		wantIs("create over a record", e.s.Save(ctx, key(1), 0, e.record("other")), authn.ErrConflict),
		wantIs("create again with the same record", e.s.Save(ctx, key(1), 0, r), authn.ErrConflict),
		wantIs("delete with old 0 of a record", e.s.Save(ctx, key(1), 0, authn.Record{}), authn.ErrConflict),
		e.wantRecord(ctx, "after refused creates", key(1), r),
	)
}

func staleVersion(ctx context.Context, e *env) error {
	r, err := e.create(ctx, key(1), "first")
	if err != nil {
		return err
	}
	var past []uint64
	for i := range 4 {
		next := e.record(fmt.Sprint("value ", i))
		if i%2 == 0 {
			next.Due = date
		}
		if err := must("save", e.client(i).Save(ctx, key(1), r.Version, next)); err != nil {
			return err
		}
		past, r = append(past, r.Version), next
		for _, old := range append(past, e.version()) {
			wrong := e.record("wrong")
			wrong.Due = date
			err := first(
				wantIs("save at another version", e.client(i+1).Save(ctx, key(1), old, wrong), authn.ErrConflict),
				wantIs("save of the current record at another version", e.s.Save(ctx, key(1), old, r), authn.ErrConflict),
				e.wantRecord(ctx, "after a refused save", key(1), r),
			)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func relaxed(ctx context.Context, e *env) error {
	r, err := e.create(ctx, key(1), "value")
	if err != nil {
		return err
	}
	for i := range 4 {
		next, wrong := e.record(fmt.Sprint("value ", i)), e.record("wrong")
		next.Relaxed, wrong.Relaxed = true, true
		if err := must("relaxed save", e.client(i).Save(ctx, key(1), r.Version, next)); err != nil {
			return err
		}
		old := r.Version
		r = next
		r.Relaxed = false
		err := first(
			e.wantRecord(ctx, "after a relaxed save", key(1), r),
			wantIs("relaxed save at another version", e.client(i+1).Save(ctx, key(1), old, wrong), authn.ErrConflict),
			wantIs("relaxed save with old 0 of a record", e.s.Save(ctx, key(1), 0, wrong), authn.ErrConflict),
			wantIs("relaxed save of no record", e.s.Save(ctx, key(2), old, wrong), authn.ErrConflict),
			e.wantRecord(ctx, "after refused relaxed saves", key(1), r),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func noRecord(ctx context.Context, e *env) error {
	for i, old := range []uint64{1, 1 << 63, math.MaxUint64} {
		err := first(
			wantIs("save where there is no record", e.s.Save(ctx, key(i), old, e.record("value")), authn.ErrConflict),
			wantIs("delete where there is no record", e.s.Save(ctx, key(i), old, authn.Record{}), authn.ErrConflict),
			e.wantNone(ctx, "after refused saves", key(i)),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// everyBit finds stores that compare only half of the version, or compare it as
// a floating-point number, as Lua and JavaScript do.
func everyBit(ctx context.Context, e *env) error {
	for i, version := range []uint64{0x8123456789abcdef, 0x7edcba9876543211} {
		r := authn.Record{Value: []byte("value"), Version: version}
		if err := must("create", e.s.Save(ctx, key(i), 0, r)); err != nil {
			return err
		}
		for bit := range 64 {
			what := fmt.Sprintf("save at the version with bit %d flipped", bit)
			if err := wantIs(what, e.s.Save(ctx, key(i), version^1<<bit, e.record("wrong")), authn.ErrConflict); err != nil {
				return err
			}
		}
		if err := e.wantRecord(ctx, "after refused saves", key(i), r); err != nil {
			return err
		}
	}
	return nil
}

func anyVersion(ctx context.Context, e *env) error {
	var old uint64
	for _, version := range []uint64{1, math.MaxInt64, 1 << 63, math.MaxUint64, 1<<53 + 1, 1 << 32, math.MaxUint32} {
		r := authn.Record{Value: []byte("value"), Version: version}
		what := fmt.Sprintf("version %d over %d", version, old)
		err := first(
			must(what, e.s.Save(ctx, key(1), old, r)),
			e.wantRecord(ctx, what, key(1), r),
		)
		if err != nil {
			return err
		}
		old = version
	}
	return must("delete", e.s.Save(ctx, key(1), old, authn.Record{}))
}

func deletes(ctx context.Context, e *env) error {
	due := authn.Record{Value: []byte{}, Version: 77, Due: date} // only Value matters
	for i, empty := range []authn.Record{{}, due} {
		stay, err := e.create(ctx, key(10+i), "stays")
		if err != nil {
			return err
		}
		r, err := e.create(ctx, key(i), "goes")
		if err != nil {
			return err
		}
		err = first(
			wantIs("delete at another version", e.s.Save(ctx, key(i), r.Version+1, empty), authn.ErrConflict),
			e.wantRecord(ctx, "after a refused delete", key(i), r),
			must("delete", e.s.Save(ctx, key(i), r.Version, empty)),
			e.wantNone(ctx, "after delete", key(i)),
			wantIs("delete again", e.client(1).Save(ctx, key(i), r.Version, empty), authn.ErrConflict),
			e.wantRecord(ctx, "the record beside a deleted one", key(10+i), stay),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func deleteNothing(ctx context.Context, e *env) error {
	err := e.s.Save(ctx, key(1), 0, authn.Record{})
	if err != nil && !errors.Is(err, authn.ErrConflict) {
		return fmt.Errorf("delete where there is no record: %w", err)
	}
	if err := e.wantNone(ctx, "after a delete of nothing", key(1)); err != nil {
		return err
	}
	_, err = e.create(ctx, key(1), "value")
	return err
}

func lateSave(ctx context.Context, e *env) error {
	a, err := e.create(ctx, key(1), "first")
	if err != nil {
		return err
	}
	b := e.record("second")
	return first(
		must("save", e.s.Save(ctx, key(1), a.Version, b)),
		must("delete", e.s.Save(ctx, key(1), b.Version, authn.Record{})),
		wantIs("save at the last version of a deleted record", e.client(1).Save(ctx, key(1), b.Version, e.record("late")), authn.ErrConflict),
		e.wantNone(ctx, "after a late save", key(1)),
		wantIs("save at an older version of a deleted record", e.s.Save(ctx, key(1), a.Version, e.record("late")), authn.ErrConflict),
		e.wantNone(ctx, "after a late save", key(1)),
	)
}

func createAgain(ctx context.Context, e *env) error {
	var past []uint64
	for range 4 {
		a, err := e.create(ctx, key(1), "first")
		if err != nil {
			return must("create after a delete", err)
		}
		b := e.record("second")
		for _, r := range []authn.Record{a, b} {
			if r.Version == b.Version {
				if err := must("save", e.s.Save(ctx, key(1), a.Version, b)); err != nil {
					return err
				}
			}
			for _, old := range past {
				err := first(
					wantIs("save at a version from before", e.client(1).Save(ctx, key(1), old, e.record("late")), authn.ErrConflict),
					wantIs("delete at a version from before", e.s.Save(ctx, key(1), old, authn.Record{}), authn.ErrConflict),
					e.wantRecord(ctx, "after late saves", key(1), r),
				)
				if err != nil {
					return err
				}
			}
			past = append(past, r.Version)
		}
		if err := must("delete", e.s.Save(ctx, key(1), b.Version, authn.Record{})); err != nil {
			return err
		}
	}
	return nil
}
