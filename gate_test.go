package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var twoGates = []Gate{{State: "TERMS", Means: "Terms are to be accepted."}, {State: "PROFILE"}}

// stepTo steps with what is needed, and returns the next state.
func (w *walk) stepTo(ev Event, needed map[State]bool) State {
	w.Helper()
	e := w.env()
	e.Needed = needed
	w.a = taken(w, &w.r, w.m.Step(&w.a, w.h, ev, e, &w.r))
	return w.m.stateOf(&w.a.txs[w.slot()])
}

// Every gate that is needed is passed, in order, after the last proof: G4.
func TestGates(t *testing.T) {
	for n := range 4 {
		needed := map[State]bool{"TERMS": n&1 != 0, "PROFILE": n&2 != 0}
		w := hosted(t, twoGates, ada, adaMail)
		w.refuses(Pass{"TERMS", "yes"}, ErrNotAllowed)
		w.do(Challenge{adaMail.ID})
		st := w.stepTo(Verify{Code: w.right()}, needed)
		var came []State
		for st != Success {
			came = append(came, st)
			if ans := w.answer(); ans.State != st || len(ans.Allowed) != 2 || ans.Allowed[0].Event != EventPass {
				t.Fatalf("%+v", ans)
			}
			other := State("TERMS")
			if st == other {
				other = "PROFILE"
			}
			w.refuses(Pass{other, "yes"}, ErrNotAllowed)
			w.verdict = takes("accepted")
			st = w.stepTo(Pass{st, "yes"}, needed)
		}
		var want []State
		for _, g := range twoGates {
			if needed[g.State] {
				want = append(want, g.State)
			}
		}
		if !slices.Equal(came, want) {
			t.Errorf("came through %v, want %v", came, want)
		}
		owed := 0
		for _, e := range w.a.owed() {
			if job, err := w.m.Job(&w.a, "k", e, w.fs, t0); err == nil && job.Passed != nil {
				if owed++; !slices.Contains(want, job.Gate) || string(job.Passed.Data) != "accepted" {
					t.Errorf("%s %+v", job.Gate, job.Passed)
				}
			}
		}
		if owed != len(want) {
			t.Errorf("%d gates are told, want %d", owed, len(want))
		}
	}
}

// A step that comes to a gate asks whether it is needed, the first one first.
func TestGateIsAsked(t *testing.T) {
	w := hosted(t, twoGates, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	ev := Verify{Code: w.right()}
	for _, c := range []struct {
		known map[State]bool
		want  State
	}{{nil, "TERMS"}, {map[State]bool{"TERMS": false}, "PROFILE"}} {
		e := w.env()
		e.Needed = c.known
		var lack *Lack
		if err := w.m.Step(&w.a, w.h, ev, e, &w.r); !errors.As(err, &lack) || lack.Gate != c.want || lack.Input != nil {
			t.Errorf("with %v: %v", c.known, err)
		}
	}
	if st := w.stepTo(ev, map[State]bool{"TERMS": true}); st != "TERMS" {
		t.Errorf("in %s", st)
	}
	e := w.env()
	var lack *Lack
	if err := w.m.Step(&w.a, w.h, Pass{"TERMS", "yes"}, e, &w.r); !errors.As(err, &lack) || lack.Gate != "TERMS" || lack.Input == nil || lack.Input.Input != "yes" || lack.Input.User != ada.User {
		t.Errorf("%v", err)
	}
}

// Wrong input is counted, and rejected input is not: S36.
func TestGateInput(t *testing.T) {
	w := hosted(t, twoGates, ada, adaMail)
	e := w.env()
	e.Needed = map[State]bool{"TERMS": true}
	w.h = handle(e)
	w.a = taken(t, &w.r, w.m.Begin(&Account{}, ada.with(RequireNothing), e, &w.r))
	for _, c := range []struct {
		v     Verdict
		out   Outcome
		fails int
		st    State
	}{
		{Verdict{Rejected: true}, Rejected, 0, "TERMS"},
		{Verdict{Malformed: true}, Rejected, 0, "TERMS"},
		{Verdict{}, WrongCode, 1, "TERMS"},
		{Verdict{Denied: true}, Denied, 1, Canceled},
	} {
		w.verdict = &c.v
		if st := w.stepTo(Pass{"TERMS", ""}, nil); st != c.st || w.r.Outcome != c.out || int(w.a.fails) != c.fails {
			t.Errorf("%+v: %s %s %d", c.v, st, w.r.Outcome, w.a.fails)
		}
	}
}

// A transaction in a gate, or past one, belongs to machines with the same list: G7.
func TestOtherGates(t *testing.T) {
	lists := map[string][]Gate{"none": nil, "one": twoGates[:1], "another": {{State: "CONSENT"}}, "both": twoGates, "turned": {twoGates[1], twoGates[0]}}
	for mine, gates := range lists {
		for past := range 2 {
			w := hosted(t, gates, ada, adaMail)
			w.do(Challenge{adaMail.ID})
			needed := map[State]bool{}
			for _, g := range gates {
				needed[g.State] = true
			}
			st := w.stepTo(Verify{Code: w.right()}, needed)
			for past == 1 && st != Success {
				w.verdict = takes("")
				st = w.stepTo(Pass{st, ""}, needed)
			}
			for other, list := range lists {
				m := hosted(t, list, ada, adaMail).m
				if other == mine || mine == "none" {
					continue
				}
				stored, err := m.Open(w.m.Seal(&w.a, "k"), "k")
				if err != nil {
					t.Fatal(err)
				}
				var r Result
				h, _ := w.m.Session(&w.a, w.h)
				if past == 1 {
					_, err = m.Redeem(&stored, h, w.env(), &r)
				} else {
					e := w.env()
					e.Verdict = takes("")
					err = m.Step(&stored, w.h, Pass{st, ""}, e, &r)
				}
				if err != nil || !r.Ended || r.Account.txs[0].name() != Expired {
					t.Errorf("%s, %s, past %d: %v, ended %t", mine, other, past, err, r.Ended)
				}
				if _, err := m.Status(&stored, w.h, w.env()); !errors.Is(err, ErrFinished) {
					t.Errorf("%s, %s: %v", mine, other, err)
				}
			}
		}
	}
}

// Whatever else ends a transaction ends one in another list's gate.
func TestOtherGateEnds(t *testing.T) {
	w := hosted(t, twoGates, ada, adaMail)
	w.do(Challenge{adaMail.ID})
	w.stepTo(Verify{Code: w.right()}, map[State]bool{"TERMS": true})
	m := newMachine(t, Policy{})
	for _, o := range []op{opCancel, opLock} {
		var r Result
		if err := m.do(&r, &w.a, &Env{Now: t0}, new(input), func(s *step) error { return s.offerAll(o) }); err != nil || !r.Account.txs[0].ended() {
			t.Errorf("%s: %v, %s", o, err, r.Account.txs[0].name())
		}
		if len(r.Moves()) != 1 || r.Moves()[0].Row.From != OtherGate {
			t.Errorf("%s: %+v", o, r.Moves())
		}
	}
}

func TestBadGates(t *testing.T) {
	many := make([]Gate, maxGates+1)
	for i := range many {
		many[i].State = State(fmt.Sprintf("G%d", i))
	}
	if _, err := NewMachine(Config{Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Gates: many[:maxGates]}); err != nil {
		t.Error(err)
	}
	for want, gates := range map[string][]Gate{
		"at most 8":        many,
		"another TERMS":    {{State: "TERMS"}, {State: "TERMS"}},
		"a built-in state": {{State: Success}},
		"GATE is":          {{State: OtherGate}},
		`"" is not`:        {{}},
		`"T" is not`:       {{State: "T"}},
		`"terms" is not`:   {{State: "terms"}},
		`"T S" is not`:     {{State: "T S"}},
		`"1T" is not`:      {{State: "1T"}},
		`" is not 2 to 32`: {{State: State(strings.Repeat("T", 33))}},
	} {
		_, err := NewMachine(Config{Keys: []Key{{ID: 1, Secret: keyA}}, PseudonymKey: pseudo, Gates: gates})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Gates") {
			t.Errorf("%s: %v", want, err)
		}
	}
	w := hosted(t, twoGates, ada, adaMail)
	for _, ev := range []Event{Pass{}, Pass{Gate: State(strings.Repeat("T", 33))}, Pass{Gate: "TERMS", Input: Secret(strings.Repeat("x", maxResponse+1))}} {
		w.refuses(ev, ErrMalformed)
	}
}

