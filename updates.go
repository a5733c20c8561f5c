package authn

import "crypto/sha256"

// An update is a named, pure change of the working copy.
type update uint8

const (
	begin update = iota + 1
	newCode
	eraseCode
	useCode
	countWrong
	lockAccount
	disableFactor
	activateFactor
	succeed
	useSession
	finish
	updatesEnd
)

var updates = [updatesEnd]struct {
	do        func(*step)
	name, doc string
}{
	begin:          {doBegin, "begin", "pins the limits and the factors, sets the deadline, charges one start to the account"},
	newCode:        {doNewCode, "new code", "starts the next generation of the code with a new nonce, pins the address, starts the cool-down, charges one send to the transaction and the account"},
	eraseCode:      {doEraseCode, "erase code", "makes the code unusable and cancels its delivery"},
	useCode:        {doUseCode, "use code", "erases the code, marks the factor as proved, forgives the consecutive failures and those of this transaction"},
	countWrong:     {doCountWrong, "count", "charges one try to the code, the transaction and the account, and applies back-off"},
	lockAccount:    {doLockAccount, "lock account", "locks the account until the soft lock ends, in place of a back-off"},
	disableFactor:  {doDisable, "disable factor", "disables the factor until the host calls Reinstate"},
	activateFactor: {doActivate, "activate factor", "marks the enrolled factor as active"},
	succeed:        {doSucceed, "succeed", "issues a short-lived, single-use session token and refunds the start"},
	useSession:     {doUseSession, "use session token", "consumes the session token and forgets the factors"},
	finish:         {doFinish, "finish", "removes everything that the terminal state does not need; repeats of the last event are answered for 10 minutes"},
}

func doBegin(s *step) {
	t := s.tx()
	s.acct.user = s.login.User
	s.acct.starts.add(s.now)
	t.require = s.login.Require
	t.born, t.expires = s.now, s.now+int64(s.m.policy.Life)
	t.limits = s.m.limits
	copy(t.factors[:], s.dir)
	t.token = sha256.Sum256(s.rnd[16:48])
}

func doNewCode(s *step) {
	t, now := s.tx(), &s.m.limits
	i, n := s.chosen(), min(int(t.sends), maxCooldown-1)
	t.atHand = uint8(i)
	t.factors[i] = *s.listed(i)
	t.sendAt = s.now + max(t.limits.cooldowns[n], now.cooldowns[n])
	t.sends++
	t.code = liveCode{live: true, key: s.m.keys[0].id, expires: min(s.now+min(t.limits.codeLife, now.codeLife), t.expires)}
	copy(t.code.nonce[:], s.rnd[48:64])
	s.acct.sends.add(s.now)
}

func doEraseCode(s *step) {
	t := s.tx()
	t.code = liveCode{}
	t.delivery = deliveryNone
	s.acct.drop(s.i)
}

func doUseCode(s *step) {
	doEraseCode(s)
	s.acct.fails, s.acct.notBefore = 0, 0
	s.acct.failures.forgive(s.i)
	s.tx().proved |= 1 << s.tx().atHand
}

func doCountWrong(s *step) {
	t, p := s.tx(), &s.m.policy
	t.tries++
	t.code.tries++
	s.acct.fails++
	s.acct.failures.add(s.now, s.i)
	if over := int(s.acct.fails) - p.BackoffFrom; over >= 0 && !p.NoBackoff {
		s.acct.notBefore = s.now + doubled(p.Backoff, over, p.BackoffMax)
	}
}

func doLockAccount(s *step) {
	p := &s.m.policy
	s.acct.notBefore = 0
	if n := int(s.acct.fails); n%p.LockEvery == 0 {
		s.acct.lockedUntil = s.now + doubled(p.Lock, n/p.LockEvery-1, p.LockMax)
	}
}

func doDisable(s *step) { s.acct.disabled = true }

func doActivate(s *step) { s.tx().factor().status = Active }

func doSucceed(s *step) {
	t := s.tx()
	doEraseCode(s)
	s.acct.failures.closeCharges(s.i)
	s.acct.starts.remove(t.born)
	t.session = session{live: true, key: s.m.keys[0].id}
	copy(t.session.nonce[:], s.rnd[48:64])
	t.done, t.expires = s.now, s.now+int64(s.m.policy.SessionLife)
}

func doUseSession(s *step) {
	t := s.tx()
	t.session, t.factors = session{}, [maxFactors]pin{}
}

func doFinish(s *step) {
	t := s.tx()
	s.acct.failures.closeCharges(s.i)
	s.acct.drop(s.i)
	*t = transaction{id: t.id, token: t.token, state: t.state, rev: t.rev, born: t.born, expires: s.now + int64(tombstone), last: t.last}
}
