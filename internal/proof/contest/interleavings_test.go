package contest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/internal/race"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/storetest"
)

// contests lists clients that use one account at the same time. The answers, the
// records, the mails and the effect of every code afterward must equal those of
// some sequential order of the clients.
var contests = []contest{
	{"right, right", 6, 2, inChallenge, clients{right, right}},
	{"right, wrong", 6, 2, inChallenge, clients{right, wrong}},
	{"right, resend", 14, 2, inChallenge, clients{right, resend}},
	{"resend, resend", 16, 2, inChallenge, clients{resend, resend}},
	{"right, cancel", 6, 2, inChallenge, clients{right, cancel}},
	{"right, expire", 6, 2, inChallenge, clients{atLast(right), atEnd(resend)}},
	{"right, Tend", 17, 2, inChallenge, clients{atLast(right), atEnd(tend)}},
	{"right, Revoke", 6, 2, inChallenge, clients{right, revoke}},
	{"redeem, redeem", 6, 2, inSuccess, clients{redeem, redeem}},
	{"redeem, cancel", 6, 2, inSuccess, clients{redeem, cancel}},
	{"redeem, lock", 11, 2, besideSuccess, clients{redeem, wrong}},
	{"begin, begin at the limit", 6, 1, full, clients{begin, begin}},
	{"begin, right at the limit", 6, 1, full, clients{begin, right}},
	{"last try, last try", 6, 2, oneTryLeft, clients{wrong, wrong}},
	{"right, last try", 6, 2, oneTryLeft, clients{right, wrong}},
	{"same event, same event", 6, 1, inChallenge, clients{once(rightCode), once(rightCode)}},
	{"challenge, challenge", 16, 2, inRequired, clients{challenge, challenge}},
	{"activate, activate", 16, 2, inActivate, clients{activate, activate}},

	{"one code of an app, in two transactions", 6, 2, twoTabs, clients{app, appToo}},
	{"one recovery code, in two transactions", 16, 2, twoTabsPaper, clients{paper, paperToo}},
	{"two recovery codes, in two transactions", 40, 1, twoTabsPaper, clients{paper, otherPaper}},
	{"approve, cancel", 6, 2, asked, clients{approve, cancel}},
	{"approve, reject", 6, 2, asked, clients{approve, reject}},
	{"poll, poll once approved", 6, 2, approved, clients{poll, poll}},
	{"poll once approved, cancel", 6, 2, approved, clients{poll, cancel}},
	{"response, response", 16, 2, withKey, clients{response, response}},

	{"new password, another one", 16, 2, inReset, clients{newPassword(0), newPassword(1)}},
	{"new password, wrong old one", 11, 2, inExpired, clients{change(0, testhost.OldPassword), change(1, "a wrong one")}},
	{"new password twice in one tab", 16, 2, inReset, clients{newPassword(0), newPassword(0)}},
	{"new password, redeem in another tab", 11, 2, besideReset, clients{newPassword(0), redeem}},
	{"redeem, redeem of a password that is owed", 72, 2, owedPassword, clients{redeem, redeem}},
	{"redeem, Tend of a password that is owed", 558, 1, owedPassword, clients{redeem, tend.at(-30 * time.Second)}},
	{"pass, pass", 16, 2, inGate, clients{pass, pass}},
	{"pass, cancel", 14, 2, inGate, clients{pass, cancel}},
	{"pass, Revoke", 14, 2, inGate, clients{pass, revoke}},

	{"claim, claim of one name", 2300, 2, claimed, clients{claim, claim}},
	{"claim, claim at the limit", 48, 2, claimedTwice, clients{claim, claim}},
	{"claim, claim by two names of one mailbox", 262, 2, mailboxAtLimit, clients{claim, otherClaim}},
	{"right code of a claim, twice", 138, 2, claimed, clients{prove(0), prove(0)}},
	{"right code of a claim, twice with one key", 326, 1, claimed, clients{proveOnce(0), proveOnce(0)}},
	{"right codes of two claims", 594, 1, claimedTwice, clients{prove(0), prove(1)}},
	{"right code of a claim, resend", 161, 2, claimed, clients{prove(0), again}},
	{"right code of a claim, last try", 27, 2, claimedOneTry, clients{prove(0), guess(0)}},
	{"right code of a claim, Revoke", 21, 2, claimed, clients{prove(0), revoke}},
	{"right code of a claim, Erase", 21, 2, claimed, clients{prove(0), erase}},
	{"right code of a claim, new password", 51, 2, claimedBeside, clients{prove(1), newPassword(0)}},

	{"right, right, right", 150, 3, inChallenge, clients{right, right, right}},
	{"right, wrong, wrong", 382, 5, inChallenge, clients{right, wrong, wrong}},
	{"right, wrong, resend", 5462, 5, inChallenge, clients{right, wrong, resend}},
	{"right, wrong, cancel", 299, 4, inChallenge, clients{right, wrong, cancel}},
	{"resend, resend, resend", 702, 3, inChallenge, clients{resend, resend, resend}},
	{"right, expire, wrong", 266, 4, inChallenge, clients{atLast(right), atEnd(resend), atLast(wrong)}},
	{"redeem, redeem, cancel", 150, 3, inSuccess, clients{redeem, redeem, cancel}},
	{"begin, begin, begin at the limit", 498, 3, full, clients{begin, begin, begin}},
}

