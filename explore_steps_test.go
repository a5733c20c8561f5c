package authn

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// The rules about a step as such: its clock, its purity, its row and its mail.

// B5: while the clock is behind the mark, by no more than it may be, the
// answer is the one at the mark.
func fallenClockIsTheMark(h *trial) (bool, string) {
	if h.fault || h.a.seen <= h.e.Now.UnixNano() || h.hosted() {
		return false, ""
	}
	e := h.e
	e.Now = unix(h.a.seen)
	var r Result
	err := h.x.do(h.a, h.c, e, &r)
	return true, says(h.x.verdict(h.c, &r, err) != h.v || err == nil && r != h.r, "at the mark it is %s", h.x.verdict(h.c, &r, err).text)
}

// B7: tending before changes no verdict.
func tendingDecidesNothing(h *trial) (bool, string) {
	if h.x.tended == nil || h.c.host != "" || h.c.node > 0 || h.again() {
		return false, ""
	}
	var r Result
	err := h.x.do(h.x.tended, h.c, h.e, &r)
	return true, says(h.x.verdict(h.c, &r, err).text != h.v.text, "after tending it is %s", h.x.verdict(h.c, &r, err).text)
}

// F1: when the clock turns out to have been wrong, everything live ends, the
// mark goes back, and nothing is charged to the future.
func faultEndsAll(h *trial) (bool, string) {
	if !h.fault || h.err != nil || !h.r.Changed || h.hosted() {
		return false, ""
	}
	b := &h.r.Account
	for i := range b.txs {
		if t := &b.txs[i]; t.isLive() && (h.c.op != primary || i != h.r.slot) {
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

// P1: what is refused, or said again, changes nothing.
func refusedChangesNothing(h *trial) (bool, string) {
	if h.err != nil {
		return true, says(h.r.Changed || h.r.nmoves > 0, "a refusal has a result")
	}
	if h.r.Changed || h.c.host != "" {
		return false, ""
	}
	return true, says(!h.again() || h.r.Account != *h.a, "nothing was to happen")
}

// P2: every row that a transaction takes is one step of it.
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
		if t.id != u.id || h.c.op == primary && i == h.r.slot {
			from = 0
		}
		if u.rev != from+count[u.id] {
			return true, says(true, "step %d after %d, with %d rows", u.rev, from, count[u.id])
		}
	}
	return true, says(h.r.Account.seen < h.a.seen && !h.fault || h.r.Account.seen != h.now, "the mark is not now")
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
	return true, says(r != h.r || (err == nil) != (h.err == nil), "another result the second time")
}

// T4, T5: exactly one row of the cell holds, and it is the one that answers.
func rowAnswers(h *trial) (bool, string) {
	if h.c.op == primary {
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
	return true, says(h.err != nil || !slices.ContainsFunc(h.r.moves[:h.r.nmoves], func(m move) bool { return m.edge == e }), "not answered by %s", e.label)
}

// R1: what is too soon is so until the moment that the refusal names, and no
// longer.
func retryAtIsTheEnd(h *trial) (bool, string) {
	var ref *Refusal
	if !errors.As(h.err, &ref) || h.c.host != "" {
		return false, ""
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

// E1: each new code is owed to the mailer once, and it is the live code; the
// mail of a code that is dead is not owed. S18: a code is there, or nothing.
func oneMailForEachCode(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.c.slot < 0 {
		return false, ""
	}
	b := &h.r.Account
	for i := range b.txs {
		u := &b.txs[i]
		if u.code.live && (u.name() != MFAEnrollActivate && u.name() != MFAChallenge && u.name() != MFARequired) ||
			!u.code.live && (u.code != liveCode{} || u.mail.state == mailPending) || u.session.live && u.name() != Success {
			return true, says(true, "S18: %s has a code %t, a session %t", u.name(), u.code.live, u.session.live)
		}
	}
	codes := 0
	for _, e := range b.owed() {
		if e.Do != SendCode || !h.r.causes(e) {
			continue
		}
		codes++
		if code, ok := h.x.m.code(b, e); !ok || code != h.x.m.liveCode(b, h.c.slot) || e.Generation != int(h.after().sends) {
			return true, "the mail would carry another code"
		}
	}
	return h.sent, says((codes == 1) != h.sent || (codes == 1) != (h.after().sends == h.tx().sends+1), "%d mails", codes)
}

// E5: a code goes to the address that the directory has at that moment.
func mailedToWhatIsListed(h *trial) (bool, string) {
	if !h.taken() || !h.sent {
		return false, ""
	}
	f := h.after().factor()
	return true, says(h.status(f) == 0 || (f.status == Active) != (h.status(f) == Active), "to %s, which is not listed", f.id)
}

// K1: a session token is redeemed once.
func redeemedOnce(h *trial) (bool, string) {
	if h.c.op != redeem || h.c.slot < 0 {
		return false, ""
	}
	ok := h.err == nil && !h.r.Ended
	return ok, says(ok && (h.s.memory[h.c.slot].redeemed > 0 || h.tx().name() != Success || h.now >= h.tx().expires), "again, or too late")
}

// L3: time alone ends a transaction: any event that is due takes expire.
func lateEventEnds(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.due() || h.c.op == redeem && !h.tx().session.live {
		return false, ""
	}
	return true, says(h.err != nil || !h.r.Ended || h.after().name() != Expired, "its time was up")
}

// judgeAlike: S4, S5, S7. A code of the past, of another transaction, and a
// wrong one are one and the same to the machine; and a factor that is named
// needlessly changes nothing.
func (x *explorer) judgeAlike(h *trial, to int32) {
	if _, keyed := h.c.ev.(keyed); keyed || h.c.slot < 0 || h.c.op != verify && h.c.op != activate || h.c.view != 0 {
		return
	}
	key := ""
	switch named := h.factor(); {
	case named != "" && named != h.tx().factor().id:
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
		x.t.Fatalf("S7: %s is told from another one like it, in %s", h.c.text, h.a.String())
	}
}

// judgeDelivery: E4. What becomes of a mail changes what becomes of the mail,
// and the cool-down, and nothing else.
func (x *explorer) judgeDelivery(h *trial, next *Account) {
	if h.err != nil || !h.sent {
		return
	}
	x.applied["E4"]++
	for i := range next.txs {
		b, u := h.r.Account.txs[i], &next.txs[i]
		if b.mail.state != mailPending {
			continue
		}
		withdrawn := !u.code.live
		b.mail = u.mail
		if u.mail.state == mailFailed {
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
