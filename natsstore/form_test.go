package natsstore

import (
	"bytes"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// Each key has a subject of its own, of one token, and leads back.
func TestSubjects(t *testing.T) {
	s := &Store{prefix: "$KV.authn."}
	seen := map[string]bool{}
	for key, want := range map[string]string{
		"00ff": "00ff", "aA-_": "aA-_", "": "=", "=": "=3D", "a.b": "a=2Eb", "*": "=2A", ">": "=3E", " x ": "=20x=20", "=3D": "=3D3D", "~": "=7E",
	} {
		got := s.subject(key)
		back, err := s.keyOf(got)
		if got != s.prefix+want || back != key || err != nil || seen[got] {
			t.Errorf("%q is %q and leads to %q, %v", key, got, back, err)
		}
		seen[got] = true
	}
	for _, bad := range []string{"a=", "a=4", "a=zz"} {
		if key, err := s.keyOf(s.prefix + bad); err == nil {
			t.Errorf("%q is the subject of %q", bad, key)
		}
	}
}

// The stored form does not change.
func TestStoredForm(t *testing.T) {
	r := authn.Record{Value: []byte("value"), Version: 0x0102030405060708, Due: time.UnixMicro(9)}
	want := []byte("\x01\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x00\x00\x00\x00\x09value")
	if got := encode(r); !bytes.Equal(got, want) {
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
