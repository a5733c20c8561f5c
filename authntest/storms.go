package authntest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/authnfsm/authn"
)

// What goes wrong, and two clients at once.

// planned makes a plan of bad weather: one that notes that it has struck.
func (h *history) planned(bad *weather) func(context.Context, Call) Fault {
	var mu sync.Mutex
	return func(_ context.Context, c Call) Fault {
		mu.Lock()
		defer mu.Unlock()
		f := bad.plan(c)
		if f != (Fault{}) {
			bad.fired = true
		}
		return f
	}
}

// down is the error of a port that fails. Nobody outside may see it.
func down(p Port) error { return fmt.Errorf("%s: %w %s", p, ErrDown, inner) }

// first gives f to the first call of a port, and then what rest says.
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

// always gives f to every call of the ports.
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

// badStore: a save fails before or after it has taken place, or meets a
// conflict with nobody; the store is down.
func (h *history) badStore() {
	kinds := []*weather{
		{name: "a save fails", effect: nothing, plan: first(Save, failing(Save), nil)},
		{name: "a save panics", effect: nothing, plan: first(Save, Fault{Panic: inner}, nil)},
		{name: "a save takes place and its answer is lost", effect: harmless, plan: first(Save, Fault{Err: down(Save), After: true}, nil)},
		{name: "a save is lost to nobody", effect: harmless, plan: first(Save, Fault{Err: authn.ErrConflict}, nil)},
		{name: "the store is down", effect: nothing, plan: always(failing, Load, Save)},
		{name: "a save takes place, and then the store is down", effect: hidden,
			plan: first(Save, Fault{Err: down(Save), After: true}, always(failing, Load, Save))},
	}
	bad := kinds[h.pick("store", len(kinds))]
	if h.pick("start", 4) == 0 {
		h.begin(h.person(), bad)
		return
	}
	if x := h.any(h.redeemable); x != nil && h.pick("redeem", 2) == 0 {
		h.exchange(x, bad)
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
	if h.d.AtOnce && bad.effect == hidden && h.expect(x, r).to == success {
		return // it takes two saves, and either may be the one
	}
	h.send(x, r, bad)
	if bad.effect == nothing && x.live(h.w.Now()) {
		h.send(x, r, nil) // the same may be sent again
	}
}

// badMail: a mail fails, cannot be delivered, or makes the mailer panic. The
// verdict is the same; one that failed for good may be followed by another.
func (h *history) badMail() {
	kinds := []*weather{
		{name: "the mail fails", plan: always(failing, Send)},
		{name: "the mail is accepted, and the answer lost", plan: always(func(p Port) Fault { return Fault{Err: down(p), After: true} }, Send)},
		{name: "the mail panics", plan: always(func(Port) Fault { return Fault{Panic: inner} }, Send)},
		{name: "the mail cannot be delivered", waives: true, plan: always(func(p Port) Fault {
			return Fault{Err: fmt.Errorf("%w: %w", down(p), authn.ErrUndeliverable)}
		}, Send)},
	}
	bad := kinds[h.pick("mail", len(kinds))]
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if x.state == proving || x.state == enrolling {
		r = Request{Event: "resend", Factor: x.who.factor}
	}
	h.send(x, r, bad)
}

// badDirectory: it fails, or a factor that was confirmed is not taken.
func (h *history) badDirectory() {
	bad := &weather{name: "the directory fails", effect: nothing, plan: always(failing, Factors)}
	if h.pick("start", 3) == 0 {
		h.begin(h.person(), bad)
		return
	}
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if r.Event == "activate" {
		h.send(x, r, &weather{name: "the directory does not take the factor", plan: always(failing, Activated)})
		return
	}
	if r.Code == "" && h.expect(x, r).class == OK { // a code is checked without it
		h.send(x, r, bad)
	}
}

// badLimiter: it says no, or fails. It is asked before a code goes out.
func (h *history) badLimiter() {
	x := h.some()
	if x == nil {
		return
	}
	r := h.next(x)
	if v := h.expect(x, r); !v.sends || h.d.Means != nil && h.meant(x, r) != r {
		return
	}
	if h.pick("limiter", 2) == 0 {
		h.send(x, r, &weather{name: "the limiter fails", effect: nothing, plan: always(failing, Allow)})
		return
	}
	bad := &weather{plan: always(func(Port) Fault { return Fault{RetryAt: h.w.Now().Add(time.Minute)} }, Allow)}
	o := h.ask(describe(x, r)+", the limiter says no", x, h.under(bad, func() Seen { return h.do(x, x.token, r) }))
	h.judge(o, x, r, verdict{class: TooSoon, to: x.state})
}

// badAuditor: what cannot be audited now is audited later, and the verdict is
// the same. What is owed is not forgotten, so this is not done without end.
func (h *history) badAuditor() {
	if x := h.some(); x != nil && h.deaf < 3 {
		h.deaf++
		h.send(x, h.next(x), &weather{name: "the auditor fails", plan: always(failing, Audit)})
	}
}
