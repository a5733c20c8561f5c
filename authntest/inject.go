package authntest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// Fault injection.

// planned returns the plan of an injection. It records whether a fault was
// injected.
func (h *history) planned(inj *injection) func(context.Context, Call) Fault {
	var mu sync.Mutex
	return func(_ context.Context, c Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		f := inj.plan(c)
		if f != (Fault{}) {
			inj.fired = true
		}
		return f
	}
}

// down is the error of a failing port. No client may see its text.
func down(p Port) error { return fmt.Errorf("%s: %w %s", p, ErrDown, inner) }

// first gives f to the first call of a port, and then follows rest.
func first(p Port, f Fault, rest func(Call) Fault) func(Call) Fault {
	struck := false
	return func(c Call) Fault {
		switch {
		case struck && rest != nil:
			return rest(c)
		case !struck && c.Port == p:
			struck = true
			return f
		}
		return Fault{}
	}
}

// always gives a fault to every call of the ports.
func always(f func(Port) Fault, ports ...Port) func(Call) Fault {
	return func(c Call) Fault {
		for _, p := range ports {
			if c.Port == p {
				return f(p)
			}
		}
		return Fault{}
	}
}

func failing(p Port) Fault { return Fault{Err: down(p)} }

// failStore makes a save fail before or after it takes effect, or report a
// conflict, or takes the store down.
func (h *history) failStore() {
	kinds := []*injection{
		{name: "a save fails", effect: nothing, plan: first(Save, failing(Save), nil)},
		{name: "a save panics", effect: nothing, plan: first(Save, Fault{Panic: inner}, nil)},
		{name: "a save succeeds and reports an error", effect: harmless, plan: first(Save, Fault{Err: down(Save), After: true}, nil)},
		{name: "a save reports a conflict", effect: harmless, plan: first(Save, Fault{Err: authn.ErrConflict}, nil)},
		{name: "the store is down", effect: nothing, plan: always(failing, Load, Save)},
		{name: "a save succeeds, and then the store is down", effect: hidden,
			plan: first(Save, Fault{Err: down(Save), After: true}, always(failing, Load, Save))},
	}
	inj := kinds[h.pick("store", len(kinds))]
	if h.pick("start", 4) == 0 {
		h.begin(h.account(), inj)
		return
	}
	if x := h.any(h.redeemable); x != nil && h.pick("redeem", 2) == 0 {
		h.exchange(x, inj)
		return
	}
	x := h.any(func(x *tx) bool { return x.live(h.w.Now()) && h.next(x).Code != "" && x.token != "" })
	if x == nil {
		x = h.some()
	}
	if x == nil {
		return
	}
	r := h.next(x)
	if r.Code != "" && h.pick("wrong", 3) == 0 {
		r.Code = h.other(x)
	}
	if h.d.AtOnce && inj.effect == hidden && h.expect(x, r).to == success {
		return // the host saves twice, and the fault may hit either
	}
	h.send(x, r, inj)
	if inj.effect == nothing && x.live(h.w.Now()) {
		h.send(x, r, nil) // the client may send the request again
	}
}

// failMail makes the delivery of a code fail. The verdict stays the same; if
// the code is undeliverable, the user may ask for another at once.
func (h *history) failMail() {
	kinds := []*injection{
		{name: "the mail fails", plan: always(failing, Send)},
		{name: "the mail is accepted and reported as failed", plan: always(func(p Port) Fault { return Fault{Err: down(p), After: true} }, Send)},
		{name: "the mail panics", plan: always(func(Port) Fault { return Fault{Panic: inner} }, Send)},
		{name: "the mail cannot be delivered", waives: true, plan: always(func(p Port) Fault {
			return Fault{Err: fmt.Errorf("%w: %w", down(p), authn.ErrUndeliverable)}
		}, Send)},
	}
	inj := kinds[h.pick("mail", len(kinds))]
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if x.state == proving || x.state == enrolling {
		r = Request{Event: "resend", Factor: x.who.factor}
	}
	h.send(x, r, inj)
}

// failDirectory makes the directory fail, or reject an enrolled factor.
func (h *history) failDirectory() {
	inj := &injection{name: "the directory fails", effect: nothing, plan: always(failing, Factors)}
	if h.pick("start", 3) == 0 {
		h.begin(h.account(), inj)
		return
	}
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if r.Event == "activate" {
		h.send(x, r, &injection{name: "the directory does not accept the factor", plan: always(failing, Activated)})
		return
	}
	if r.Code == "" && h.expect(x, r).class == OK { // a code is checked without the directory
		h.send(x, r, inj)
	}
}

// failLimiter makes the limiter fail or deny a request that sends a code, or whose
// code would be looked at.
func (h *history) failLimiter() {
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if v := h.expect(x, r); !v.sends && (r.Code == "" || v.class != OK && v.class != WrongCode) || h.d.Means != nil && h.meant(x, r) != r {
		return
	}
	if h.pick("limiter", 2) == 0 {
		h.send(x, r, &injection{name: "the limiter fails", effect: nothing, plan: always(failing, Allow)})
		return
	}
	inj := &injection{plan: always(func(Port) Fault { return Fault{RetryAt: h.w.Now().Add(time.Minute)} }, Allow)}
	o := h.ask(describe(x, r)+", the limiter denies it", x, h.under(inj, func() Seen { return h.do(x, x.token, r) }))
	h.judge(o, x, r, verdict{class: TooSoon, to: x.state})
}

// failAuditor makes the auditor fail. The verdict stays the same. The account
// keeps undelivered audit events and has room for a few, so this is done at
// most three times.
func (h *history) failAuditor() {
	if x := h.some(); x != nil && h.deaf < 3 {
		h.deaf++
		h.send(x, h.next(x), &injection{name: "the auditor fails", plan: always(failing, Audit)})
	}
}
