package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

// date is the suite's fixed time, long past, so that a store that uses the
// current time fails.
var date = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

var valueCases = []testCase{
	{name: "absent", check: absent,
		contract: "Load returns an error that wraps ErrNotFound if there is no record."},
	{name: "bytes", check: roundTrip,
		contract: "The store neither interprets nor changes the value: any bytes, up to 64 KiB."},
	{name: "due round trip", check: dueRoundTrip,
		contract: "Load returns Due as it was saved, within a millisecond; the zero time stays zero."},
	{name: "past due", check: pastDue,
		contract: "Load ignores Due: it still returns a record that is due."},
	{name: "keys", check: keys,
		contract: "A key is any string of up to 64 printable ASCII characters, and every character distinguishes it from others."},
	{name: "value given", check: valueGiven,
		contract: "Save must not keep r.Value."},
	{name: "value returned", check: valueReturned,
		contract: "The caller owns the Value that Load returns."},
}

func absent(ctx context.Context, e *env) error {
	if err := e.wantNone(ctx, "load from an empty store", key(1)); err != nil {
		return err
	}
	if _, err := e.create(ctx, key(1), "value"); err != nil {
		return err
	}
	return e.wantNone(ctx, "load of another key", key(2))
}

func roundTrip(ctx context.Context, e *env) error {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	values := [][]byte{
		{0}, {0xff}, {'a', 0, 'b'}, every,
		[]byte(" \tblanks around \r\n"),
		[]byte("\xc3\x28 is not UTF-8, \xef\xbb\xbf is a mark"),
		[]byte(`'"\%00 $1 ?`),
		bytes.Repeat([]byte{0}, 4<<10),
		unlike(24 << 10), // as long as an account can be, and nothing in it is repeated
		bytes.Repeat(every, 64<<10/len(every)),
	}
	for i, v := range values {
		r := authn.Record{Value: v, Version: e.version()}
		what := fmt.Sprintf("value of %d bytes", len(v))
		if err := must(what, e.s.Save(ctx, key(i), 0, r)); err != nil {
			return err
		}
		// Each value also replaces another, which a store may do in a different way.
		next := authn.Record{Value: values[len(values)-1-i], Version: e.version()}
		err := first(
			e.wantRecord(ctx, what, key(i), r),
			must(what+" replaced", e.s.Save(ctx, key(i), r.Version, next)),
			e.wantRecord(ctx, what+" replaced", key(i), next),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// unlike returns n bytes that do not compress, always the same.
func unlike(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it never fails
	return b
}

func dueRoundTrip(ctx context.Context, e *env) error {
	dues := []time.Time{
		{},
		date,
		date.Add(time.Millisecond),
		date.Add(123456789),
		date.Add(time.Second - 1),
		date.In(time.FixedZone("", 5*3600+1800)),
		time.Now(), // with a monotonic reading
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC), // past 31 bits of seconds
		time.Date(2106, 2, 7, 6, 28, 16, 0, time.UTC), // past 32 bits
	}
	var old uint64
	for i, due := range append(dues, dues...) { // each once in a new record, once as a replacement
		r := e.record("value")
		r.Due = due
		what := fmt.Sprintf("due at %v", due)
		err := first(must(what, e.s.Save(ctx, key(0), old, r)), e.wantRecord(ctx, what, key(0), r))
		if i < len(dues) {
			err = first(err, must(what, e.s.Save(ctx, key(1+i), 0, r)), e.wantRecord(ctx, what, key(1+i), r))
		}
		if err != nil {
			return err
		}
		old = r.Version
	}
	return nil
}

func pastDue(ctx context.Context, e *env) error {
	for i, due := range []time.Time{date, time.Unix(1, 0), time.Now().Add(-time.Second)} {
		r := e.record("value")
		r.Due = due
		next := e.record("next")
		next.Due = due
		err := first(
			must("save what is already due", e.s.Save(ctx, key(i), 0, r)),
			e.wantRecord(ctx, "a record that is due", key(i), r),
			must("replace a record that is due", e.s.Save(ctx, key(i), r.Version, next)),
			e.wantRecord(ctx, "a record that is due, replaced", key(i), next),
			wantIs("create over a record that is due", e.s.Save(ctx, key(i), 0, e.record("new")), authn.ErrConflict),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func keys(ctx context.Context, e *env) error {
	base := "0123456789abcdef0123456789abcdef"
	all := []string{base, base + " ", base + "0", base[:31], strings.ToUpper(base), "a", "A", "b", " a", "a ",
		"%", "_", "*", "a*", "a%", "a:b", "a/b", "a.b", "..", "'", `"`, `\`, "a'b", "0", "00", "+0", "0x0", "1e3", "1000",
		strings.Repeat("k", 64)}
	for i := range base {
		all = append(all, base[:i]+"x"+base[i+1:])
	}
	want := map[string]authn.Record{}
	for i, k := range all {
		r, err := e.create(ctx, k, fmt.Sprint("value ", i))
		if err != nil {
			return fmt.Errorf("key %q: %w", k, err)
		}
		want[k] = r
	}
	for i, k := range all { // delete every third; the others must stay
		if i%3 == 0 {
			if err := must("delete", e.s.Save(ctx, k, want[k].Version, authn.Record{})); err != nil {
				return fmt.Errorf("key %q: %w", k, err)
			}
			delete(want, k)
		}
	}
	for _, k := range all {
		what := fmt.Sprintf("key %q", k)
		r, there := want[k]
		err := e.wantRecord(ctx, what, k, r)
		if !there {
			err = e.wantNone(ctx, what, k)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func valueGiven(ctx context.Context, e *env) error {
	var old uint64
	for _, what := range []string{"create", "replacement"} {
		r := e.record("the value of a " + what)
		given := authn.Record{Value: bytes.Clone(r.Value), Version: r.Version}
		if err := must(what, e.s.Save(ctx, key(1), old, given)); err != nil {
			return err
		}
		clear(given.Value)
		if err := e.wantRecord(ctx, "after the caller wrote to the value of a "+what, key(1), r); err != nil {
			return err
		}
		old = r.Version
	}
	return nil
}

func valueReturned(ctx context.Context, e *env) error {
	r, err := e.create(ctx, key(1), "the value")
	if err != nil {
		return err
	}
	for range 2 { // the second Load may come from a cache
		for _, s := range e.clients() {
			got, err := s.Load(ctx, key(1))
			if err != nil {
				return must("load", err)
			}
			clear(got.Value[:cap(got.Value)])
		}
	}
	return e.wantRecord(ctx, "after the caller wrote to the value of a load", key(1), r)
}

var callCases = []testCase{
	{name: "context over", check: contextOver,
		contract: "A call whose context has ended returns an error, which is neither ErrConflict nor ErrNotFound, and changes nothing."},
	{name: "second client", check: secondClient,
		contract: "Load returns the record as the last successful Save left it, also from another process."},
}

// contextOver makes calls that would succeed with a context that has not ended.
func contextOver(ctx context.Context, e *env) error {
	r := e.record("value")
	r.Due = date
	if err := must("create", e.s.Save(ctx, key(1), 0, r)); err != nil {
		return err
	}
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, date)
	defer cancel()
	for i, over := range []context.Context{canceled, late} {
		_, loadErr := e.s.Load(over, key(1))
		err := first(
			wantOther("load", loadErr),
			wantOther("create", e.s.Save(over, key(2), 0, e.record("new"))),
			wantOther("replace", e.s.Save(over, key(1), r.Version, e.record("next"))),
			wantOther("delete", e.s.Save(over, key(1), r.Version, authn.Record{})),
		)
		if sw, ok := e.s.(authn.Sweeper); ok && err == nil {
			_, dueErr := sw.Due(over, date, 10)
			err = wantOther("due", dueErr)
		}
		err = first(err,
			e.wantRecord(ctx, "after calls without effect", key(1), r),
			e.wantNone(ctx, "after a create without effect", key(2)),
		)
		if err != nil {
			return fmt.Errorf("context %d: %w", i, err)
		}
	}
	return nil
}

// wantOther returns an error unless err is an error other than ErrConflict and
// ErrNotFound.
func wantOther(what string, err error) error {
	if err == nil {
		return errors.New(what + " succeeded although its context had ended")
	}
	if errors.Is(err, authn.ErrConflict) || errors.Is(err, authn.ErrNotFound) {
		return fmt.Errorf("%s with an ended context returns an error about the record: %w", what, err)
	}
	return nil
}

// secondClient saves several times through one client and loads through the
// other after each save, then swaps them: no load may return an older record.
func secondClient(ctx context.Context, e *env) error {
	var old uint64
	for i := range 8 {
		writer, reader := e.client(i/4), e.client(i/4+1)
		r := e.record(fmt.Sprint("value ", i))
		if i%4 == 3 {
			r = authn.Record{}
		}
		if err := must("save", writer.Save(ctx, key(1), old, r)); err != nil {
			return err
		}
		got, err := reader.Load(ctx, key(1))
		switch {
		case i%4 == 3:
			err = wantIs("load", err, authn.ErrNotFound)
		case err == nil:
			err = same(got, r)
		}
		if err != nil {
			return fmt.Errorf("after save %d, by the other client: %w", i, err)
		}
		old = r.Version
	}
	return nil
}
