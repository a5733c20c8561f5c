package authn

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The invariants of every step of an exploration. Each has a number, which pages and
// reports use, and reports whether it applied: one that never applies is a failure.
type rule struct {
	name string
	// check returns whether the rule applied, and what is wrong.
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
	{"S26", usedUp},
	{"S28", oneResponse},
	{"S29", deviceAnswers},
	{"S30", guessesOnly},
	{"S33", newPasswordIsEarned},
	{"S34", passwordIsAsked},
	{"S35", gatesAreInOrder},
	{"S36", inputsAreJudged},
	{"S37", newestFormIsOwed},
	{"S38", deviceStandsForAFactor},
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
	{"K5", redeemedAtOnceIsRedeemed},
	{"K6", challengedAtOnceIsChallenged},
	{"L3", lateEventEnds},
	{"H4", finishedLooksUnknown},
}

// judge checks a step against every rule.
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

// S1: SUCCESS is reached by the right code of the live challenge, in time, or if the
// host requires no factor or the user may skip. S25: only with every required
// factor.
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
		case opPrimary:
			l := h.c.login.Require
			return true, says(!h.isRemembered() && (l == RequireFactor || l == RequireIfActive && len(h.e.Factors) > 0), "the password alone was enough")
		case opSkip:
			return true, says(was.name() != PasswordWarn && h.missing(was) > 0, "something required was skipped")
		case opChangePassword, opResetPassword, opPass:
			return true, says(!h.acceptable(), "accepted what should not be")
		case opVerify, opActivate:
			return true, says(!h.acceptable() || h.missing(was) > 0, "accepted what should not be")
		}
		return true, "by " + h.c.text
	}
	return false, ""
}

// S2: every acceptable code is accepted. A new password waits for a factor that became active.
func rightIsAccepted(h *trial) (bool, string) {
	if h.c.host != "" || !h.acceptable() || h.again() {
		return h.skips(), says(h.skips() && (!h.taken() || h.after().name() != MFARequired), "a new password comes before the factor")
	}
	want := h.onward(0, h.s.memory[h.c.slot].asks)
	if h.c.op.isJudged() {
		want = h.onward(max(1, h.x.placeOf(h.x.m.stateOf(h.tx()))), PasswordFine)
	} else if h.missing(h.tx()) > 0 {
		want = MFAEnroll
	}
	return true, says(!h.taken() || h.x.m.stateOf(h.after()) != want || h.r.Outcome != Done, "the right code was not accepted")
}

// accepted reports whether a code was accepted.
func (h *trial) accepted() bool {
	return h.taken() && (h.c.op == opVerify || h.c.op == opActivate) && h.r.Outcome == Done
}

// S3: no code is accepted twice, and none after a later one.
func acceptedOnce(h *trial) (bool, string) {
	if !h.accepted() || h.typ() == nil || !h.typ().sendsCode() {
		return false, ""
	}
	return true, says(h.s.memory[h.c.slot].won >= h.tx().sends, "a code of generation %d after one of %d", h.tx().sends, h.s.memory[h.c.slot].won)
}

// B6: a code that was answered as late is never accepted.
func lateStaysLate(h *trial) (bool, string) {
	if typ := h.typ(); typ == nil || !typ.sendsCode() || !h.s.memory[h.c.slot].late || h.c.code != rightText {
		return false, ""
	}
	return true, says(h.accepted(), "it was late before")
}

