package sqlstore_test

import (
	"context"
	"encoding/gob"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/storetest"
)

// A child is another process that uses stores on behalf of a test: to have a
// client that shares nothing with this process, and to be killed.
type child struct {
	mu  sync.Mutex // guards run
	run *running   // nil: start one
}

const childEnv = "AUTHN_TEST_CHILD"

type request struct {
	ID     int
	Where  string // which store
	Op     storetest.Op
	Key    string
	Old    uint64
	Record authn.Record
	Before time.Time
	Limit  int
}

type reply struct {
	ID     int
	Record authn.Record
	Keys   []string
	Err    string
	Is     string // the sentinel that the error wraps
}

// beChild is the life of a child: it answers requests until its parent ends.
func beChild(open func(where string) (authn.Store, error)) {
	in, out := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	var writing sync.Mutex
	stores := map[string]authn.Store{}
	for {
		var q request
		if in.Decode(&q) != nil {
			os.Exit(0)
		}
		s, err := stores[q.Where], error(nil)
		if s == nil {
			if s, err = open(q.Where); err == nil {
				stores[q.Where] = s
			}
		}
		go func() {
			p := reply{Err: "", ID: q.ID}
			if err == nil {
				p, err = do(s, q)
			}
			if err != nil {
				p.Err = err.Error()
			}
			for _, is := range []error{authn.ErrConflict, authn.ErrNotFound} {
				if errors.Is(err, is) {
					p.Is = is.Error()
				}
			}
			writing.Lock()
			defer writing.Unlock()
			if out.Encode(p) != nil {
				os.Exit(0)
			}
		}()
	}
}

func do(s authn.Store, q request) (p reply, err error) {
	ctx := context.Background()
	p.ID = q.ID
	switch q.Op {
	case storetest.Load:
		p.Record, err = s.Load(ctx, q.Key)
	case storetest.Save:
		err = s.Save(ctx, q.Key, q.Old, q.Record)
	case storetest.Due:
		p.Keys, err = s.(authn.Sweeper).Due(ctx, q.Before, q.Limit)
	}
	return p, err
}

// running is a child that was started.
type running struct {
	cmd  *exec.Cmd
	in   io.Closer
	gone chan struct{} // closed when it says no more

	mu      sync.Mutex // guards the fields below
	out     *gob.Encoder
	n       int
	waiting map[int]chan reply
}

func (c *child) running() (*running, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run != nil {
		return c.run, nil
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r := &running{cmd: cmd, in: in, gone: make(chan struct{}), out: gob.NewEncoder(in), waiting: map[int]chan reply{}}
	go r.listen(out)
	c.run = r
	return r, nil
}

// listen hands out the replies.
func (r *running) listen(from io.Reader) {
	defer close(r.gone)
	for dec := gob.NewDecoder(from); ; {
		var p reply
		if dec.Decode(&p) != nil {
			return
		}
		r.mu.Lock()
		ch := r.waiting[p.ID]
		delete(r.waiting, p.ID)
		r.mu.Unlock()
		ch <- p
	}
}

// kill ends the child as a power cut would. The next call starts another.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.run == nil {
		return
	}
	_ = c.run.cmd.Process.Kill()
	<-c.run.gone
	_ = c.run.cmd.Wait()
	c.run = nil
}

// newChild returns a child that dies with the test.
func newChild(t *testing.T) *child {
	c := new(child)
	t.Cleanup(c.kill)
	return c
}

// remote is a store of a child.
type remote struct {
	c     *child
	where string
}

func (s remote) call(ctx context.Context, q request) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	r, err := s.c.running()
	if err != nil {
		return reply{}, err
	}
	ch := make(chan reply, 1)
	r.mu.Lock()
	r.n++
	q.ID, q.Where = r.n, s.where
	r.waiting[q.ID] = ch
	err = r.out.Encode(q)
	r.mu.Unlock()
	if err != nil {
		return reply{}, err
	}
	select {
	case p := <-ch:
		return p, p.err()
	case <-r.gone:
		return reply{}, errors.New("the child was killed")
	case <-ctx.Done():
		return reply{}, ctx.Err()
	}
}

func (p reply) err() error {
	switch {
	case p.Err == "":
		return nil
	case p.Is == authn.ErrConflict.Error():
		return authn.ErrConflict
	case p.Is == authn.ErrNotFound.Error():
		return authn.ErrNotFound
	}
	return errors.New(p.Err)
}

func (s remote) Load(ctx context.Context, key string) (authn.Record, error) {
	p, err := s.call(ctx, request{Op: storetest.Load, Key: key})
	return p.Record, err
}

func (s remote) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	_, err := s.call(ctx, request{Op: storetest.Save, Key: key, Old: old, Record: r})
	return err
}

func (s remote) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	p, err := s.call(ctx, request{Op: storetest.Due, Before: before, Limit: limit})
	return p.Keys, err
}
