package authn

import (
	"errors"
	"fmt"
	"slices"
)

// The invariants that hold on every step of an exploration. Each has a number
// by which docs and reports name it, and says whether it had something to
// check: one that never has is a failure too.
type rule struct {
	name string
	// check returns whether there was something to check, and what is wrong.
	check func(h *trial) (applies bool, wrong string)
}

var rules = []rule{
	{"S1", becomesSuccess},
	{"S2", rightIsAccepted},
	{"S3", acceptedOnce},
	{"S9", tryIsCounted},
	{"S10", lastTryEnds},
	{"S11", onlyCodesCount},
	{"S12", newCodeIsNew},
	{"S13", sendsAreBounded},
	{"S15", endStandsStill},
	{"S16", endsAbsorb},
	{"S19", deadCodeIsRefused},
	{"S23", othersStayAsTheyAre},
	{"B5", fallenClockIsTheMark},
	{"B6", lateStaysLate},
	{"B7", tendingDecidesNothing},
	{"F1", faultEndsAll},
	{"P1", refusedChangesNothing},
	{"P2", stepsAreCounted},
	{"P3", sameTwice},
	{"T4", rowAnswers},
	{"R1", retryAtIsTheEnd},
	{"E1", oneMailForEachCode},
	{"E5", mailedToWhatIsListed},
	{"K1", redeemedOnce},
	{"L3", lateEventEnds},
	{"H4", finishedLooksUnknown},
}

// judge holds a step against every rule.
func (x *explorer) judge(from int32, h *trial) {
	for i := range rules {
		applies, wrong := rules[i].check(h)
		if applies {
			x.applied[rules[i].name]++
		}
		if wrong != "" {
			x.t.Fatalf("%s: %s\nby%s\n  %s (directory %s) => %s [%s]\nfrom %s\nto   %s", rules[i].name, wrong,
				x.g.story(from), h.c.text, x.views[h.c.view].name, h.v.text, h.v.row, h.a.String(), h.r.Account.String())
		}
	}
}

func says(wrong bool, format string, args ...any) string {
	if !wrong {
		return ""
	}
	return fmt.Sprintf(format, args...)
}

// S1: SUCCESS is reached by the right code for the live challenge, in time, or
// by what the host or the user may leave out; S25: and only with every
// required factor.
func becomesSuccess(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.host != "" {
		return false, ""
	}
	for i := range h.r.Account.txs {
		was, is := &h.a.txs[i], &h.r.Account.txs[i]
		if is.name() != Success || was.name() == Success && was.id == is.id {
			continue
		}
		if i != h.r.slot {
			return true, "another transaction became SUCCESS"
		}
		switch h.c.op {
		case primary:
			l := h.c.login.Require
			return true, says(l == RequireFactor || l == RequireIfActive && len(h.e.Factors) > 0, "the password alone was enough")
		case skip:
			return true, says(was.missing(was.proved) > 0, "something required was skipped")
		case verify, activate:
			return true, says(!h.acceptable() || h.c.op == activate && was.missing(was.proved|1<<was.atHand) > 0, "accepted what should not be")
		}
		return true, "by " + h.c.text
	}
	return false, ""
}

// S2: whatever is acceptable is accepted.
func rightIsAccepted(h *trial) (bool, string) {
	if h.c.host != "" || !h.acceptable() || h.again() {
		return false, ""
	}
	want := Success
	if t := h.tx(); h.c.op == activate && t.missing(t.proved|1<<t.atHand) > 0 {
		want = MFAEnroll
	}
	return true, says(!h.taken() || h.after().name() != want || h.r.Outcome != Done, "the right code was not accepted")
}

// accepted says that a code was.
func (h *trial) accepted() bool {
	return h.taken() && (h.c.op == verify || h.c.op == activate) && h.r.Outcome == Done
}

// S3: no code is accepted twice, and none after a later one.
func acceptedOnce(h *trial) (bool, string) {
	if !h.accepted() {
		return false, ""
	}
	return true, says(h.s.memory[h.c.slot].won >= h.tx().sends, "a code of generation %d after one of %d", h.tx().sends, h.s.memory[h.c.slot].won)
}

