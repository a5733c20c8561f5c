package authn

import (
	"crypto/sha256"
	"strings"
)

// An update is a named, pure change of the working copy.
type update uint8

const (
	begin update = iota + 1
	newCode
	newChallenge
	eraseCode
	useCode
	noteReply
	forgetReply
	countWrong
	lockAccount
	disableFactor
	trust
	forgetDevices
	forgive
	keepCharges
	newPassword
	enterGate
	succeed
	useSession
	finish
	beginClaim
	countTry
	endLock
	conclude
	noteOpened
	noteSubject
	updatesEnd
)

var updates = [updatesEnd]struct {
	do        func(*step)
	name, doc string
}{
	begin:         {doBegin, "begin", "pins the limits, sets the deadline, charges one start to the account"},
	newCode:       {doNewCode, "new code", "starts the next generation of the code with a new nonce, pins the address, withdraws a question that another device has not answered, starts the cool-down, charges one send to the transaction and the account"},
	newChallenge:  {doNewChallenge, "new challenge", "starts a challenge to which nothing is sent, with a new nonce, and pins the factor"},
	eraseCode:     {doEraseCode, "erase code", "makes the code unusable and cancels its delivery"},
	useCode:       {doUseCode, "use code", "erases the code, remembers that a code of an app was used, marks the factor as proved and as the last one used, forgives the consecutive failures and those of this transaction"},
	noteReply:     {doNoteReply, "note reply", "remembers what the other device said, and ends the cool-down: its message has arrived"},
	forgetReply:   {doForgetReply, "forget reply", "forgets what the other device said: the client has been told"},
	countWrong:    {doCountWrong, "count", "charges one try to the code that was sent, the transaction and the account, and applies back-off"},
	lockAccount:   {doLockAccount, "lock account", "locks the account until the soft lock ends, in place of a back-off"},
	disableFactor: {doDisable, "disable factor", "disables the factor until the host calls Reinstate"},
	trust:         {doTrust, "trust", "notes that the device stands for a factor"},
	forgetDevices: {doForgetDevices, "forget devices", "remembers no device any more"},
	forgive:       {doForgive, "forgive", "takes back what this transaction was charged: its share of the consecutive failures, and of the budgets"},
	keepCharges:   {doKeepCharges, "keep charges", "what this transaction was charged is not taken back any more"},
	newPassword:   {doNewPassword, "new password", "asks no more of the password, and drops an older one that the host has not taken"},
	enterGate:     {doEnterGate, "enter gate", "notes which list of gates the transaction belongs to"},
	succeed:       {doSucceed, "succeed", "issues a short-lived, single-use session token and refunds the start"},
	useSession:    {doUseSession, "use session token", "consumes the session token and forgets the factors"},
	finish:        {doFinish, "finish", "removes everything that the terminal state does not need; an exact repeat of the event that ended it is answered for 10 minutes"},
	beginClaim:    {doBeginClaim, "begin claim", "pins the limits, sets the deadline, seals the name, charges one start to it"},
	countTry:      {doCountTry, "count try", "charges one try to the transaction and its code, and to nothing else"},
	endLock:       {doEndLock, "end lock", "ends the soft lock and the back-off; counts and budgets stay"},
	noteOpened:    {doNoteOpened, "note opening", "remembers that the link was opened, and under which key of the client: from now on no code of the claim is right"},
	noteSubject:   {doNoteSubject, "note subject", "remembers whose the name was that was claimed"},
	conclude:      {doConclude, "conclude", "ends the transaction well, without a session token, and refunds the start"},
}

func doBegin(s *step) {
	t := s.tx()
	s.acct.user = s.in.login.User
	s.acct.starts.add(s.now)
	t.require, t.adding, t.offersMore, t.purpose = s.in.login.Require, s.in.login.Adding, s.in.login.OfferMore, s.in.login.Purpose
	s.pinLogin()
	t.born, t.expires = s.now, s.now+int64(s.m.policy.Life)
	t.limits, t.owing = s.m.limits, s.missing()
	t.token = sha256.Sum256(s.rnd[16:48])
	s.pinClaim()
}

// pinLogin keeps what the host has said of the sign-in.
func (s *step) pinLogin() {
	t, l := s.tx(), s.in.login
	if t.password = l.Password; t.password == PasswordExpiresSoon {
		t.passwordEnd = l.PasswordExpires.Unix() * 1e9
	}
	t.methods, t.accept, t.relay = strings.Join(l.Methods, " "), strings.Join(l.Accept, " "), l.Relay
	if !l.At.IsZero() {
		t.authAt = min(l.At.Unix(), s.now/1e9) * 1e9
	}
}

