package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// refusesToSay is a Verifier that must not be asked: a step gets verdicts in its Env.
type silentVerifier struct{ Verifier }

var (
	tokenType    = FactorType{Name: "acme:token", Methods: []string{"hwk"}, Verifier: silentVerifier{}}
	questionType = FactorType{Name: "acme:question", Methods: []string{"kba"}, Verifier: silentVerifier{}, AtOnce: true}

	adaToken    = Factor{ID: "tok1", Type: tokenType.Name, Status: Active}
	adaToken2   = Factor{ID: "tok2", Type: tokenType.Name, Status: Active}
	adaQuestion = Factor{ID: "que1", Type: questionType.Name, Status: Active}
)

func verified(t *testing.T, fs ...Factor) *walk {
	w := &walk{TB: t, m: newMachine(t, Policy{}, tokenType, questionType), fs: fs, seed: 1}
	w.begin(ada)
	return w
}

// lacks takes a step that depends on a verdict, and returns what the Verifier is asked.
func (w *walk) lacks(ev Event) *Check {
	w.Helper()
	before := w.a
	var lack *Lack
	err := w.m.Step(&w.a, w.h, ev, w.env(), &w.r)
	if !errors.As(err, &lack) || lack.Check == nil || !errors.Is(err, ErrUnavailable) || w.a != before {
		w.Fatalf("%v, want a Lack with a check", err)
	}
	return lack.Check
}

func (w *walk) answers(v Verdict, ev Event) State {
	w.Helper()
	w.verdict = &v
	return w.do(ev)
}

// TestChecks: a Verifier has something to show of the factor at hand, and of those that
// can be proved without being chosen first.
func TestChecks(t *testing.T) {
	second, unset, off := adaQuestion, adaQuestion, adaQuestion
	second.ID, unset.ID, off.ID, unset.Status, off.Status = "que2", "que3", "que4", NotSetUp, Disabled
	w := verified(t, adaToken, adaQuestion, adaMail, second, unset)
	want := func(what string, ids ...string) {
		t.Helper()
		all, err := w.m.Checks(&w.a, w.h, w.env())
		var got []string
		for _, c := range all {
			got = append(got, c.Factor.ID)
			if c.User != ada.User || c.Tenant != "acme" || c.Purpose != PurposeSignIn || c.Response != nil || (c.Challenge == [32]byte{}) != (what == "to choose from") {
				t.Errorf("%s: %+v", what, c)
			}
		}
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%s: %q, %v, want %q", what, got, err, ids)
		}
	}
	want("to choose from", adaQuestion.ID, second.ID)
	for id, shown := range map[string][]string{adaMail.ID: nil, second.ID: {second.ID}, adaToken.ID: {adaToken.ID}} {
		w.want(w.do(Challenge{id}), MFAChallenge)
		want("at hand: "+id, shown...)
		w.want(w.do(Previous{}), MFARequired)
	}
	want("to choose from", adaQuestion.ID, second.ID)
	w.fs = append(w.fs, off) // one that is disabled refuses the sign-in, and not its picture
	want("to choose from", adaQuestion.ID, second.ID)
	w.do(Cancel{})
	want("ended")

	w = verified(t, adaToken, adaMail, unset)
	want("none")
}

func TestVerified(t *testing.T) {
	w := verified(t, adaToken, adaToken2, adaMail)
	w.refuses(Verify{Factor: adaToken.ID, Code: "response"}, ErrNotAllowed)
	w.want(w.do(Challenge{adaToken.ID}), MFAChallenge)
	c := w.lacks(Verify{Code: "response"})
	if c.User != ada.User || c.Tenant != "acme" || c.Purpose != PurposeSignIn || string(c.Response) != "response" || c.Factor.ID != adaToken.ID ||
		len(c.Others) != 1 || c.Others[0].ID != adaToken2.ID || c.Challenge == [32]byte{} {
		t.Fatalf("%+v", *c)
	}
	shown, err := w.m.Checks(&w.a, w.h, w.env())
	if err != nil || len(shown) != 1 || shown[0].Challenge != c.Challenge || shown[0].Response != nil {
		t.Fatalf("what the prompt is asked for: %v", err)
	}

	// Not for this challenge: not counted. Wrong: counted, and the challenge is used.
	w.verdict = &Verdict{Malformed: true}
	w.refuses(Verify{Code: "response"}, ErrMalformed)
	w.verdict = &Verdict{Malformed: true, Right: true}
	w.refuses(Verify{Code: "response"}, ErrMalformed)
	w.want(w.answers(Verdict{}, Verify{Code: "response"}), MFAChallenge)
	if next := w.lacks(Verify{Code: "response"}); w.r.Outcome != WrongCode || w.a.fails != 1 || next.Challenge == c.Challenge {
		t.Errorf("a wrong response: %q, %d failures, the same challenge %t", w.r.Outcome, w.a.fails, next.Challenge == c.Challenge)
	}
	// A factor that is not the user's is wrong, whatever the Verifier says.
	for _, id := range []string{"nobody's", adaMail.ID} {
		fails := w.a.fails
		if w.answers(Verdict{Right: true, Factor: id}, Verify{Code: "response"}); w.r.Outcome != WrongCode || w.a.fails != fails+1 {
			t.Errorf("%s: %q", id, w.r.Outcome)
		}
	}
	w.want(w.answers(Verdict{Right: true, Factor: adaToken2.ID, Data: []byte("count 7")}, Verify{Code: "response"}), Success)
	if v := w.a.View().Transactions[0]; len(v.Proved) != 1 || v.Proved[0] != adaToken2.ID {
		t.Errorf("proved: %v", v.Proved)
	}
	kept := w.acknowledge()
	if len(kept) != 1 || kept[0].ID != adaToken2.ID || kept[0].Revision != 1 {
		t.Fatalf("kept: %+v", kept)
	}
	w.fs = append(kept, adaToken)
	w.begin(ada)
	w.do(Challenge{adaToken2.ID})
	if c := w.lacks(Verify{Code: "response"}); string(c.Factor.Data) != "count 7" || c.Factor.Revision != 1 {
		t.Errorf("data: %q", c.Factor.Data)
	}
}

