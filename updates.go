package authn

import "crypto/sha256"

// An update is a named pure change of the working copy.
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
	begin:          {doBegin, "begin", "pin the limits and the factors, set the absolute end, charge a start"},
	newCode:        {doNewCode, "new code", "next generation, new nonce, new address pinned, cool-down, a send charged to transaction and account"},
	eraseCode:      {doEraseCode, "erase code", "the code is dead for good, and its mail is not sent any more"},
	useCode:        {doUseCode, "use code", "erased; consecutive failures and this transaction's are forgiven; the factor is proved"},
	countWrong:     {doCountWrong, "count", "a try of the code, the transaction and the account; back-off"},
	lockAccount:    {doLockAccount, "lock account", "until the soft lock ends; no back-off besides"},
	disableFactor:  {doDisable, "disable factor", "until the host reinstates the account"},
	activateFactor: {doActivate, "activate factor", "the enrolled factor is active from now on"},
	succeed:        {doSucceed, "succeed", "a session token, good once and for a short time; the start is not charged"},
	useSession:     {doUseSession, "use session token", "good once; the factors are forgotten"},
	finish:         {doFinish, "finish", "forget all that the end does not need; the slot answers repeats for 10 minutes"},
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
	t.mail = mail{}
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
	*t = transaction{id: t.id, token: t.token, state: t.state, rev: t.rev, born: t.born, expires: s.now + int64(tombstone), last: t.last}
}