// TestFigures checks the numbers in doc.go and proof.md.
func TestFigures(t *testing.T) {
	schedules := 0
	for _, c := range contests {
		schedules += c.schedules
	}
	if len(contests) != Contests || schedules != Schedules {
		t.Errorf("%d contests and %d schedules, want %d and %d", len(contests), schedules, Contests, Schedules)
	}
}

// TestInterleavings runs every interleaving of the clients' calls to the store:
// K1, K2, K3, K4, K5, E1, E2. Known mistakes 1, 4, 5, 6, 7, 10, 13.
func TestInterleavings(t *testing.T) {
	total := 0
	for _, c := range contests {
		t.Run(c.name, func(t *testing.T) {
			if c.schedules > 1000 && (race.Detector() || testing.Short()) {
				t.Skip("skipped by -race and -short: it takes long")
			}
			synctest.Test(t, func(t *testing.T) { // waiting for a retry takes no time
				a := c.open(t)
				serial := a.serial()
				if len(serial) != c.outcomes {
					t.Errorf("sequential orders have %d outcomes, want %d:\n%s", len(serial), c.outcomes, strings.Join(serial, "\n"))
				}
				n := 0
				for pick := range storetest.Schedules() {
					if n++; n > 10*c.schedules {
						t.Fatalf("more than %d schedules", n)
					}
					if got, turns := a.play(new(memstore.Store), pick); !slices.Contains(serial, got) {
						t.Fatalf("the outcome of %v is\n%s\nwant that of a sequential order:\n%s", turns, got, strings.Join(serial, "\n"))
					}
				}
				total += n
				if n != c.schedules {
					t.Errorf("%d schedules, want %d", n, c.schedules)
				}
			})
		})
	}
	t.Logf("%d schedules", total)
}

// TestInterleavingsSpeak checks K6: with a store that does not compare versions,
// every contest fails in some order, and TestInterleavings detects it.
func TestInterleavingsSpeak(t *testing.T) {
	for _, c := range contests {
		synctest.Test(t, func(t *testing.T) {
			a := c.open(t)
			serial := a.serial()
			n := 0
			for pick := range storetest.Schedules() {
				n++
				if got, turns := a.play(new(racy), pick); !slices.Contains(serial, got) {
					t.Logf("%s: seen in schedule %d, %v", c.name, n, turns)
					return
				}
			}
			t.Errorf("%s: a store that does not compare versions passes all of %d schedules", c.name, n)
		})
	}
}

// racy is a store in which the last save wins.
type racy struct{ memstore.Store }

func (r *racy) Save(ctx context.Context, key string, _ uint64, rec authn.Record) error {
	now, _ := r.Load(ctx, key)
	return r.Store.Save(ctx, key, now.Version, rec)
}
