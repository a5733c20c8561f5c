package authntest

import (
	"context"
	"sync/atomic"
	"time"
)

// patience is how long a request waits, in real time, for the one that was
// started in the middle of it. A host that handles one at a time runs into it.
const patience = time.Second

// asked is one of two concurrent requests.
type asked struct {
	x    *tx
	r    Request
	do   func() Seen
	seen Seen
}

// twoAtOnce makes two concurrent requests.
func (h *history) twoAtOnce() {
	if h.serial {
		return
	}
	if x := h.any(h.redeemable); x != nil {
		a := &asked{x: x, r: Request{Event: "redeem"}, do: func() Seen { return h.host.Redeem(x.session) }}
		b := *a
		h.settleBoth(h.both(a, &b))
		return
	}
	x := h.some()
	if x == nil {
		return
	}
	y := h.any(func(y *tx) bool { return y.who == x.who && y.token != "" && y.live(h.w.Now()) })
	q := h.next(y)
	switch h.pick("second", 4) {
	case 0:
		q = Request{Event: "cancel"}
	case 1:
		q = h.code(y, h.other(y))
	}
	ask := func(x *tx, r Request) *asked {
		return &asked{x: x, r: r, do: func() Seen { return h.do(x, x.token, r) }}
	}
	h.settleBoth(h.both(ask(x, h.next(x)), ask(y, q)))
}

// redeemable reports whether the client has a valid session token.
func (h *history) redeemable(x *tx) bool {
	return x.session != "" && h.m.redeem(x, h.w.Now()).class == OK
}

// both makes request a, and b just before the first save of a, or after a if
// a saves nothing. It returns them in the order in which they take effect: a
// loses its first save to b.
func (h *history) both(a, b *asked) (first, second *asked) {
	var begun atomic.Bool
	var fault any
	inside := false
	done := make(chan struct{})
	run := func() {
		defer close(done)
		defer func() { fault = recover() }()
		b.seen = b.do()
	}
	h.w.inject(func(_ context.Context, c Call) Fault {
		if c.Port != Save || begun.Swap(true) {
			return Fault{}
		}
		go run()
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case <-done:
			inside = true
		case <-t.C:
		}
		return Fault{}
	})
	h.codes()
	a.seen = a.do()
	late := !begun.Swap(true)
	if late {
		run()
	}
	<-done
	h.w.inject(nil)
	if fault != nil {
		panic(fault)
	}
	if h.serial = !late && !inside; inside {
		return b, a
	}
	return a, b
}

// settleBoth compares both with the model, one after the other.
func (h *history) settleBoth(first, second *asked) {
	h.Helper()
	mails := h.codes()
	for i, k := range []*asked{first, second} {
		what := k.x.who.name + " redeems the session token"
		v := h.m.redeem(k.x, h.w.Now())
		if k.r.Event != "redeem" {
			what = describe(k.x, k.r)
			v = h.expect(k.x, k.r)
		}
		o := outcome{what: what + ", at once with another request", x: k.x, s: k.seen}
		if n := len(mails); i == 1 || n > 0 && v.sends {
			if i == 0 {
				n = 1
			}
			o.mail, mails = mails[:n], mails[n:]
		}
		h.halfway = i == 0
		h.noted(o)
		if k.r.Event == "redeem" {
			h.settleRedeem(o, k.x)
		} else {
			h.settle(o, k.x, k.r, v, nil)
		}
	}
}
