package nodes

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/examples/host"
	"github.com/authnfsm/authn/storetest"
)

const nodeEnv = "AUTHN_TEST_NODE"

func TestMain(m *testing.M) {
	debug.SetGCPercent(400)                        // most of what is made is soon dead
	slog.SetDefault(slog.New(slog.DiscardHandler)) // of stores that may forget
	storetest.Serve(openStore)
	if os.Getenv(nodeEnv) != "" {
		beNode()
	}
	os.Exit(m.Run())
}

// openStore is for processes that are only a client of a store.
func openStore(name string) (authn.Store, error) {
	st, err := host.Open(context.Background(), name)
	if err != nil {
		return nil, err
	}
	return st.Store, nil
}

// order is what a process is told, and message what it says: one of both.
type (
	order struct {
		Now time.Time
		Die int // the point at which it kills itself; 0: none
		Rs  []request
	}
	message struct {
		Save    *save
		Replies []reply
		Fault   string
	}
)

// beNode is the life of a process: a config, then orders, until its parent
// ends or it dies.
func beNode() {
	in, out := gob.NewDecoder(os.Stdin), gob.NewEncoder(os.Stdout)
	var mu sync.Mutex // of out
	say := func(m message) {
		mu.Lock()
		defer mu.Unlock()
		if out.Encode(m) != nil {
			os.Exit(0)
		}
	}
	var c config
	if in.Decode(&c) != nil {
		os.Exit(0)
	}
	p := &points{say: func(s save) { say(message{Save: &s}) }}
	n, err := c.open(context.Background(), p)
	if err != nil {
		say(message{Fault: err.Error()})
		os.Exit(0)
	}
	for {
		var o order
		if in.Decode(&o) != nil {
			os.Exit(0)
		}
		p.dieAt(o.Die)
		replies := n.serve(context.Background(), o.Now, o.Rs)
		p.dieAt(0)
		say(message{Replies: replies})
	}
}

// A process is a node in another process.
type process struct {
	cmd  *exec.Cmd
	in   *gob.Encoder
	out  *gob.Decoder
	told func(save) // of each save; nil: nobody asks
}

// start starts a process, which dies with the test if not before.
func (c config) start(t *testing.T) *process {
	t.Helper()
	p, err := c.run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func (c config) run() (*process, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), nodeEnv+"=1", "GORACE=atexit_sleep_ms=0")
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
	p := &process{cmd: cmd, in: gob.NewEncoder(in), out: gob.NewDecoder(out)}
	if err := p.in.Encode(c); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

var errDied = errors.New("the node died")

// serve lets the process serve the requests, and die at a point if it is not
// 0: then it returns errDied.
func (p *process) serve(now time.Time, die int, rs ...request) ([]reply, error) {
	if err := p.in.Encode(order{now, die, rs}); err != nil {
		return nil, p.died(err)
	}
	for {
		var m message
		if err := p.out.Decode(&m); err != nil {
			return nil, p.died(err)
		}
		switch {
		case m.Fault != "":
			return nil, errors.New(m.Fault)
		case m.Save == nil:
			return m.Replies, nil
		case p.told != nil:
			p.told(*m.Save)
		}
	}
}

// died makes sure that the process ended as it should: by SIGKILL.
func (p *process) died(cause error) error {
	_ = p.cmd.Wait()
	if s := p.cmd.ProcessState; s == nil || s.String() != "signal: killed" {
		return fmt.Errorf("the node ended by itself: %v, %w", s, cause)
	}
	return errDied
}

// kill ends the process from outside.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}
