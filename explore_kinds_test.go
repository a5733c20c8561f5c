package authn

import (
	"crypto/hmac"
	"crypto/sha1"
	"slices"
	"time"
)

// Factors that are proved by something else than a code that was sent, in explorations.
// A time step of an app is a tick, so that a canonical account has a canonical code.

var (
	exploredKey      = FactorType{Name: "acme:key", Methods: []string{"hwk"}, Verifier: silentVerifier{}}
	exploredQuestion = FactorType{Name: "acme:question", Methods: []string{"kba"}, Verifier: silentVerifier{}, AtOnce: true}
	exploredPush     = FactorType{Name: "acme:push", Methods: []string{"swk"}, Channel: "push", Awaited: true}
)

// appKey is the plain data of the app that is active from the start.
var appKey = append([]byte{0, totpDigits, totpPeriod}, "for explorations only"...)

// unsent is a factor of a type that sends no code.
func unsent(id, typ string, s Status) Factor {
	f := Factor{ID: id, Type: typ, Status: s}
	if typ == TOTP && s == Active {
		f.Data = appKey
	}
	return f
}

// sealed is the expedition with the data of its factors as the directory keeps them.
func (e *expedition) sealed(m *Machine) *expedition {
	own := *e
	own.views = slices.Clone(e.views)
	s := m.fresh()
	for i := range own.views {
		v := &own.views[i]
		v.fs = slices.Clone(v.fs)
		for j := range v.fs {
			if f := &v.fs[j]; f.Data != nil {
				f.Revision, f.Data = 1, s.sealData(anyone.User, f.ID, f.Type, make([]byte, dataNonce), f.Data)
			}
		}
	}
	return &own
}

// apps reports whether an app takes part.
func (e *expedition) apps() bool {
	return slices.ContainsFunc(e.views[0].fs, func(f Factor) bool { return f.Type == TOTP })
}

// typeAt returns the type of the factor that a code is for: the one at hand, or the one
// that is named; nil where there is none.
func (x *explorer) typeAt(a *Account, i int, o op, factor string) *FactorType {
	t := &a.txs[i]
	switch {
	case o != opVerify && o != opActivate:
		return nil
	case t.info().AtHand:
		return x.m.typeOf(t.factor.kind)
	}
	for _, f := range x.views[0].fs {
		if o == opVerify && f.ID == factor && t.name() == MFARequired {
			return x.m.typeOf(f.Type)
		}
	}
	return nil
}

// proofs are what may be submitted for a factor, named if it is not at hand.
func (x *explorer) proofs(a *Account, i int, o op, factor string, typ *FactorType) (as []act) {
	kinds := []codeKind{rightText, wrongText, longText, aheadText, behindText}
	switch {
	case typ.Awaited:
		kinds = []codeKind{pollText, wrongText}
	case typ.Verifier != nil:
		kinds = []codeKind{rightText, wrongText, unfitText, dataText}
	}
	for _, k := range kinds {
		ev := Event(Verify{Factor: factor, Code: x.proofText(a, i, o, factor, k, zero)})
		if o == opActivate {
			ev = Activate{factor, x.proofText(a, i, o, factor, k, zero)}
		}
		text := x.tab(i) + string(o.name()) + codeNames[k]
		if factor != "" {
			text += " for " + factor
		}
		for v := range x.views {
			if v == 0 || k == rightText || k == wrongText {
				as = append(as, act{text: text, op: o, slot: i, name: i, ev: ev, code: k, view: v})
			}
		}
	}
	return as
}

// proofText returns what to submit at a time.
func (x *explorer) proofText(a *Account, i int, o op, factor string, k codeKind, now time.Time) Code {
	switch typ := x.typeAt(a, i, o, factor); {
	case typ.Awaited && k == pollText:
		return ""
	case typ.Awaited:
		return "000000"
	case typ.Verifier != nil:
		return "a response"
	}
	var code [totpDigits]byte
	at := now.Unix()/totpPeriod + map[codeKind]int64{aheadText: 1, behindText: -1}[k]
	showCode(x.keyOf(a, i), at, code[:])
	switch k {
	case wrongText:
		code[5] = '0' + (code[5]-'0'+1)%10
	case longText:
		return Code(code[:]) + "0"
	}
	return Code(code[:])
}

