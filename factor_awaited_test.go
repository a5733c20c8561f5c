package authn

import (
	"errors"
	"testing"
	"time"
)

var (
	pushType = FactorType{Name: "acme:push", Channel: "push", Methods: []string{"swk"}, Awaited: true}
	easyType = FactorType{Name: "acme:easy", Channel: "push", Methods: []string{"swk"}, Awaited: true, NoNumber: true}

	adaPhone = Factor{ID: "phone", Type: pushType.Name, Status: Active}
	adaWatch = Factor{ID: "watch", Type: easyType.Name, Status: Active}
)

func pushed(t *testing.T, f Factor, more ...Factor) *walk {
	w := &walk{TB: t, m: newMachine(t, Policy{}, pushType, easyType), fs: append([]Factor{f}, more...), seed: 1}
	w.begin(ada)
	w.want(w.do(Challenge{f.ID}), MFAChallenge)
	return w
}

// approval is what the message to the device has.
func (w *walk) approval() TokenSecret {
	w.Helper()
	for _, e := range w.a.owed() {
		if job, err := w.m.Job(&w.a, "k", e, w.fs, t0.Add(w.at)); err == nil && job.Message != nil && job.Message.Approval != "" {
			if job.Message.Code != "" || job.Message.Factor == "" {
				w.Fatalf("the message has a code, or names no factor: %+v", *job.Message)
			}
			h, _, ok := w.m.parseToken(approvalKind, string(job.Message.Approval))
			if !ok {
				w.Fatal("the token cannot be read")
			}
			return h
		}
	}
	w.Fatal("no message to a device is owed")
	return TokenSecret{}
}

func (w *walk) respond(h TokenSecret, r Reply) error {
	err := w.m.respond(&w.a, h, r, w.env(), &w.r)
	if err == nil {
		w.a = w.r.Account
	}
	return err
}

func (w *walk) responds(h TokenSecret, r Reply, want Outcome) {
	w.Helper()
	if err := w.respond(h, r); err != nil || w.r.Outcome != want {
		w.Fatalf("%v, %q, want %q", err, w.r.Outcome, want)
	}
}

func TestPush(t *testing.T) {
	w := pushed(t, adaPhone)
	token, number := w.approval(), w.answer().Prompt.Number
	if len(number) != 2 || w.answer().Prompt.Replied != "" {
		t.Fatalf("number %q", number)
	}
	if _, ok := w.answer().Allows(EventVerify); ok {
		t.Error("verify is allowed before the device has answered")
	}
	w.refuses(Verify{}, ErrWaiting)
	w.refuses(Verify{Factor: adaPhone.ID}, ErrWaiting)
	w.refuses(Verify{Code: "123456"}, ErrMalformed)
	w.responds(token, Reply{Approve: true, Number: number}, Done)
	if got := w.answer(); got.State != MFAChallenge || got.Prompt.Replied != "approved" || got.Prompt.Number != "" {
		t.Errorf("%s, %+v", got.State, got.Prompt)
	}
	if at, ok := w.answer().Allows(EventVerify); !ok || !at.IsZero() {
		t.Error("verify is not allowed")
	}
	if err := w.respond(token, Reply{}); !errors.Is(err, ErrNoCode) {
		t.Errorf("a second answer: %v", err)
	}
	if len(w.a.owed()) != 0 {
		t.Error("the message is still owed")
	}
	w.want(w.do(Verify{}), Success)
	if err := w.respond(token, Reply{Approve: true, Number: number}); !errors.Is(err, ErrFinished) {
		t.Errorf("after the sign-in: %v", err)
	}
}

