package pages

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// fieldBugs lists, by number, mistakes that sign-in systems have made, and the
// tests that detect them here. A test is in the root, in internal/proof, or in
// another directory, as in okta.TestCanaries. why gives other reasons that rule
// the mistake out.
var fieldBugs = []struct {
	bug   string
	tests string
	why   string
}{
	1:  {"one right code, sent many times at once, opens several sessions", "TestParallelRightCodes TestInterleavings nodes.TestManyRight", ""},
	2:  {"a code is looked up and deleted in two statements, and the database lets two transactions do so", "sqlstore.TestStore sqlstore.TestOneStatement nodes.TestLinearizable", ""},
	3:  {"an update that changed no row is taken for one that did", "sqlstore.TestStore TestSimulationSpeaks TestInterleavingsSpeak", ""},
	4:  {"parallel requests all read the code before one of them uses it up", "TestInterleavings okta.TestParallel", ""},
	5:  {"a wrong code deletes and rewrites the challenge while a new code is being sent", "TestInterleavings TestModel", ""},
	6:  {"the right code fails because a wrong one is under way", "TestRightAmongWrong TestInterleavings", ""},
	7:  {"more guesses are compared than allowed, if they come together", "TestRightAmongWrong TestInterleavings nodes.TestManyWrong", ""},
	8:  {"two failures count as one in the account's counter", "TestInterleavings TestSimulation", ""},
	9:  {"a rollback for another reason gives back a try that was used", "TestSimulation TestUnknownOutcome", ""},
	10: {"two resends at once send two codes, of which one is dead", "TestInterleavings nodes.TestManyResends", ""},
	11: {"a code is accepted again in another spelling", "FuzzSqueezed TestModel", "a code is normalized once, at the edge, and erased by the save that accepts it"},
	12: {"a time-based code is accepted again in the next time step", "TestTOTP TestModel TestCodeOfAnAppInTwoTransactions", "the last step used is in the account's record"},
	13: {"guesses in parallel pass the brute-force protection", "TestRightAmongWrong TestInterleavings", ""},
	14: {"one of several entry points does not count failures", "TestModel TestExplore", "all entry points are rows of one table"},
	15: {"a wrong code leaves no trace in the store", "TestModel TestRoundTrips", ""},
	16: {"a new transaction brings a new budget of guesses", "TestRollingBudget TestSoftLockDoubles TestModel", ""},
	17: {"the limit is per client address, and there are many addresses", "TestRollingBudget TestRightAmongWrong", "no budget of the machine knows a client address"},
	18: {"one setting silently disables another setting's limit", "TestPolicyBounds TestNoAbsurdPolicy TestModel", ""},
	19: {"failures are reported as an event without a listener", "TestExplore TestModel", "failures are counted in the step itself; events are for the log"},
	20: {"asking for another code resets the count of tries", "TestTries TestModel TestSimulation", ""},
	21: {"the lock covers the password but not the second step", "TestBackoffAndLock TestLockEndsOthers TestModel", ""},
	22: {"a lock leaves open what was already begun", "TestLockEndsOthers TestInterleavings", ""},
	23: {"anyone can lock out anyone", "TestOneAnswerForDeadTokens TestTokensAsSpelled", "only a transaction, which needs the password, can be charged"},
	24: {"tries are counted per address, so that a stranger can use up the owner's", "TestTokensAsSpelled TestModel", ""},
	25: {"one way to finish does not check the lock", "TestLockEndsOthers TestInterleavings TestRedeemAsksAgain", ""},
	26: {"the last allowed try is refused though it is right", "TestModel TestTries", ""},
	27: {"a code for one address confirms another", "TestCodeBinding TestEnrollmentIsCheckedWhenUsed", ""},
	28: {"the client says where the code goes", "TestModel TestEnrollmentIsCheckedWhenUsed", "no event has a field for an address"},
	29: {"a code for one purpose is good for another", "TestCodeBinding TestTokens", ""},
	30: {"one user's code is accepted for another user", "TestModel TestCodeBinding", ""},
	31: {"any text is accepted as a code", "TestModel FuzzEvent TestEveryWrongCodeIsAlike", ""},
	32: {"an empty code equals a missing code", "TestMalformedIsUncounted FuzzSqueezed TestKeptCode", ""},
	33: {"a full session exists before the second factor", "TestModel TestExplore", "a session token is made in one row's update, and shown in one state"},
	34: {"another endpoint bypasses the second factor", "TestExplore TestModel", ""},
	35: {"what one tab has proved counts in another", "TestModel TestSeveralRequiredFactors", ""},
	36: {"one factor, proved twice, counts as two", "TestSeveralRequiredFactors TestModel", ""},
	37: {"a live transaction uses outdated requirements", "TestEnrollmentIsCheckedWhenUsed TestRedeemAsksAgain TestPolicyChange", ""},
	38: {"the effects of success are written before the code is checked", "TestModel TestSimulation", "effects are those of a saved step"},
	39: {"anyone who knows the number of a challenge can continue it", "TestTokens TestTokensAsSpelled", "the only handle is a token of 256 random bits; public ids are not accepted"},
	40: {"a proof of the mailbox helps an attacker who registered it before its owner", "TestEnrollment TestActivationCancelsOthers", "the address is the host's; what else was begun ends when a factor is activated"},
	41: {"an unknown state is treated as the first one", "TestRecordImpossible FuzzOpen", ""},
	42: {"a finished transaction can be left", "TestMatrix TestModel TestExplore", ""},
	43: {"a request with a code sends another code", "TestModel okta.TestBadBodies", "an event is one of several types, not a form with fields"},
	44: {"the mail is sent, then there is an error, and the code is refused", "TestMailerFails TestSimulation", ""},
	45: {"several workers send one mail repeatedly", "TestSimulation TestTendBesideTheCaller TestTendTogether TestTendAfterACrash", ""},
	46: {"the mail is sent, and the code is not stored", "TestSimulation TestModel", ""},
	47: {"the mail is dropped because the request is over", "TestCanceledContext", ""},
	48: {"a late mail has an expired code, and the user cannot tell", "TestSupersededMail TestEveryWrongCodeIsAlike", "mail and answer carry the code's number"},
	49: {"an attacker floods a user's mailbox", "TestSendLimits TestSendsOfTheDay TestLimiterRefuses", "limits across accounts are those of the host's Limiter"},
	50: {"a mail scanner follows a link and uses it up", "TestStatusChangesNothing", "no mail has a link, and Status is not an event"},
	51: {"one digit never occurs", "TestCodesUniform", ""},
	52: {"zero means forever, or nothing", "TestPolicyBounds TestNoAbsurdPolicy", ""},
	53: {"two servers' clocks differ, and the waiting time with them", "TestSimulation TestModel nodes.TestClocksApart", ""},
	54: {"a deadline is recomputed from changed settings", "TestPolicyChange TestPolicyChangeSends TestTightenedPolicy", ""},
	55: {"an answer makes clients retry automatically", "okta.TestDocumented okta.TestThrottles", ""},
	56: {"a stored record without a field makes the server panic", "FuzzOpen TestRecordImpossible TestRecordTampered", ""},
	57: {"a pasted code is refused for a blank in it", "TestSqueezed FuzzSqueezed", "what is not ASCII is refused without being counted"},
	58: {"hashes without a key, or of parts run together", "TestCodeKnownAnswer TestFieldsInjective", ""},
	59: {"codes and tokens in logs, errors and addresses of pages", "TestCanaries TestCanariesSing TestSecretsDoNotPrint okta.TestCanaries", ""},
	60: {"a code is refused because the client's address has changed", "", "the machine is not told the client's address"},
	61: {"an early return leaves a lock behind", "TestSimulation TestPortsFailClosed", "nothing is locked: a save compares"},
	62: {"abandoned transactions are kept forever", "TestTendDeletes TestRecordSize TestSimulation", ""},
	63: {"every failure looks the same", "TestPortsFailClosed TestRefusalHelps okta.TestFaults", ""},
	64: {"time or work reveals who has an account", "TestOneAnswerForDeadTokens TestRoundTrips okta.TestOnePasswordAnswer", "a transaction exists only for a user whose password was right"},
	65: {"the memory of used time-based codes is shorter than their window", "TestMarks TestTOTP", "a mark lasts until its step can be good no more"},
	66: {"a fresh time-based code is refused because an older one looks like it", "TestEqualCodesInARow", ""},
	67: {"the code that confirms an app signs in once more", "TestTOTP", ""},
	68: {"a wrong code or a reload makes a new secret, and the scanned one is dead", "TestEnrollingSecretStays", ""},
	69: {"an app counts as a factor before a code was confirmed", "TestDataIsBound TestEnrollingSecretStays", "only what was confirmed is handed to the Directory"},
	70: {"a factor with an empty or a short secret can be proved", "TestTOTPImport FuzzTOTPImport TestDataIsBound", ""},
	71: {"two sign-ins with one time-based code both succeed", "TestInterleavings TestCodeOfAnAppInTwoTransactions", ""},
	72: {"the secret is good again under another factor", "TestUsedForTheSecret", ""},
	73: {"a recovery code opens several sessions", "TestInterleavings TestRecoveryCodes", ""},
	74: {"a list of recovery codes is written back whole, and a used one returns", "TestRecoveryTwo TestStaleDirectory", "the newest revision is laid over what the Directory lists"},
	75: {"the stored hash of a recovery code is accepted as the code", "TestRecoveryCodes", "a hash has no form that a code can have"},
	76: {"after one recovery code all others are dead", "TestRecoveryCodes", ""},
	77: {"a new list keeps codes of the one before", "TestRecoveryReplaced", ""},
	78: {"looking at the page makes new recovery codes", "TestRecoveryCodes", "an answer changes nothing"},
	79: {"the last recovery code is used, and nobody has said so", "TestRecoveryCodes", "each answer says how many are left, and each use is notified"},
	80: {"a recovery code is used up by a sign-in that then fails", "TestSimulation TestInterleavings", "one save uses the code and succeeds"},
	81: {"secrets of factors lie in the database in the clear, or can be moved to another user", "TestDataIsBound TestCanaries", ""},
	82: {"a challenge is good for several responses, or survives a wrong one", "TestVerified TestChallengesDiffer webauthnfactor.TestReplay", ""},
	83: {"a challenge of one purpose, or of another sign-in, is accepted", "TestVerified webauthnfactor.TestMalformed", ""},
	84: {"a security key that changes its backup flags locks its owner out", "webauthnfactor.TestBackupFlags", ""},
	85: {"a cloned security key is noticed, and accepted", "webauthnfactor.TestClone", ""},
	86: {"user verification is assumed", "webauthnfactor.TestUserVerification", "the methods of a proof say whether the response had it"},
	87: {"one security key counts as two factors", "webauthnfactor.TestTwoKeys", ""},
	88: {"an approval on the phone opens a session that nobody waits for", "TestPush TestPushAndCancel", "the sign-in takes the approval by its own event"},
	89: {"a user approves a sign-in of somebody else by habit", "TestPushRejected", "the number on the screen has to be named, once; a rejection counts like a wrong code"},
	90: {"every poll writes, and keeps the approval from being saved", "TestPush", "a poll is a refused event"},
	91: {"an unanswered question stays open beside the next one", "TestOnePush", ""},
}

// TestFieldBugs checks that every mistake has a test or a reason, and that every
// test exists.
func TestFieldBugs(t *testing.T) {
	have, files := testNames(t)
	if files < 100 || len(fieldBugs) != 92 {
		t.Fatalf("%d test files, %d bugs", files, len(fieldBugs)-1)
	}
	named := 0
	for n, b := range fieldBugs[1:] {
		if b.bug == "" || b.tests == "" && b.why == "" {
			t.Errorf("%d: there is no test and no reason", n+1)
		}
		for name := range strings.FieldsSeq(b.tests) {
			named++
			if !have[name] {
				t.Errorf("%d, %s: there is no %s", n+1, b.bug, name)
			}
		}
	}
	t.Logf("%d tests are named", named)
}

// testNames returns the tests and fuzz targets of all modules. Those of a directory
// outside internal/proof have its path as a prefix.
func testNames(t *testing.T) (names map[string]bool, files int) {
	names = map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path)) + "."
		if strings.HasPrefix(dir, "internal/proof/") {
			dir = ".."
		}
		for _, x := range f.Decls {
			if fn, ok := x.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				names[strings.TrimPrefix(dir+fn.Name.Name, "..")] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, files
}
