package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
)

var record = authn.Record{Value: []byte("value"), Version: 1}

// A tap counts the traffic on the connections of a client, and may break them.
type tap struct {
	flights atomic.Int64 // round trips
	saves   atomic.Int64 // commands that run a script
	cut     atomic.Bool  // close the connection instead of returning the answer to a script
}

// options returns o with a tap on its connections.
func (t *tap) options(o *redis.Options) *redis.Options {
	o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &tapWire{Conn: c, t: t}, nil
	}
	return o
}

func (t *tap) reset() {
	t.flights.Store(0)
	t.saves.Store(0)
}

type tapWire struct {
	net.Conn
	t    *tap
	sent atomic.Bool // data was sent and none received since
	save atomic.Bool // the last data sent was a script
}

func (w *tapWire) Write(b []byte) (int, error) {
	if w.sent.CompareAndSwap(false, true) {
		w.t.flights.Add(1)
	}
	n := bytes.Count(b, []byte("\r\nevalsha\r\n")) + bytes.Count(b, []byte("\r\neval\r\n"))
	w.t.saves.Add(int64(n))
	w.save.Store(n > 0)
	return w.Conn.Write(b)
}

func (w *tapWire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b) // the server has answered, so it has run the script
	if n > 0 {
		w.sent.Store(false)
	}
	if err == nil && w.save.Load() && w.t.cut.Load() {
		w.Conn.Close()
		return 0, io.EOF
	}
	return n, err
}

// TestOneCommand checks that each call takes one round trip on an open
// connection.
func TestOneCommand(t *testing.T) {
	t.Parallel()
	var tap tap
	c := dial(t, tap.options(options(t)))
	s := open(t, c, fresh(t, c))
	save := func(old uint64, r authn.Record) func() error {
		return func() error { return s.Save(t.Context(), "k", old, r) }
	}
	load := func() error { _, err := s.Load(t.Context(), "k"); return err }
	due := func() error { _, err := s.Due(t.Context(), time.Now(), 10); return err }
	now := func() error { _, err := s.Now(t.Context()); return err }
	r := authn.Record{Value: make([]byte, 300), Version: 1, Due: time.Now()}
	next := authn.Record{Value: make([]byte, 300), Version: 2}
	_, _ = save(9, r)(), due() // loads the script, and opens the connection for batches
	for _, op := range []struct {
		name  string
		call  func() error
		want  error
		saves int64
	}{
		{"load nothing", load, authn.ErrNotFound, 0},
		{"delete nothing", save(0, authn.Record{}), nil, 0},
		{"create", save(0, r), nil, 1},
		{"lost create", save(0, next), authn.ErrConflict, 1},
		{"load", load, nil, 0},
		{"save", save(1, next), nil, 1},
		{"lost save", save(1, next), authn.ErrConflict, 1},
		{"due", due, nil, 0},
		{"now", now, nil, 0},
		{"lost delete", save(1, authn.Record{}), authn.ErrConflict, 1},
		{"delete", save(2, authn.Record{}), nil, 1},
	} {
		tap.reset()
		if err := op.call(); !errors.Is(err, op.want) {
			t.Errorf("%s: %v", op.name, err)
		}
		if flights, saves := tap.flights.Load(), tap.saves.Load(); flights != 1 || saves != op.saves {
			t.Errorf("%s: %d round trips, %d scripts", op.name, flights, saves)
		}
	}
}

// TestNoRepeat loses the answer to each save of a client whose options ask for
// retries. Each save must be sent once, and its error must not be a conflict,
// because the save has happened.
func TestNoRepeat(t *testing.T) {
	t.Parallel()
	var tap tap
	o := tap.options(options(t))
	o.MaxRetries = 5
	c := dial(t, o)
	s := open(t, c, fresh(t, c))
	loseEach(t, &tap, s)

	// go-redis retries its own commands:
	tap.reset()
	tap.cut.Store(true)
	defer tap.cut.Store(false)
	if err := c.Eval(t.Context(), "return 1", nil).Err(); err == nil || tap.saves.Load() < 2 {
		t.Errorf("go-redis sent a plain script %d times, %v: if it never retries, Save needs no special command", tap.saves.Load(), err)
	}
}

