package authn

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// classes tests the abstraction that the explorer stands on: whatever canon
// forgets, the machine does not see. From an account that the exploration has
// reached, it makes another of the same class, with everything that canon
// forgets drawn anew; whatever happens to both has to be answered alike and to
// lead to one class again.
func (x *explorer) classes() {
	compared, differ, each := 0, 0, 10
	if underRace {
		each = 3
	}
	rapid.Check(x.t, func(r *rapid.T) {
		for range each {
			s := x.g.spots[rapid.IntRange(0, len(x.g.spots)-1).Draw(r, "spot")]
			a := x.open(s)
			b, now := x.blur(r, &a, s.fall)
			if x.classOf(b, now, s.fall, &[maxTx]memory{}) != x.classOf(a, zero, s.fall, &[maxTx]memory{}) {
				r.Fatalf("not of one class:\n%s\n%s", a.String(), b.String())
			}
			if compared++; b != a {
				differ++
			}
			c := rapid.SampledFrom(x.acts(&a, s.fall)).Draw(r, "act")
			next, said := x.happen(&a, c, zero, s)
			other, saidOther := x.happen(&b, x.blurred(&b, c), now, s)
			if said != saidOther || next != other {
				r.Fatalf("%s: %q and %q, from\n%s\n%s\nto\n%x\n%x", c.text, said, saidOther, a.String(), b.String(), next.account, other.account)
			}
		}
	})
	if x.applied["classes"] = differ; differ < compared/2 || compared < 50 {
		x.t.Errorf("%d steps compared, %d of different members: too few", compared, differ)
	}
}

func (x *explorer) classOf(a Account, now time.Time, fall int8, mem *[maxTx]memory) spot {
	s, _ := x.settle(a, now, fall, mem)
	return s
}

// happen lets an act happen to an account and returns the class it leads to,
// and what was said.
func (x *explorer) happen(a *Account, c act, now time.Time, s spot) (spot, string) {
	x.m = x.ms[c.node]
	defer func() { x.m = x.ms[0] }()
	mem := [maxTx]memory{}
	if c.by != 0 {
		fall := s.fall
		if c.by < 0 {
			fall--
		}
		return x.classOf(*a, now.Add(c.by), fall, &mem), ""
	}
	e := x.env(a, &c, now)
	var r Result
	err := x.do(a, &c, e, &r)
	v := x.verdict(&c, &r, err)
	next := *a
	if err == nil && (r.Changed || c.host == "tend") {
		next = x.deliver(&r, &c, e)
	}
	return x.classOf(next, now, s.fall, &mem), v.text + " " + v.row
}

// elsewhere is where the names of a blurred account's transactions start.
const elsewhere = 50

// blurred is the same act on the other member of the class: its codes are
// other ones, and its transactions have other names.
func (x *explorer) blurred(b *Account, c act) act {
	if c.slot < 0 {
		return c
	}
	was := c.slot
	for i := range b.txs {
		if b.txs[i].id == nameOf(elsewhere+was) {
			c.slot, c.name = i, elsewhere+was
		}
	}
	for i := range b.txs {
		if t := &b.txs[i]; t.state != 0 && t.id == nameOf(was) {
			c.slot, c.name = i, was
		}
	}
	t := &b.txs[c.slot]
	if c.code == noCodeAtAll || x.once {
		return c
	}
	right := x.m.liveCode(b, c.slot)
	if right == "" {
		right = Code("123456789012"[:max(6, int(t.limits.digits))])
	}
	text := right
	switch c.code {
	case wrongText, oldText, otherText:
		text = Code('0'+(right[0]-'0'+1)%10) + right[1:]
	case longText:
		text = right + "0"
	}
	c.ev = recoded(c.ev, text)
	return c
}

func recoded(ev Event, code Code) Event {
	switch e := ev.(type) {
	case keyed:
		return WithKey(e.key, recoded(e.Event, code))
	case Verify:
		return Verify{e.Factor, code}
	case Activate:
		return Activate{e.Factor, code}
	}
	return ev
}

// blur makes another member of the class of a canonical account, at a time of
// its own. It knows nothing of the abstraction: it moves whatever there is, and
// keeps what canon takes for the same.
func (x *explorer) blur(r *rapid.T, a *Account, fall int8) (Account, time.Time) {
	b := *a
	if b == (Account{}) {
		return b, zero
	}
	class := x.classOf(b, zero, fall, &[maxTx]memory{})
	try := func(change func(b *Account)) {
		c := b
		if change(&c); c.isPossible() && x.classOf(c, zero, fall, &[maxTx]memory{}) == class {
			b = c
		}
	}
	var dates []func(b *Account) *int64
	for _, f := range []func(b *Account) *int64{
		func(b *Account) *int64 { return &b.seen }, func(b *Account) *int64 { return &b.notBefore }, func(b *Account) *int64 { return &b.lockedUntil },
	} {
		dates = append(dates, f)
	}
	for i := range b.txs {
		if b.txs[i].state == 0 {
			continue
		}
		x.rename(r, &b, i)
		if b.txs[i].ended() { // when its slot is freed is nobody's business but Tend's
			continue
		}
		for _, f := range []func(t *transaction) *int64{
			func(t *transaction) *int64 { return &t.expires }, func(t *transaction) *int64 { return &t.code.expires }, func(t *transaction) *int64 { return &t.sendAt },
			func(t *transaction) *int64 { return &t.mail.next }, func(t *transaction) *int64 { return &t.done },
		} {
			dates = append(dates, func(b *Account) *int64 { return f(&b.txs[i]) })
		}
		late := nudge(r)
		try(func(b *Account) { // its start was charged when it began
			t := &b.txs[i]
			n := b.starts.len()
			b.starts.remove(t.born)
			t.expires, t.born = t.expires+late, t.born+late
			if b.starts.len() < n {
				b.starts = sorted(append(moments(b.starts), t.born))
			}
		})
	}
	for _, f := range dates {
		by := nudge(r)
		try(func(b *Account) {
			if t := f(b); *t != 0 {
				*t += by
			} else if by < 0 {
				*t = zero.UnixNano() + by
			}
		})
	}
	for _, f := range []func(b *Account) *window{
		func(b *Account) *window { return &b.failures.at }, func(b *Account) *window { return &b.sends }, func(b *Account) *window { return &b.starts },
	} {
		by, first := nudge(r), rapid.IntRange(0, 4).Draw(r, "from charge")
		if by > int64(aged) {
			by = -by // no charge is made in the future
		}
		try(func(b *Account) {
			at := moments(*f(b))
			for i := first; i < len(at); i++ {
				at[i] += by
			}
			*f(b) = sorted(at)
		})
	}
	x.crowdIn(r, &b)
	by := rapid.Int64Range(-2e6, 2e6).Draw(r, "seconds") * 1e9
	moveTimes(&b, by)
	return b, zero.Add(time.Duration(by))
}

