package storetest

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
)

// A Process is a second process that opens stores for a test. Its stores share
// no memory with the test, and it can be killed, as [Harness].Second and
// Reopen need. It runs the test binary again, so TestMain must begin with
// [Serve]:
//
//	func TestMain(m *testing.M) {
//		storetest.Serve(func(where string) (authn.Store, error) { return mystore.Open(where) })
//		os.Exit(m.Run())
//	}
//
//	func TestStore(t *testing.T) {
//		p := storetest.NewProcess(t)
//		storetest.Harness{
//			Open:   func(t *testing.T) authn.Store { where = fresh(t); return p.Store(where) },
//			Second: func(t *testing.T, _ authn.Store) authn.Store { return open(t, where) },
//			Reopen: func(t *testing.T, _ authn.Store) authn.Store { p.Kill(); return open(t, where) },
//		}.Run(t)
//	}
//
// A Process is safe for concurrent use.
type Process struct {
	mu  sync.Mutex // guards run
	run *running   // nil: start one
}

// NewProcess returns a process that ends with the test. The first call of one
// of its stores starts it.
func NewProcess(tb testing.TB) *Process {
	p := new(Process)
	tb.Cleanup(p.Kill)
	return p
}

// Store returns a client of the store that Serve's open returns for where. It
// is an [authn.Sweeper]; its Due fails if the store in the process is not one. It is
// no [authn.Clock].
func (p *Process) Store(where string) authn.Store { return remote{p, where} }

// Kill ends the process at once, as a power failure would. Calls in progress
// fail, with or without effect. The next call starts another process.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run == nil {
		return
	}
	_ = p.run.cmd.Process.Kill()
	<-p.run.gone
	_ = p.run.cmd.Wait()
	p.run = nil
}

const processEnv = "AUTHN_STORETEST_PROCESS"

type request struct {
	ID     int
	Where  string // which store
	Op     Op
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

// Serve returns at once, unless a [Process] started this process. Then it
// serves calls until the test's process ends, and never returns. It calls open
// once for each store.
func Serve(open func(where string) (authn.Store, error)) {
	if os.Getenv(processEnv) == "" {
		return
	}
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
			p := reply{ID: q.ID}
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
	case Load:
		p.Record, err = s.Load(ctx, q.Key)
	case Save:
		err = s.Save(ctx, q.Key, q.Old, q.Record)
	case Due:
		sw, ok := s.(authn.Sweeper)
		if !ok {
			return p, errors.New("storetest: the store in the other process is not an authn.Sweeper")
		}
		p.Keys, err = sw.Due(ctx, q.Before, q.Limit)
	}
	return p, err
}

// running is a started process.
type running struct {
	cmd  *exec.Cmd
	in   io.Closer
	gone chan struct{} // closed when the process has ended its output

	mu      sync.Mutex // guards the fields below
	out     *gob.Encoder
	n       int
	waiting map[int]chan reply
}

func (p *Process) running() (*running, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.run != nil {
		return p.run, nil
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), processEnv+"=1")
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
	p.run = r
	return r, nil
}

// listen delivers replies to the calls that wait for them.
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

// remote is a store in a Process.
type remote struct {
	p     *Process
	where string
}

func (s remote) call(ctx context.Context, q request) (reply, error) {
	if err := ctx.Err(); err != nil {
		return reply{}, err
	}
	r, err := s.p.running()
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
		return reply{}, errors.New("storetest: the process was killed")
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
	p, err := s.call(ctx, request{Op: Load, Key: key})
	return p.Record, err
}

func (s remote) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	_, err := s.call(ctx, request{Op: Save, Key: key, Old: old, Record: r})
	return err
}

func (s remote) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	p, err := s.call(ctx, request{Op: Due, Before: before, Limit: limit})
	return p.Keys, err
}
