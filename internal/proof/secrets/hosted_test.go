package secrets

import (
	"context"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// The canaries of what the host judges and keeps.
const (
	oldPassword = "canary of the old password"
	newPassword = "canary of the new password"
	keptForm    = "canary of the form"
	gateInput   = "canary of the input"
	keptInput   = "canary of what the gate keeps"
)

// archive is the Passwords of the run, and porter its Gatekeeper. What they panic with,
// and the errors that they return, are their own: these have no secrets.
type archive struct{ *spill }

func (a archive) Check(_ context.Context, in authn.PasswordInput) (authn.Verdict, error) {
	a.put("handed in", in, &in)
	if a.wreck == "host" {
		panic(string(in.New))
	}
	v := authn.Verdict{Right: in.Old == "" || in.Old == oldPassword, Data: []byte(keptForm)}
	a.put("verdicts", v, &v)
	return v, nil
}

func (a archive) Store(_ context.Context, c authn.Change) error { return a.keep(c) }

func (p *spill) keep(c authn.Change) error {
	p.put("handed in", c, &c, authn.Job{Password: &c}, authn.Job{Passed: &c, Gate: "TERMS"})
	switch p.wreck {
	case "host":
		panic(string(c.Data))
	case "keeping":
		return errDown
	}
	return nil
}

type porter struct{ *spill }

func (p porter) Needed(_ context.Context, user string) (bool, error) {
	if p.wreck == "host" {
		panic(keptInput)
	}
	return user == "hal", nil
}

func (p porter) Check(_ context.Context, in authn.GateInput) (authn.Verdict, error) {
	p.put("handed in", in, &in)
	if p.wreck == "host" {
		panic(string(in.Input))
	}
	return authn.Verdict{Right: in.Input == gateInput, Data: []byte(keptInput), Reasons: []string{"not so"}, Rejected: in.Input == gateInput+"r"}, nil
}

func (p porter) Passed(_ context.Context, c authn.Change) error { return p.keep(c) }

// hosted changes passwords and passes a gate, with all faults.
func (p *spill) hosted(t *testing.T, m *authn.Machine) {
	for what, s := range map[string]string{"old password": oldPassword, "new password": newPassword, "form": keptForm, "gate input": gateInput, "what the gate keeps": keptInput} {
		p.secrets[what] = s
	}
	p.World.SetFactors("hal")
	l := authn.Login{User: "hal", Require: authn.RequireNothing, Password: authn.PasswordHasExpired}
	ev := authn.ChangePassword{Old: oldPassword, New: newPassword}
	a := p.hear(p.Begin(ctx, l))
	p.step(a.Token, authn.ChangePassword{Old: newPassword, New: oldPassword})
	p.step(a.Token, authn.ChangePassword{Old: oldPassword + "\x00", New: newPassword})
	p.step(a.Token, authn.ResetPassword{New: newPassword})
	p.hear(p.Do(ctx, a.Token, authn.Pass{Gate: gateInput, Input: gateInput})) // a secret in place of a name
	p.step(oldPassword, ev)
	_, err := authn.ParseEvent(newPassword, authn.Fields{Old: oldPassword, New: newPassword, Input: gateInput})
	p.err(err)
	p.put("events", authn.Fields{Old: oldPassword, New: newPassword, Input: gateInput})
	p.wreck = "host"
	p.step(a.Token, ev)
	p.wreck = "keeping"
	a = p.step(a.Token, ev)
	p.step(a.Token, authn.Pass{Gate: "TERMS", Input: gateInput + "w"})
	p.step(a.Token, authn.Pass{Gate: "TERMS", Input: gateInput + "r"})
	p.wreck = "host"
	p.step(a.Token, authn.Pass{Gate: "TERMS", Input: gateInput})
	p.wreck = "keeping"
	if a = p.step(a.Token, authn.Pass{Gate: "TERMS", Input: gateInput}); a == nil || a.State != authn.Success {
		t.Fatalf("%+v", a)
	}
	_, err = p.Redeem(ctx, a.Session) // the host has not taken the password
	p.err(err)
	acct, err := p.Inspect(ctx, "hal")
	p.put("inspected", acct, &acct, acct.View())
	p.err(err)
	for _, e := range acct.View().Owed {
		job, err := m.Job(&acct, m.Key("hal"), e, nil, p.World.Now())
		p.put("effects", e, job)
		p.err(err)
	}
	p.wreck = "host"
	p.Wait(time.Minute)
	_, err = p.Tend(ctx)
	p.err(err)
	p.wreck = ""
	p.Wait(time.Hour)
	_, err = p.Tend(ctx)
	p.err(err)
	l.Password = authn.PasswordNeedsReset
	a = p.hear(p.Begin(ctx, l))
	p.step(a.Token, authn.ResetPassword{New: newPassword})
	p.err(p.Erase(ctx, "hal"))
}
