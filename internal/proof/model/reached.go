package model

import (
	"flag"
	"os"
	"slices"
	"strconv"
	"testing"
)

// The situations that random histories must reach: else they prove nothing about
// them.

// checkReached checks that a run has reached what is often reached, and a long one
// also what is rare.
func checkReached(t *testing.T, cover map[string]int) {
	n := histories()
	if testing.Short() || n < 500 || t.Failed() { // in fewer, never is an accident, too
		return
	}
	situations := often()
	if n >= 2000 {
		situations = append(situations, rare...)
	}
	slices.SortFunc(situations, func(a, b string) int { return cover[a] - cover[b] })
	for _, k := range situations {
		if cover[k] == 0 {
			t.Errorf("never reached: %s", k)
		} else if testing.Verbose() {
			t.Logf("%6d %s", cover[k], k)
		}
	}
}

// histories is how many rapid makes.
func histories() int {
	n := 100 // rapid's default
	for _, text := range []string{flag.Lookup("rapid.checks").Value.String(), os.Getenv("RAPID_CHECKS")} {
		if x, err := strconv.Atoi(text); err == nil {
			n = x
		}
	}
	return n
}

// often lists each verdict on what is submitted for each type of factor, without a
// challenge and for one, and on the answers of devices.
func often() (ks []string) {
	for _, x := range []struct {
		names, ways, verdicts []string
	}{
		{[]string{"totp", "recovery_codes"}, []string{"direct", "verify"}, []string{"taken", "wrong code", "refused: code was used before", "refused: malformed input", "refused: too soon", "unavailable"}},
		{[]string{"totp", "recovery_codes"}, []string{"activate"}, []string{"taken", "wrong code", "refused: malformed input"}},
		{[]string{keyType, questionType}, []string{"verify"}, []string{"taken", "wrong code", "refused: malformed input", "refused: too soon", "unavailable"}},
		{[]string{keyType, questionType}, []string{"activate"}, []string{"taken", "wrong code", "refused: malformed input"}},
		{[]string{questionType}, []string{"direct"}, []string{"taken", "wrong code", "refused: malformed input", "refused: too soon", "unavailable"}},
		{[]string{"email", keyType, pushType, tapType}, []string{"direct"}, []string{"refused: not allowed in this state"}},
		{[]string{"email"}, []string{"verify", "activate"}, []string{"taken", "wrong code", "late code", "refused: malformed input", "refused: no live code"}},
		{[]string{pushType}, []string{"verify"}, []string{"taken", "late code", "refused: another device has not answered yet", "refused: malformed input", "refused: no live code"}},
		{[]string{tapType}, []string{"verify"}, []string{"taken", "refused: another device has not answered yet", "refused: no live code"}},
		{[]string{pushType}, []string{"activate"}, []string{"taken", "refused: another device has not answered yet"}},
		{[]string{pushType, tapType}, []string{"respond"}, []string{"taken", "wrong code", "refused: no live code"}},
	} {
		for _, name := range x.names {
			for _, way := range x.ways {
				for _, verdict := range x.verdicts {
					ks = append(ks, name+" "+way+" "+verdict)
				}
			}
		}
	}
	for _, m := range mishaps {
		ks = append(ks, m.name)
	}
	for _, name := range []string{"change_password", "reset_password", "pass"} {
		for _, verdict := range []string{"taken", "wrong code", "rejected", "denied", "unavailable", "repeated", "refused: too soon", "refused: malformed input", "refused: not allowed in this state"} {
			if name == "reset_password" && (verdict == "repeated" || verdict == "refused: malformed input") {
				continue // rare
			}
			ks = append(ks, name+" "+verdict)
		}
	}
	ks = append(ks, "skip of a warning", "a late attempt", "another's gate", "redeem unavailable", "a gate cannot be asked about", "a gate is not needed", "three gates")
	return append(ks, "race", "twin codes", "factor taken away", "respond refused: transaction is unknown or finished")
}

// rare lists the situations that a long run must reach.
var rare = []string{
	"reset_password repeated", "reset_password refused: malformed input", "redeem after the password was stored",
	"totp direct refused: factor is not offered here", "totp verify refused: factor is not offered here", "recovery_codes direct refused: factor is not offered here",
	"recovery_codes verify refused: factor is not offered here", "totp activate refused: too soon", "recovery_codes activate refused: too soon",
	pushType + " respond refused: too soon", tapType + " respond refused: too soon", tapType + " verify late code", tapType + " activate taken",
	"primary taken", "primary refused: account is locked", "primary refused: too soon", "primary refused: no active factor, and none to enroll",
	"enroll taken", "enroll refused: too soon", "enroll refused: no sends left in this transaction", "enroll refused: factor is not offered here", "enroll repeated",
	"activate taken", "activate wrong code", "activate late code", "activate refused: no live code", "activate refused: too soon", "activate refused: malformed input",
	"activate refused: factor is not offered here", "activate refused: not allowed in this state",
	"challenge taken", "challenge refused: too soon", "challenge refused: no sends left in this transaction", "challenge refused: factor is not offered here", "challenge repeated",
	"verify taken", "verify wrong code", "verify late code", "verify refused: no live code", "verify refused: too soon", "verify refused: malformed input", "verify repeated",
	"verify refused: transaction is unknown or finished", "verify refused: factor is not offered here", "verify refused: not allowed in this state",
	"verify refused: idempotency key was used for another event",
	"resend taken", "resend refused: too soon", "resend refused: no sends left in this transaction", "resend refused: not allowed in this state", "resend repeated",
	"previous taken", "previous refused: not allowed in this state", "skip taken", "skip refused: a required factor is missing",
	"cancel taken", "cancel refused: transaction is unknown or finished", "redeem taken", "redeem refused: transaction is unknown or finished",
	"revoke taken", "reinstate taken", "tend taken", "clock fell", "clock wrong", "account locked", "account disabled", "budget spent", "old code equals the live one", "mail failed for good",
}
