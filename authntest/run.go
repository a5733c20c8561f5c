package authntest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Run drives the host that open makes with random histories, and fails t at
// the first answer, code, session or secret that should not be. Each of the
// 100 histories, about 30 steps long, has a host and a world of its own.
// RAPID_CHECKS in the environment sets their number, RAPID_STEPS their length.
//
// open builds the host on the ports it is given. It is called once for each
// history, and again on the same ports for each restart in it. What it
// registers with Cleanup is done when its host is left, not at the end of the
// test. A failure reads
//
//	authntest: broken rule "mail": …
//
// after the steps that led there, shrunk to as few as rapid finds. The rules
// are those of docs/testing.md.
func Run(t *testing.T, open func(testing.TB, Ports) Host) {
	t.Helper()
	check(t, t, open, nil)
}

// check is Run, with the failures going to r. cover, if not nil, counts what
// the histories come to.
func check(r rapid.TB, t testing.TB, open func(testing.TB, Ports) Host, cover map[string]int) {
	r.Helper()
	rapid.Check(r, func(r *rapid.T) {
		h := newHistory(r, t, open)
		h.cover = cover
		defer h.leave()
		r.Repeat(h.actions())
	})
}

// history is one random history of a host.
type history struct {
	*rapid.T
	outer testing.TB
	open  func(testing.TB, Ports) Host
	w     *World
	ports Ports
	m     *model
	t     *stage // of the host at hand
	host  Host
	d     Dialect

	cover    map[string]int // what was come to, for this package's own tests
	moves    int            // of addresses
	keys     int            // idempotency keys drawn
	deaf     int            // failures of the Auditor
	looked   int            // calls of the world that were looked at
	mailed   map[string]bool
	secrets  []secret
	lists    bool     // the host says what is allowed
	serial   bool     // it takes one request at a time
	halfway  bool     // the first of two requests is looked at, and both were made
	sessions []string // that there have to be
	before   []string // sessions made before the last restart
}

func newHistory(r *rapid.T, t testing.TB, open func(testing.TB, Ports) Host) *history {
	ps := policies()
	p := ps[rapid.IntRange(0, len(ps)-1).Draw(r, "policy")]
	h := &history{T: r, outer: t, open: open, w: new(World), m: &model{Policy: p}, mailed: map[string]bool{}}
	for _, name := range []string{"ann", "bob", "eve"} {
		h.m.people = append(h.m.people, &person{name: name, factor: "factor-of-" + name, active: name != "eve"})
		h.move(h.m.people[len(h.m.people)-1])
	}
	w := h.w
	h.ports = Ports{Store: w, Mailer: w, Directory: w, Auditor: w, Limiter: w, Now: w.Now, Policy: p}
	h.secrets = append(h.secrets, secret{what: "the password", text: Password})
	h.enter()
	return h
}

// enter opens a host on the ports.
func (h *history) enter() {
	h.t = &stage{TB: h.outer, r: h.T}
	h.host = h.open(h.t, h.ports)
	if s, ok := h.host.(Speaker); ok {
		h.d = s.Dialect()
	}
	h.serial = h.serial || h.d.Serial
}

// leave ends the host at hand.
func (h *history) leave() {
	if h.t != nil {
		h.t.leave()
	}
}

// put tells the directory what the model has of a person.
func (h *history) put(p *person) {
	if p.address == "" {
		h.w.SetFactors(p.name)
		return
	}
	f := Mail(p.address, authn.NotSetUp)
	f.ID = p.factor
	if p.active {
		f.Status = authn.Active
	}
	h.w.SetFactors(p.name, f)
}

// move gives a person another address.
func (h *history) move(p *person) {
	h.moves++
	local := fmt.Sprintf("%s.private.%d", p.name, h.moves)
	p.address = local + "@mail.example"
	h.secrets = append(h.secrets, secret{what: "an address", text: local})
	h.put(p)
}

// stage is the [testing.TB] of one host: it ends before the test does, and
// what fails there fails the history.
type stage struct {
	testing.TB
	r        *rapid.T
	cleanups []func()
	ctx      context.Context
	stop     context.CancelFunc
}

func (s *stage) leave() {
	if s.stop != nil {
		s.stop()
	}
	for _, f := range slices.Backward(s.cleanups) {
		f()
	}
	s.cleanups = nil
}

func (s *stage) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *stage) Context() context.Context {
	if s.ctx == nil {
		s.ctx, s.stop = context.WithCancel(context.Background())
	}
	return s.ctx
}

func (s *stage) Error(args ...any)                 { s.r.Error(args...) }
func (s *stage) Errorf(format string, args ...any) { s.r.Errorf(format, args...) }
func (s *stage) Fatal(args ...any)                 { s.r.Fatal(args...) }
func (s *stage) Fatalf(format string, args ...any) { s.r.Fatalf(format, args...) }
func (s *stage) Fail()                             { s.r.Fail() }
func (s *stage) FailNow()                          { s.r.FailNow() }
func (s *stage) Failed() bool                      { return s.r.Failed() }
func (s *stage) Log(args ...any)                   { s.r.Log(args...) }
func (s *stage) Logf(format string, args ...any)   { s.r.Logf(format, args...) }
