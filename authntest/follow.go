package authntest

import (
	"slices"
	"time"

	"github.com/authnfsm/authn"
)

// How the model changes with a request that was accepted.

// began adds a transaction. If there are too many, one is canceled: the oldest
// without a live code, else the oldest; one that has succeeded only as a last
// resort.
func (m *model) began(p *account, to, token string, now time.Time) *tx {
	var live []*tx
	for _, o := range p.txs {
		if !o.over(now) && !o.redeemed {
			live = append(live, o)
		}
	}
	if len(live) >= m.Live {
		first := slices.MinFunc(live, func(a, b *tx) int {
			for _, first := range []func(*tx) bool{
				func(x *tx) bool { return x.state != success },
				func(x *tx) bool { return !x.kept(now) },
			} {
				if first(a) != first(b) {
					if first(a) {
						return -1
					}
					return 1
				}
			}
			return a.born.Compare(b.born)
		})
		first.ended = true
	}
	x := &tx{who: p, token: token, state: to, enrolls: to == toEnroll, address: p.address, born: now, ends: now.Add(m.Life)}
	p.txs = append(p.txs, x)
	p.starts = append(p.starts, charge{now, x})
	return x
}

// took applies a request with that verdict. code is the code that was sent, if
// any.
func (m *model) took(x *tx, r Request, v verdict, code string, now time.Time) {
	switch {
	case v.class == WrongCode:
		m.missed(x, v.to, now)
		return
	case v.class == LateCode:
		x.code = ""
		return
	case v.class != OK:
		return
	}
	if v.sends {
		m.sent(x, code, now)
	}
	switch {
	case v.to == success && x.state != success:
		m.succeeded(x, now)
	case v.to == canceled:
		x.ended = true
	case r.Event == "previous" && v.to == toEnroll:
		x.code = ""
	}
	x.state = v.to
}

func (m *model) sent(x *tx, code string, now time.Time) {
	p := x.who
	x.code, x.wrong, x.address = code, 0, p.address
	x.codeEnds = now.Add(m.CodeLife)
	if x.codeEnds.After(x.ends) {
		x.codeEnds = x.ends
	}
	x.cool = now.Add(m.Cooldowns[min(x.sends, len(m.Cooldowns)-1)])
	x.sends++
	p.sends = append(p.sends, charge{now, x})
}

// missed counts a wrong code.
func (m *model) missed(x *tx, to string, now time.Time) {
	p := x.who
	lock := m.locks(p, now)
	x.tries++
	x.wrong++
	p.row++
	p.failures = append(p.failures, charge{now, x})
	if n := p.row - m.BackoffFrom; n >= 0 {
		p.wait = now.Add(doubled(m.Backoff, n, m.BackoffMax))
	}
	if x.wrong >= m.CodeTries {
		x.code = ""
	}
	if lock {
		p.wait = time.Time{}
		p.disabled = p.row >= m.DisableAfter
		if p.row%m.LockEvery == 0 {
			p.lock = now.Add(doubled(m.Lock, p.row/m.LockEvery-1, m.LockMax))
		}
		for _, o := range p.txs {
			o.ended = o.ended || !o.redeemed
		}
	}
	if to == locked {
		x.ended = true
	}
	x.state = to
}

// succeeded removes the transaction's own charges and starts the life of its
// session token. An enrollment cancels the user's other transactions.
func (m *model) succeeded(x *tx, now time.Time) {
	p := x.who
	mine := func(c charge) bool { return c.by == x }
	p.failures, p.starts = slices.DeleteFunc(p.failures, mine), slices.DeleteFunc(p.starts, mine)
	p.row, p.wait = 0, time.Time{}
	x.code, x.ends = "", now.Add(m.SessionLife)
	if !x.enrolls {
		return
	}
	for _, o := range p.txs {
		if o != x && !o.redeemed {
			o.ended = true
		}
	}
}

// doubled returns d, doubled n times, but at most limit.
func doubled(d time.Duration, n int, limit time.Duration) time.Duration {
	for ; n > 0 && d < limit; n-- {
		d *= 2
	}
	return min(d, limit)
}

// policies returns the policies of the histories. Limits are low, so that a
// history of thirty requests reaches them; in the first policy those of the
// account are out of reach.
func policies() []authn.Policy {
	p := authn.Policy{
		Digits:    10, // so that no other number is taken for a code
		CodeTries: 2, Tries: 4, Sends: 3, Cooldowns: []time.Duration{30 * time.Second, time.Minute},
		CodeLife: 2 * time.Minute, Life: 6 * time.Minute, SessionLife: time.Minute, Live: 2,
		SendsPerHour: 100, SendsPerDay: 100, StartsPerHour: 100, BackoffFrom: 10, Backoff: 20 * time.Second, BackoffMax: time.Minute,
		LockEvery: 100, Lock: 10 * time.Minute, LockMax: 15 * time.Minute, FailuresPerDay: 100, FailuresPerYear: 100, DisableAfter: 100,
	}
	tight := p
	tight.SendsPerHour, tight.SendsPerDay, tight.StartsPerHour = 4, 7, 5
	tight.BackoffFrom, tight.LockEvery, tight.FailuresPerDay, tight.DisableAfter = 2, 4, 7, 9
	return []authn.Policy{p, tight}
}