// A machine's own table has its gates, and is proved with them.
func TestTableOfAMachine(t *testing.T) {
	m := hosted(t, twoGates, ada, adaMail).m
	ts := m.Transitions()
	if len(ts) <= len(Transitions()) {
		t.Fatal("the gates add nothing")
	}
	for _, want := range []string{"verify [right code, nothing required, needs TERMS]", "pass [right, needs PROFILE]", "pass [right]"} {
		if !slices.ContainsFunc(ts, func(x Transition) bool { return x.Label() == want }) {
			t.Errorf("no %s", want)
		}
	}
	for _, x := range ts {
		if x.From == "PROFILE" && x.To == "TERMS" {
			t.Errorf("back: %s", x.Label())
		}
	}
	r := m.Reference()
	if !slices.ContainsFunc(r.States, func(s StateInfo) bool { return s.State == "TERMS" && s.Means == twoGates[0].Means }) {
		t.Error("the reference lacks the gate")
	}
}

// TestSkippedGuessesCount: who leaves guesses behind is not forgiven them for what is right
// later on: neither a gate nor a password says anything of them.
func TestSkippedGuessesCount(t *testing.T) {
	l := ada
	l.Require, l.Password, l.PasswordExpires = RequireIfActive, PasswordExpiresSoon, t0.Add(day)
	needed := map[State]bool{"TERMS": true, "PROFILE": false}
	w := hosted(t, twoGates, l, Factor{ID: "emf1", Type: Email, Address: "ada@example.com", Status: NotSetUp})
	counted := func(n int) {
		t.Helper()
		if int(w.a.fails) != n || w.a.failures.at.len() != n {
			t.Errorf("%d in a row, %d in all, want %d", w.a.fails, w.a.failures.at.len(), n)
		}
	}
	w.do(Enroll{Type: Email})
	w.do(Activate{Code: w.wrong()})
	w.do(Activate{Code: w.wrong()})
	w.do(Previous{})
	w.want(w.do(Skip{}), PasswordWarn)
	counted(2)
	w.verdict = new(Verdict)
	w.do(ChangePassword{old, fresh})
	counted(3)
	w.verdict = nil
	w.want(w.stepTo(Skip{}, needed), "TERMS")
	w.at += time.Minute
	w.verdict = new(Verdict)
	w.do(Pass{"TERMS", "no"})
	counted(4)
	w.at += time.Minute // the back-off
	w.verdict = takes("accepted")
	w.want(w.stepTo(Pass{"TERMS", "yes"}, needed), Success)
	counted(3) // the gate's own
}
