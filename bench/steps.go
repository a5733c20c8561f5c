package main

import (
	"errors"
	"fmt"

	"github.com/authnfsm/authn"
)

const (
	rightRaw    = "right code : " + looplabRaw
	rightNew    = "right code : " + looplabNew
	rightShared = "right code : " + statelessShared
	rightBuilt  = "right code : " + statelessNew
	rightSwitch = "right code : " + handWritten
	wrongRaw    = "wrong code : " + looplabRaw
	refusedRaw  = "refused event : " + looplabRaw
	resendRaw   = "resend : " + looplabRaw
	rightAllocs = "right code: allocations beyond " + looplabRaw
)

const user = "0c4cbe2b-5a35-4a2f-9d13-1f3f2b6f7d11"

// A scene is one step that all rivals take.
type scene struct {
	name  string
	ours  func() error
	label string // of the row; of another state's row if the event is refused
	to    authn.State
	desk  *desk // nil for a refused event, which needs no other work
}

func scenes() ([]scene, error) {
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	c, err := newChallenged(m, user)
	if err != nil {
		return nil, err
	}
	factor := factorOf(user).ID
	return []scene{
		{"right code", c.step(m, authn.Verify{Code: c.code}, authn.Success), "verify [right code, nothing required]", authn.Success, newDesk(tenant, factor, true)},
		{"wrong code", c.step(m, authn.Verify{Code: wrong(c.code)}, authn.MFAChallenge),
			"verify [wrong code, tries left, no new back-off]", authn.MFAChallenge, newDesk(tenant, factor, false)},
		{"refused event", c.refused(m, authn.Skip{}), "skip [nothing required]", "", nil},
		{"resend", c.step(m, authn.Resend{}, authn.MFAChallenge), "resend [may send]", authn.MFAChallenge, newDesk(tenant, factor, true)},
	}, nil
}

// refused returns a step, which can be repeated, with an event that is not
// allowed in the state.
func (c *challenged) refused(m *authn.Machine, ev authn.Event) func() error {
	var r authn.Result
	return func() error {
		if err := m.Step(&c.account, c.handle, ev, c.env, &r); !errors.Is(err, authn.ErrNotAllowed) {
			return fmt.Errorf("%T: %v", ev, err)
		}
		return nil
	}
}

// rival returns the step as the rival takes it.
func (s *scene) rival(r rival) func() error {
	if s.desk == nil {
		return func() error {
			if _, err := r.take(authn.MFAChallenge, s.label); err == nil {
				return errors.New("took a step that it should refuse")
			}
			return nil
		}
	}
	right := s.name != "wrong code"
	return func() error {
		if s.desk.look() != right {
			return errDesk
		}
		to, err := r.take(authn.MFAChallenge, s.label)
		if err == nil && to != s.to {
			err = fmt.Errorf("%s led to %s", s.label, to)
		}
		return err
	}
}

// steps compares one step with the engine alone.
func steps(p *plan) (*section, error) {
	sec := &section{title: "One step", text: stepsText}
	all, err := scenes()
	if err != nil {
		return nil, err
	}
	against := map[string]map[string]string{
		"right code":    {looplabRaw: rightRaw, looplabNew: rightNew, statelessShared: rightShared, statelessNew: rightBuilt, handWritten: rightSwitch},
		"wrong code":    {looplabRaw: wrongRaw},
		"refused event": {looplabRaw: refusedRaw},
		"resend":        {looplabRaw: resendRaw},
	}
	for i := range all {
		s := &all[i]
		cs := []contestant{{name: ours, run: times(s.ours)}}
		for _, r := range rivals() {
			cs = append(cs, contestant{name: r.name, run: times(s.rival(r))})
		}
		p.say("  %s", s.name)
		laps, err := race(cs, p.laps, p.lap)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		sec.tables = append(sec.tables, costs(s.name, laps))
		if i == 0 {
			sec.panels = append(sec.panels, stepPanel(laps))
		}
		for _, l := range laps[1:] {
			if name, ok := against[s.name][l.name]; ok {
				sec.find(name, paired(laps[0].of(cpu), l.of(cpu)), &cs[0])
			}
			if s.name == "right code" && l.name == looplabRaw {
				beyond := spreadOf(laps[0].of(allocs)).mid - spreadOf(l.of(allocs)).mid
				sec.find(rightAllocs, []float64{round(beyond)}, &cs[0])
			}
		}
	}
	return sec, nil
}

// stepPanel returns the chart of the costs of a step.
func stepPanel(laps []series) panel {
	p := panel{title: "CPU time of a step with the right code"}
	for _, l := range laps {
		c := spreadOf(l.of(cpu))
		p.bars = append(p.bars, bar{label: l.name, value: c, text: nanos(c.mid), ours: l.name == ours})
	}
	return p
}

const stepsText = `From an account and an event to a new account and effects, in memory. In addition to its transition, each alternative computes one SHA-256, to look
up a token, and one pooled HMAC-SHA-256 of a message as long as that of a code; for a refused event it computes neither. Each alternative has the
rows of authn's table, but no guards, budgets, effects and records: only authn's figures include these.`
