package authn

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Claims, and what they lead to, are explored apart: a record of claims obeys other rules
// than an account. Every account that a small policy can lead to is visited, with every
// event on each.

// voyage explores the accounts of a machine, whose times are kept relative to zero.
type voyage struct {
	*testing.T
	m       *Machine
	seen    map[string]string // by account, how it is come to
	queue   []string
	reached map[string]bool
	applied map[string]int
}

func newVoyage(t *testing.T, m *Machine) *voyage {
	return &voyage{T: t, m: m, seen: map[string]string{}, reached: map[string]bool{}, applied: map[string]int{}}
}

// attempt is one act, and what came of it.
type attempt struct {
	text   string
	op     op
	slot   int // -1: it begins
	ev     Event
	env    Env
	h      TokenSecret
	l      Login
	a      *Account
	atOnce bool // it asks for the assertion
	r      Result
	err    error
}

func (v *voyage) arrive(a Account, now time.Time, by string) {
	a.Shift(zero.Sub(now))
	key := string(a.append(nil))
	if _, ok := v.seen[key]; !ok {
		v.seen[key] = by
		v.queue = append(v.queue, key)
	}
	if len(v.seen) > 20_000 {
		v.Fatalf("not bounded: %s", by)
	}
}

func (v *voyage) open(key string) (a Account) {
	r := reader{b: []byte(key), schema: schema}
	if err := r.account(&a); err != nil {
		v.Fatalf("%v, after %s", err, v.seen[key])
	}
	return a
}

// do performs an act, and again asking for the assertion: K5.
func (v *voyage) do(c *attempt) {
	v.perform(c)
	if c.op == opRedeem || c.op == opClaim || c.op == opOpen {
		return
	}
	o := *c
	if o.atOnce = true; o.ev != nil {
		o.ev = RedeemAtOnce(o.ev)
	}
	v.perform(&o)
	differs := v.m.atOnceDiffers(c.a, c.env, [2]*Result{&c.r, &o.r}, [2]error{c.err, o.err}, v.m.claiming || c.op == opActivate || c.op == opResetPassword || c.op == opChangePassword)
	if v.applied["K5"]++; differs != "" {
		v.Fatalf("K5: %s: %s", c.text, differs)
	}
}

// perform does it, and notes the row that answers it.
func (v *voyage) perform(c *attempt) {
	for _, e := range v.edges(c) {
		v.reached[string(e.State)+": "+e.label] = true
	}
	switch {
	case c.op == opClaim:
		c.err = v.m.do(&c.r, c.a, &c.env, &input{login: &c.l}, func(s *step) error { return s.begin(opClaim) })
	case c.op == opOpen:
		c.err = v.m.openLink(c.a, c.slot, c.h, "key", c.env, &c.r)
	case c.slot < 0:
		v.carryOn(c, c.h.digest())
	case c.op == opRedeem:
		_, c.err = v.m.Redeem(c.a, c.h, c.env, &c.r)
	default:
		c.err = v.m.Step(c.a, c.h, c.ev, c.env, &c.r)
	}
	var lack *Lack
	if errors.As(c.err, &lack) && lack.Owed != nil {
		next, _, err := v.m.Acknowledge(c.a, []Effect{*lack.Owed}, []error{nil}, c.env.Now)
		if err != nil {
			v.Fatal(err)
		}
		c.a = &next
		_, c.err = v.m.Redeem(c.a, c.h, c.env, &c.r)
	}
	if errors.As(c.err, &lack) || errors.Is(c.err, ErrUnavailable) {
		v.Fatalf("%s: %v", c.text, c.err)
	}
}

// edges are the row that answers the act, if nothing comes before it, and those that its
// transaction would answer time and a lock with.
func (v *voyage) edges(c *attempt) (es []*edge) {
	var in input
	if c.ev != nil {
		if p, _, err := v.m.payload(c.ev); err == nil {
			in = *p
		}
	}
	if c.slot < 0 {
		in.login, in.atOnce = &c.l, c.atOnce
	}
	if c.op == opOpen {
		in.link = &c.h
	}
	s, err := v.m.load(c.a, nil, &c.env, &in)
	if err != nil {
		v.Fatal(err)
	}
	defer v.m.pool.Put(s)
	ops := []op{c.op}
	if c.slot < 0 {
		if s.offerAll(opExpire) != nil || s.vacate() != nil {
			return nil
		}
		*s.tx() = transaction{state: 1, born: s.now}
	} else if s.i = c.slot; v.m.overdue(c.a, c.slot, c.env.Now) {
		ops = []op{opExpire}
	} else {
		ops = append(ops, opExpire, opLock)
	}
	for _, s.op = range ops {
		if s.root() == 0 {
			continue
		}
		if e, _ := s.pick(); e != nil {
			es = append(es, e)
		}
	}
	return es
}

