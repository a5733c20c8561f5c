package model

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// The limits of an account: rolling budgets, the back-off and the lock, computed
// from the history.

const (
	aDay  = 24 * time.Hour
	aYear = 365 * aDay
)

// settled returns a policy with the documented defaults.
func settled(p authn.Policy) authn.Policy {
	if p.FailuresPerYear == 0 && p.Digits < 8 {
		p.FailuresPerYear = 100
	}
	for _, d := range []struct {
		n   *int
		def int
	}{
		{&p.Digits, 6}, {&p.CodeTries, 5}, {&p.Tries, 10}, {&p.Sends, 3}, {&p.SendsPerHour, 6}, {&p.SendsPerDay, 20},
		{&p.Live, 3}, {&p.StartsPerHour, 10}, {&p.BackoffFrom, 4}, {&p.LockEvery, 10}, {&p.FailuresPerDay, 20}, {&p.DisableAfter, 50},
	} {
		if *d.n == 0 {
			*d.n = d.def
		}
	}
	for _, d := range []struct {
		n   *time.Duration
		def time.Duration
	}{
		{&p.CodeLife, 5 * time.Minute}, {&p.Life, 10 * time.Minute}, {&p.Backoff, 30 * time.Second}, {&p.BackoffMax, time.Hour},
		{&p.Lock, 30 * time.Minute}, {&p.LockMax, aDay}, {&p.SessionLife, time.Minute}, {&p.DeliveryTimeout, 5 * time.Second},
	} {
		if *d.n == 0 {
			*d.n = d.def
		}
	}
	if p.Cooldowns == nil {
		p.Cooldowns = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute}
	}
	return p
}

// charged returns the time that a budget stores: rounded up to the second.
func charged(at time.Time) time.Time {
	if s := at.Truncate(time.Second); s.Before(at) {
		return s.Add(time.Second)
	}
	return at
}

// limit is the maximal number of charges in any span of time.
type limit struct {
	n    int // 0 means no limit
	span time.Duration
}

// budget is one or two limits on the same charges.
type budget struct {
	limits  []limit
	charges func(f fact) bool
	refunds func(f fact) bool // the charges of the fact's transaction
	clears  func(f fact) bool // all charges
	keeps   func(f fact) bool // the charges of the fact's transaction are not refunded any more
}

func (o *oracle) starts() budget {
	return budget{[]limit{{o.p.StartsPerHour, time.Hour}},
		func(f fact) bool { return f.what == began && f.to != stateSuccess },
		func(f fact) bool { return f.to == stateSuccess },
		func(f fact) bool { return f.what == reinstated },
		func(fact) bool { return false },
	}
}

func (o *oracle) sends() budget {
	return budget{[]limit{{o.p.SendsPerHour, time.Hour}, {o.p.SendsPerDay, aDay}},
		func(f fact) bool { return f.what == sent },
		func(fact) bool { return false },
		func(f fact) bool { return f.what == reinstated },
		func(fact) bool { return false },
	}
}

// failures returns the budget of wrong codes. An accepted code refunds those of
// its transaction since it skipped something, and the host can clear all.
func (o *oracle) failures() budget {
	return budget{[]limit{{o.p.FailuresPerDay, aDay}, {o.p.FailuresPerYear, aYear}},
		func(f fact) bool { return f.what == erred },
		func(f fact) bool { return f.clears() },
		func(f fact) bool { return f.what == reinstated },
		fact.leaves,
	}
}

// charges returns the times that a budget stores, the oldest first. A charge with
// a future time of a wrong clock counts from the time at which the clock fault was
// detected. A charge that has left the longest span stays out if the clock goes
// back.
func (o *oracle) charges(b budget) (ms []time.Time) {
	most, span := 0, time.Duration(0)
	for _, l := range b.limits {
		if most = max(most, l.n); l.n > 0 {
			span = max(span, l.span)
		}
	}
	var txs []int
	for _, f := range o.facts {
		for f.saves && len(ms) > 0 && !ms[0].Add(span).After(f.at) {
			ms, txs = ms[1:], txs[1:]
		}
		switch {
		case b.charges(f):
			ms, txs = append(ms, charged(f.at)), append(txs, f.tx)
			if len(ms) > most {
				ms, txs = ms[1:], txs[1:]
			}
		case f.what == clockFell:
			for i := range ms {
				ms[i] = earlier(ms[i], charged(f.at))
			}
		case b.clears(f):
			ms, txs = nil, nil
		case b.keeps(f):
			for i := range txs {
				if txs[i] == f.tx {
					txs[i] = -1
				}
			}
		case b.refunds(f):
			for i := len(ms) - 1; i >= 0; i-- {
				if txs[i] == f.tx {
					ms, txs = slices.Delete(ms, i, i+1), slices.Delete(txs, i, i+1)
				}
			}
		}
	}
	return ms
}

// free returns the time at which a budget that is exhausted at t has room again,
// when the n-th newest charge of a limit of n leaves; zero if it has room at t.
func (o *oracle) free(t time.Time, b budget) (end time.Time) {
	ms := o.charges(b)
	for _, l := range b.limits {
		if l.n > 0 && len(ms) >= l.n && ms[len(ms)-l.n].Add(l.span).After(t) {
			end = later(end, ms[len(ms)-l.n].Add(l.span))
		}
	}
	return end
}

// leaving returns the times at which charges leave their spans.
func (o *oracle) leaving(b budget) (ms []time.Time) {
	for _, l := range b.limits {
		for _, m := range o.charges(b) {
			if l.n > 0 {
				ms = append(ms, m.Add(l.span))
			}
		}
	}
	return ms
}

