package authn

import (
	"hash"
	"time"

	"github.com/looplab/fsm"
)

// step is the working memory of one step; instances come from a pool. What
// the questions and updates see of the world is in here and nowhere else.
type step struct {
	m    *Machine
	fsm  *fsm.FSM
	macs [][keyUses]hash.Hash // by key of the ring, then purpose; made on first use
	buf  []byte
	sum  [32]byte

	ideal bool  // look for what is allowed: assume the best payload
	fault bool  // the mark of the record lies too far in the future
	now   int64 // the later of the clock and the record's mark
	rnd   [64]byte
	login Login
	in    input
	dir   []pin    // what the Directory says now, at most maxFactors
	block bool     // the Directory has a disabled factor
	r     *Result  // what the step comes to: the caller's, or own
	acct  *Account // the working copy, in r; the account itself for whoever only looks
	own   Result
	i     int // slot of the transaction at hand
	op    op
}

// move is a row that was taken.
type move struct {
	edge   *edge
	tx     id
	rev    uint8
	factor string // at hand before it
}

// Rows that one step can take: one for each transaction that there is, which
// goes its way or ends, and one for a transaction that begins.
const maxMoves = maxTx + 1

// input is an event's payload, checked and normalized.
type input struct {
	factor string
	once   string
	code   [maxDigits]byte
	digits uint8
}

func (s *step) tx() *transaction { return &s.acct.txs[s.i] }

// What the transaction may spend: as pinned to it, or as in force if stricter.
func (s *step) maxTries() uint8     { return min(s.tx().limits.tries, s.m.limits.tries) }
func (s *step) maxCodeTries() uint8 { return min(s.tx().limits.codeTries, s.m.limits.codeTries) }
func (s *step) maxSends() uint8     { return min(s.tx().limits.sends, s.m.limits.sends) }

// lockEnd is when the account's lock ends: the soft lock, or a budget of wrong
// codes that is spent until its oldest charge leaves the span.
func (s *step) lockEnd() int64 {
	p, f := &s.m.policy, s.acct.failures.at
	end := max(s.acct.lockedUntil, f.freeAt(p.FailuresPerDay, day))
	if p.FailuresPerYear > 0 {
		end = max(end, f.freeAt(p.FailuresPerYear, year))
	}
	return end
}

func (s *step) isDisabled() bool { return s.acct.disabled || s.block }

// lastOf says whether one more wrong code spends a budget of n for each span.
func (s *step) lastOf(n int, span time.Duration) bool {
	return n == 1 || s.acct.failures.at.freeAt(n-1, span) > s.now
}

// mailboxFreeAt is when the account may send again.
func (s *step) mailboxFreeAt() int64 {
	p, w := &s.m.policy, s.acct.sends
	return max(w.freeAt(p.SendsPerHour, hour), w.freeAt(p.SendsPerDay, day))
}

// has says whether the Directory has a factor with this status.
func (s *step) has(st Status) bool {
	for i := range s.dir {
		if s.dir[i].status == st {
			return true
		}
	}
	return false
}

// listed is what the Directory says now of the transaction's i-th factor; nil
// if it no longer has it with that status.
func (s *step) listed(i int) *pin {
	f := &s.tx().factors[i]
	for j := range s.dir {
		if d := &s.dir[j]; d.kind == f.kind && d.id == f.id && d.status == f.status {
			return d
		}
	}
	return nil
}

// enrollmentOpen says that the password is enough for enrolling: nobody else's
// factor is active, or this transaction has proved one.
func (s *step) enrollmentOpen() bool { return s.tx().proved != 0 || !s.has(Active) }

// chosen is the index of the factor that the event chooses, or -1: in
// MFA_ENROLL one of the type, in MFA_REQUIRED the one with the ID, else the
// one at hand. The Directory has to offer it now.
func (s *step) chosen() int {
	t := s.tx()
	if s.ideal && s.op == challenge && t.code.live {
		return int(t.chosen)
	}
	for i := range t.factors {
		f := &t.factors[i]
		if f.kind != 0 && s.chooses(i, f) && (s.ideal || s.listed(i) != nil && (f.status == Active || s.enrollmentOpen())) {
			return i
		}
	}
	return -1
}

func (s *step) chooses(i int, f *pin) bool {
	switch s.op {
	case enroll:
		return f.status == NotSetUp && (s.ideal || s.in.factor == f.typ().name)
	case challenge:
		return f.status == Active && (s.ideal || s.in.factor == f.id)
	}
	return i == int(s.tx().chosen) && (s.in.factor == "" || s.in.factor == f.id)
}

// moved says that the factor at hand has another address by now.
func (s *step) moved() bool {
	if s.ideal {
		return false
	}
	d := s.listed(int(s.tx().chosen))
	return d == nil || d.recipient != s.tx().factor().recipient
}

// withdrawn says that what is being activated is no longer on offer.
func (s *step) withdrawn() bool {
	return s.op == activate && !s.ideal && (s.moved() || !s.enrollmentOpen())
}

// retryAt is when the guard that refused stops holding; 0 if time does not help.
func (s *step) retryAt(e *edge) int64 {
	for _, g := range e.row.When {
		switch g {
		case accountLocked:
			if s.isDisabled() {
				return 0
			}
			return s.lockEnd()
		case startsSpent:
			return s.acct.starts.freeAt(s.m.policy.StartsPerHour, hour)
		case sendBackoff, backingOff:
			return s.acct.notBefore
		case coolingDown:
			return s.tx().sendAt
		case mailboxFull:
			return s.mailboxFreeAt()
		case timeLeft:
			return s.tx().expires
		}
	}
	return 0
}