func (v *voyage) rule(name string, c *attempt, applies, wrong bool) {
	if applies {
		v.applied[name]++
	}
	if applies && wrong {
		v.Fatalf("%s: %s: %v\nfrom %s\nto %s\nafter %s", name, c.text, c.err, c.a, c.r.Account, v.seen[string(c.a.append(nil))])
	}
}

// all reports whether every row of the cells that want says was taken, and every rule applied.
func (v *voyage) all(want func(*edge) bool, unreached map[string]bool, names ...string) {
	for i := range v.m.edges {
		e := &v.m.edges[i]
		if name := string(e.State) + ": " + e.label; want(e) && v.reached[name] == unreached[name] {
			v.Errorf("%s: reached %t", name, v.reached[name])
		}
	}
	for _, n := range names {
		if v.applied[n] == 0 {
			v.Errorf("%s never applied", n)
		}
	}
	v.Logf("%d accounts; %v", len(v.seen), v.applied)
}

// unused is entropy that names no transaction of the account.
func unused(a *Account) [64]byte {
	n := 0
	for slices.ContainsFunc(a.txs[:], func(t transaction) bool { return t.state != 0 && t.id == nameOf(n) }) {
		n++
	}
	return entropy(n, 1)
}

// handleIn is the handle of a transaction that begins with unused entropy.
func handleIn(t *transaction) TokenSecret { return secretOf(int(t.id[15])) }

var (
	somebody = &Subject{User: "ada", Address: "ada@example.com"}
	nobody   = new(Subject)
	claimsOf = []string{"sign-in", "recovery", "unlock", "sign-up"}
)