// isPossible says that an account could have been read from a store.
func (a *Account) isPossible() bool {
	return !slices.ContainsFunc(a.txs[:], func(t transaction) bool { return t.state != 0 && !t.ended() && !t.plausible() })
}

// nudge is by how much something is moved.
func nudge(r *rapid.T) int64 {
	d := rapid.SampledFrom([]time.Duration{1, time.Second, tick - 1, tick, tick + 1, 2 * tick, 4 * minute, 20 * minute, hour, day, year}).Draw(r, "by")
	if rapid.IntRange(0, 3).Draw(r, "forward") > 0 {
		d = -d
	}
	return int64(d)
}

// moments are the times of a window's charges.
func moments(w window) (at []int64) {
	for i := range w.len() {
		at = append(at, int64(w.at(i))*1e9)
	}
	return at
}

func sorted(at []int64) (w window) {
	slices.Sort(at)
	for _, ns := range at {
		w.add(ns)
	}
	return w
}

// rename gives a transaction other names, another nonce and other steps.
func (x *explorer) rename(r *rapid.T, b *Account, i int) {
	t := &b.txs[i]
	if x.once { // fingerprints of repeated events are of the names
		return
	}
	up := rapid.Uint8Range(0, 40).Draw(r, "steps before")
	t.rev += up
	if t.mail.state == mailPending {
		t.mail.rev += up
	}
	for j := range b.outbox {
		if e := &b.outbox[j]; e.kind != 0 && e.tx == t.id {
			e.rev, e.tx = e.rev+up, nameOf(elsewhere+i)
		}
	}
	t.id, t.token = nameOf(elsewhere+i), secretOf(elsewhere+i).digest()
	if t.code.live {
		t.code.nonce = nonceOf(elsewhere, rapid.Byte().Draw(r, "nonce"))
	}
	if t.session.live {
		t.session.nonce = nonceOf(elsewhere, rapid.Byte().Draw(r, "session nonce"))
	}
}

// crowdIn puts finished transactions into free slots; if there is only one
// other, it may come to any place between them.
func (x *explorer) crowdIn(r *rapid.T, b *Account) {
	alive := slices.ContainsFunc(b.txs[:], func(t transaction) bool { return t.isLive() })
	used := slices.ContainsFunc(b.txs[:], func(t transaction) bool { return t.name() == Success && !t.session.live })
	if !alive || used { // which has to make room for the next depends on when each ended
		return
	}
	if to := rapid.IntRange(0, maxTx-1).Draw(r, "slot"); x.live == 1 && to != 0 {
		b.txs[0], b.txs[to] = b.txs[to], b.txs[0]
		by := []byte(b.failures.by)
		for i := range by {
			if by[i] == 1 {
				by[i] = byte(to + 1)
			}
		}
		b.failures.by = string(by)
	}
	for i := range b.txs {
		if b.txs[i].state == 0 && rapid.Bool().Draw(r, "finished") {
			st := rapid.SampledFrom([]State{LockedOut, Canceled, Expired}).Draw(r, "as")
			b.txs[i] = transaction{
				id: nameOf(70 + i), token: secretOf(70 + i).digest(), state: uint8(st.index() + 1), rev: 7,
				born: zero.UnixNano() - int64(hour), expires: zero.UnixNano() + rapid.Int64Range(int64(minute), int64(tombstone-1)).Draw(r, "until"),
			}
		}
	}
}

// shift moves an account in time.
func moveTimes(b *Account, by int64) {
	move := func(ts ...*int64) {
		for _, t := range ts {
			if *t != 0 {
				*t += by
			}
		}
	}
	move(&b.seen, &b.notBefore, &b.lockedUntil)
	for _, w := range []*window{&b.failures.at, &b.sends, &b.starts} {
		var moved window
		for i := w.len() - 1; i >= 0; i-- {
			moved.add(int64(w.at(i))*1e9 + by)
		}
		*w = moved
	}
	for i := range b.txs {
		t := &b.txs[i]
		move(&t.born, &t.expires, &t.sendAt, &t.done, &t.code.expires, &t.mail.next)
	}
	for i := range b.outbox {
		e := &b.outbox[i]
		move(&e.next, &e.at, &e.until)
	}
}