// A Verifier is asked about nothing that does not count.
func TestVerifierIsNotAsked(t *testing.T) {
	w := verified(t, adaToken, adaQuestion)
	w.do(Challenge{adaToken.ID})
	right := WithKey("k", Verify{Code: "response"})
	w.want(w.answers(Verdict{}, right), MFAChallenge)
	w.do(right) // a repeat
	w.refuses(WithKey("k", Verify{Code: "another"}), ErrKeyReused)
	w.refuses(Verify{Factor: adaQuestion.ID, Code: "response"}, ErrNotOffered)
	w.refuses(Verify{Code: Code(strings.Repeat("x", maxResponse+1))}, ErrMalformed)
	w.refuses(Verify{}, ErrMalformed)
	w.lacks(Verify{Code: Code(strings.Repeat("x", maxResponse))})
	for range 3 {
		w.answers(Verdict{}, Verify{Code: "response"})
	}
	w.refuses(Verify{Code: "response"}, ErrTooSoon) // the back-off
	w.do(Previous{})
	w.refuses(Verify{Factor: adaQuestion.ID, Code: "answer"}, ErrTooSoon)
	w.at += time.Minute
	w.lacks(Verify{Factor: adaQuestion.ID, Code: "answer"})
	w.fs = []Factor{adaMail}
	w.refuses(Verify{Factor: adaQuestion.ID, Code: "answer"}, ErrNotOffered)
}

func TestVerifiedAtOnce(t *testing.T) {
	w := verified(t, adaQuestion, adaMail)
	c := w.lacks(Verify{Factor: adaQuestion.ID, Code: "answer"})
	if c.Challenge != [32]byte{} || c.Factor.ID != adaQuestion.ID {
		t.Errorf("%+v", *c)
	}
	// A code that was sent meanwhile stays good beside wrong answers.
	w.do(Challenge{adaMail.ID})
	code := w.right()
	w.do(Previous{})
	if w.want(w.answers(Verdict{}, Verify{Factor: adaQuestion.ID, Code: "answer"}), MFARequired); w.r.Outcome != WrongCode || w.a.txs[0].code.tries != 0 {
		t.Errorf("%q, %d tries of the code that was sent", w.r.Outcome, w.a.txs[0].code.tries)
	}
	if moves := w.r.Moves(); moves[0].Factor != adaQuestion.ID {
		t.Errorf("the factor that was tried is %s", moves[0].Factor)
	}
	w.want(w.do(Challenge{adaMail.ID}), MFAChallenge)
	w.want(w.do(Verify{Code: code}), Success)
	w.begin(ada)
	w.want(w.answers(Verdict{Right: true}, Verify{Factor: adaQuestion.ID, Code: "answer"}), Success)
}

// What a Verifier calls a proof takes the place of what its type says.
func TestMethodsOfAVerdict(t *testing.T) {
	for _, c := range []struct {
		says []string
		want string
	}{{nil, "[pwd hwk]"}, {[]string{"pop", "user"}, "[pwd pop user]"}, {[]string{"pwd"}, "[pwd]"}, {[]string{strings.Repeat("m", maxMethods)}, "[pwd " + strings.Repeat("m", maxMethods) + "]"}} {
		w := verified(t, adaToken)
		w.do(Challenge{adaToken.ID})
		w.want(w.answers(Verdict{Right: true, Methods: c.says}, Verify{Code: "response"}), Success)
		secret, _ := w.m.Session(&w.a, w.h)
		as, err := w.m.Redeem(&w.a, secret, w.env(), &w.r)
		if err != nil || fmt.Sprint(as.Methods) != c.want {
			t.Errorf("%v: %v, %v", c.says, as.Methods, err)
		}
	}
	for name, v := range map[string]Verdict{
		"long methods": {Right: true, Methods: []string{strings.Repeat("m", maxMethods-1), "m"}}, "a blank": {Right: true, Methods: []string{"a b"}}, "none": {Right: true, Methods: []string{""}},
		"much data": {Right: true, Data: make([]byte, maxVerdict+1)},
	} {
		w := verified(t, adaToken)
		w.do(Challenge{adaToken.ID})
		before, e := w.a, w.env()
		e.Verdict = &v
		if err := w.m.Step(&w.a, w.h, Verify{Code: "response"}, e, &w.r); err != errVerdict || w.a != before {
			t.Errorf("%s: %v", name, err)
		}
	}
	w := verified(t, adaToken)
	w.do(Challenge{adaToken.ID})
	w.want(w.answers(Verdict{Right: true, Data: make([]byte, maxVerdict)}, Verify{Code: "response"}), Success)
	if got := len(w.a.outbox[queue].data); got != maxData {
		t.Errorf("%d bytes of data are owed", got)
	}
}

