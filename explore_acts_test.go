package authn

import (
	"fmt"
	"time"
)

// What can happen to an account in an exploration.

// act is one thing that may happen. Its text is how the scripts in
// internal/walks say it.
type act struct {
	text  string
	op    op     // ops: none of a transaction
	host  string // "tend", "revoke" or "reinstate"
	slot  int
	name  int // of its transaction: in a canonical account, its slot
	ev    Event
	login Login
	code  codeKind
	view  int // of the directory
	mood  mood
	node  int
	by    time.Duration // time passes, nothing else
}

// codeKind is what is handed in as a code.
type codeKind uint8

const (
	noCodeAtAll codeKind = iota
	rightText            // what the live code is, or would be if it were not dead
	wrongText
	oldText   // of the generation before
	otherText // what another transaction would have
	longText  // a digit too many
)

var codeNames = [...]string{rightText: " right", wrongText: " wrong", oldText: " old", otherText: " another", longText: " long"}

// mood is what the mailer does with a code.
type mood uint8

const (
	works   mood = iota
	down         // an error: tried again later
	refuses      // never again
	dies         // with the whole process, between the save and the mail
)

var moodNames = [...]string{"works", "down", "refuses", "dies"}

// view is what the host may say: its directory, and its limiter.
type view struct {
	name   string
	fs     []Factor
	closed bool          // there is no such user
	limit  time.Duration // to wait; 0: the limiter lets everything go on
}

// codeText makes what is handed in. The nonces are canonical, so that codes
// of the past can be made again.
func (x *explorer) codeText(a *Account, i int, kind codeKind) Code {
	b := *a
	t := &b.txs[i]
	if t.ended() {
		return Code("1234567"[:6+kind/longText])
	}
	if t.name() == Success { // what the code was that led here
		t.state = uint8(MFAChallenge.index() + 1)
	}
	t.code = liveCode{live: true, key: x.m.keys[0].id, nonce: nonceOf(i, t.sends)}
	right := x.m.liveCode(&b, i)
	switch kind {
	case rightText:
		return right
	case oldText:
		t.sends--
		t.code.nonce = nonceOf(i, t.sends)
	case otherText:
		t.id = nameOf(99)
		for j := range b.txs {
			if j != i && b.txs[j].code.live {
				return x.m.liveCode(&b, j)
			}
		}
	case wrongText:
		c := []byte(right)
		c[0] = '0' + (c[0]-'0'+1)%10
		return Code(c)
	case longText:
		return right + "0"
	}
	other := x.m.liveCode(&b, i)
	if other == right {
		panic("codes collide: choose another key")
	}
	return other
}

// acts lists everything that may happen to an account.
func (x *explorer) acts(a *Account, fall int8) []act {
	var as []act
	alive := false
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 {
			for _, c := range x.events(a, i) {
				if x.live == 1 || x.m.roots[t.state-1][c.op] != 0 {
					as = append(as, c)
				}
			}
			alive = alive || !t.ended()
		}
	}
	for _, b := range x.begins {
		if n := x.count(a); (n < x.live || x.crowd) && (!x.single || a.txs[0].state == 0) {
			as = append(as, act{text: "begin" + b.how, op: primary, login: b.login, view: b.view, slot: -1})
		}
	}
	for i := range x.views {
		if x.moods || !alive && i == 0 {
			as = append(as, act{text: "tend", op: ops, host: "tend", view: i, slot: -1})
		}
	}
	if x.hosts && a.user != "" {
		as = append(as, act{text: "revoke", op: ops, host: "revoke", slot: -1}, act{text: "reinstate", op: ops, host: "reinstate", slot: -1})
	}
	for _, c := range as { // as it was before the loop
		for c.node = 1; c.node < len(x.ms); c.node++ {
			as = append(as, c)
		}
	}
	as = append(as, act{text: "wait 30s", op: ops, by: tick, slot: -1})
	if fall > 0 {
		as = append(as, act{text: "clock back 30s", op: ops, by: -tick, slot: -1})
	}
	if !alive {
		for _, d := range x.leaps {
			as = append(as, act{text: fmt.Sprintf("wait %dh", d/time.Hour), op: ops, by: d, slot: -1})
		}
	}
	return as
}

// count is how many transactions are under way.
func (x *explorer) count(a *Account) (n int) {
	for i := range a.txs {
		if a.txs[i].isLive() {
			n++
		}
	}
	return n
}

// events are those of one transaction: every event in every state, and where
// it belongs, with everything that may come with it.
func (x *explorer) events(a *Account, i int) (as []act) {
	st := a.txs[i].name()
	add := func(here bool, text string, ev Event, views int) {
		if !here {
			views = min(views, 1)
		}
		for v := range max(views, 1) {
			as = append(as, act{text: x.tab(i) + text, op: ev.on(), slot: i, name: i, ev: ev, view: v})
		}
	}
	all := len(x.views)
	add(st == MFAEnroll, "enroll email", Enroll{Email}, all)
	add(st == MFARequired, "challenge mail", Challenge{"mail"}, all)
	add(false, "previous", Previous{}, 1)
	add(false, "skip", Skip{}, 1)
	add(false, "cancel", Cancel{}, 1)
	add(st == MFAEnrollActivate || st == MFAChallenge, "resend", Resend{}, all)
	if st == MFAEnroll {
		add(true, "enroll sms", Enroll{"sms"}, 1)
	}
	if st == MFARequired {
		add(true, "challenge spare", Challenge{"spare"}, 1)
	}
	if st == MFAChallenge || st == MFAEnrollActivate {
		add(true, "resend for nobody", Resend{"nobody"}, 1)
	}
	as = append(as, x.codes(a, i, activate, st == MFAEnrollActivate)...)
	as = append(as, x.codes(a, i, verify, st == MFAChallenge)...)
	for v := range x.views {
		as = append(as, act{text: x.tab(i) + "redeem", op: redeem, slot: i, view: v})
		if st != Success {
			break
		}
	}
	return as
}

func (x *explorer) codes(a *Account, i int, o op, here bool) (as []act) {
	kinds := []codeKind{rightText}
	if here {
		kinds = append(kinds, wrongText, otherText, longText)
		if a.txs[i].sends > 1 {
			kinds = append(kinds, oldText)
		}
	}
	add := func(text, factor string, k codeKind, v int) {
		ev := Event(Verify{factor, x.codeText(a, i, k)})
		if o == activate {
			ev = Activate{factor, x.codeText(a, i, k)}
		}
		as = append(as, act{text: x.tab(i) + string(o.name()) + codeNames[k] + text, op: o, slot: i, name: i, ev: ev, code: k, view: v})
	}
	for _, k := range kinds {
		add("", "", k, 0)
		if o == activate && k == rightText && here {
			for v := 1; v < len(x.views); v++ {
				add("", "", k, v)
			}
		}
	}
	if here {
		add(" for nobody", "nobody", rightText, 0)
		add(" for "+a.txs[i].factor().id, a.txs[i].factor().id, rightText, 0)
	}
	if x.once {
		kinds := []codeKind{rightText, wrongText}
		if a.txs[i].ended() { // what the code was is forgotten: any other will do
			kinds = []codeKind{longText}
		}
		for _, k := range kinds {
			add(" once", "", k, 0)
			as[len(as)-1].ev = WithKey("key", as[len(as)-1].ev)
		}
	}
	return as
}

// tab names a transaction in a script, if there may be two.
func (x *explorer) tab(i int) string {
	if x.live == 1 {
		return ""
	}
	return [...]string{"tab 0: ", "tab 1: ", "tab 2: "}[i]
}
