package storetest

import (
	"context"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // most of what is made is soon dead
	Serve(func(where string) (authn.Store, error) {
		if where == "no sweeper" {
			return struct{ authn.Store }{new(memstore.Store)}, nil
		}
		return new(memstore.Store), nil
	})
	os.Exit(m.Run())
}

// A store in another process conforms too.
func TestProcess(t *testing.T) {
	p := NewProcess(t)
	n := 0
	Run(t, func(t *testing.T) authn.Store {
		n++
		return p.Store(strings.Repeat("x", n))
	})
}

// A killed process loses what it had in memory, and the suite detects it.
func TestProcessKilled(t *testing.T) {
	p := NewProcess(t)
	for _, name := range []string{"reopened", "killed while saving"} {
		e := &env{s: p.Store(name)}
		e.reopen = func() {
			p.Kill()
			e.s = p.Store(name)
		}
		if err := find(t, name).check(t.Context(), e); err == nil {
			t.Errorf("case %q does not detect the loss", name)
		} else {
			t.Log(err)
		}
	}
}

// A call returns when the process is killed, and when its context ends.
func TestProcessLost(t *testing.T) {
	p := NewProcess(t)
	s := p.Store("k")
	if err := s.Save(t.Context(), "k", 0, authn.Record{Value: []byte("v"), Version: 1}); err != nil {
		t.Fatal(err)
	}
	run, err := p.running()
	if err != nil {
		t.Fatal(err)
	}
	_ = run.cmd.Process.Kill()
	<-run.gone
	if _, err := s.Load(t.Context(), "k"); err == nil {
		t.Error("a killed process answers")
	}
	p.Kill()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Load(ctx, "k"); err != context.Canceled {
		t.Error(err)
	}
	if _, err := p.Store("no sweeper").(authn.Sweeper).Due(t.Context(), date, 1); err == nil || !strings.Contains(err.Error(), "not an authn.Sweeper") {
		t.Error(err)
	}
}
