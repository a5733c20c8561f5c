package authntest

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/authnfsm/authn"
)

// A Port names a method of a port, for faults and in the journal.
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

// ErrDown is an error for faults. It wraps none of authn's errors.
var ErrDown = errors.New("the port is down")

// A Fault is what goes wrong with one call of a port. The zero value is no
// fault. Some common ones:
//
//	Fault{Err: ErrDown}                        // fails without effect
//	Fault{Err: ErrDown, After: true}           // takes effect and reports an error
//	Fault{Err: authn.ErrConflict}              // Save: a conflict
//	Fault{Err: authn.ErrUndeliverable}         // Send: no such mailbox
//	Fault{Forget: true}                        // Activated, Send, Audit: reports success without effect
//	Fault{Stale: true}                         // Factors: the list before the last change
//	Fault{RetryAt: w.Now().Add(time.Minute)}   // Allow: denied until then
//	Fault{Panic: "boom"}                       // panics
//	Fault{Exit: true, After: true}             // the process ends between the write and the response
//	Fault{Delay: time.Second}                  // slow, by the World's clock
//	Fault{Hang: true}                          // blocks until the caller's context ends
type Fault struct {
	// Err is what the call returns instead of carrying out anything.
	Err error
	// After lets the call be carried out before Err, Panic or Exit: what it
	// returned is lost, be it good or inj.
	After bool
	// Panic, if not nil, is what the call panics with instead of returning.
	Panic any
	// Exit ends the goroutine with [runtime.Goexit] instead of returning.
	Exit bool
	// Forget returns nil without carrying anything out. For Load, it returns
	// [authn.ErrNotFound].
	Forget bool
	// Stale makes Factors return the user's factors as they were before the
	// last [World.SetFactors] or [World.Activated].
	Stale bool
	// RetryAt is the result of Allow; the zero time allows the step.
	RetryAt time.Time
	// Delay moves the World's clock before anything else happens. It takes
	// no real time.
	Delay time.Duration
	// Hang blocks until the context ends and returns its error.
	Hang bool
}

// Fail sets the fault of every call of a port from now on. It replaces an
// earlier one.
func (w *World) Fail(p Port, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.always == nil {
		w.always = map[Port]Fault{}
	}
	w.always[p] = f
}

// FailOnce sets the fault of one call of a port: the next one that no earlier
// FailOnce applies to. It takes precedence over [World.Fail].
func (w *World) FailOnce(p Port, f Fault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.once == nil {
		w.once = map[Port][]Fault{}
	}
	w.once[p] = append(w.once[p], f)
}

// Heal removes the faults of these ports, or of all ports if none is given. It
// does not change Plan.
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

// fault returns the fault of a call.
func (w *World) fault(ctx context.Context, c Call) Fault {
	w.mu.Lock()
	if q := w.once[c.Port]; len(q) > 0 {
		w.once[c.Port] = q[1:]
		w.mu.Unlock()
		return q[0]
	}
	f, ok := w.always[c.Port]
	plan := w.hook
	w.mu.Unlock()
	if plan == nil {
		plan = w.Plan
	}
	if !ok && plan != nil {
		f = plan(ctx, c)
	}
	return f
}

// call makes a call of a port with its fault and records it. carryOut adds the
// result to c.
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
