package authn

import "time"

// Delivery says whether the message with the live code was sent.
type Delivery string

// The deliveries. After [Failed] the user may resend before the cool-down ends.
const (
	NotSent Delivery = ""        // no code is live, or none was sent
	Pending Delivery = "pending" // not accepted yet; retried
	Sent    Delivery = "sent"    // accepted by the Sender
	Failed  Delivery = "failed"  // given up
)

// Answer says where a transaction stands and what it allows. The caller owns it.
type Answer struct {
	State           State
	Outcome         Outcome      // of the event that was just taken
	Token           StateToken   // the state token to use next; "" if no event is allowed any more
	Session         SessionToken // of the event that succeeded, and of its exact repeat; [Service.Redeem] takes it
	Assertion       *Assertion   // in place of Session, of an event that asks for it by [RedeemAtOnce]
	Device          Secret       // like Session, after Verify.Remember: the browser or app keeps it for [Login].Device
	Link            Secret       // of a [Claim] that is handed over: [Service.Open] takes it
	User            string       // the host's user id
	For             Purpose      // PurposeRecover, PurposeUnlock or PurposeSignUp of what a [Claim] has begun; else ""
	Factors         []Factor     // to choose from, the one proved last first, else in the Directory's order; addresses masked, each with the time from which it can be chosen
	Factor          Factor       // the one at hand, address masked; the address is "" if the Directory does not list it now
	Prompt          Prompt       // what proving the one at hand, or enrolling it, takes beyond a code that was sent
	Allowed         []Allowed    // the events that are allowed, now or later
	TriesLeft       int          // wrong codes left until the code dies, the transaction ends or the account is locked, whichever comes first
	Generation      int          // number of the last code, from 1; messages carry it too
	CodeExpires     time.Time    // zero: there is no live code
	Delivery        Delivery     // of the live code
	Expires         time.Time    // of the transaction; in SUCCESS of the session token
	Question        string       // in RECOVERY: the host's, for the user
	Relay           string       // as in [Login], or [Claim]: for the host, not for the user
	Reasons         []string     // of an input that was Rejected: which rules it does not meet; of the event itself, not of its repeat
	PasswordExpires time.Time    // in PASSWORD_WARN
	Until           time.Time    // in LOCKED_OUT: end of the account's lock; zero: only this transaction ended, or a factor is disabled
	Now             time.Time    // the machine's time, for countdowns
}

// Allowed is an event that the state allows.
type Allowed struct {
	Event EventName
	At    time.Time // from which time, if nothing else happens first; zero: now
}

// Allows says whether event, such as [EventResend], is allowed, and from which
// time: the zero time means now.
func (a *Answer) Allows(event EventName) (at time.Time, ok bool) {
	for _, x := range a.Allowed {
		if x.Event == event {
			return x.At, true
		}
	}
	return time.Time{}, false
}

// describe describes the transaction in slot i, without its tokens.
func (m *Machine) describe(a *Account, i int, env *Env) (*Answer, error) {
	s, err := m.look(a, env)
	if err != nil {
		return nil, err
	}
	defer m.pool.Put(s)
	s.ideal, s.i = true, i
	t := s.tx()
	one := new(struct { // in one piece of memory
		Answer
		allowed [5]Allowed
	})
	ans := &one.Answer
	*ans = Answer{State: m.stateOf(t), User: a.user, Relay: t.relay, Expires: unix(t.expires), Now: unix(s.now)}
	if t.flow != 0 {
		ans.For = flows[t.flow]
	}
	switch {
	case t.name() == LockedOut:
		if end := s.lockEnd(); end > s.now && !a.disabled {
			ans.Until = unix(end)
		}
		ans.Expires = time.Time{}
		return ans, nil
	case t.ended():
		ans.Expires = time.Time{}
		return ans, nil
	}
	s.noList, s.noUser = env.ListLater, env.NoUser
	if !m.timeUp(s.acct, i, s.now) { // else whatever comes next finds it expired
		ans.Allowed = s.allowed(one.allowed[:0])
	}
	if t.name() == Success {
		ans.Prompt = s.prompt()
		return ans, nil
	}
	ans.TriesLeft = s.triesLeft()
	ans.Generation = int(t.sends)
	if !m.claiming { // it tells whether there is anybody
		ans.Delivery = deliveries[t.delivery]
	}
	if t.code.live {
		ans.CodeExpires = unix(t.code.expires)
	}
	if t.name() == PasswordWarn {
		ans.PasswordExpires = unix(t.passwordEnd)
	}
	s.listFactors(ans)
	return ans, nil
}

