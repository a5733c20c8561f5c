package authntest

import "time"

// Changes around the users: time, the directory, restarts.

// wait moves the clock by a second, or to the moment at which something ends,
// or to a second before it.
func (h *history) wait() {
	now := h.w.Now()
	ends := []time.Time{now.Add(time.Second)}
	add := func(ts ...time.Time) {
		for _, t := range ts {
			if t.After(now) {
				ends = append(ends, t.Add(-time.Second), t)
			}
		}
	}
	p := h.account()
	add(p.wait)
	for _, x := range p.txs {
		if !x.over(now) {
			add(x.cool, x.codeEnds, x.ends)
		}
	}
	if until, _ := h.m.lockedUntil(p, now); h.pick("far", 3) == 0 {
		add(until, spent(p.sends, h.m.SendsPerHour, time.Hour, now), spent(p.starts, h.m.StartsPerHour, time.Hour, now), now.Add(day))
	}
	h.w.Advance(ends[h.pick("until", len(ends))].Sub(now))
	h.Logf("%s  the clock moves", h.w.Now().Format("15:04:05"))
}

// change gives a user another address, or removes the factor for one request.
func (h *history) change() {
	p := h.account()
	gone := h.pick("gone", 3) == 0
	if gone {
		h.Logf("          %s has no factor now", p.name)
		p.address = ""
		h.put(p)
	} else {
		h.Logf("          %s has another address", p.name)
		h.move(p)
	}
	x := h.any(func(x *tx) bool { return x.who == p && x.token != "" && !x.over(h.w.Now()) })
	switch {
	case x == nil:
		h.begin(p, nil)
	case x.state == success:
		h.exchange(x, nil)
	default:
		h.send(x, h.next(x), nil)
	}
	if gone {
		h.Logf("          %s has a factor again", p.name)
		h.move(p)
	}
}

// unknownUser signs in a user whom the directory does not know at the moment.
func (h *history) unknownUser() {
	p := h.account()
	h.w.Remove(p.name)
	h.pass(1)
	o := h.ask(p.name+" signs in, the directory does not know the user", nil, func() Seen { return h.host.Start(p.name) })
	h.judge(o, nil, Request{Event: "start"}, verdict{class: NoUser, to: outside})
	h.put(p)
}

// restart closes the host and opens it again on the same ports.
func (h *history) restart() {
	h.before = append(h.before, h.host.Sessions()...)
	h.leave()
	h.enter()
	h.Logf("          the host restarts")
}