func TestPushRejected(t *testing.T) {
	for name, r := range map[string]Reply{"no": {}, "no number": {Approve: true}, "another number": {Approve: true, Number: "9"}, "no, with the number": {Number: "?"}} {
		w := pushed(t, adaPhone)
		token := w.approval()
		if r.Number == "?" {
			r.Number = w.answer().Prompt.Number
		}
		w.responds(token, r, WrongCode)
		if got := w.answer(); w.a.fails != 1 || got.TriesLeft != 9 || got.Prompt.Replied != "rejected" {
			t.Errorf("%s: %d failures, %d tries left, %+v", name, w.a.fails, got.TriesLeft, got.Prompt)
		}
		if st := w.do(Verify{}); st != MFAChallenge || w.r.Outcome != Rejected || w.answer().Prompt.Replied != "" || w.a.fails != 1 {
			t.Errorf("%s: the client is told %q", name, w.r.Outcome)
		}
		w.refuses(Verify{}, ErrNoCode)
		if err := w.respond(token, Reply{Approve: true, Number: w.answer().Prompt.Number}); !errors.Is(err, ErrFinished) {
			t.Errorf("%s: a second answer: %v", name, err)
		}
		w.do(Resend{}) // at once: the message has arrived
		if again := w.approval(); again == token || w.answer().Prompt.Replied != "" {
			t.Errorf("%s: the same token, or the answer stays", name)
		}
		w.responds(w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}, Done)
		w.want(w.do(Verify{}), Success)
	}
}

// An approval counts for its own challenge: not once the client has asked for another.
func TestPushApprovedThenResent(t *testing.T) {
	w := pushed(t, adaPhone)
	w.responds(w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}, Done)
	w.do(Resend{})
	if got := w.answer().Prompt.Replied; got != "" {
		t.Errorf("the answer to the challenge before stays: %q", got)
	}
	w.refuses(Verify{}, ErrWaiting)
}

// Whoever has the state token may cancel until an approval is taken, and a device that
// answers afterwards changes nothing.
func TestPushAndCancel(t *testing.T) {
	for _, before := range []bool{true, false} {
		w := pushed(t, adaPhone)
		token, r := w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}
		if before {
			w.responds(token, r, Done)
		}
		w.want(w.do(Cancel{}), Canceled)
		if err := w.respond(token, r); !errors.Is(err, ErrFinished) {
			t.Errorf("after cancel: %v", err)
		}
	}
	w := pushed(t, adaPhone)
	token, r := w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}
	w.do(Previous{})
	if err := w.respond(token, r); !errors.Is(err, ErrFinished) {
		t.Errorf("the user has gone back: %v", err)
	}
}

func TestPushIsLate(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		late bool
	}{{5*time.Minute - 1, false}, {5 * time.Minute, true}} {
		w := pushed(t, adaPhone)
		token, r := w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}
		w.at = c.at
		if err := w.respond(token, r); (err != nil) != c.late || c.late && !errors.Is(err, ErrNoCode) {
			t.Errorf("after %v: %v", c.at, err)
		}
		w.at = 5 * time.Minute // approved in time, taken late
		if w.do(Verify{}); w.r.Outcome != LateCode || w.a.fails != 0 {
			t.Errorf("after %v: %q", w.at, w.r.Outcome)
		}
	}
}

// A device is asked one question at a time.
func TestOnePush(t *testing.T) {
	w := pushed(t, adaPhone)
	first, number := w.approval(), w.answer().Prompt.Number
	w.begin(ada)
	w.at += time.Minute
	w.want(w.do(Challenge{adaPhone.ID}), MFAChallenge)
	if err := w.respond(first, Reply{Approve: true, Number: number}); !errors.Is(err, ErrFinished) {
		t.Errorf("the first one: %v", err)
	}
	w.responds(w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}, Done)
}

func TestPushWithoutNumber(t *testing.T) {
	w := pushed(t, adaWatch)
	if p := w.answer().Prompt; p.Number != "" {
		t.Errorf("number %q", p.Number)
	}
	w.responds(w.approval(), Reply{Approve: true}, Done)
	w.want(w.do(Verify{}), Success)
}

