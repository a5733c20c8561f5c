package authntest

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/authnfsm/authn"
	"pgregory.net/rapid"
)

// Run drives the host that open returns with random histories. It fails t at
// the first answer, code, session or secret that is wrong. By default there
// are 100 histories of about 30 steps, each with its own host and ports;
// RAPID_CHECKS and RAPID_STEPS in the environment change that.
//
// open builds the host on the ports that it gets. Run calls it once for each
// history, and again with the same ports to restart the host. Functions that
// open registers with Cleanup run when Run closes that host, not at the end of
// the test.
//
// A failure names the broken rule, as in
//
//	authntest: broken rule "mail": …
//
// and lists the steps that lead there, as few as rapid finds. The page
// docs/testing.md explains the rules.
func Run(t *testing.T, open func(testing.TB, Ports) Host) {
	t.Helper()
	check(t, t, open, nil)
}

// check is Run, reporting to r. cover, if not nil, counts the verdicts.
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
	t     *stage // of the current host
	host  Host
	d     Dialect

	cover    map[string]int // verdicts, for the tests of this package
	moves    int            // changes of addresses
	keys     int            // idempotency keys used
	deaf     int            // failures of the Auditor
	looked   int            // length of the journal at the last look
	mailed   map[string]bool
	secrets  []secret
	lists    bool     // the host lists the allowed events
	serial   bool     // the host handles one request at a time
	halfway  bool     // two requests were made, and the first is being compared
	sessions []string // that should exist
	before   []string // sessions created before the last restart
}

func newHistory(r *rapid.T, t testing.TB, open func(testing.TB, Ports) Host) *history {
	ps := policies()
	p := ps[rapid.IntRange(0, len(ps)-1).Draw(r, "policy")]
	h := &history{T: r, outer: t, open: open, w: new(World), m: &model{Policy: p}, mailed: map[string]bool{}}
	for _, name := range []string{"ann", "bob", "eve"} {
		h.m.accounts = append(h.m.accounts, &account{name: name, factor: "factor-of-" + name, active: name != "eve"})
		h.move(h.m.accounts[len(h.m.accounts)-1])
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

// leave closes the current host.
func (h *history) leave() {
	if h.t != nil {
		h.t.leave()
	}
}

// put stores the model's factor of a user in the directory.
func (h *history) put(p *account) {
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

// move gives a user another address.
func (h *history) move(p *account) {
	h.moves++
	local := fmt.Sprintf("%s.private.%d", p.name, h.moves)
	p.address = local + "@mail.example"
	h.secrets = append(h.secrets, secret{what: "an address", text: local})
	h.put(p)
}

// stage is the [testing.TB] of one host. It ends when the host is closed, and
// its failures fail the history.
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