// showCode writes the code of a time step.
func showCode(key []byte, at int64, code []byte) {
	hotp(hmac.New(sha1.New, key[totpHead:]), uint64(at), code)
}

// keyOf is the plain data of the app at hand: of one that is being enrolled what its
// answers show.
func (x *explorer) keyOf(a *Account, i int) []byte {
	if a.txs[i].info().Purpose != PurposeEnroll {
		return appKey
	}
	s := x.m.fresh()
	s.acct, s.i = a, i
	seed, _ := s.seed()
	return totp{}.enrolled(&seed)
}

// verdictOf is what the Verifier says of an act; nil if it is not asked.
func (x *explorer) verdictOf(a *Account, c *act) *Verdict {
	if c.op.isJudged() {
		return verdictOn(c.code)
	}
	if typ := x.typeAt(a, c.slot, c.op, factorOf(c.ev)); typ == nil || typ.Verifier == nil {
		return nil
	}
	v := &Verdict{Right: c.code == rightText || c.code == dataText, Malformed: c.code == unfitText}
	if c.code == dataText {
		v.Data = []byte("changed")
	}
	return v
}

// replyKind is what another device says.
type replyKind uint8

const (
	saysYes replyKind = iota
	saysNo
	saysAnother // number than it should
)

// replies are what the device may say that is asked.
func (x *explorer) replies(a *Account, i int) (as []act) {
	if x.m.approval(a, i) == "" {
		return nil
	}
	for k, name := range []string{"respond yes", "respond no", "respond with another number"} {
		if replyKind(k) != saysAnother || a.txs[i].name() == MFAChallenge {
			as = append(as, act{text: x.tab(i) + name, op: opRespond, slot: i, name: i, reply: replyKind(k)})
		}
	}
	return as
}

func (x *explorer) replyOf(a *Account, c *act) Reply {
	s := x.m.fresh()
	s.acct, s.i = a, c.slot
	r := Reply{Approve: c.reply != saysNo, Number: s.number()}
	if c.reply == saysAnother {
		r.Number = string([]byte{'0' + ('9' - r.Number[0]), r.Number[1]})
	}
	return r
}

// proving are the best events of a kind: those given, or what proves another factor than
// one to which a code was sent.
func (x *explorer) proving(a *Account, i int, o op, now time.Time, evs []Event) (best []Event) {
	for _, f := range x.views[0].fs {
		if typ := x.m.typeOf(f.Type); !typ.sendsCode() && o == opChallenge {
			evs = append(evs, Challenge{f.ID})
		} else if !typ.sendsCode() && o == opEnroll {
			evs = append(evs, Enroll{f.Type})
		}
		typ := x.typeAt(a, i, o, f.ID)
		if typ == nil || typ.sendsCode() || !typ.atOnce() && !a.txs[i].info().AtHand {
			continue
		}
		k := rightText
		if typ.Awaited {
			k = pollText
		}
		code := x.proofText(a, i, o, f.ID, k, now)
		switch {
		case o == opActivate:
			best = append(best, Activate{Code: code})
		case a.txs[i].info().AtHand:
			best = append(best, Verify{Code: code})
		default:
			best = append(best, Verify{Factor: f.ID, Code: code})
		}
	}
	if best == nil {
		return evs
	}
	return best
}

// marks makes those of time steps relative to zero, and those of revisions as old as can
// be. The secret of an app that was enrolled has a name of its own in each transaction.
func (c *canon) marks(a *Account) {
	a.used.trim(c.now - c.fall)
	a.used.shift(time.Duration(zero.UnixNano() - c.now))
	s := c.m.fresh()
	s.acct = a
	tag := s.tag(forMark, string(appKey))
	var used marks
	for i := range a.used.len() {
		e := a.used.entry(i)
		if e[:markTag] != tag {
			e = "enrolled" + e[markTag:]
		}
		used += marks(e)
	}
	a.used = used
	a.kept.trim(c.now - c.fall)
	a.kept.change(func(int64) int64 { return zero.Add(day).UnixNano() })
	void := []string{s.tag(forHandOver, voidSecond), s.tag(forHandOver, voidWithin)} // no claim was begun before
	var kept marks
	for i := range a.kept.len() {
		if e := a.kept.entry(i); !slices.Contains(void, e[:markTag]) {
			kept += marks(e)
		}
	}
	a.kept = kept
}