// A challenge is good for one response: once the user has gone back, none is for it.
func TestChallengeIsLeft(t *testing.T) {
	w := verified(t, adaQuestion, adaMail)
	w.want(w.do(Challenge{adaQuestion.ID}), MFAChallenge)
	if c := w.lacks(Verify{Code: "answer"}); c.Challenge == [32]byte{} {
		t.Error("no challenge")
	}
	w.do(Previous{})
	if c := w.lacks(Verify{Factor: adaQuestion.ID, Code: "answer"}); c.Challenge != [32]byte{} {
		t.Error("a response without a challenge is for the one that was left")
	}
}

func TestEnrollVerified(t *testing.T) {
	fresh := Factor{ID: "tok3", Type: tokenType.Name, Status: NotSetUp}
	w := &walk{TB: t, m: newMachine(t, Policy{}, tokenType), fs: []Factor{fresh}, seed: 1}
	w.begin(ada)
	w.want(w.do(Enroll{tokenType.Name}), MFAEnrollActivate)
	if at, ok := w.answer().Allows(EventResend); ok {
		t.Errorf("resend is allowed at %v", at)
	}
	w.refuses(Resend{}, ErrNotAllowed)
	if c := w.lacks(Activate{Code: "response"}); c.Purpose != PurposeEnroll || c.Factor.Status != NotSetUp {
		t.Errorf("%+v", *c)
	}
	w.want(w.answers(Verdict{Right: true, Data: []byte("public key")}, Activate{Code: "response"}), Success)
	kept := w.acknowledge()
	if len(kept) != 1 || strings.Contains(string(kept[0].Data), "public key") {
		t.Fatalf("kept: %v", kept)
	}
	w.fs = kept
	w.begin(ada)
	w.do(Challenge{"tok3"})
	if c := w.lacks(Verify{Code: "response"}); string(c.Factor.Data) != "public key" {
		t.Errorf("%q", c.Factor.Data)
	}
}

// A challenge that has been used is not the next one, in whichever transaction.
func TestChallengesDiffer(t *testing.T) {
	w := verified(t, adaToken)
	seen := map[[32]byte]bool{}
	for range 3 {
		w.begin(ada)
		w.do(Challenge{adaToken.ID})
		for range 3 {
			c := w.lacks(Verify{Code: "response"})
			if seen[c.Challenge] {
				t.Fatal("a challenge comes twice")
			}
			seen[c.Challenge] = true
			w.do(Previous{})
			w.do(Challenge{adaToken.ID})
		}
	}
}

func TestCheckDoesNotPrint(t *testing.T) {
	c := Check{User: "ada", Response: []byte("canary"), Factor: Factor{Data: []byte("canary")}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, x := range []any{c, &c, []Check{c}} {
			if out := fmt.Sprintf(verb, x); strings.Contains(out, "canary") || strings.Contains(out, "63616e") || strings.Contains(out, "ada") {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
}

func TestTypesThatCannotBe(t *testing.T) {
	good := FactorType{Name: "acme:x", Methods: []string{"otp"}, Channel: "x", Canonical: canonicalEmail, Mask: maskEmail}
	for name, change := range map[string]func(*FactorType){
		"neither channel nor verifier": func(f *FactorType) { f.Channel = "" },
		"both":                         func(f *FactorType) { f.Verifier = silentVerifier{} },
		"no methods":                   func(f *FactorType) { f.Methods = nil },
		"no mask":                      func(f *FactorType) { f.Mask = nil },
		"no canonical form":            func(f *FactorType) { f.Canonical = nil },
		"neither":                      func(f *FactorType) { f.Canonical, f.Mask = nil, nil },
		"at once without a verifier":   func(f *FactorType) { f.AtOnce = true },
		"awaited without a channel":    func(f *FactorType) { f.Channel, f.Verifier, f.Awaited = "", silentVerifier{}, true },
		"no number without awaited":    func(f *FactorType) { f.NoNumber = true },
		"the name of a built-in type":  func(f *FactorType) { f.Name = TOTP },
	} {
		f := good
		change(&f)
		if _, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Types: []FactorType{f}}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if _, err := NewMachine(Config{Tenant: "acme", Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Types: []FactorType{good}}); err != nil {
		t.Error(err)
	}
}