// B6: a code that was answered as late is never accepted.
func lateStaysLate(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.s.memory[h.c.slot].late || h.c.code != rightText {
		return false, ""
	}
	return true, says(h.accepted(), "it was late before")
}

// S9: a wrong code costs the code, the transaction and the account one try
// each, a right one none; S14: and never more than there are.
func tryIsCounted(h *trial) (bool, string) {
	if h.c.slot < 0 || h.c.code == noCodeAtAll || h.c.code == rightText || h.c.op == redeem || !h.evaluated() || h.again() {
		return false, ""
	}
	t, u, b := h.tx(), h.after(), &h.r.Account
	if !h.taken() || h.r.Outcome != WrongCode {
		return true, "a wrong code was not answered as one"
	}
	if b.fails != h.a.fails+1 || b.failures.at.len() != h.a.failures.at.len()+1 && b.failures.at.len() != maxWindow {
		return true, "the account did not count it"
	}
	if u.ended() {
		return true, says(u.name() != LockedOut, "it ended as %s", u.name())
	}
	spent := t.code.tries+1 >= h.limits().codeTries
	return true, says(u.tries != t.tries+1 || u.tries > h.limits().tries || spent == u.code.live || !spent && u.code.tries != t.code.tries+1,
		"tries %d of %d, code's %d", u.tries, h.limits().tries, u.code.tries)
}

// S10: the last try of a transaction ends it, and no earlier one does; nor
// does anything but the last of a row lock the account.
func lastTryEnds(h *trial) (bool, string) {
	if !h.taken() || h.r.Outcome != WrongCode {
		return false, ""
	}
	p := &h.x.m.policy
	n := int(h.a.fails) + 1
	day, disabled := h.a.failures.at.len()+1 >= p.FailuresPerDay && h.recent() >= p.FailuresPerDay, n >= p.DisableAfter
	locks := disabled || n%p.LockEvery == 0 || day || p.FailuresPerYear > 0 && h.a.failures.at.len()+1 >= p.FailuresPerYear
	b := &h.r.Account
	s := h.x.m.fresh()
	s.acct, s.now = b, h.now
	switch ends := locks || h.tx().tries+1 >= h.limits().tries; {
	case ends != (h.after().name() == LockedOut):
		return true, fmt.Sprintf("LOCKED_OUT %t, want %t", !ends, ends)
	case b.disabled != (disabled || h.a.disabled):
		return true, "disabled or not"
	case (s.lockEnd() > h.now) != (locks && !disabled || s.lockEnd() > h.now && locks):
		return true, fmt.Sprintf("account locked %t, want %t", s.lockEnd() > h.now, locks)
	case !locks && !p.NoBackoff && (b.notBefore > h.now) != (n >= p.BackoffFrom):
		return true, "backing off or not"
	}
	return true, ""
}

// recent counts the wrong codes of the last day, this one included.
func (h *trial) recent() int {
	n := 1
	for i := range h.a.failures.at.len() {
		if h.a.failures.at.until(i, day) > h.now {
			n++
		}
	}
	return n
}

// S11: nothing else than codes changes what was tried.
func onlyCodesCount(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.op == verify || h.c.op == activate || h.hosted() {
		return false, ""
	}
	b := &h.r.Account
	if b.fails != h.a.fails || b.disabled != h.a.disabled || b.failures.at.len() > h.a.failures.at.len() {
		return true, "the account's failures changed"
	}
	for i := range b.txs {
		if t, u := &h.a.txs[i], &b.txs[i]; t.id == u.id && !u.ended() && (t.tries != u.tries || t.sends == u.sends && u.code.live && t.code.tries != u.code.tries) {
			return true, "a transaction's tries changed"
		}
	}
	return true, ""
}

