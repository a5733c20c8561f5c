package authn

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// The abstraction. Two accounts are in one class if the machine cannot
// distinguish them. canon returns the canonical member of a class. It removes
// only:
//
//   - the absolute time. A step only compares times with now or with each other,
//     so times become distances to now. A time so far back that the clock cannot
//     go back to it becomes simply past. (Other past times do not: the clock may
//     go back to them.)
//   - the age of a charge, except for the spans that it has left. Between two
//     leaps an exploration waits less than the shortest span, and a leap is as
//     long as a span.
//   - the names of transactions, tokens and nonces, which are only compared with
//     each other; the numbers of steps, which name effects; and with them the
//     limit of 100 steps.
//   - finished transactions if there is another one, and the order of slots: a
//     free slot is equivalent to one with a finished transaction. (Transactions
//     whose session token was used are kept where several are explored.)
//   - the time at which the slot of a finished transaction becomes free.
//   - in SUCCESS, when the transaction began, except for its order among others.
//   - when something was proved, which is only told, and when a device was remembered,
//     which is for far longer than an exploration lasts.
//   - when a password expires, which is only shown, and by which nonce a form is sealed
//     that the host is to keep.
//   - how long a revision that the directory took still matters, and the secret of an
//     app that was enrolled, which the directory of an exploration never lists.
//
// The method classes compares two members of a class.

const tick = 30 * time.Second

// zero is the current time of every canonical account.
var zero = t0.Add(1000 * time.Hour)

// aged is the age of a canonical charge in addition to the spans that it has left:
// more than that of any transaction of an exploration, so that order is kept.
const aged = 10 * time.Minute

// memory is what the checks remember of a transaction. The code under test does
// not see it.
type memory struct {
	late     bool           // its live code was answered as late
	won      uint8          // generation of the last code that was accepted
	redeemed uint8          // times its session token was redeemed
	mails    uint8          // codes that were accepted by the mailer
	asks     PasswordStatus // of the password, and is not done yet
	proved   bool           // a factor
	free     bool           // no factor was demanded when the last proof was asked for
}

// canon makes accounts canonical: those of a machine, at one time, with a clock
// that may go back.
type canon struct {
	m      *Machine
	now    int64
	fall   int64 // nanoseconds
	memory *[maxTx]memory
	used   bool        // keep transactions whose session token was used
	from   [maxTx]int8 // the previous slot of the transaction in each slot
}

// date makes a time that is compared with now canonical.
func (c *canon) date(t *int64) { *t = max(*t-c.now, -c.fall) + zero.UnixNano() }

// until is date for a time that becomes 0 if it is past.
func (c *canon) until(t *int64) {
	if *t <= c.now-c.fall {
		*t = 0
		return
	}
	c.date(t)
}

func (c *canon) of(a Account) Account {
	c.until(&a.notBefore)
	c.until(&a.lockedUntil)
	c.devices(&a)
	if a.idle() {
		clear(c.memory[:])
		return Account{}
	}
	named := a
	c.compact(&a)
	c.orphans(&a)
	c.date(&a.seen)
	c.charges(&a)
	c.marks(&a)
	var was [maxTx]int64
	for i := range a.txs {
		if was[i] = a.txs[i].born; a.txs[i].state != 0 {
			c.transaction(&a, i)
		}
	}
	c.order(&a, was)
	c.m.reseal(&named, &a, make([]byte, 16))
	return a
}

// compact removes finished transactions, except the last if there is no other, and
// moves the rest to the first slots.
func (c *canon) compact(a *Account) {
	last := -1
	for i := range a.txs {
		switch t := &a.txs[i]; {
		case t.state == 0:
		case !c.over(t):
			last = maxTx
		case last < 0 || last < maxTx && a.txs[last].ended() && (!t.ended() || a.txs[last].expires < t.expires):
			last = i
		}
	}
	var kept [maxTx]transaction
	var codes [maxTx]entry
	var mem [maxTx]memory
	by := []byte(a.failures.by)
	n := 0
	for i := range a.txs {
		if t := &a.txs[i]; t.state == 0 || c.over(t) && i != last {
			continue
		}
		kept[n], codes[n], mem[n], c.from[n] = a.txs[i], a.outbox[i], c.memory[i], int8(i)
		for j := range by {
			if by[j] == byte(i+1) {
				by[j] = byte(n + 1)
			}
		}
		n++
	}
	a.txs, *c.memory, a.failures.by = kept, mem, string(by)
	copy(a.outbox[:], codes[:])
}