// S9: a wrong code costs the code, the transaction and the account one try each, a
// right one none. S14: tries never exceed the limits.
func tryIsCounted(h *trial) (bool, string) {
	if h.c.slot < 0 || h.c.code == noCodeAtAll && h.c.op != opRespond || h.c.op == opRedeem || !h.evaluated() || h.worth() != wrong || h.again() {
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
	if typ := h.typ(); typ == nil || !typ.sendsCode() { // the challenge has no tries of its own
		return true, says(u.tries != t.tries+1 || u.tries > h.limits().tries || u.code.tries != 0 && !h.direct(), "tries %d of %d", u.tries, h.limits().tries)
	}
	spent := t.code.tries+1 >= h.limits().codeTries
	return true, says(u.tries != t.tries+1 || u.tries > h.limits().tries || spent == u.code.live || !spent && u.code.tries != t.code.tries+1,
		"tries %d of %d, code's %d", u.tries, h.limits().tries, u.code.tries)
}

// S10: the last try of a transaction ends it, and no earlier one does. Only the last
// of the allowed consecutive wrong codes locks the account.
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

// recent counts the wrong codes of the last day, including this one.
func (h *trial) recent() int {
	n := 1
	for i := range h.a.failures.at.len() {
		if h.a.failures.at.until(i, day) > h.now {
			n++
		}
	}
	return n
}

// S11: only codes change the counts of tries.
func onlyCodesCount(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.op == opVerify || h.c.op == opActivate || h.c.op == opRespond || h.hosted() || h.c.op.isJudged() && !h.r.Ended { // S36
		return false, ""
	}
	b := &h.r.Account
	if b.fails != h.a.fails || b.disabled != h.a.disabled || b.failures.at.len() > h.a.failures.at.len() {
		return true, "the account's failures changed"
	}
	for i := range b.txs {
		if t, u := &h.a.txs[i], &b.txs[i]; t.id == u.id && !u.ended() && (t.tries != u.tries || t.sends == u.sends && t.factor == u.factor && u.code.live && t.code.tries != u.code.tries) {
			return true, "a transaction's tries changed"
		}
	}
	return true, ""
}

// S12: a new code has a new generation, nonce, life and cooldown, and resets nothing
// else.
func newCodeIsNew(h *trial) (bool, string) {
	if !h.taken() || h.after().ended() || h.after().sends == h.tx().sends {
		return false, ""
	}
	t, u, l := h.tx(), h.after(), h.limits()
	u0 := *u
	u0.reply = t.reply
	u0.code, u0.delivery, u0.sends, u0.sendAt, u0.factor, u0.owing, u0.state, u0.rev, u0.last = t.code, t.delivery, t.sends, t.sendAt, t.factor, t.owing, t.state, t.rev, t.last
	return true, says(!h.sent || u.sends != t.sends+1 || !u.code.live || u.code.tries != 0 || u.code.nonce == t.code.nonce || u0 != *t ||
		u.code.expires != min(h.now+l.codeLife, t.expires) || u.sendAt != h.now+l.cooldowns[min(int(t.sends), maxCooldown-1)] ||
		h.now < t.sendAt || h.now < h.a.notBefore || h.r.Account.sends.len() != h.a.sends.len()+1, "the new code is %+v", u.code)
}

// S13: the sends of a transaction and of an account are limited.
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

// S15: no event changes a transaction's deadline, and no code outlives it.
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

// S16, S17: a terminal state never changes.
func endsAbsorb(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.tx().ended() && (h.tx().name() != Success || h.tx().session.live || h.due()) || h.again() {
		return false, ""
	}
	return true, says(!h.refused(ErrFinished), "something happened after the end")
}

// H4: an event of a finished transaction is answered like an unknown token.
func finishedLooksUnknown(h *trial) (bool, string) {
	var ref *Refusal
	if !errors.As(h.err, &ref) || ref.Err != ErrFinished {
		return false, ""
	}
	return true, says(ref.State != "" || ref.Guard != "" || !ref.RetryAt.IsZero(), "it tells of %s, %s, %v", ref.State, ref.Guard, ref.RetryAt)
}

// S19: without a live code, no code is accepted or counted.
func deadCodeIsRefused(h *trial) (bool, string) {
	if h.c.slot < 0 || h.c.code == noCodeAtAll || h.c.code == longText || h.again() || !h.here() || h.due() || h.tx().code.live || h.tx().reply > approved {
		return false, "" // S29
	}
	return true, says(!h.refused(ErrNoCode) && !h.refused(ErrTooSoon) && !h.refused(ErrNotOffered) && !h.refused(ErrNoUser) && !h.refused(ErrMalformed), "a dead code was looked at")
}

// S23: an event of one transaction does not change the others, unless a row says
// so.
func othersStayAsTheyAre(h *trial) (bool, string) {
	if h.c.slot < 0 && h.c.op != opPrimary || h.err != nil {
		return false, ""
	}
	n := 0
	for i := range h.a.txs {
		t, u := &h.a.txs[i], &h.r.Account.txs[i]
		if t.state == 0 || i == h.c.slot || i == h.r.slot {
			continue
		}
		n++
		moved := slices.ContainsFunc(h.r.moves[:h.r.nmoves], func(m takenRow) bool { return m.tx == t.id })
		if !moved && *t != *u {
			return true, "another transaction changed"
		}
		if moved && !u.ended() {
			return true, "another transaction took a row and did not end"
		}
	}
	return n > 0, ""
}

// The rules about the clock, purity, row and mail of a step.

// B5: while the clock is behind the saved time by no more than MaxSkew, the answer is
// that at the saved time.
func fallenClockIsTheMark(h *trial) (bool, string) {
	if h.fault || h.a.seen <= h.e.Now.UnixNano() || h.hosted() {
		return false, ""
	}
	e := h.e
	e.Now = unix(h.a.seen)
	var r Result
	err := h.x.do(h.a, h.c, e, &r)
	return true, says(h.x.verdict(h.c, &r, err) != h.v || err == nil && !r.same(&h.r), "at the mark it is %s", h.x.verdict(h.c, &r, err).text)
}

// B7: a Tend before the step does not change the verdict.
func tendingDecidesNothing(h *trial) (bool, string) {
	if h.x.tended == nil || h.c.host != "" || h.c.node > 0 || h.again() {
		return false, ""
	}
	var r Result
	err := h.x.do(h.x.tended, h.c, h.e, &r)
	return true, says(h.x.verdict(h.c, &r, err).text != h.v.text, "after tending it is %s", h.x.verdict(h.c, &r, err).text)
}

// F1: when a step detects that the clock was wrong, every live transaction ends, the
// saved time goes back, and no charge is in the future.
func faultEndsAll(h *trial) (bool, string) {
	if !h.fault || h.err != nil || !h.r.Changed || h.hosted() {
		return false, ""
	}
	b := &h.r.Account
	for i := range b.txs {
		if t := &b.txs[i]; t.isLive() && (h.c.op != opPrimary || i != h.r.slot) {
			return true, "a transaction lives on"
		}
	}
	for _, w := range []window{b.failures.at, b.sends, b.starts} {
		if w.at(0) > seconds(h.now) {
			return true, "a charge from the future"
		}
	}
	p := &h.x.m.policy
	return true, says(b.seen != h.e.Now.UnixNano() || b.notBefore > h.now+int64(p.BackoffMax) || b.lockedUntil > h.now+int64(p.LockMax), "mark or locks stay in the future")
}

// P1: a refused or repeated event changes nothing.
func refusedChangesNothing(h *trial) (bool, string) {
	if h.err != nil {
		return true, says(h.r.Changed || h.r.nmoves > 0, "a refusal has a result")
	}
	if h.r.Changed || h.c.host != "" {
		return false, ""
	}
	return true, says(!h.again() || h.r.Account != *h.a, "nothing was to happen")
}

// P2: every row that a transaction takes counts as one step.
func stepsAreCounted(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.hosted() {
		return false, ""
	}
	count := map[id]uint8{}
	for _, m := range h.r.moves[:h.r.nmoves] {
		count[m.tx]++
	}
	for i := range h.r.Account.txs {
		t, u := &h.a.txs[i], &h.r.Account.txs[i]
		if u.state == 0 {
			continue
		}
		from := t.rev
		if t.id != u.id || h.c.op == opPrimary && i == h.r.slot {
			from = 0
		}
		if u.rev != from+count[u.id] {
			return true, says(true, "step %d after %d, with %d rows", u.rev, from, count[u.id])
		}
	}
	return true, says(h.r.Account.seen < h.a.seen && !h.fault || h.r.Account.seen != h.at(), "the mark is not now")
}

// P3: the same arguments give the same result.
func sameTwice(h *trial) (bool, string) {
	if h.hosted() {
		return false, ""
	}
	claimed := h.x.claimed
	var r Result
	err := h.x.do(h.a, h.c, h.e, &r)
	h.x.claimed = claimed
	return true, says(!r.same(&h.r) || (err == nil) != (h.err == nil), "another result the second time")
}

// T4, T5: exactly one row of the cell applies, and it gives the answer.
func rowAnswers(h *trial) (bool, string) {
	if h.c.op == opPrimary {
		var ref *Refusal
		if errors.As(h.err, &ref) {
			h.x.reached[string(Unauthenticated)+": primary ["+ref.Guard+"]"] = true
		}
	}
	for _, m := range h.r.moves[:h.r.nmoves] {
		h.x.reached[string(m.edge.State)+": "+m.edge.label] = true
	}
	if h.c.host != "" {
		return false, ""
	}
	e, asked := h.row()
	if !asked {
		return false, ""
	}
	var ref *Refusal
	switch {
	case e == nil:
		return true, says(!h.refused(ErrNotAllowed) && !h.refused(ErrFinished), "there is no row, but an answer")
	case e.row.Refuse != nil:
		return true, says(!errors.As(h.err, &ref) || ref.Err != e.row.Refuse || ref.Guard != e.guard && ref.Err != ErrFinished, "not refused by %s", e.label)
	}
	return true, says(h.err != nil || !slices.ContainsFunc(h.r.moves[:h.r.nmoves], func(m takenRow) bool { return m.edge == e }), "not answered by %s", e.label)
}

// R1: an event is too soon until exactly the time in the refusal.
func retryAtIsTheEnd(h *trial) (bool, string) {
	var ref *Refusal
	if !errors.As(h.err, &ref) || h.c.host != "" {
		return false, ""
	}
	if ref.Err == ErrUsed {
		at := h.x.lastStep(h.a) + 1
		return true, says(ref.RetryAt.Unix() != at*totpPeriod, "the next code does not come in step %d", at)
	}
	if ref.RetryAt.IsZero() {
		return ref.Err == ErrTooSoon, says(ref.Err == ErrTooSoon, "too soon, but for how long?")
	}
	at := func(d time.Duration) (guard string) {
		e := h.e
		e.Now = ref.RetryAt.Add(d)
		var r Result
		var again *Refusal
		if errors.As(h.x.do(h.a, h.c, e, &r), &again) {
			return again.Guard
		}
		return ""
	}
	if h.c.slot >= 0 && ref.RetryAt.UnixNano() > h.tx().expires {
		return false, ""
	}
	return true, says(at(0) == ref.Guard || at(-1) != ref.Guard || h.now >= ref.RetryAt.UnixNano(), "refused until %v: %q before, %q then", ref.RetryAt, at(-1), at(0))
}

// E1: each new code has one pending mail, and is the live code; an invalid code has
// none. S18: a code is complete or absent.
func oneMailForEachCode(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.slot < 0 {
		return false, ""
	}
	b := &h.r.Account
	for i := range b.txs {
		u := &b.txs[i]
		if u.code.live && (u.name() != MFAEnrollActivate && u.name() != MFAChallenge && u.name() != MFARequired) ||
			!u.code.live && (u.code != liveCode{} || u.delivery == deliveryPending) || u.session.live && u.name() != Success {
			return true, says(true, "S18: %s has a code %t, a session %t", u.name(), u.code.live, u.session.live)
		}
	}
	codes := 0
	for _, e := range h.r.Effects() {
		if e.Name != sendCode.String() {
			continue
		}
		codes++
		if code, ok := h.x.m.code(b, h.c.slot); !ok || code != h.x.m.liveCode(b, h.c.slot) || e.Generation != int(h.after().sends) {
			return true, "the mail would carry another code"
		}
	}
	return h.sent, says((codes == 1) != h.sent || (codes == 1) != (h.after().sends == h.tx().sends+1), "%d mails", codes)
}

// E5: a code is sent to the current address in the directory.
func mailedToWhatIsListed(h *trial) (bool, string) {
	if !h.taken() || !h.sent {
		return false, ""
	}
	f := &h.after().factor
	return true, says(h.status(f) != h.after().stage(), "to %s, which is not listed", f.id)
}

// K1: a session token is redeemed once.
func redeemedOnce(h *trial) (bool, string) {
	if h.c.op != opRedeem || h.c.slot < 0 {
		return false, ""
	}
	ok := h.err == nil && !h.r.Ended
	return ok, says(ok && (h.s.memory[h.c.slot].redeemed > 0 || h.tx().name() != Success || h.now >= h.tx().expires), "again, or too late")
}

// L3: time alone ends a transaction: after the deadline, any event takes expire.
func lateEventEnds(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.due() || h.c.op == opRedeem && !h.tx().session.live || h.c.op == opRespond && !h.tx().info().AtHand {
		return false, ""
	}
	return true, says(h.err != nil || !h.r.Ended || h.after().name() != Expired, "its time was up")
}

// judgeAlike checks S4, S5 and S7: the machine does not distinguish an old code, a
// code of another transaction, and a wrong code. An unnecessary factor in an event
// changes nothing.
func (x *explorer) judgeAlike(h *trial, to int32) {
	if _, keyed := h.c.ev.(options); keyed || h.c.slot < 0 || h.c.op != opVerify && h.c.op != opActivate || h.c.view != 0 {
		return
	}
	key := ""
	if typ := h.typ(); typ == nil || !typ.sendsCode() {
		return
	}
	switch named := h.factor(); {
	case named != "" && named != h.tx().factor.id:
		return
	case h.c.code == wrongText, h.c.code == oldText, h.c.code == otherText:
		key = "wrong"
	case h.c.code == rightText:
		key = "right"
	default:
		return
	}
	key += fmt.Sprint(h.c.slot, h.c.op, h.c.node)
	if first, ok := x.alike[key]; !ok {
		x.alike[key] = to
	} else if x.applied["S7"]++; first != to {
		x.t.Fatalf("S7: %s is distinguished from an equivalent event, in %s", h.c.text, h.a.String())
	}
}

// judgeDelivery checks E4: the result of a mail changes only its delivery state and
// the cooldown.
func (x *explorer) judgeDelivery(h *trial, next *Account) {
	if h.err != nil || !h.sent {
		return
	}
	x.applied["E4"]++
	for i := range next.txs {
		b, u := h.r.Account.txs[i], &next.txs[i]
		if b.delivery != deliveryPending {
			continue
		}
		withdrawn := !u.code.live
		b.delivery = u.delivery
		if u.delivery == deliveryFailed {
			b.sendAt = 0
			if withdrawn {
				b.code = liveCode{}
			}
		}
		if b != *u || withdrawn && h.c.host != "tend" {
			x.t.Fatalf("E4: a mail that fails changes its transaction")
		}
		if int(h.s.memory[i].mails) > int(u.sends) {
			x.t.Fatalf("E1: %d mails for %d codes", h.s.memory[i].mails, u.sends)
		}
	}
}