func loseEach(t *testing.T, tap *tap, s *redisstore.Store) {
	t.Helper()
	_ = s.Save(t.Context(), "k", 9, record) // loads the script into the server
	for _, c := range []struct {
		name string
		old  uint64
		r    authn.Record
	}{
		{"create", 0, record},
		{"save", 1, authn.Record{Value: []byte("second"), Version: 2}},
		{"delete", 2, authn.Record{}},
	} {
		tap.reset()
		tap.cut.Store(true)
		err := s.Save(t.Context(), "k", c.old, c.r)
		tap.cut.Store(false)
		if n := tap.saves.Load(); n != 1 {
			t.Errorf("%s: sent %d times", c.name, n)
		}
		if err == nil || errors.Is(err, authn.ErrConflict) {
			t.Errorf("%s: %v", c.name, err)
		}
		r, err := s.Load(t.Context(), "k")
		if r.Version != c.r.Version || (err != nil) != (c.r.Version == 0) {
			t.Errorf("%s: the version is %d, want %d (%v)", c.name, r.Version, c.r.Version, err)
		}
	}
}

// TestForgottenScript removes the script from the server, as a restart does: a
// save then takes two more round trips, one to look at the server and one to
// send the script in full, and happens once.
func TestForgottenScript(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	var tap tap
	c := redis.NewClient(tap.options(sv.options()))
	defer c.Close()
	s := open(t, c, "")
	var old uint64
	for range 3 {
		if err := c.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		for _, flights := range []int64{3, 1} {
			r := authn.Record{Value: []byte("value"), Version: rand.Uint64() | 1}
			tap.reset()
			if err := s.Save(t.Context(), "k", old, r); err != nil {
				t.Fatal(err)
			}
			if n := tap.flights.Load(); n != flights {
				t.Errorf("%d round trips, want %d", n, flights)
			}
			old = r.Version
		}
	}
}

// TestContext ends a context while the server does not answer.
func TestContext(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	s := open(t, sv.client(), "")
	if err := s.Save(t.Context(), "k", 0, record); err != nil {
		t.Fatal(err)
	}
	if err := sv.client().Do(t.Context(), "CLIENT", "PAUSE", "2000").Err(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := s.Save(ctx, "k", 1, authn.Record{Value: []byte("next"), Version: 2})
	if err == nil || errors.Is(err, authn.ErrConflict) || errors.Is(err, authn.ErrNotFound) {
		t.Errorf("save: %v", err)
	}
	if _, err := s.Load(ctx, "k"); err == nil || errors.Is(err, authn.ErrNotFound) {
		t.Errorf("load: %v", err)
	}
}

// TestStrange checks the errors for records that no store has written.
func TestStrange(t *testing.T) {
	t.Parallel()
	c := dial(t, options(t))
	prefix := fresh(t, c)
	s := open(t, c, prefix)
	if err := s.Save(t.Context(), "k", 0, record); err != nil {
		t.Fatal(err)
	}
	name := c.Keys(t.Context(), prefix+"{*}:r:k").Val()[0]
	strange := map[string]func() error{
		"newer form": func() error { return c.SetRange(t.Context(), name, 0, "\x02").Err() },
		"cut off":    func() error { return c.Set(t.Context(), name, "\x01short", 0).Err() },
		"a list": func() error {
			c.Del(t.Context(), name)
			return c.LPush(t.Context(), name, "x").Err()
		},
	}
	for what, make := range strange {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "k"); err == nil || errors.Is(err, authn.ErrNotFound) {
			t.Errorf("%s: load: %v", what, err)
		}
		for old := range uint64(2) {
			if err := s.Save(t.Context(), "k", old, record); err == nil || errors.Is(err, authn.ErrConflict) {
				t.Errorf("%s: save at %d: %v", what, old, err)
			}
		}
		c.Del(t.Context(), name)
	}
	if err := s.Save(t.Context(), "k", 0, authn.Record{Value: []byte("x")}); err == nil || errors.Is(err, authn.ErrConflict) {
		t.Errorf("version 0: %v", err)
	}
}