// over reports whether a transaction has ended or was redeemed.
func (c *canon) over(t *transaction) bool {
	return t.ended() || t.name() == Success && !t.session.live && !c.used
}

func (c *canon) charges(a *Account) {
	spans := []time.Duration{0, day}
	a.failures.trim(c.now-c.fall, c.m.failureSpan())
	a.failures.at = c.age(a.failures.at, spans)
	a.sends.trim(c.now-c.fall, day)
	a.sends = c.age(a.sends, []time.Duration{0, hour})
	// The charge of a start stays exact while its transaction is live, because its
	// time identifies it for a refund.
	a.starts.trim(c.now-c.fall, hour)
	var own []uint32
	for i := range a.txs {
		if t := &a.txs[i]; t.isLive() && t.name() != Success {
			n := a.starts.len()
			if a.starts.remove(t.born); a.starts.len() < n {
				own = append(own, seconds(c.birth(t)))
			}
		}
	}
	a.starts = c.age(a.starts, spans[:1])
	slices.Sort(own)
	for _, at := range own {
		a.starts.add(int64(at) * 1e9)
	}
}

// age makes each charge as old as the longest span that it has left, plus aged.
func (c *canon) age(w window, spans []time.Duration) (aging window) {
	for i := w.len() - 1; i >= 0; i-- {
		age := time.Duration(0)
		for _, s := range spans {
			if w.until(i, s) <= c.now-c.fall {
				age = s
			}
		}
		aging.add(zero.Add(-age - aged).UnixNano())
	}
	return aging
}

// birth returns when a live transaction began, computed from its canonical end.
func (c *canon) birth(t *transaction) int64 {
	end := t.expires
	c.date(&end)
	return end - int64(c.m.policy.Life)
}

func (c *canon) transaction(a *Account, i int) {
	t := &a.txs[i]
	old := t.id
	t.id, t.token = nameOf(i), tokens[i]
	t.rev = c.steps(a, old, t)
	switch {
	case t.ended():
		t.born, t.expires = zero.UnixNano(), zero.Add(tombstone).UnixNano()
		return
	case t.name() != Success:
		t.born = c.birth(t)
	}
	t.authAt = 0
	for j := range t.proofs {
		t.proofs[j].at = 0
	}
	c.date(&t.expires)
	c.until(&t.sendAt)
	if t.done != 0 {
		t.done = t.expires - int64(c.m.policy.SessionLife)
	}
	if t.passwordEnd != 0 {
		t.passwordEnd = zero.UnixNano()
	}
	if t.session.live {
		t.session.nonce = nonceOf(i, 0)
	}
	if t.code.live {
		t.code.nonce = nonceOf(i, t.sends)
		c.date(&t.code.expires)
	}
	c.until(&a.outbox[i].next)
}

// steps renumbers the steps that name effects, renames the effects, and returns
// the last number.
func (c *canon) steps(a *Account, old id, t *transaction) uint8 {
	var revs []uint8
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 && e.tx == old {
			revs = append(revs, e.rev)
		}
	}
	slices.Sort(revs)
	revs = slices.Compact(revs)
	rank := func(rev uint8) uint8 { return uint8(slices.Index(revs, rev) + 1) }
	for i := range a.outbox {
		if e := &a.outbox[i]; e.kind != 0 && e.tx == old {
			e.tx, e.rev = t.id, rank(e.rev)
		}
	}
	return uint8(len(revs) + 1)
}

// order replaces the times at which transactions in SUCCESS began by times that
// keep only their order among live transactions. Transactions that have expired end
// before anything compares them. was has the original times.
func (c *canon) order(a *Account, was [maxTx]int64) {
	compared := func(t *transaction) bool {
		return t.state != 0 && !t.ended() && t.expires > zero.UnixNano()-c.fall
	}
	var ranks []int64
	for i := range a.txs {
		if compared(&a.txs[i]) {
			ranks = append(ranks, was[i])
		}
	}
	slices.Sort(ranks)
	ranks = slices.Compact(ranks)
	rank := func(i int) int64 { return int64(slices.Index(ranks, was[i])) }
	for i := range a.txs {
		if a.txs[i].name() != Success {
			continue
		}
		a.txs[i].born = zero.UnixNano()
		if !compared(&a.txs[i]) {
			continue
		}
		born, from := zero.UnixNano()+rank(i), int64(-1)
		for j := range a.txs { // next to the last live one before, or otherwise the first after
			t := &a.txs[j]
			if !compared(t) || t.name() == Success {
				continue
			}
			if r := rank(j); r <= rank(i) && r > from || from < 0 && r > rank(i) {
				born = t.born + rank(i) - r
				if r <= rank(i) {
					from = r
				}
			}
		}
		a.txs[i].born = born
	}
}

