package authntest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/authnfsm/authn"
)

// A Port is a method of a port, as faults and the journal name it.
type Port string

// The ports of a [World].
const (
	Load      Port = "load"      // [authn.Store]
	Save      Port = "save"      // [authn.Store]
	Due       Port = "due"       // [authn.Sweeper]
	Send      Port = "send"      // [authn.Sender]
	Factors   Port = "factors"   // [authn.Directory]
	Activated Port = "activated" // [authn.Directory]
	Audit     Port = "audit"     // [authn.Auditor]
	Allow     Port = "allow"     // [authn.Limiter]
)

// ErrDown is an error for a port that is down. It is none of authn's own.
var ErrDown = errors.New("the port is down")

// A Fault is what goes wrong with one call of a port. The zero value is
// nothing. The usual ones:
//
//	Fault{Err: ErrDown}                          // nothing has happened
//	Fault{Err: ErrDown, After: true}             // it has happened, and the caller cannot know
//	Fault{Err: authn.ErrConflict}                // Save: a lost race
//	Fault{Err: authn.ErrUndeliverable}           // Send: no such mailbox
//	Fault{Forget: true}                          // Activated, Send, Audit: taken, and thrown away
//	Fault{Stale: true}                           // Factors: as they were before the last change
//	Fault{RetryAt: w.Now().Add(time.Minute)}     // Allow: not before then
//	Fault{Panic: "boom"}                         // in the driver
//	Fault{Exit: true, After: true}               // the process dies between the write and the answer
//	Fault{Delay: time.Second}                    // slow, by the World's clock
//	Fault{Hang: true}                            // until the caller's context ends
type Fault struct {
	// Err is what the call returns instead of carrying out anything.
	Err error
	// After lets the call be carried out before Err, Panic or Exit: what it
	// returned is lost, be it good or bad.
	After bool
	// Panic, if not nil, is what the call panics with instead of returning.
	Panic any
	// Exit ends the goroutine, with [runtime.Goexit], instead of returning.
	Exit bool
	// Forget returns nil without carrying out anything. A Load that forgets
	// returns [authn.ErrNotFound].
	Forget bool
	// Stale makes Factors return what the user had before the last change.
	Stale bool
	// RetryAt is what Allow returns; zero: the step may go on.
	RetryAt time.Time
	// Delay is by how much the World's clock moves on before anything else
	// happens. No time passes for real.
	Delay time.Duration
	// Hang waits until the context ends, for real, and returns its error.
	Hang bool
}

// Fail gives f to every call of a port from now on, in place of what it had.
func (w *World) Fail(p Port, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.always == nil {
		w.always = map[Port]Fault{}
	}
	w.always[p] = f
}

// FailOnce gives f to one call of a port, the next that no earlier FailOnce
// takes. It comes before what [World.Fail] has for the port.
func (w *World) FailOnce(p Port, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.once == nil {
		w.once = map[Port][]Fault{}
	}
	w.once[p] = append(w.once[p], f)
}

// Heal takes all faults from the ports that are named, or from every port if
// none is. The Plan stays.
func (w *World) Heal(ports ...Port) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(ports) == 0 {
		w.always, w.once = nil, nil
	}
	for _, p := range ports {
		delete(w.always, p)
		delete(w.once, p)
	}
}

// fault takes the fault of one call.
func (w *World) fault(ctx context.Context, c Call) Fault {
	w.mu.Lock()
	if q := w.once[c.Port]; len(q) > 0 {
		w.once[c.Port] = q[1:]
		w.mu.Unlock()
		return q[0]
	}
	f, ok := w.always[c.Port]
	w.mu.Unlock()
	if !ok && w.Plan != nil {
		f = w.Plan(ctx, c)
	}
	return f
}

// call makes one call of a port, with what goes wrong. carryOut completes c
// with what came of it.
func (w *World) call(ctx context.Context, c Call, carryOut func(c *Call, f Fault) error) error {
	w.mu.Lock()
	w.counted++
	c.N, c.At = w.counted, Epoch().Add(w.moved)
	w.mu.Unlock()
	f := w.fault(ctx, c)
	if f.Delay != 0 {
		w.Advance(f.Delay)
	}
	if f.Hang {
		<-ctx.Done()
	}
	broken := f.Err != nil || f.Panic != nil || f.Exit
	switch {
	case ctx.Err() != nil:
		c.Err = ctx.Err()
	case f.Forget && c.Port == Load:
		c.Err = authn.ErrNotFound
	case f.Forget:
	case !broken || f.After:
		c.Err = carryOut(&c, f)
		c.Done = c.Err == nil
	}
	if f.Err != nil && ctx.Err() == nil {
		c.Err = f.Err
	}
	w.mu.Lock()
	w.calls = append(w.calls, c)
	w.mu.Unlock()
	if w.Watch != nil {
		w.Watch(ctx, c)
	}
	switch {
	case f.Exit:
		runtime.Goexit()
	case f.Panic != nil:
		panic(f.Panic)
	}
	return c.Err
}
