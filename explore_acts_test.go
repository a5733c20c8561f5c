package authn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The actions of an exploration.

// act is one action. Its text is a line of the scripts in internal/walks.
type act struct {
	text  string
	op    op     // ops if it is not an event of a transaction
	host  string // "tend", "revoke" or "reinstate"
	slot  int
	name  int // number in its transaction's name: in a canonical account, the slot
	ev    Event
	login Login
	code  codeKind
	reply replyKind
	view  int // of the directory
	mood  mood
	node  int
	by    time.Duration // only advance the time
	later bool          // a pause comes before it
}

// codeKind is the kind of code that is submitted.
type codeKind uint8

const (
	noCodeAtAll codeKind = iota
	rightText            // the live code, or the last one if it has expired
	wrongText
	oldText   // of the previous generation
	otherText // of another transaction
	longText  // with one digit too many
	aheadText // of an app: of the next time step
	behindText
	unfitText    // a response to another challenge
	dataText     // a response that is right and changes the factor's data
	pollText     // none: has the device answered?
	rejectedText // an input that is not good enough
	deniedText   // an input upon which the host ends the sign-in
)

var codeNames = [...]string{rightText: " right", wrongText: " wrong", oldText: " old", otherText: " another", longText: " long",
	aheadText: " ahead", behindText: " behind", unfitText: " unfit", dataText: " changed", pollText: "", rejectedText: " rejected", deniedText: " denied"}

// mood is the mailer's reaction to a code.
type mood uint8

const (
	works   mood = iota
	down         // returns an error; retry later
	refuses      // returns ErrUndeliverable
	dies         // the process ends between the save and the mail
)

var moodNames = [...]string{"works", "down", "refuses", "dies"}

// view is a state of the host's directory and limiter.
type view struct {
	name   string
	fs     []Factor
	closed bool          // there is no such user
	limit  time.Duration // wait of the limiter; 0 allows everything
	needs  []State       // the gates that are needed
}

