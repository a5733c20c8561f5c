package secrets

import (
	"context"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// The canaries of claims and recovery. The name is an address that nothing else has.
const (
	claimedName = "canary.claimant@hidden-domain.example"
	nobodysName = "canary.stranger@hidden-domain.example"
	goodReply   = "canary of the reply"
	secondReply = "canary of another reply"
)

// Find implements [authn.Finder] for the run.
func (p *spill) Find(_ context.Context, c authn.Claimed) (authn.Subject, error) {
	p.put("handed in", c, &c, authn.Lack{Claimed: &c}, &authn.Lack{Claimed: &c})
	if p.wreck == "finder" {
		panic(string(c.Name))
	}
	if string(c.Name) != claimedName {
		return authn.Subject{}, authn.ErrNoUser
	}
	return authn.Subject{User: "ida", Address: claimedName}, nil
}

// quiz is the Questions of the run.
type quiz struct{ *spill }

func (quiz) Question(context.Context, string) (string, error) { return "What is it?", nil }

func (q quiz) Check(_ context.Context, in authn.QuestionInput) (authn.Verdict, error) {
	q.put("handed in", in, &in, authn.Lack{Reply: &in}, &authn.Lack{Reply: &in})
	if q.wreck == "questions" {
		panic(string(in.Answer))
	}
	return authn.Verdict{Right: in.Answer == goodReply}, nil
}

// claims takes claims of somebody and of nobody through all their events and faults.
func (p *spill) claims(t *testing.T) {
	for what, s := range map[string]string{"claimed name": claimedName, "name of nobody": nobodysName, "part of a name": "canary.claimant", "reply": goodReply, "other reply": secondReply} {
		p.secrets[what] = s
	}
	p.World.SetFactors("ida")
	claim := func(name string, flow authn.Purpose) *authn.Answer {
		p.Wait(3 * time.Hour)
		a, err := p.Claim(ctx, authn.Claim{Name: name, For: flow})
		if err := p.Service.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		return p.hear(a, err)
	}
	for _, flow := range []authn.Purpose{authn.PurposeSignIn, authn.PurposeRecover, authn.PurposeUnlock, authn.PurposeSignUp} {
		for _, name := range []string{nobodysName, claimedName} {
			wrecks := []string{""}
			if flow == authn.PurposeRecover {
				wrecks = []string{"mailer", "finder", ""}
			}
			for _, p.wreck = range wrecks {
				a := claim(name, flow)
				if a == nil {
					t.Fatalf("%s: no claim", flow)
				}
				p.hear(p.Status(ctx, a.Token))
				p.step(a.Token, authn.Verify{Code: "000000000000"})
				p.step(a.Token, authn.Verify{Code: p.code() + "x"})
				p.hear(p.Do(ctx, a.Token, authn.Verify{Factor: claimedName, Code: p.code()}))
				p.hear(p.Do(ctx, a.Token, authn.Enroll{Type: claimedName}))
				p.step(a.Token, authn.AnswerQuestion{Answer: goodReply})
				if p.wreck != "" || name == nobodysName {
					p.step(a.Token, authn.Cancel{})
					continue
				}
				b := p.step(a.Token, authn.Verify{Code: p.code()})
				if b == nil || b.State == authn.FactorChallenge {
					continue // refused: the only factor is in the mailbox
				}
				if b.State == authn.Recovery {
					p.wreck = "questions"
					p.step(b.Token, authn.AnswerQuestion{Answer: goodReply})
					p.wreck = ""
					p.step(b.Token, authn.AnswerQuestion{Answer: secondReply})
					p.step(b.Token, authn.AnswerQuestion{Answer: secondReply + "\x00"})
					b = p.step(b.Token, authn.AnswerQuestion{Answer: goodReply})
				}
				if b.State == authn.PasswordReset {
					p.step(b.Token, authn.ResetPassword{New: newPassword})
				}
				if b.State != authn.Success && b.State != authn.PasswordReset {
					t.Fatalf("%s: %+v", flow, b)
				}
				if b.Session != "" && flow != authn.PurposeSignUp { // whose assertion has the name
					as, err := p.Redeem(ctx, b.Session)
					p.put("assertions", as)
					p.err(err)
				}
				acct, err := p.Inspect(ctx, "ida")
				p.put("inspected", acct, &acct, acct.View())
				p.err(err)
			}
		}
	}
	_, err := authn.ParseEvent("answer", authn.Fields{Input: goodReply})
	p.err(err)
	p.put("events", authn.Fields{Input: goodReply})
	for _, bad := range []string{claimedName + "\x00", claimedName + string(make([]byte, 300))} {
		p.hear(p.Claim(ctx, authn.Claim{Name: bad}))
		p.hear(p.Claim(ctx, authn.Claim{Name: claimedName, By: claimedName}))
		p.hear(p.Claim(ctx, authn.Claim{Name: claimedName, For: authn.Purpose(bad)}))
	}
	_, err = p.Tend(ctx)
	p.err(err)
}
