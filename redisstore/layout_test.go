package redisstore_test

import (
	"math"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// TestLayout checks the stored form, which later releases must be able to read.
func TestLayout(t *testing.T) {
	t.Parallel()
	c := dial(t, options(t))
	prefix := fresh(t, c)
	s := open(t, c, prefix)
	for _, x := range []struct {
		key, shard string
		r          authn.Record
		stored     string
		score      float64 // 0 if there is none
	}{
		{"0123456789abcdef0123456789abcdef", "{05}",
			authn.Record{Value: []byte("value"), Version: 0x0102030405060708, Due: time.UnixMicro(1 << 50)},
			"\x01\x01\x02\x03\x04\x05\x06\x07\x08\x00\x04\x00\x00\x00\x00\x00\x00value", 1 << 50},
		{"a", "{00}",
			authn.Record{Value: []byte{0, 0xff}, Version: math.MaxUint64},
			"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\xff", 0},
	} {
		if err := s.Save(t.Context(), x.key, 0, x.r); err != nil {
			t.Fatal(err)
		}
		if got := c.Get(t.Context(), prefix+x.shard+":r:"+x.key).Val(); got != x.stored {
			t.Errorf("%s: stored as %q, want %q (there is %q)", x.key, got, x.stored, c.Keys(t.Context(), prefix+"*").Val())
		}
		if got := c.ZScore(t.Context(), prefix+x.shard+":due", x.key).Val(); got != x.score {
			t.Errorf("%s: due at %v", x.key, got)
		}
	}
}