// S12: a new code is new: generation, nonce, life, cool-down; nothing else
// starts afresh.
func newCodeIsNew(h *trial) (bool, string) {
	if !h.taken() || h.after().ended() || h.after().sends == h.tx().sends {
		return false, ""
	}
	t, u, l := h.tx(), h.after(), h.limits()
	u0 := *u
	u0.code, u0.mail, u0.sends, u0.sendAt, u0.atHand, u0.factors, u0.state, u0.rev, u0.last = t.code, t.mail, t.sends, t.sendAt, t.atHand, t.factors, t.state, t.rev, t.last
	return true, says(!h.sent || u.sends != t.sends+1 || !u.code.live || u.code.tries != 0 || u.code.nonce == t.code.nonce || u0 != *t ||
		u.code.expires != min(h.now+l.codeLife, t.expires) || u.sendAt != h.now+l.cooldowns[min(int(t.sends), maxCooldown-1)] ||
		h.now < t.sendAt || h.now < h.a.notBefore || h.r.Account.sends.len() != h.a.sends.len()+1, "the new code is %+v", u.code)
}

// S13: a transaction sends so many codes, an account so many.
func sendsAreBounded(h *trial) (bool, string) {
	if h.err != nil || !h.sent || h.c.slot < 0 {
		return false, ""
	}
	p, n := &h.x.m.policy, 0
	for i := range h.r.Account.sends.len() {
		if h.r.Account.sends.until(i, hour) > h.now {
			n++
		}
	}
	return true, says(h.after().sends > h.limits().sends || n > p.SendsPerHour || h.r.Account.sends.len() > p.SendsPerDay,
		"%d of the transaction, %d in the hour", h.after().sends, n)
}

// S15: nothing moves a transaction's end, and no code outlives it.
func endStandsStill(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed {
		return false, ""
	}
	n := 0
	for i := range h.r.Account.txs {
		t, u := &h.a.txs[i], &h.r.Account.txs[i]
		if u.state == 0 || t.id != u.id || u.ended() || u.name() == Success {
			continue
		}
		n++
		if u.expires != t.expires || u.born != t.born || u.limits != t.limits || u.code.live && u.code.expires > u.expires {
			return true, "a deadline, a birth or a limit moved"
		}
	}
	return n > 0, ""
}

// S16, S17: an end is the end: nothing happens there, whatever comes.
func endsAbsorb(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.tx().ended() && (h.tx().name() != Success || h.tx().session.live || h.due()) || h.again() {
		return false, ""
	}
	return true, says(!h.refused(ErrFinished), "something happened after the end")
}

// H4: what finds its transaction finished is answered like a token that never
// was.
func finishedLooksUnknown(h *trial) (bool, string) {
	var ref *Refusal
	if !errors.As(h.err, &ref) || ref.Err != ErrFinished {
		return false, ""
	}
	return true, says(ref.State != "" || ref.Guard != "" || !ref.RetryAt.IsZero(), "it tells of %s, %s, %v", ref.State, ref.Guard, ref.RetryAt)
}

// S19: where no code is live, none is accepted or counted.
func deadCodeIsRefused(h *trial) (bool, string) {
	if h.c.slot < 0 || h.c.code == noCodeAtAll || h.c.code == longText || h.again() || !h.here() || h.due() || h.tx().code.live {
		return false, ""
	}
	return true, says(!h.refused(ErrNoCode) && !h.refused(ErrTooSoon) && !h.refused(ErrNotOffered) && !h.refused(ErrNoUser), "a dead code was looked at")
}

// S23: an event on one transaction leaves the others alone, unless a row says
// otherwise.
func othersStayAsTheyAre(h *trial) (bool, string) {
	if h.c.slot < 0 && h.c.op != primary || h.err != nil {
		return false, ""
	}
	n := 0
	for i := range h.a.txs {
		t, u := &h.a.txs[i], &h.r.Account.txs[i]
		if t.state == 0 || i == h.c.slot || i == h.r.slot {
			continue
		}
		n++
		moved := slices.ContainsFunc(h.r.moves[:h.r.nmoves], func(m move) bool { return m.tx == t.id })
		if !moved && *t != *u {
			return true, "another transaction changed"
		}
		if moved && !u.ended() {
			return true, "another transaction took a row and did not end"
		}
	}
	return n > 0, ""
}