// orphans makes the effects of removed transactions canonical: only their
// difference matters.
func (c *canon) orphans(a *Account) {
	for i := queue; i < maxOutbox; i++ {
		e := &a.outbox[i]
		if e.kind == 0 {
			continue
		}
		if !slices.ContainsFunc(a.txs[:], func(t transaction) bool { return t.state != 0 && t.id == e.tx }) {
			e.tx, e.rev = nameOf(100+i), 1
		}
		// No step compares these times; only Tend uses the next attempt.
		e.at, e.attempts, e.next, e.until = zero.UnixNano(), 1, zero.UnixNano(), 0
	}
}

func nameOf(slot int) (x id) {
	copy(x[:], "transaction")
	x[15] = byte(slot)
	return x
}

func nonceOf(slot int, generation uint8) (x id) {
	copy(x[:], "nonce")
	x[14], x[15] = byte(slot), generation
	return x
}

// secretOf returns the secret of the transaction in a slot.
func secretOf(slot int) (h TokenSecret) {
	copy(h[:], "handle")
	h[31] = byte(slot)
	return h
}

var tokens = [maxTx]digest{secretOf(0).digest(), secretOf(1).digest(), secretOf(2).digest()}

// entropy returns entropy that leads to canonical names.
func entropy(slot int, generation uint8) (e [64]byte) {
	name, h, nonce := nameOf(slot), secretOf(slot), nonceOf(slot, generation)
	copy(e[:], name[:])
	copy(e[16:], h[:])
	copy(e[48:], nonce[:])
	return e
}

// classes tests the abstraction: the machine does not depend on anything that canon
// removes. From an account that the exploration has reached, it makes another one
// of the same class, with everything that canon removes drawn at random. Every act
// on both must get the same answer and lead to the same class.
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
				r.Fatalf("not in one class:\n%s\n%s", a.String(), b.String())
			}
			if compared++; b != a {
				differ++
			}
			c := rapid.SampledFrom(x.acts(&a, s.fall)).Draw(r, "act")
			next, said := x.happen(&a, c, zero, s)
			other, saidOther := x.happen(&b, x.blurred(&b, c, now), now, s)
			if said != saidOther || next != other {
				r.Fatalf("%s: %q and %q, from\n%s\n%s\nto\n%x\n%x", c.text, said, saidOther, a.String(), b.String(), next.account, other.account)
			}
		}
	})
	if x.applied["classes"] = differ; differ < compared/2 || compared < 50 {
		x.t.Errorf("too few comparisons: %d steps, %d of different members", compared, differ)
	}
}

func (x *explorer) classOf(a Account, now time.Time, fall int8, mem *[maxTx]memory) spot {
	s, _ := x.settle(a, now, fall, mem)
	return s
}

// happen performs an act on an account and returns the class to which it leads, and
// the answer.
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
	return x.classOf(next, e.Now, s.fall, &mem), v.text + " " + v.row
}

// elsewhere is the number of the first transaction name of a blurred account.
const elsewhere = 50

// blurred returns the same act for the other member of the class, which has
// different codes and transaction names.
func (x *explorer) blurred(b *Account, c act, now time.Time) act {
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
	if typ := x.typeAt(b, c.slot, c.op, factorOf(c.ev)); typ != nil && !typ.sendsCode() {
		c.ev = recoded(c.ev, x.proofText(b, c.slot, c.op, factorOf(c.ev), c.code, now))
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
	case options:
		return WithKey(e.key, recoded(e.Event, code))
	case Verify:
		return Verify{Factor: e.Factor, Code: code}
	case Activate:
		return Activate{e.Factor, code}
	}
	return ev
}

