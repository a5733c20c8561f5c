package authntest

import "time"

// What happens around the users: time passes, the directory changes, the host
// starts anew.

// wait lets the clock leap: a second, or to just before or just at the moment
// when something ends.
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
	p := h.person()
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
	h.Logf("%s  the clock has moved", h.w.Now().Format("15:04:05"))
}

// change gives a person another address, or takes the factor away for a
// moment.
func (h *history) change() {
	p := h.person()
	gone := h.pick("gone", 3) == 0
	if gone {
		h.Logf("%s has no factor any more", p.name)
		p.address = ""
		h.put(p)
	} else {
		h.Logf("%s has another address", p.name)
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
		h.Logf("%s has a factor again", p.name)
		h.move(p)
	}
}

// closed is a person whom the directory does not know for a moment.
func (h *history) closed() {
	p := h.person()
	h.w.Remove(p.name)
	h.pass(1)
	o := h.ask(p.name+" signs in, whom the directory does not know any more", nil, func() Seen { return h.host.Start(p.name) })
	h.judge(o, nil, Request{Event: "start"}, verdict{class: NoUser, to: outside})
	h.put(p)
}

// restart leaves the host, and opens another on the same ports.
func (h *history) restart() {
	h.before = append(h.before, h.host.Sessions()...)
	h.leave()
	h.enter()
	h.Logf("the host has started anew")
}