func TestPairing(t *testing.T) {
	w := &walk{TB: t, m: newMachine(t, Policy{}, pushType), fs: []Factor{{ID: "phone", Type: pushType.Name, Status: NotSetUp}}, seed: 1}
	w.begin(grace)
	w.want(w.do(Enroll{pushType.Name}), MFAEnrollActivate)
	if len(w.a.owed()) != 0 {
		t.Error("something is sent to a device that is not known yet")
	}
	h, _, ok := w.m.parseToken(approvalKind, string(w.answer().Prompt.Pairing))
	if !ok {
		t.Fatal("there is nothing to scan")
	}
	w.refuses(Activate{}, ErrWaiting)
	w.responds(h, Reply{Approve: true}, Done)
	if p := w.answer().Prompt; p.Pairing != "" || p.Replied != "approved" {
		t.Errorf("%+v", p)
	}
	w.want(w.do(Activate{}), Success)
	if kept := w.acknowledge(); len(kept) != 1 || kept[0].ID != "phone" || kept[0].Status != Active {
		t.Errorf("kept: %v", kept)
	}
}

// No token stands in for another: a state token approves nothing, and an approval
// token is no state token.
func TestApprovalTokens(t *testing.T) {
	w := pushed(t, adaPhone)
	if err := w.respond(w.h, Reply{Approve: true, Number: w.answer().Prompt.Number}); !errors.Is(err, ErrFinished) {
		t.Errorf("a state token: %v", err)
	}
	var r Result
	refused(t, &r, w.m.Step(&w.a, w.approval(), Cancel{}, w.env(), &r), ErrFinished)
	if err := w.respond(TokenSecret{}, Reply{Approve: true}); !errors.Is(err, ErrFinished) {
		t.Errorf("a zero token: %v", err)
	}
}

// What the device says is no event of the client, whose last one can still be repeated.
func TestAnswerKeepsTheKey(t *testing.T) {
	w := &walk{TB: t, m: newMachine(t, Policy{}, pushType), fs: []Factor{adaPhone}, seed: 1}
	w.begin(ada)
	w.do(WithKey("k", Challenge{adaPhone.ID}))
	w.responds(w.approval(), Reply{Approve: true, Number: w.answer().Prompt.Number}, Done)
	before := w.a
	if w.do(WithKey("k", Challenge{adaPhone.ID})); w.a != before {
		t.Error("a repeat changed something")
	}
}

// During a back-off nobody's answer is looked at.
func TestNoAnswerInABackoff(t *testing.T) {
	w := pushed(t, adaPhone)
	token := w.approval()
	w.a.notBefore = t0.Add(time.Minute).UnixNano()
	if err := w.respond(token, Reply{}); !errors.Is(err, ErrTooSoon) || w.a.fails != 0 {
		t.Errorf("%v, %d failures", err, w.a.fails)
	}
	w.at = time.Minute
	w.responds(token, Reply{}, WrongCode)
}

// A type may have what it sends end sooner than the policy, and never later.
func TestCodeLifeOfType(t *testing.T) {
	for _, c := range []struct{ life, want time.Duration }{{0, 5 * time.Minute}, {2 * time.Minute, 2 * time.Minute}, {time.Hour, 5 * time.Minute}} {
		short := pushType
		short.CodeLife = c.life
		for _, late := range []time.Duration{-1, 0} {
			w := &walk{TB: t, m: newMachine(t, Policy{}, short), fs: []Factor{adaPhone}, seed: 1}
			w.begin(ada)
			w.want(w.do(Challenge{"phone"}), MFAChallenge)
			ans := w.answer()
			if got := ans.CodeExpires.Sub(ans.Now); got != c.want {
				t.Fatalf("%s: %s", c.life, got)
			}
			token, number := w.approval(), ans.Prompt.Number
			w.at += c.want + late
			if err := w.respond(token, Reply{Approve: true, Number: number}); (err == nil) != (late < 0) {
				t.Errorf("%s, at %s: %v", c.life, late, err)
			}
		}
	}
	for life, channel := range map[time.Duration]string{time.Minute - 1: "push", -1: "push", time.Minute: ""} {
		bad := pushType
		if bad.CodeLife, bad.Channel = life, channel; channel == "" {
			bad.Awaited, bad.Verifier = false, silentVerifier{}
		}
		if _, err := NewMachine(Config{Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Types: []FactorType{bad}}); err == nil {
			t.Errorf("%s over %q is taken", life, channel)
		}
	}
}