// typ returns the type of the factor that the event submits a code for; nil: of none.
func (h *trial) typ() *FactorType {
	if h.c.slot < 0 {
		return nil
	}
	return h.x.typeAt(h.a, h.c.slot, h.c.op, h.factor())
}

// direct reports whether something is submitted without a challenge.
func (h *trial) direct() bool { return h.tx().name() == MFARequired && h.typ() != nil }

// isMalformed reports whether the code has not the form of the factor's.
func (h *trial) isMalformed() bool {
	typ := h.typ()
	return h.c.code == longText || typ != nil && typ.Awaited && h.c.code != pollText
}

// provable reports whether a code or a response without a challenge is evaluated, or an
// answer of the device.
func (h *trial) provable() bool {
	t := h.tx()
	switch {
	case h.now < h.a.notBefore, h.limited():
		return false
	case h.c.op == opRespond:
		return t.info().AtHand && t.code.good(h.now) && t.reply == unanswered
	}
	return h.typ().atOnce() && h.lists(h.factor())
}

// lists reports whether the directory lists a factor as active.
func (h *trial) lists(factor string) bool {
	return slices.ContainsFunc(h.e.Factors, func(f Factor) bool { return f.ID == factor && f.Status == Active })
}

// stands reports whether the directory still lists the factor at hand, where it is asked.
func (h *trial) stands() bool {
	typ := h.typ()
	return typ == nil || typ.sends() || h.c.op == opActivate || h.lists(h.tx().factor.id)
}

// worth is what a submission is worth that is evaluated, by what its sender has.
func (h *trial) worth() worth {
	typ := h.typ()
	switch {
	case h.c.op.isJudged():
		return map[codeKind]worth{rightText: right, wrongText: wrong, rejectedText: rejection, deniedText: denial}[h.c.code]
	case h.c.op == opRespond:
		return map[bool]worth{true: right, false: wrong}[h.c.reply == saysYes]
	case typ == nil || typ.sendsCode():
		return map[bool]worth{true: right, false: wrong}[h.c.code == rightText]
	case typ.Awaited:
		return map[uint8]worth{approved: right, rejected: wrong, withdrawn: wrong, unanswered: unanswerable}[h.tx().reply]
	case typ.Verifier != nil:
		return map[codeKind]worth{rightText: right, dataText: right, unfitText: unfit, wrongText: wrong}[h.c.code]
	}
	return h.appWorth()
}

// What a submission may be worth besides.
const (
	unanswerable worth = 97 + iota // a poll that nobody has answered
	rejection                      // an input that is not good enough
	denial                         // an input upon which the host ends the sign-in
)

func (h *trial) appWorth() worth {
	key := h.x.keyOf(h.a, h.c.slot)
	w := wrong
	for at := h.now/1e9/totpPeriod - 1; at <= h.now/1e9/totpPeriod+1; at++ {
		var code [totpDigits]byte
		if showCode(key, at, code[:]); Code(code[:]) == codeIn(h.c.ev) {
			if w = right; h.c.op == opVerify && at <= h.x.lastStep(h.a) {
				w = used
			}
		}
	}
	return w
}

// lastStep is the time step that was used last of the app that is active from the start.
func (x *explorer) lastStep(a *Account) int64 {
	s := x.m.fresh()
	s.acct = a
	return int64(a.used.last(s.tag(forMark, string(appKey)), 0))
}

func codeIn(ev Event) Code {
	switch e := ev.(type) {
	case options:
		return codeIn(e.Event)
	case Verify:
		return e.Code
	case Activate:
		return e.Code
	}
	return ""
}

// S26: a code of an app that is accepted is of a later time step than every one before,
// and its step is remembered for as long as it could be used again: no step forgets it.
func usedUp(h *trial) (bool, string) {
	if h.err != nil || !h.r.Changed || h.hosted() || !h.x.apps() {
		return false, ""
	}
	was, is := h.x.lastStep(h.a), h.x.lastStep(&h.r.Account)
	if h.accepted() && h.c.op == opVerify && h.typ() != nil && h.typ().codes != nil {
		return true, says(is <= was || h.r.Account.used.end() < (is+2)*totpPeriod*1e9, "step %d after %d, until %d", is, was, h.r.Account.used.end())
	}
	return was != 0, says(is != was && h.now < (was+2)*totpPeriod*1e9, "step %d was used, and is forgotten", was)
}