// doubled returns first, doubled n times, but at most limit.
func doubled(first time.Duration, n int, limit time.Duration) time.Duration {
	for range n {
		if first >= limit {
			break
		}
		first *= 2
	}
	return min(first, limit)
}

// trouble is the effect of consecutive wrong codes.
type trouble struct {
	row      int       // consecutive wrong codes
	backoff  time.Time // end of the wait before the next try
	locked   time.Time // end of the lock by consecutive wrong codes
	disabled bool
}

func (o *oracle) trouble() (s trouble) {
	for i, f := range o.facts {
		if f.saves && !s.backoff.After(f.at) {
			s.backoff = time.Time{} // over, even if the clock goes back
		}
		if f.saves && !s.locked.After(f.at) {
			s.locked = time.Time{}
		}
		switch {
		case f.what == clockFell: // after a clock fault, a wait is at most the longest one
			s.backoff = earlier(s.backoff, f.at.Add(o.p.BackoffMax))
			s.locked = earlier(s.locked, f.at.Add(o.p.LockMax))
		case f.what == reinstated:
			s = trouble{}
		case f.what == accepted:
			s.row, s.backoff = 0, time.Time{}
		case f.clears():
			s.row = max(0, s.row-o.charged(i))
		case f.what == erred:
			s.row++
			s.backoff = time.Time{}
			then := oracle{p: o.p, facts: o.facts[:i+1]}
			switch {
			case s.row >= o.p.DisableAfter:
				s.disabled = true
			case s.row%o.p.LockEvery == 0:
				s.locked = f.at.Add(doubled(o.p.Lock, s.row/o.p.LockEvery-1, o.p.LockMax))
			case s.row >= o.p.BackoffFrom && !o.p.NoBackoff && then.free(f.at, then.failures()).IsZero():
				s.backoff = f.at.Add(doubled(o.p.Backoff, s.row-o.p.BackoffFrom, o.p.BackoffMax))
			}
		}
	}
	return s
}

// leaves says that the transaction goes on without what was asked of it: what was wrong
// there is not made good by what is right elsewhere.
func (f fact) leaves() bool { return f.what == went && f.by.event == "skip" }

// charged counts the wrong ones of the transaction of the i-th fact, since it was right, or
// has skipped something, the last time.
func (o *oracle) charged(i int) (n int) {
	for _, f := range o.facts[:i] {
		switch {
		case f.tx != o.facts[i].tx:
		case f.clears(), f.leaves():
			n = 0
		case f.what == erred:
			n++
		}
	}
	return n
}

// row returns the number of consecutive wrong codes.
func (o *oracle) row() int { return o.trouble().row }

// backoff returns the end of the back-off that runs at t, or zero.
func (o *oracle) backoff(t time.Time) time.Time {
	if end := o.trouble().backoff; end.After(t) {
		return end
	}
	return time.Time{}
}

// lockedAt reports whether the account is locked at t, and until when: zero if
// only the host can unlock it.
func (o *oracle) lockedAt(t time.Time) (until time.Time, locked bool) {
	s := o.trouble()
	if s.disabled {
		return time.Time{}, true
	}
	if s.locked.After(t) {
		until = s.locked
	}
	until = later(until, o.free(t, o.failures()))
	return until, !until.IsZero()
}

// cool returns the end of the cooldown before a transaction's next send at t, or
// zero. After a permanent failure, or the answer of another device, there is none.
func (o *oracle) cool(tx int, t time.Time) time.Time {
	var last *fact
	n, arrived := 0, false
	for f := range o.of(tx) {
		switch f.what {
		case sent:
			last, arrived = f, false
			n++
		case replied:
			arrived = true
		}
	}
	if n == 0 || arrived || o.delivery(last.letter) == authn.Failed {
		return time.Time{}
	}
	if end := last.at.Add(o.p.Cooldowns[min(n, len(o.p.Cooldowns))-1]); end.After(t) {
		return end
	}
	return time.Time{}
}

// delivery returns the delivery state of a message.
func (o *oracle) delivery(key string) authn.Delivery {
	fails := 0
	for _, f := range o.facts {
		if f.what != tried || f.letter != key {
			continue
		}
		switch {
		case f.err == nil:
			return authn.Sent
		case errorsIs(f.err, authn.ErrUndeliverable):
			return authn.Failed
		}
		if fails++; fails == 5 {
			return authn.Failed
		}
	}
	return authn.Pending
}

// sendRefusal returns why no mail may be sent at t, and until when.
func (o *oracle) sendRefusal(tx int, t time.Time) (time.Time, error) {
	if end := o.backoff(t); !end.IsZero() {
		return end, authn.ErrTooSoon
	}
	if o.count(tx, sent) >= o.p.Sends {
		return time.Time{}, authn.ErrExhausted
	}
	if end := o.cool(tx, t); !end.IsZero() {
		return end, authn.ErrTooSoon
	}
	if end := o.free(t, o.sends()); !end.IsZero() {
		return end, authn.ErrTooSoon
	}
	return time.Time{}, nil
}

// says reports whether the record holds a limit, lock or pending delivery at t,
// so that it must not be deleted.
func (o *oracle) says(t time.Time) bool {
	s := o.trouble()
	if s.row > 0 || s.disabled || s.locked.After(t) || len(o.open(t)) > 0 || o.holds() {
		return true
	}
	for _, f := range o.facts {
		if f.app != nil && o.lastStep(*f.app, t) != 0 || f.what == accepted && o.owed(f.factor) || f.data != nil && o.takenRevision(f.factor, t) != 0 {
			return true
		}
	}
	return slices.ContainsFunc([]budget{o.starts(), o.sends(), o.failures()}, func(b budget) bool {
		return slices.ContainsFunc(o.leaving(b), func(m time.Time) bool { return m.After(t) })
	})
}