// listFactors adds the factors: the one at hand, or those to choose from.
func (s *step) listFactors(ans *Answer) {
	t, st := s.tx(), s.tx().info()
	if st.AtHand {
		ans.Factor = Factor{ID: t.factor.id, Type: t.factor.kind, Status: t.stage()}
		ans.Prompt = s.prompt()
		if l := s.find(&t.factor); l != nil && s.isPinned(l, &t.factor) {
			ans.Factor = l.shown()
		}
	}
	for i := range s.dir {
		if l := &s.dir[i]; st.Offers != 0 && l.status >= st.Offers && s.counts(l) {
			f := l.shown()
			if f.At = s.choiceAt(l); s.hasProved(l) { // also if the Directory has not noticed
				f.Status = Active
			}
			if ans.Factors = append(ans.Factors, f); l.id == s.acct.recent && st.Offers == Active {
				n := len(ans.Factors) - 1
				copy(ans.Factors[1:], ans.Factors[:n])
				ans.Factors[0] = f
			}
		}
	}
}

// choiceAt is from which time a factor can be chosen, or proved at once.
func (s *step) choiceAt(l *listed) time.Time {
	s.cand = l
	defer func() { s.cand = nil }()
	at, ok := int64(0), false
	for _, s.op = range [...]op{opEnroll, opChallenge, opVerify} {
		if s.op == opVerify && !l.typ.atOnce() || ok && at == 0 {
			break
		}
		if x, may := s.soonest(); may && (!ok || x < at) {
			at, ok = x, true
		}
	}
	if !ok {
		return unix(s.tx().expires)
	}
	return unix(at)
}

// allowed asks each cell of the state with an ideal payload, and lists the
// events of [Service.Do] that would be taken.
func (s *step) allowed(list []Allowed) []Allowed {
	for s.op = opEnroll; s.op <= opCancel; s.op++ {
		if at, ok := s.soonestOf(); ok {
			list = append(list, Allowed{Event: s.op.name(), At: unix(at)})
		}
	}
	return list
}

// asksUser says that an event of the transaction is refused if there is no such user.
func (m *Machine) asksUser(t *transaction) bool {
	at := &m.roots[m.place(t)]
	for o := opEnroll; o <= opCancel; o++ {
		if n := at[o]; n > 0 && questions[m.nodes[n].q].first == noSuchUser {
			return true
		}
	}
	return false
}

// soonestOf is when the event at hand would be taken, whichever of the factors it
// chooses.
func (s *step) soonestOf() (at int64, ok bool) {
	if t := s.tx(); t.info().AtHand || s.noList || s.op != opEnroll && s.op != opChallenge {
		return s.soonest()
	}
	for i := range s.dir {
		if ok && at == 0 {
			break
		}
		s.cand = &s.dir[i]
		if x, may := s.soonest(); may && (!ok || x < at) {
			at, ok = x, true
		}
	}
	s.cand = nil
	return at, ok
}

// soonest is when the event at hand would be taken if nothing else happens
// first; 0 is now. One wait may lead to another, or to a refusal that waiting
// does not end, and the transaction's deadline comes first.
func (s *step) soonest() (at int64, ok bool) {
	now := s.now
	defer func() { s.now = now }()
	for ; s.now < s.tx().expires; s.now = at {
		switch e, _ := s.pick(); {
		case e == nil:
			return 0, false
		case e.row.Refuse == nil:
			return at, e.row.Outcome == Done
		case e.row.Refuse != ErrTooSoon:
			return 0, false
		default:
			if at = s.retryAt(e); at <= s.now {
				return 0, false
			}
		}
	}
	return 0, false
}
