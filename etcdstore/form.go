package etcdstore

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/authnfsm/authn"
)

// The names of keys in etcd are part of the stored form and must not change.

func (s *Store) record(key string) string { return s.prefix + "r/" + key }

// index is where the index begins.
func (s *Store) index() string { return s.prefix + "d/" }

func (s *Store) entry(due time.Time, key string) string {
	return fmt.Sprintf("%s%016x/%s", s.index(), order(due), key)
}

// dueEnd is where the part of the index ends that is due at before, which is in it.
func (s *Store) dueEnd(before time.Time) string {
	return fmt.Sprintf("%s%016x0", s.index(), order(before)) // a 0 is what follows a slash
}

func (s *Store) keyOfEntry(name []byte) string {
	return string(name[len(s.index())+17:])
}

// order returns a time as a number whose digits are in the order of time, also before
// 1970.
func order(t time.Time) uint64 { return uint64(t.UnixMicro()) ^ 1<<63 }

// A record is stored as form, version and due time, 17 bytes, followed by its value.
const (
	form   = 1
	header = 1 + 8 + 8
	never  = math.MinInt64 // as a due time
)

func micros(due time.Time) int64 {
	if due.IsZero() {
		return never
	}
	return due.UnixMicro()
}

func encode(r authn.Record) []byte {
	b := make([]byte, 0, header+len(r.Value))
	b = binary.BigEndian.AppendUint64(append(b, form), r.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(micros(r.Due)))
	return append(b, r.Value...)
}

// decode returns the record with the stored form b, and keeps b.
func decode(b []byte) (authn.Record, error) {
	if len(b) <= header || b[0] != form {
		return authn.Record{}, fmt.Errorf("the stored form, %d bytes, is not known to this version", len(b))
	}
	r := authn.Record{Value: b[header:], Version: binary.BigEndian.Uint64(b[1:])}
	if due := int64(binary.BigEndian.Uint64(b[9:])); due != never {
		r.Due = time.UnixMicro(due).UTC()
	}
	return r, nil
}
