package etcdstore

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// The index is in the order of time, and a time is in what is due at it.
func TestIndexOrder(t *testing.T) {
	s := &Store{prefix: "p/"}
	at := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	times := []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), time.Unix(0, -1000), time.Unix(0, 0),
		at, at.Add(time.Microsecond), at.AddDate(100, 0, 0), farAway,
	}
	var names []string
	for i, due := range times {
		names = append(names, s.entry(due, "~ key/with/slashes"), s.entry(due, "~~"))
		for j, before := range times {
			if in := names[2*i+1] < s.dueEnd(before); in != (i <= j) {
				t.Errorf("%v is in what is due at %v: %t", due, before, in)
			}
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not in the order of time: %q", names)
	}
	if got := s.keyOfEntry([]byte(names[0])); got != "~ key/with/slashes" {
		t.Errorf("the key of %q is %q", names[0], got)
	}
}

// The stored form does not change.
func TestStoredForm(t *testing.T) {
	s := &Store{prefix: "authn/"}
	r := authn.Record{Value: []byte("value"), Version: 0x0102030405060708, Due: time.UnixMicro(9)}
	want := []byte("\x01\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00\x00\x00\x09value")
	if got := encode(r); !bytes.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := s.record("k") + " " + s.entry(r.Due, "k"); got != "authn/r/k authn/d/8000000000000009/k" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "\x01short", "\x02" + string(want[1:]), string(want[:17])} {
		if _, err := decode([]byte(bad)); err == nil {
			t.Errorf("%q is a record", bad)
		}
	}
	if got, err := decode(encode(authn.Record{Value: []byte("v"), Version: 1})); err != nil || !got.Due.IsZero() {
		t.Errorf("never due is %v, %v", got.Due, err)
	}
}

func TestConfig(t *testing.T) {
	for prefix, want := range map[string]string{"": "authn/", "p": "p", string(make([]byte, 65)): ""} {
		c := Config{Prefix: prefix}
		if err := c.check(); (err != nil) != (want == "") || err == nil && c.Prefix != want {
			t.Errorf("%q becomes %q, %v", prefix, c.Prefix, err)
		}
	}
}
