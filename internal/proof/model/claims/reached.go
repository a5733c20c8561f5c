package claims

import (
	"slices"
	"testing"
)

// The situations that some hundred histories must reach: else they prove nothing about
// them.
var often = []string{
	"claim for sign_in", "claim for recover", "claim for unlock", "claim for sign_up", "name's budget is spent", "mailbox full",
	"handed over", "nobody to hand over to", "by link, handed over", "sent", "resend", "wrong code", "by code", "by link", "found again",
	"repeated verify", "repeated cancel",
	"port failed in verify", "nothing has begun",
	"carried on: sign_in MFA_REQUIRED", "carried on: sign_in SUCCESS", "carried on: recover RECOVERY",
	"carried on: recover MFA_REQUIRED", "carried on: recover PASSWORD_RESET", "carried on: unlock SUCCESS",
	"not carried on: transaction is unknown or finished", "not carried on: account is locked",
	"not carried on: no active factor, and none to enroll", "not carried on: no such user, or not allowed to sign in",
	"redeemed: sign_in", "revoke", "reinstate", "erase", "password",
	"refused: idempotency key was used for another event",
}

// rare are those that a long run must reach: 2,500 histories each at least once, as a rule.
var rare = []string{
	"a claim is lost", "begun, and not answered", "unlocked", "tend sends", "redeemed: sign_up", "redeemed: recover",
	"carried on: sign_in MFA_ENROLL", "a factor at the mailbox is not offered", "signed up", "repeated resend", "late code", "port failed in resend",
	"port failed in open", "not carried on: too soon", "refused: no live code", "carried on: unlock RECOVERY", "refused: no sends left in this transaction",
}

func checkReached(t *testing.T, cover map[string]int, histories int) {
	if testing.Short() || histories < 500 || t.Failed() { // in 100, each seven times on average: never is an accident, too
		return
	}
	situations := often
	if histories >= 5000 {
		situations = append(slices.Clone(often), rare...)
	}
	for _, k := range situations {
		if cover[k] == 0 {
			t.Errorf("never reached: %s", k)
		} else if testing.Verbose() {
			t.Logf("%6d %s", cover[k], k)
		}
	}
}