// wholeSeconds rounds down: nothing seems fresher than it is.
func wholeSeconds(ns int64) int64 { return ns - ns%1e9 }

func doForgetDevices(s *step) { s.acct.devices = "" }

func doNewCode(s *step) {
	t := s.tx()
	t.factor, t.owing = s.pin(s.chosen()), s.missing()
	t.sendAt = s.now + s.cooldown()
	t.sends++
	t.reply = unanswered
	s.voidPending()
	t.code = liveCode{live: true, key: s.m.keys[0].id, expires: s.codeEnd()}
	copy(t.code.nonce[:], s.rnd[48:64])
	if !s.m.claiming { // whose mailbox it is shows later
		s.acct.sends.add(s.now)
	}
}

// voidPending takes back what another device was asked in another transaction: it has
// one question at a time.
func (s *step) voidPending() {
	mine := s.i
	if typ := s.m.typeOf(s.tx().factor.kind); typ == nil || !typ.Awaited {
		return
	}
	for s.i = range s.acct.txs {
		t := s.tx()
		if typ := s.m.typeOf(t.factor.kind); s.i != mine && t.code.live && t.reply == unanswered && typ != nil && typ.Awaited {
			doEraseCode(s)
			t.reply = withdrawn
		}
	}
	s.i = mine
}

// doNewChallenge is good until the transaction ends: nothing is on its way that
// could be late.
func doNewChallenge(s *step) {
	t := s.tx()
	doEraseCode(s)
	if s.op == opPrimary || s.op == opEnroll || s.op == opChallenge {
		t.factor, t.owing = s.pin(s.chosen()), s.missing()
	}
	t.reply = unanswered
	t.code = liveCode{live: true, key: s.m.keys[0].id, expires: t.expires}
	copy(t.code.nonce[:], s.rnd[48:64])
}

func doEraseCode(s *step) {
	t := s.tx()
	t.code = liveCode{}
	t.delivery = deliveryNone
	s.acct.drop(s.i)
}

// doForgive leaves alone what other transactions were charged: it takes no proof of a
// factor to come here.
func doForgive(s *step) {
	s.acct.fails -= min(s.acct.fails, uint16(s.acct.failures.of(s.i)))
	s.acct.failures.forgive(s.i)
}

// doKeepCharges comes with what the user leaves undone: something else that is right
// later on says nothing of the guesses there.
func doKeepCharges(s *step) { s.acct.failures.closeCharges(s.i) }

func doUseCode(s *step) {
	doEraseCode(s)
	s.acct.fails, s.acct.notBefore = 0, 0
	s.acct.failures.forgive(s.i)
	t, j := s.tx(), &s.judged
	if j.of != nil {
		t.factor = s.pin(j.of)
		s.useUp(j)
	}
	s.acct.recent = t.factor.id
	t.remember = t.remember || s.in.remember
	if !t.hasProved(&t.factor) {
		n := len(t.proved())
		if n == maxProofs {
			n--
			copy(t.proofs[:], t.proofs[1:])
		}
		t.proofs[n] = t.factor.proof()
		t.proofs[n].methods, t.proofs[n].at = j.methods, wholeSeconds(s.now)
	}
}

func doNoteReply(s *step) {
	t := s.tx()
	if t.reply = approved; s.judged.worth != right {
		t.reply = rejected
	}
	t.sendAt = min(t.sendAt, s.now)
	t.delivery = deliveryNone
	s.acct.drop(s.i)
}

func doForgetReply(s *step) { s.tx().reply = unanswered }

func doCountWrong(s *step) {
	t, p := s.tx(), &s.m.policy
	t.tries++
	if t.info().AtHand && t.countsTries(s.m) {
		t.code.tries++
	}
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

func doConclude(s *step) {
	t := s.tx()
	doEraseCode(s)
	s.acct.failures.closeCharges(s.i)
	s.acct.starts.remove(t.born)
	t.done, t.expires = s.now, s.now+int64(s.m.policy.SessionLife)
}

func doSucceed(s *step) {
	doConclude(s)
	t := s.tx()
	t.session = session{live: true, key: s.m.keys[0].id}
	copy(t.session.nonce[:], s.rnd[48:64])
	s.rememberDevice()
}

func doFinish(s *step) {
	t := s.tx()
	s.acct.failures.closeCharges(s.i)
	s.acct.drop(s.i)
	*t = transaction{id: t.id, token: t.token, state: t.state, rev: t.rev, born: t.born, expires: s.now + int64(tombstone)}
}
