package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/internal/proof/testhost"
	"github.com/authnfsm/authn/storetest"
)

// quiz is a Questions whose answer is "blue". It counts what it judges.
type quiz struct{ judged []authn.QuestionInput }

func (*quiz) Question(context.Context, string) (string, error) { return "A color?", nil }

func (q *quiz) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	q.judged = append(q.judged, in)
	return authn.Verdict{Right: in.Answer == "blue"}, nil
}

// A bad answer to the question is refused before it is judged, and leads nowhere: C1.
func TestBadAnswers(t *testing.T) {
	q := new(quiz)
	h, _, v := claiming(t, func(_ *testhost.Host, c *authn.Config) { c.Questions = q })
	a := claim(t, h, authn.Claim{Name: "ada", For: authn.PurposeRecover})
	b := h.MustDo(t, a.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	if b.State != authn.Recovery || b.Question != "A color?" {
		t.Fatalf("%+v", b)
	}
	for name, answer := range map[string]authn.Secret{
		"empty": "", "NUL": "blue\x00", "not UTF-8": "blue\xff", "4 KiB and one": authn.Secret(strings.Repeat("b", 4<<10+1)), "1 MiB": authn.Secret(strings.Repeat("b", 1<<20)),
	} {
		if _, err := h.Do(t.Context(), b.Token, authn.AnswerQuestion{Answer: answer}); !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, ev := range []authn.Event{
		authn.ResetPassword{New: fresh}, authn.ChangePassword{Old: testhost.OldPassword, New: fresh}, authn.Verify{Code: "00000000"}, authn.Enroll{Type: authn.Email},
		authn.Skip{}, authn.Resend{}, authn.Previous{}, authn.Challenge{Factor: "ada-mail"}, authn.Pass{Gate: "TERMS", Input: "yes"},
	} {
		if _, err := h.Do(t.Context(), b.Token, ev); !errors.Is(err, authn.ErrNotAllowed) && !errors.Is(err, authn.ErrMalformed) {
			t.Errorf("%T before the answer: %v", ev, err)
		}
	}
	if len(q.judged) != 0 || len(v.Checks()) != 0 {
		t.Errorf("%d answers and %d passwords were judged", len(q.judged), len(v.Checks()))
	}
	if c := h.MustDo(t, b.Token, authn.AnswerQuestion{Answer: "red"}); c.State != authn.Recovery || c.Outcome != authn.WrongCode {
		t.Errorf("a wrong answer: %+v", c)
	}
	longest := authn.Secret(strings.Repeat("b", 4<<10))
	if c := h.MustDo(t, b.Token, authn.AnswerQuestion{Answer: longest}); c.Outcome != authn.WrongCode {
		t.Errorf("4 KiB: %+v", c)
	}
	if c := h.MustDo(t, b.Token, authn.AnswerQuestion{Answer: "blue"}); c.State != authn.PasswordReset {
		t.Errorf("the right answer: %+v", c)
	}
}

// The events of other states change nothing in a claim, and a claim's code with a factor
// is not looked at.
func TestBadEventsOfClaims(t *testing.T) {
	h, f, _ := claiming(t, nil)
	for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp} {
		name := "ada@example.com"
		a := claim(t, h, authn.Claim{Name: name, For: flow})
		keys, err := h.Store.Due(t.Context(), h.Now().AddDate(9, 0, 0), 100)
		must(t, err)
		var before, after string
		for _, k := range keys {
			before += stored(t, h, k)
		}
		f.asked = nil
		code := codeOf(t, h, name)
		for _, ev := range []authn.Event{
			authn.Verify{Factor: "ada-mail", Code: code}, authn.Verify{Code: code + "0"}, authn.Verify{Code: code[1:]}, authn.Verify{}, authn.Activate{Code: code}, authn.Enroll{Type: authn.Email},
			authn.Challenge{Factor: "ada-mail"}, authn.Previous{}, authn.Skip{}, authn.ResetPassword{New: fresh}, authn.AnswerQuestion{Answer: "blue"}, authn.Pass{Gate: "TERMS", Input: "yes"}, authn.Resend{},
		} {
			if _, err := h.Do(t.Context(), a.Token, ev); err == nil {
				t.Errorf("%s: %T is taken", flow, ev)
			}
		}
		for _, k := range keys {
			after += stored(t, h, k)
		}
		if after != before || len(f.asked) != 0 {
			t.Errorf("%s: the records have changed, or the Finder was asked %d times", flow, len(f.asked))
		}
		h.MustDo(t, a.Token, authn.Cancel{})
		h.Wait(time.Hour)
	}
}

// The claims of one tenant mean nothing to another on the same store.
func TestClaimsOfTenants(t *testing.T) {
	h, _, _ := claiming(t, nil)
	a := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	code := codeOf(t, h, "ada@example.com")
	b := claim(t, h, authn.Claim{Name: "ada", Require: authn.RequireIfActive})
	in := h.MustDo(t, b.Token, authn.Verify{Code: codeOf(t, h, "ada@example.com")})
	h.Config.Tenant = "other"
	other := h.Open(t)
	for _, token := range []authn.StateToken{a.Token, b.Token, in.Token} {
		for _, ev := range []authn.Event{authn.Verify{Code: code}, authn.Resend{}, authn.Cancel{}} {
			if _, err := other.Do(t.Context(), token, ev); !errors.Is(err, authn.ErrFinished) {
				t.Errorf("%T: %v", ev, err)
			}
		}
		if _, err := other.Status(t.Context(), token); !errors.Is(err, authn.ErrFinished) {
			t.Error(err)
		}
	}
	if _, err := other.Redeem(t.Context(), in.Session); !errors.Is(err, authn.ErrFinished) {
		t.Error(err)
	}
	for range 3 { // budgets are each tenant's own
		if _, err := other.Claim(t.Context(), authn.Claim{Name: "ada"}); err != nil {
			t.Error(err)
		}
	}
	must(t, other.Wait(t.Context()))
	h.MustDo(t, a.Token, authn.Verify{Code: code})
}

// A crash at any call to the store between the two records, whether or not a save took
// place, loses nothing to a client that repeats with its key, and begins one transaction:
// C6.
func TestClaimCrashAnywhere(t *testing.T) {
	lost := errors.New("the answer is lost")
	for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock} {
		for n := 1; n < 8; n++ {
			for _, fault := range []storetest.Fault{{Err: lost}, {Err: lost, After: true}, {Panic: "boom"}, {Panic: "boom", After: true}} {
				for _, on := range []bool{false, true} { // once, or from then on
					var plan storetest.Plan
					h, _, _ := claiming(t, func(h *testhost.Host, c *authn.Config) {
						c.Store = storetest.Faulty(&h.Store, func(call storetest.Call) storetest.Fault {
							if plan == nil {
								return storetest.Fault{}
							}
							return plan(call)
						})
					})
					c := authn.Claim{Name: "ada", For: flow}
					if flow == authn.PurposeSignIn {
						c.Require = authn.RequireIfActive
					}
					a := claim(t, h, c)
					ev := authn.WithKey("k", authn.Verify{Code: codeOf(t, h, "ada@example.com")})
					calls := 0
					plan = func(storetest.Call) storetest.Fault {
						if calls++; calls == n || on && calls > n {
							return fault
						}
						return storetest.Fault{}
					}
					first, err := h.Do(t.Context(), a.Token, ev)
					plan = nil
					b := h.MustDo(t, a.Token, ev)
					want := authn.Success
					if flow == authn.PurposeRecover {
						want = authn.PasswordReset
					}
					if b.State != want || err == nil && (first.Token != b.Token || first.Session != b.Session) {
						t.Errorf("%s, call %d, %+v: %+v, then %+v", flow, n, fault, first, b)
					}
					acct, err := h.Inspect(t.Context(), "ada")
					if n := len(acct.View().Transactions); err != nil || n != 1 {
						t.Errorf("%s: %d transactions, %v", flow, n, err)
					}
				}
			}
		}
	}
}

// Names that are written otherwise are one name, with one budget; others are not.
func TestSpellingsOfNames(t *testing.T) {
	h, _, _ := claiming(t, nil)
	for i, name := range []string{"ada", " ADA\t", "\u00a0Ada\u3000", "aDa"} {
		_, err := h.Claim(t.Context(), authn.Claim{Name: name})
		if tooMany := i == 3; errors.Is(err, authn.ErrTooSoon) != tooMany || !tooMany && err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, bad := range []string{strings.Repeat("a", 300), "a\nda", "a\u0085da", "ada\x7f", "\xc3(", "\ufffd"} {
		if _, err := h.Claim(t.Context(), authn.Claim{Name: bad}); !errors.Is(err, authn.ErrMalformed) || strings.Contains(fmt.Sprint(err), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	must(t, h.Service.Wait(t.Context()))
}