// blur returns another member of the class of a canonical account, at another time.
// It does not know the abstraction: it changes any field, and keeps the change if
// the class stays the same.
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
	dates := []func(b *Account) *int64{
		func(b *Account) *int64 { return &b.seen }, func(b *Account) *int64 { return &b.notBefore }, func(b *Account) *int64 { return &b.lockedUntil },
	}
	for i := range b.txs {
		if b.txs[i].state == 0 {
			continue
		}
		x.rename(r, &b, i)
		if b.txs[i].ended() { // only Tend uses the time at which its slot becomes free
			continue
		}
		for _, f := range []func(t *transaction) *int64{
			func(t *transaction) *int64 { return &t.code.expires }, func(t *transaction) *int64 { return &t.sendAt }, func(t *transaction) *int64 { return &t.done },
			func(t *transaction) *int64 { return &t.passwordEnd },
		} {
			dates = append(dates, func(b *Account) *int64 { return f(&b.txs[i]) })
		}
		dates = append(dates, func(b *Account) *int64 { return &b.outbox[i].next })
		if !b.txs[i].isLive() { // likewise
			continue
		}
		dates = append(dates, func(b *Account) *int64 { return &b.txs[i].expires })
		late := nudge(r)
		try(func(b *Account) { // the charge of its start has the time at which it began
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
	if x.types != nil || x.apps() {
		by = by / 1e9 * int64(minute) // time steps of apps stay the same
	}
	moveTimes(&b, by)
	return b, zero.Add(time.Duration(by))
}

// isPossible reports whether an account could have been read from a store.
func (a *Account) isPossible() bool {
	return !slices.ContainsFunc(a.txs[:], func(t transaction) bool { return t.state != 0 && !t.ended() && !t.plausible() })
}

// nudge returns a random distance in time.
func nudge(r *rapid.T) int64 {
	d := rapid.SampledFrom([]time.Duration{1, time.Second, tick - 1, tick, tick + 1, 2 * tick, 4 * minute, 20 * minute, hour, day, year}).Draw(r, "by")
	if rapid.IntRange(0, 3).Draw(r, "forward") > 0 {
		d = -d
	}
	return int64(d)
}

// moments returns the times of a window's charges.
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

// rename changes the names, nonces and steps of a transaction.
func (x *explorer) rename(r *rapid.T, b *Account, i int) {
	t := &b.txs[i]
	if x.once { // fingerprints of repeated events depend on the names
		return
	}
	named := *b
	up := rapid.Uint8Range(0, 40).Draw(r, "steps before")
	t.rev += up
	for j := range b.outbox {
		if e := &b.outbox[j]; e.kind != 0 && e.tx == t.id {
			e.rev, e.tx = e.rev+up, nameOf(elsewhere+i)
		}
	}
	x.m.reseal(&named, b, slices.Repeat([]byte{rapid.Byte().Draw(r, "nonce of forms")}, 16))
	t.id, t.token = nameOf(elsewhere+i), secretOf(elsewhere+i).digest()
	if t.code.live {
		t.code.nonce = nonceOf(elsewhere, rapid.Byte().Draw(r, "nonce"))
	}
	if t.session.live {
		t.session.nonce = nonceOf(elsewhere, rapid.Byte().Draw(r, "session nonce"))
	}
}

// crowdIn puts finished transactions into free slots. If there is only one other
// transaction, it may get any slot.
func (x *explorer) crowdIn(r *rapid.T, b *Account) {
	alive := slices.ContainsFunc(b.txs[:], func(t transaction) bool { return t.isLive() })
	used := slices.ContainsFunc(b.txs[:], func(t transaction) bool { return t.name() == Success && !t.session.live })
	if !alive || used { // which of them makes room depends on when each ended
		return
	}
	if to := rapid.IntRange(0, maxTx-1).Draw(r, "slot"); x.live == 1 && to != 0 {
		b.txs[0], b.txs[to] = b.txs[to], b.txs[0]
		b.outbox[0], b.outbox[to] = b.outbox[to], b.outbox[0]
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

// moveTimes moves an account in time.
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
	b.used.shift(time.Duration(by))
	b.devices.shift(by)
	b.kept.change(func(at int64) int64 { return at + by })
	for i := range b.txs {
		t := &b.txs[i]
		move(&t.born, &t.expires, &t.sendAt, &t.done, &t.code.expires, &t.passwordEnd)
	}
	for i := range b.outbox {
		e := &b.outbox[i]
		move(&e.next, &e.at, &e.until)
	}
}
