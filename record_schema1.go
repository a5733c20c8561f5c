package authn

import "strings"

// schema1 reads what follows the ledger in records of schema 1. Transactions that
// were under way end: their users sign in again. What is owed stays owed.
func (r *reader) schema1(a *Account) {
	for range a.txs {
		r.transaction1()
	}
	for i := range r.count(maxQueue) {
		r.entry1(&a.outbox[queue+i])
	}
	a.failures.by = strings.Repeat("\x00", len(a.failures.by))
}

// transaction1 passes over a transaction.
func (r *reader) transaction1() {
	t := transaction{state: r.byte()}
	if t.state == 0 {
		return
	}
	r.check(t.state >= 2 && int(t.state) <= len(states))
	r.take(1 + len(t.id) + len(t.token))
	r.time()
	r.time()
	r.last(&t.last)
	if r.bad || t.ended() {
		return
	}
	r.take(5)
	r.time()
	r.time()
	r.limits(&t.limits)
	if r.boolean() {
		r.take(1)
		r.time()
		r.time()
		r.take(len(t.code.nonce))
	}
	r.take(3)
	r.time()
	if r.boolean() {
		r.time()
		r.take(len(t.session.nonce))
	}
	for range r.count(3) {
		r.take(3 + len(t.factor.recipient))
		r.text(maxFactorID)
		r.text(maxMasked1)
	}
}

// maxMasked1 is how long a masked address was at most.
const maxMasked1 = 40

// entry1 reads what is owed to an e-mail factor: there was no other.
func (r *reader) entry1(e *entry) {
	e.kind = effectKind(r.byte())
	e.rev, e.n, e.attempts = r.byte(), r.byte(), r.byte()
	known := r.byte() == 1
	r.bytes(e.tx[:])
	r.bytes(e.factor.recipient[:])
	e.next, e.at, e.until = r.time(), r.time(), r.time()
	if e.factor.id = r.text(maxFactorID); known {
		e.factor.kind = Email
	} else {
		e.factor = pin{}
	}
	r.check(e.kind > sendCode && e.kind < effectKinds && (!known || validFactorID(e.factor.id)))
}