// codeText returns the code to submit. The nonces are canonical, so that past
// codes can be computed again.
func (x *explorer) codeText(a *Account, i int, kind codeKind) Code {
	b := *a
	t := &b.txs[i]
	if t.ended() {
		return Code("1234567"[:6+kind/longText])
	}
	if t.name() == Success { // the code that led to SUCCESS
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

// acts returns every action that is possible on an account.
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
			as = append(as, act{text: "begin" + b.how, op: opPrimary, login: b.login, view: b.view, slot: -1})
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
	for _, c := range as { // range over as without the additions of the loop
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

// count returns the number of live transactions.
func (x *explorer) count(a *Account) (n int) {
	for i := range a.txs {
		if a.txs[i].isLive() {
			n++
		}
	}
	return n
}

// events returns the events of one transaction: every event in every state, and
// every payload in the states that allow the event.
func (x *explorer) events(a *Account, i int) (as []act) {
	st := x.m.stateOf(&a.txs[i])
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
	for _, f := range x.views[0].fs {
		if typ := x.m.typeOf(f.Type); !typ.sendsCode() {
			add(st == MFAEnroll, "enroll "+f.Type, Enroll{f.Type}, all)
			add(st == MFARequired, "challenge "+f.ID, Challenge{f.ID}, all)
		}
	}
	as = append(as, x.replies(a, i)...)
	add(false, "previous", Previous{}, 1)
	add(st == MFAEnroll || st == PasswordWarn, "skip", Skip{}, all)
	as = append(as, x.inputs(a, i)...)
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
	as = append(as, x.codes(a, i, opActivate, st == MFAEnrollActivate)...)
	as = append(as, x.codes(a, i, opVerify, st == MFAChallenge)...)
	for v := range x.views {
		as = append(as, act{text: x.tab(i) + "redeem", op: opRedeem, slot: i, view: v})
		if st != Success {
			break
		}
	}
	return as
}

func (x *explorer) codes(a *Account, i int, o op, here bool) (as []act) {
	if typ := x.typeAt(a, i, o, ""); here && typ != nil && !typ.sendsCode() {
		return x.proofs(a, i, o, "", typ)
	}
	for _, f := range x.views[0].fs {
		if typ := x.typeAt(a, i, o, f.ID); !here && typ != nil && typ.atOnce() {
			as = append(as, x.proofs(a, i, o, f.ID, typ)...)
		}
	}
	kinds := []codeKind{rightText}
	if here {
		kinds = append(kinds, wrongText, otherText, longText)
		if a.txs[i].sends > 1 {
			kinds = append(kinds, oldText)
		}
	}
	add := func(text, factor string, k codeKind, v int) {
		ev := Event(Verify{Factor: factor, Code: x.codeText(a, i, k)})
		if o == opActivate {
			ev = Activate{factor, x.codeText(a, i, k)}
		}
		as = append(as, act{text: x.tab(i) + string(o.name()) + codeNames[k] + text, op: o, slot: i, name: i, ev: ev, code: k, view: v})
	}
	for _, k := range kinds {
		add("", "", k, 0)
		for v := 1; v < len(x.views) && here; v++ {
			if (o == opActivate || len(x.gates) > 0) && k == rightText || x.views[v].limit > 0 && (k == rightText || k == wrongText) {
				add("", "", k, v)
			}
		}
	}
	if here {
		add(" for nobody", "nobody", rightText, 0)
		add(" for "+a.txs[i].factor.id, a.txs[i].factor.id, rightText, 0)
	}
	if x.once {
		kinds := []codeKind{rightText, wrongText}
		if a.txs[i].ended() { // the code is no longer known: any other will do
			kinds = []codeKind{longText}
		}
		for _, k := range kinds {
			add(" once", "", k, 0)
			as[len(as)-1].ev = WithKey("key", as[len(as)-1].ev)
		}
	}
	return as
}

// tab returns the name of a transaction in a script, if there may be two.
func (x *explorer) tab(i int) string {
	if x.live == 1 {
		return ""
	}
	return [...]string{"tab 0: ", "tab 1: ", "tab 2: "}[i]
}

// Actions run on the machine, with a minimal service around it.

// env returns the environment of an act.
func (x *explorer) env(a *Account, c *act, now time.Time) Env {
	v := &x.views[c.view]
	if c.later {
		now = now.Add(x.pause())
	}
	e := Env{Now: now, Factors: v.fs, NoUser: v.closed, Needed: x.needed(v)}
	if v.limit > 0 {
		e.Limited = now.Add(v.limit)
	}
	switch {
	case c.op == opPrimary:
		e.Entropy = entropy(200, 0)
	case c.slot >= 0:
		e.Entropy = entropy(c.slot, a.txs[c.slot].sends+1)
		e.Verdict = x.verdictOf(a, c)
	}
	return e
}

// do performs an act. The error is a refusal; any other fails the test.
func (x *explorer) do(a *Account, c *act, e Env, r *Result) error {
	switch {
	case c.host == "tend":
		es, err := x.m.Tend(a, e.Now, r)
		x.claimed = es
		return err
	case c.host != "":
		return x.host(a, c.host, e, r)
	case c.op == opPrimary:
		return x.m.Begin(a, c.login, e, r)
	case c.op == opRespond:
		return x.m.Respond(a, x.m.approval(a, c.slot), x.replyOf(a, c), e, r)
	case c.op == opRedeem:
		h := secretOf(99)
		if a.txs[c.slot].session.live {
			s := x.m.pool.Get().(*step)
			h, _ = s.sessionSecret(&a.txs[c.slot])
			x.m.pool.Put(s)
		}
		_, err := x.m.Redeem(a, h, e, r)
		if stored, ok := x.storeOwed(a, err, e); ok {
			_, err = x.m.Redeem(stored, h, e, r)
		}
		return err
	}
	return x.m.Step(a, secretOf(c.name), c.ev, e, r)
}

// host runs an operation of the host, on a store with one record.
func (x *explorer) host(a *Account, name string, e Env, r *Result) (err error) {
	key := x.m.Key(a.user)
	store := &drawer{r: Record{Value: x.m.Seal(a, key), Version: 1}}
	s := &Service{cfg: Config{Store: store, Now: func() time.Time { return e.Now }}, m: x.m}
	if name == "revoke" {
		err = s.Revoke(context.Background(), a.user)
	} else {
		err = s.Reinstate(context.Background(), a.user, "")
	}
	*r = Result{Changed: true}
	if err == nil && store.r.Value != nil {
		r.Account, err = x.m.Open(store.r.Value, key)
	}
	return err
}

// drawer is a store with one record.
type drawer struct{ r Record }

func (d *drawer) Load(context.Context, string) (Record, error) { return d.r, nil }

func (d *drawer) Save(_ context.Context, _ string, old uint64, r Record) error {
	if old != d.r.Version {
		return ErrConflict
	}
	d.r = r
	return nil
}

// deliver acknowledges the effects of a step, as a service does after its save.
// All are accepted, except that the mailer or the directory may fail, and that the
// address of a code may have changed.
func (x *explorer) deliver(r *Result, c *act, e Env) Account {
	a := r.Account
	if c.mood == dies {
		return a
	}
	es := x.claimed
	if c.host != "tend" {
		es = r.Effects()
	}
	errs := make([]error, len(es))
	for i, o := range es {
		switch {
		case x.deaf && isForHost(o.Name), x.owes && o.Name == storePassword.String():
			errs[i] = errors.New("again")
		case o.Name == sendCode.String() && !x.listed(a, o, e):
			errs[i] = ErrSuperseded
		case o.Name == sendCode.String() && !x.inTime(a, o, e):
			errs[i] = ErrUndeliverable
		case o.Name == sendCode.String() && c.mood == down:
			errs[i] = errors.New("again")
		case o.Name == sendCode.String() && c.mood == refuses:
			errs[i] = ErrUndeliverable
		}
	}
	next, _, err := x.m.Acknowledge(&a, es, errs, e.Now)
	if err != nil {
		x.t.Fatal(err)
	}
	return next
}

// inTime reports whether the code of a mail has not expired.
func (x *explorer) inTime(a Account, o Effect, e Env) bool {
	now, _ := x.m.clock(&a, e.Now)
	return now < a.txs[a.findEffect(o.Key)].code.expires
}

// listed reports whether the directory still has the address of a code.
func (x *explorer) listed(a Account, o Effect, e Env) bool {
	s, err := x.m.load(&a, nil, &e, new(input))
	if err != nil {
		x.t.Fatal(err)
	}
	defer x.m.pool.Put(s)
	for i := range s.dir {
		if s.dir[i].id == o.Factor && s.pin(&s.dir[i]).recipient == a.outbox[a.findEffect(o.Key)].factor.recipient {
			return true
		}
	}
	return false
}

// verdict is the answer to a client, the row that gave it, and the rows that other
// transactions took.
type verdict struct {
	text   string
	row    string
	others string
}

func (x *explorer) verdict(c *act, r *Result, err error) verdict {
	var ref *Refusal
	switch {
	case c.host != "" && err == nil:
		return verdict{text: "ok", row: c.host}
	case errors.As(err, &ref):
		v := verdict{text: "refused: " + ref.Err.Error(), row: ref.Err.Error()}
		if ref.Guard != "" {
			v.text += " (" + ref.Guard + ")"
			v.row = string(c.op.name()) + " [" + ref.Guard + "]"
		}
		return v
	case errors.Is(err, ErrUnavailable) && c.op == opRedeem && x.deaf:
		return verdict{text: "refused: " + ErrUnavailable.Error(), row: "owed"}
	case err != nil:
		x.t.Fatalf("%s: %v", c.text, err)
	case !r.Changed:
		return verdict{text: x.told(r), row: "repeated"}
	}
	v := verdict{text: x.told(r)}
	if c.op == opRedeem {
		v.text = "redeemed"
	}
	if r.Ended {
		v.text = "refused: " + ErrFinished.Error()
	}
	mine := r.Account.txs[r.slot].id
	for _, m := range r.moves[:r.nmoves] {
		if m.tx == mine {
			v.row = m.edge.label
		} else {
			v.others += "; " + m.edge.label
		}
	}
	if v.row == "" {
		x.t.Fatalf("%s: the transaction took no row", c.text)
	}
	return v
}

func (x *explorer) told(r *Result) string {
	text := string(x.m.stateOf(&r.Account.txs[r.slot]))
	if r.Outcome != Done {
		text += ", " + string(r.Outcome)
	}
	return text
}

// The invariants of every account that an exploration reaches.

func (x *explorer) visit(n int32, s spot, a *Account) {
	fail := func(name, format string, args ...any) {
		x.t.Helper()
		x.t.Fatalf("%s: %s\nby%s\nin %s", name, fmt.Sprintf(format, args...), x.g.story(n), a.String())
	}
	clear(x.alike)
	mem := s.memory
	if again, _ := x.settle(*a, zero, s.fall, &mem); again != s {
		fail("P4", "it reads back as another account, or is not canonical: %x\n%x", again.account, s.account)
	}
	st := x.m.fresh()
	st.acct, st.now = a, max(a.seen, zero.UnixNano())
	locked := a.disabled || st.lockEnd() > st.now
	lives := 0
	for i := range a.txs {
		t := &a.txs[i]
		if t.isLive() {
			lives++
			if locked {
				fail("K4", "a lock, and a live transaction")
			}
			x.applied["K4"]++
		}
		if t.state != 0 && !t.plausible() && !t.ended() {
			fail("S21", "impossible: %+v", *t)
		}
		if t.state != 0 && !t.ended() {
			x.ends(fail, a, i)
		}
		if t.isLive() || t.name() == Success {
			x.promises(fail, a, i)
		}
	}
	if lives > x.m.policy.Live {
		fail("S14", "%d live transactions", lives)
	}
	x.tended = nil
	var r Result
	if _, err := x.m.Tend(a, zero, &r); err != nil {
		fail("B7", "%v", err)
	}
	if r.nmoves > 0 {
		x.tended = &r.Account
	}
}

type failing func(name, format string, args ...any)

// ends checks L3: a transaction ends at its deadline, and not a nanosecond before.
func (x *explorer) ends(fail failing, a *Account, i int) {
	t := &a.txs[i]
	now := max(zero.UnixNano(), a.seen)
	for _, d := range []int64{-1, 0} {
		e := Env{Now: unix(t.expires + d), Entropy: [64]byte{1}}
		if t.expires+d < now {
			continue
		}
		var r Result
		err := x.m.Step(a, secretOf(i), Cancel{}, e, &r)
		ended := err == nil && r.Ended
		if ended != (d == 0) && t.tries < t.limits.tightened(&x.m.limits).tries {
			fail("B2", "%dns from its deadline, the transaction has ended: %t", d, ended)
		}
		if ended && r.Account.txs[i].name() != Expired {
			fail("L3", "the transaction ended as %s", r.Account.txs[i].name())
		}
		x.applied["B2"]++
	}
	// B1: likewise, a code expires at its deadline and not a nanosecond before.
	if !t.code.live || t.name() != MFAChallenge || x.m.overdue(a, i, unix(now)) || t.code.expires-1 < now || t.code.expires-1 < a.notBefore || t.code.tries >= t.limits.tightened(&x.m.limits).codeTries {
		return
	}
	for _, d := range []int64{-1, 0} {
		if t.code.expires+d >= t.expires { // the transaction ends first
			continue
		}
		var r Result
		ev := Verify{Code: x.m.liveCode(a, i)}
		if typ := x.m.typeOf(t.factor.kind); typ.Awaited {
			ev.Code = ""
		}
		err := x.m.Step(a, secretOf(i), ev, Env{Now: unix(t.code.expires + d), Entropy: [64]byte{1}}, &r)
		if late := err == nil && r.Outcome == LateCode; late != (d == 0) {
			fail("B1", "%dns from its expiry, the code is late: %t, %v", d, late, err)
		}
		x.applied["B1"]++
	}
}

// promises checks A1: events that an answer lists as allowed are allowed, those
// listed for later are allowed then and not before, and others are not.
func (x *explorer) promises(fail failing, a *Account, i int) {
	if x.m.overdue(a, i, zero) {
		return
	}
	for v := range x.views {
		x.promised(fail, a, i, v)
	}
}

// promised checks A1 for one state of the directory.
func (x *explorer) promised(fail failing, a *Account, i, view int) {
	before := *a
	ans, err := x.m.Status(a, secretOf(i), Env{Now: zero, Factors: x.views[view].fs})
	if err != nil {
		fail("A1", "status: %v", err)
	}
	if *a != before {
		fail("A1", "status changed something")
	}
	for o := opEnroll; o <= opRedeem; o++ {
		at, listed := ans.Allows(o.name())
		when, can := zero, false
		for !can && o != opRedeem && // which is no event of a client
			when.UnixNano() < a.txs[i].expires {
			var wait time.Time
			if can, wait = x.best(a, i, o, view, when); can || !wait.After(when) {
				break
			}
			when = wait
		}
		if can && when.Equal(zero) {
			when = time.Time{}
		}
		if listed != can || listed && !at.Equal(when) {
			fail("A1", "%s (directory %s): allowed %t at %v; it is %t, at %v", o, x.views[view].name, listed, at, can, when)
		}
		x.applied["A1"]++
	}
}

// best tries an event at a time with the best possible payload, and a host that
// lets it go on. It reports whether
// the event is accepted, or until when it is too soon.
func (x *explorer) best(a *Account, i int, o op, view int, now time.Time) (can bool, when time.Time) {
	right := Code("000000")
	if o == opVerify || o == opActivate {
		right = x.codeText(a, i, rightText)
	}
	evs := map[op][]Event{
		opEnroll: {Enroll{Email}}, opActivate: {Activate{Code: right}}, opChallenge: {Challenge{"mail"}, Challenge{"spare"}}, opVerify: {Verify{Code: right}},
		opResend: {Resend{}}, opPrevious: {Previous{}}, opSkip: {Skip{}}, opCancel: {Cancel{}}, opRedeem: {nil},
		opChangePassword: {ChangePassword{oldOne, newOne}}, opResetPassword: {ResetPassword{newOne}}, opPass: {Pass{Gate: x.m.stateOf(&a.txs[i])}},
	}[o]
	for _, ev := range x.proving(a, i, o, now, evs) {
		c := act{op: o, slot: i, name: i, ev: ev, view: view, code: rightText}
		e := Env{Now: now, Factors: x.views[view].fs, Entropy: [64]byte{1}, Verdict: &Verdict{Right: true}, Needed: x.needed(&x.views[view])}
		var r Result
		err := x.do(a, &c, e, &r)
		var ref *Refusal
		if err == nil && r.Outcome == Done || errors.Is(err, ErrUsed) { // which is the code's fault
			return true, time.Time{}
		}
		if errors.As(err, &ref) && ref.Err == ErrTooSoon && (when.IsZero() || ref.RetryAt.Before(when)) {
			when = ref.RetryAt
		}
	}
	return false, when
}