// TestExploreClaims explores the record of the claims of one name. C3: but for the right
// code, nothing depends on whether the name is somebody's. C4: nothing but the claim at
// hand is charged.
func TestExploreClaims(t *testing.T) {
	if underRace {
		t.Skip("it is one goroutine")
	}
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: Policy{
		ClaimsPerHour: 2, ClaimsPerDay: 3, Life: 90 * time.Second, CodeLife: minute, SessionLife: 30 * time.Second, Sends: 2, Cooldowns: []time.Duration{tick},
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := newVoyage(t, m.claims)
	v.exploreClaims(4, 1)
	v.seen = map[string]string{}
	v.exploreClaims(1, 2) // side by side
	v.all(func(e *edge) bool { return e.op == opClaim || slices.Contains(claims, e.State) },
		map[string]bool{}, "C3", "C4", "proved", "tries", "starts", "carried on once", "link", "handed over")
}

// exploreClaims explores so many flows, and so many live claims at a time.
func (v *voyage) exploreClaims(flows, most int) {
	v.queue = nil
	v.arrive(Account{}, zero, "nothing")
	for i := 0; i < len(v.queue); i++ {
		a := v.open(v.queue[i])
		for _, c := range v.claimActs(&a, flows, most) {
			twin := c
			twin.env.Subject = nobody
			v.do(&c)
			v.do(&twin)
			v.judgeClaim(&c, &twin)
			if c.err == nil && c.r.Changed {
				next := c.r.Account
				forgetTheOver(&next)
				forgetAges(&next, c.env.Now)
				v.arrive(next, c.env.Now, v.seen[v.queue[i]]+"; "+c.text)
			}
		}
		if waits(&a) {
			next := a
			forgetAges(&next, zero.Add(tick))
			v.arrive(next, zero.Add(tick), v.seen[v.queue[i]]+"; wait")
		}
	}
}

func (v *voyage) claimActs(a *Account, flows, most int) (cs []attempt) {
	for f := range flows {
		if alive(a) == most {
			break
		}
		for _, limited := range []time.Time{{}, zero.Add(minute)} {
			c := attempt{text: "claim " + claimsOf[f], op: opClaim, slot: -1, a: a, env: Env{Now: zero, Entropy: unused(a), Limited: limited}}
			c.l.claim = &claimFacts{name: "ada", flow: uint8(f), by: Email}
			cs = append(cs, c)
			if f == 3 || most > 1 { // a sign-up has no link
				continue
			}
			c.text, c.l.claim = "hand over, "+c.text, &claimFacts{name: "ada", flow: uint8(f), by: Email, handOver: true}
			c.env.Subject = somebody
			cs = append(cs, c)
		}
	}
	for i := range a.txs {
		t := &a.txs[i]
		if t.state == 0 || t.ended() {
			continue
		}
		right := v.codeFor(a, i)
		for _, x := range []struct {
			text string
			ev   Event
		}{
			{"right", Verify{Code: right}}, {"wrong", Verify{Code: right[:7] + Code('0'+(right[7]-'0'+1)%10)}}, {"malformed", Verify{Code: "123456"}},
			{"another factor", Verify{Factor: "x", Code: right}}, {"resend", Resend{}}, {"cancel", Cancel{}}, {"previous", Previous{}},
		} {
			if most > 1 && !slices.Contains([]string{"right", "wrong", "cancel"}, x.text) {
				continue // explored alone
			}
			for _, limited := range []time.Time{{}, zero.Add(minute)} {
				c := attempt{text: fmt.Sprint(i, " ", x.text), op: x.ev.on(), slot: i, ev: x.ev, h: handleIn(t), a: a}
				c.env = Env{Now: zero, Entropy: entropy(int(t.id[15]), t.sends+1), Subject: somebody, Limited: limited}
				cs = append(cs, c)
			}
		}
		s := v.m.fresh()
		s.acct, s.i, s.subject = a, i, somebody
		if t.session.live {
			h, _ := s.sessionSecret(t)
			cs = append(cs, attempt{text: fmt.Sprint(i, " redeem"), op: opRedeem, slot: i, h: h, a: a, env: Env{Now: zero, Entropy: entropy(9, 1)}})
			continue
		}
		link, _ := s.linkSecret()
		if most > 1 {
			continue
		}
		for text, h := range map[string]TokenSecret{"link": link, "wrong link": {}} {
			for _, limited := range []time.Time{{}, zero.Add(minute)} {
				c := attempt{text: fmt.Sprint(i, " open ", text), op: opOpen, slot: i, h: h, a: a}
				c.env = Env{Now: zero, Entropy: entropy(int(t.id[15]), t.sends+1), Subject: somebody, Limited: limited}
				cs = append(cs, c)
			}
		}
	}
	return cs
}

// codeFor is the live code of a claim of somebody; zeros if there is none.
func (v *voyage) codeFor(a *Account, i int) Code {
	s := v.m.fresh()
	s.acct, s.i, s.subject = a, i, somebody
	var b [maxDigits]byte
	if !s.derive(&b) {
		return "00000000"
	}
	return Code(b[:8])
}

func (v *voyage) judgeClaim(c, twin *attempt) {
	b := &c.r.Account
	right := c.err == nil && c.r.Changed && !c.r.Ended && c.op == opVerify && c.r.Outcome == Done
	if c.op == opOpen && !c.r.Ended {
		v.judgeLink(c)
		return
	}
	if c.op == opClaim && c.l.claim.handOver {
		v.judgeHandOver(c, twin)
	} else {
		v.rule("C3", c, !right, fmt.Sprint(c.err) != fmt.Sprint(twin.err) || c.err == nil && c.r.Changed && *b != twin.r.Account || c.r.Outcome != twin.r.Outcome)
	}
	// Who began the claim sees no difference if the link was opened.
	if c.slot >= 0 && c.a.txs[c.slot].opened {
		a := *c.a
		a.txs[c.slot].opened, a.txs[c.slot].opener = false, id{}
		other := *c
		other.a, other.env.Subject, other.r = &a, nobody, Result{}
		v.do(&other)
		v.rule("C3", c, true, fmt.Sprint(c.err) != fmt.Sprint(other.err) || c.r.Outcome != other.r.Outcome || c.r.Ended != other.r.Ended ||
			c.err == nil && c.r.Changed && b.txs[c.r.slot].state != other.r.Account.txs[c.r.slot].state)
	}
	v.rule("proved", c, right, !strings.HasSuffix(c.text, " right") || twin.r.Outcome != WrongCode || b.txs[c.slot].name() != Success)
	if c.err != nil || !c.r.Changed {
		return
	}
	v.rule("C4", c, true, b.fails != 0 || b.notBefore != 0 || b.lockedUntil != 0 || b.disabled || b.sends != "" || b.failures != failures{} || b.user != "" || b.claim == "")
	for i := range b.txs {
		if i != c.r.slot && b.txs[i] != c.a.txs[i] && !b.txs[i].ended() && !c.r.Ended {
			v.rule("C4", c, true, true)
		}
	}
	t := &b.txs[c.r.slot]
	v.rule("tries", c, c.r.Outcome == WrongCode, t.name() == LockedOut != (c.a.txs[c.r.slot].tries == 2))
	v.rule("starts", c, c.op == opClaim, b.starts.within(zero.UnixNano(), hour) > 2 || b.starts.within(zero.UnixNano(), day) > 3)
	h, ok := v.m.handOverOf(b, c.r.slot, false)
	s := v.m.fresh()
	s.acct = b
	session, _ := s.sessionSecret(t)
	v.rule("carried on once", c, right, ok != (t.flow != 3) || ok && h == session)
}

// judgeHandOver: a claim that is handed over is one like others, of which nothing is sent;
// nobody's is refused, and changes nothing.
func (v *voyage) judgeHandOver(c, twin *attempt) {
	like := *c
	like.l.claim = &claimFacts{name: "ada", flow: c.l.claim.flow, by: Email}
	like.r = Result{}
	v.do(&like)
	v.rule("handed over", c, like.err != nil, fmt.Sprint(c.err) != fmt.Sprint(like.err) || fmt.Sprint(twin.err) != fmt.Sprint(like.err))
	if like.err != nil {
		return
	}
	b := like.r.Account
	link := v.m.linkOf(&c.r.Account, c.r.slot, somebody)
	v.rule("handed over", c, true, len(c.r.Effects()) > 0 || c.err != nil || link == "" || link != v.m.linkOf(&b, like.r.slot, somebody) || !errors.Is(twin.err, ErrNoUser) || twin.r.Changed)
	b.drop(like.r.slot)
	b.txs[like.r.slot].delivery = deliveryNone
	v.rule("handed over", c, true, b != c.r.Account)
}

// judgeLink: a link is taken once, and again only with the same key, and changes nothing
// that who began the claim sees.
func (v *voyage) judgeLink(c *attempt) {
	t, live := &c.a.txs[c.slot], c.a.txs[c.slot].code.good(zero.UnixNano()) && c.env.Limited.IsZero()
	right := strings.HasSuffix(c.text, " link") && !strings.Contains(c.text, "wrong") && t.code.live
	v.rule("link", c, right && live && !t.opened, c.err != nil || !c.r.Changed || !c.r.Account.txs[c.slot].opened)
	v.rule("link", c, t.opened && right && live, c.err != nil || c.r.Changed)
	v.rule("link", c, !right, c.err == nil)
	if c.err == nil {
		_, mine := v.m.handOverOf(&c.r.Account, c.slot, false)
		h, ok := v.m.handOverOf(&c.r.Account, c.slot, true)
		v.rule("link", c, true, mine || ok != (t.flow != 3) || ok && h == TokenSecret{})
		b := c.r.Account
		now := &b.txs[c.slot]
		v.rule("link", c, true, now.came == id{})
		now.opened, now.opener, now.came, now.rev, b.seen = t.opened, t.opener, t.came, t.rev, c.a.seen
		b.starts = c.a.starts
		v.rule("C4", c, true, b.txs[c.slot] != *t || b.ledger != c.a.ledger)
	}
}

// TestExploreRecovery explores the record of an account that claims lead to. C1: a new
// password comes after another factor, where one is active elsewhere, and after the
// question. C2: no session without such a factor, and none of an unlock. C7: a factor at
// the claimed address counts for nothing. C8: an unlock changes the lock and the back-off.
func TestExploreRecovery(t *testing.T) {
	if underRace {
		t.Skip("it is one goroutine")
	}
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Policy: Policy{
		StartsPerHour: 2, Tries: 2, LockEvery: 4, BackoffFrom: 2, DisableAfter: 5, Backoff: tick, BackoffMax: tick, Lock: 2 * minute, LockMax: 2 * minute,
		Life: 2 * minute, CodeLife: 2 * minute, Sends: 1, SendsPerHour: 2, SendsPerDay: 2, SessionLife: 30 * time.Second,
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := newVoyage(t, m)
	v.arrive(Account{}, zero, "nothing")
	for i := 0; i < len(v.queue); i++ {
		a := v.open(v.queue[i])
		for _, c := range v.recoveryActs(&a) {
			v.do(&c)
			v.judgeRecovery(&c)
			if c.err == nil && c.r.Changed {
				next := c.r.Account
				for _, e := range next.owed() { // the host takes everything
					next, _, _ = m.Acknowledge(&next, []Effect{e}, []error{nil}, c.env.Now)
				}
				forgetTheOver(&next)
				forgetAges(&next, c.env.Now)
				v.arrive(next, c.env.Now, v.seen[v.queue[i]]+"; "+c.text)
			}
		}
		if waits(&a) || a.lockedUntil > zero.UnixNano() || a.notBefore > zero.UnixNano() {
			forgetAges(&a, zero.Add(tick))
			v.arrive(a, zero.Add(tick), v.seen[v.queue[i]]+"; wait")
		}
	}
	v.all(func(e *edge) bool {
		return e.op == opRecover || e.op == opUnlock || e.State == Recovery || e.op == opResetPassword || slices.Contains(e.row.When, claimVoid) && e.op != opPasskey
	},
		map[string]bool{}, "C1", "C2", "C7", "C8", "question", "counted", "void")
}

// forgetAges keeps one smaller in which no charge is to leave its span.
func forgetAges(a *Account, now time.Time) {
	for _, w := range []*window{&a.failures.at, &a.starts, &a.sends} {
		n := w.len()
		for *w = ""; n > 0; n-- {
			w.add(now.UnixNano())
		}
	}
	a.seen = now.UnixNano()
	for i := range a.txs {
		if t := &a.txs[i]; t.isLive() { // a start is refunded by its time
			t.born, t.rev = now.UnixNano(), 1
		}
	}
}

// waits reports whether a transaction is still to reach its end.
func waits(a *Account) bool {
	return slices.ContainsFunc(a.txs[:], func(t transaction) bool { return t.isLive() && t.expires > zero.UnixNano() })
}

func alive(a *Account) (n int) {
	for i := range a.txs {
		if a.txs[i].isLive() {
			n++
		}
	}
	return n
}

// forgetTheOver keeps an exploration small.
func forgetTheOver(a *Account) {
	a.used, a.kept, a.recent, a.outbox = "", "", "", [maxOutbox]entry{}
	for i := range a.txs {
		if t := &a.txs[i]; t.state != 0 && !t.isLive() {
			a.failures.closeCharges(i)
			a.txs[i] = transaction{}
		}
	}
}

var (
	elsewhereActive = Factor{ID: "spare", Type: Email, Address: "spare@example.org", Status: Active}
	cameActive      = Factor{ID: "mail", Type: Email, Address: "ada@example.com", Status: Active}
	lists           = map[string][]Factor{
		"none": nil, "came": {cameActive}, "elsewhere": {cameActive, elsewhereActive}, "unknown": {{ID: "x", Type: "x:y", Status: Active}},
		"disabled": {{ID: "spare", Type: Email, Address: "spare@example.org", Status: Disabled}},
	}
)

func (v *voyage) recoveryActs(a *Account) (cs []attempt) {
	asks, none := "A question?", ""
	came := v.m.recipientOf("ada@example.com")
	subject := v.m.fresh().subjectID("ada", came)
	if alive(a) > 0 {
		return v.recoveryEvents(a)
	}
	for _, name := range slices.Sorted(maps.Keys(lists)) {
		for _, q := range []*string{&asks, &none} {
			for f, o := range map[uint8]op{1: opRecover, 2: opUnlock} {
				c := attempt{text: fmt.Sprintf("%s, %s, %q", o, name, *q), op: o, slot: -1, a: a, env: Env{Now: zero, Entropy: unused(a), Factors: lists[name], Question: q}}
				copy(c.h[:], c.env.Entropy[16:48])
				c.l = Login{User: "ada", Require: RequireIfActive, Password: PasswordNeedsReset, claim: &claimFacts{flow: f, came: came, subject: subject, born: zero.UnixNano(), until: zero.Add(minute).UnixNano()}}
				if o == opUnlock {
					c.l.Require, c.l.Password = RequireNothing, PasswordFine
				}
				cs = append(cs, c)
			}
		}
	}
	c := attempt{text: "gone", op: opRecover, slot: -1, a: a, env: Env{Now: zero, Entropy: unused(a), NoUser: true, Question: &none}}
	c.l = Login{User: "ada", claim: &claimFacts{flow: 1, came: came, subject: subject, born: zero.UnixNano(), until: zero.Add(minute).UnixNano()}}
	copy(c.h[:], c.env.Entropy[16:48])
	cs = append(cs, c)
	for f, o := range map[uint8]op{0: opPrimary, 1: opRecover, 2: opUnlock} {
		late := c
		late.text, late.op, late.env.NoUser = "a void claim", o, false
		late.l.claim = &claimFacts{flow: f, came: came, subject: subject, born: zero.UnixNano(), until: zero.UnixNano()}
		cs = append(cs, late)
		moved := late
		moved.text = "a void claim: another's claim"
		moved.l.claim = &claimFacts{flow: f, came: came, born: zero.UnixNano(), until: zero.Add(minute).UnixNano()}
		cs = append(cs, moved)
	}
	c.text, c.op, c.l.claim = "gone: unlock", opUnlock, &claimFacts{flow: 2, came: came, subject: subject, born: zero.UnixNano(), until: zero.Add(minute).UnixNano()}
	return append(cs, c)
}

func (v *voyage) recoveryEvents(a *Account) (cs []attempt) {
	for i := range a.txs {
		t := &a.txs[i]
		if !t.isLive() {
			continue
		}
		add := func(text string, ev Event, verdict *Verdict, name string, limited time.Time) {
			c := attempt{text: fmt.Sprintf("%d %s, %s", i, text, name), op: ev.on(), slot: i, ev: ev, h: handleIn(t), a: a}
			c.env = Env{Now: zero, Entropy: entropy(int(t.id[15]), t.sends+1), Factors: lists[name], Verdict: verdict, Limited: limited, NoUser: name == "gone"}
			cs = append(cs, c)
		}
		for k, verdict := range map[string]*Verdict{"right": {Right: true, Data: []byte(form)}, "wrong": {}, "rejected": {Rejected: true}, "denied": {Denied: true}} {
			for _, name := range []string{"came", "elsewhere", "unknown", "gone"} {
				add("answer "+k, AnswerQuestion{"an answer"}, verdict, name, time.Time{})
			}
			add("answer "+k, AnswerQuestion{"an answer"}, verdict, "came", zero.Add(minute))
			for _, name := range []string{"came", "elsewhere", "unknown", "gone"} {
				add("reset "+k, ResetPassword{newOne}, verdict, name, time.Time{})
			}
			add("reset "+k, ResetPassword{newOne}, verdict, "came", zero.Add(minute))
		}
		add("challenge", Challenge{"spare"}, nil, "elsewhere", time.Time{})
		add("challenge the same mailbox", Challenge{"mail"}, nil, "elsewhere", time.Time{})
		if code := v.m.liveCode(a, i); code != "" {
			add("code right", Verify{Code: code}, nil, "elsewhere", time.Time{})
		}
		add("cancel", Cancel{}, nil, "came", time.Time{})
		if t.session.live {
			s := v.m.fresh()
			s.acct = a
			h, _ := s.sessionSecret(t)
			cs = append(cs, attempt{text: fmt.Sprint(i, " redeem"), op: opRedeem, slot: i, h: h, a: a, env: Env{Now: zero, Entropy: entropy(9, 1), Factors: lists["elsewhere"]}})
		}
	}
	return cs
}

func (v *voyage) judgeRecovery(c *attempt) {
	b := &c.r.Account
	var was, is *transaction
	if c.slot >= 0 {
		was = &c.a.txs[c.slot]
	}
	if c.err == nil && c.r.Changed && !c.r.Ended {
		is = &b.txs[c.r.slot]
	}
	begins := is != nil && was == nil
	has := func(name string) bool { return strings.Contains(c.text, ", "+name) }
	asked := strings.Contains(c.text, "A question?")
	elsewhere := has("elsewhere")
	v.rule("void", c, strings.HasPrefix(c.text, "a void claim"), !errors.Is(c.err, ErrFinished))
	v.rule("question", c, begins, asked != (is != nil && is.name() == Recovery))
	if begins && !asked {
		want := Success
		if c.op == opRecover && elsewhere {
			want = MFARequired
		} else if c.op == opRecover {
			want = PasswordReset
		}
		v.rule("C1", c, true, is.name() != want)
	}
	v.rule("C1", c, c.op == opRecover && has("unknown"), is != nil && !asked)
	if c.op == opResetPassword && was.name() == PasswordReset && !was.hasProof() && !c.r.Ended && c.env.Limited.IsZero() && c.a.notBefore <= zero.UnixNano() {
		v.rule("C1", c, elsewhere, is == nil && c.err == nil || is != nil && is.name() != MFARequired)
		v.rule("C1", c, has("unknown") || has("gone"), c.err == nil)
	}
	v.rule("C7", c, strings.Contains(c.text, "the same mailbox"), c.err == nil && !c.r.Ended)
	if was != nil && is != nil && is.name() == PasswordReset && was.name() != PasswordReset {
		v.rule("C1", c, true, !(was.name() == Recovery && c.op == opAnswer && c.env.Verdict.Right && !elsewhere) && !(was.name() == MFAChallenge && c.op == opVerify))
	}
	if is != nil && is.name() == Success && (was == nil || was.name() != Success) {
		session := is.session.live
		v.rule("C2", c, true, session != (is.flow == 1 && is.hasProof()))
		v.rule("C1", c, is.flow == 1, was == nil || was.name() != PasswordReset || !c.env.Verdict.Right)
		l := c.a.ledger
		l.user, l.seen, l.lockedUntil, l.notBefore, l.kept, l.starts = b.user, b.seen, b.lockedUntil, b.notBefore, b.kept, b.starts
		l.failures, l.fails = b.failures, b.fails // an answer forgives its own
		v.rule("C8", c, is.flow == 2, l != b.ledger || b.lockedUntil != 0 || b.notBefore != 0 || was == nil && (b.fails != c.a.fails || b.failures.at != c.a.failures.at))
	}
	if was != nil && is != nil && (was.name() == Recovery || was.name() == PasswordReset) && c.env.Verdict != nil && opInfos[c.op].judged && c.r.Outcome != Done {
		v.rule("counted", c, true, (c.r.Outcome == WrongCode) != (b.fails == c.a.fails+1))
	}
}

// isExploredApart reports whether the row is one of a claim, or of what only a claim leads to.
func isExploredApart(e *edge) bool {
	return e.op == opClaim || e.op == opRecover || e.op == opUnlock || e.op == opPasskey || e.State == Recovery || slices.Contains(claims, e.State) ||
		slices.ContainsFunc(e.row.When, func(g guard) bool { return g == sessionNotDue || g == claimVoid || g == factorUnprovable })
}

// Of a name that is nobody's no code is right, not even the one that would be derived: C3.
func TestNobodysCode(t *testing.T) {
	v := newVoyage(t, machineOfClaims(t))
	a := Account{}
	c := attempt{text: "claim", op: opClaim, slot: -1, a: &a, env: Env{Now: zero, Entropy: unused(&a)}}
	c.l.claim = &claimFacts{name: "nil", by: Email}
	if v.do(&c); c.err != nil {
		t.Fatal(c.err)
	}
	a = c.r.Account
	for _, sub := range []*Subject{nobody, somebody} {
		s := v.m.fresh()
		s.acct, s.i, s.subject = &a, c.r.slot, sub
		var code [maxDigits]byte
		if !s.derive(&code) {
			t.Fatal("no code")
		}
		x := attempt{text: "verify", op: opVerify, slot: c.r.slot, ev: Verify{Code: Code(code[:8])}, h: handleIn(&a.txs[c.r.slot]), a: &a}
		x.env = Env{Now: zero, Entropy: entropy(9, 1), Subject: sub}
		if v.do(&x); x.err != nil || (x.r.Outcome == Done) != (sub == somebody) {
			t.Errorf("%+v: %q, %v", sub, x.r.Outcome, x.err)
		}
	}
}

func machineOfClaims(t *testing.T) *Machine {
	m, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo})
	if err != nil {
		t.Fatal(err)
	}
	return m.claims
}