// S30: what is no guess is refused for that reason: what was used before, what has not the
// form, a response to another challenge, and the question whether a device has answered.
func guessesOnly(h *trial) (bool, string) {
	if h.c.slot < 0 || h.again() || h.c.op == opRespond || !h.evaluated() {
		return false, ""
	}
	want := map[worth]error{used: ErrUsed, unfit: ErrMalformed, unanswerable: ErrWaiting}[h.worth()]
	return want != nil, says(want != nil && !h.refused(want), "not refused with: %v", want)
}

// S28: a challenge of a Verifier is used up by one response.
func oneResponse(h *trial) (bool, string) {
	if h.c.slot < 0 || !h.taken() || h.after().ended() || !h.tx().info().AtHand || h.typ() == nil || h.typ().Verifier == nil {
		return false, ""
	}
	t, u := h.tx(), h.after()
	return true, says(u.code.live && u.code.nonce == t.code.nonce, "the challenge takes another response")
}

// S29: what another device says changes no state, and it says one thing. A rejection is
// told once, and changes nothing else.
func deviceAnswers(h *trial) (bool, string) {
	tells := h.c.slot >= 0 && (h.c.op == opVerify || h.c.op == opActivate) && h.tx().reply > approved && h.tx().info().AtHand
	if tells && !h.again() && h.here() && !h.due() && !h.isMalformed() {
		if !h.taken() {
			return true, says(true, "a rejection is not told: %v", h.err)
		}
		told := *h.tx()
		told.reply, told.rev, told.last = unanswered, h.after().rev, h.after().last
		return true, says(h.r.Outcome != Rejected || *h.after() != told, "a rejection is answered with %q, and leaves %+v", h.r.Outcome, h.after())
	}
	if h.c.op != opRespond || !h.taken() || h.after().ended() {
		return false, ""
	}
	t, u := h.tx(), h.after()
	return true, says(u.sendAt > h.now ||
		t.reply != unanswered || u.state != t.state || u.code.live != (h.c.reply == saysYes) || u.reply == unanswered,
		"an answer leads to %s, and the challenge lives: %t; there was one before: %t", u.name(), u.code.live, t.reply != unanswered)
}

// One user with an app, and a clock that goes back.
var appClock = expedition{
	name: "app-clock", live: 1, falls: 3, single: true, policy: cramped,
	views: []view{
		{name: "usual", fs: []Factor{unsent("app", TOTP, Active)}},
		{name: "gone"},
		{name: "limited", fs: []Factor{unsent("app", TOTP, Active)}, limit: tick},
	},
	begins: []beginning{{"", anyone, 0}, {" adding", Login{User: "ada", Adding: true}, 0}},
}

// Sign-ins one after the other with one app, and a clock that goes back.
var appAgain = expedition{
	name: "app-again", live: 1, falls: 2, policy: tabsClock.policy,
	views:  []view{{name: "usual", fs: []Factor{unsent("app", TOTP, Active)}}},
	begins: []beginning{{"", anyone, 0}},
}

// Responses that a Verifier judges, with and without a challenge.
var keysExpedition = expedition{
	name: "keys", live: 1, falls: 1, single: true, deaf: true, policy: cramped, types: []FactorType{exploredKey, exploredQuestion},
	views: []view{
		{name: "usual", fs: []Factor{unsent("key", exploredKey.Name, Active), unsent("question", exploredQuestion.Name, Active), mailbox(Active, usualBox, false)}},
		{name: "gone", fs: []Factor{mailbox(Active, usualBox, false)}},
	},
	begins: []beginning{{"", anyone, 0}},
}

// Another device that answers, or is to be paired, with a sender that fails.
var push = expedition{
	name: "push", live: 1, falls: 1, single: true, moods: true, policy: cramped, types: []FactorType{exploredPush},
	views:  []view{{name: "usual", fs: []Factor{unsent("phone", exploredPush.Name, Active)}}},
	begins: []beginning{{"", anyone, 0}},
}

var pairing = expedition{
	name: "pairing", live: 1, falls: 1, single: true, policy: cramped, types: []FactorType{exploredPush},
	views:  []view{{name: "usual", fs: []Factor{unsent("phone", exploredPush.Name, NotSetUp)}}},
	begins: []beginning{{"", anyone, 0}},
}
