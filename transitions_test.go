package authn

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/internal/golden"
)

// T2, T3: the recorded matrix shows the decision for every state and event. A new
// state or event changes it.
func TestMatrix(t *testing.T) {
	p, err := compile(table)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("| |")
	for o := range ops {
		fmt.Fprintf(&b, " %s |", o)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", int(ops)) + "\n")
	for i, st := range states {
		fmt.Fprintf(&b, "| %s |", st.State)
		for o := range ops {
			fmt.Fprintf(&b, " %s |", p.cellText(i, o))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
	for _, e := range p.edges {
		x := e.transition()
		to := string(x.To)
		if x.Refuse != nil {
			to = "refused: " + x.Refuse.Error()
		}
		fmt.Fprintf(&b, "%s: %s -> %s", x.From, x.Label(), to)
		for _, s := range []struct {
			name string
			list []string
		}{{"then", x.Then}, {"emit", x.Emit}} {
			if len(s.list) > 0 {
				fmt.Fprintf(&b, "; %s %s", s.name, strings.Join(s.list, ", "))
			}
		}
		if x.Others != "" {
			fmt.Fprintf(&b, "; others %s", x.Others)
		}
		if x.Outcome != Done {
			fmt.Fprintf(&b, "; say %s", x.Outcome)
		}
		b.WriteString("\n")
	}
	golden.Same(t, "testdata/matrix.txt", b.String())
}

func (p *program) cellText(state int, o op) string {
	if p.roots[state][o] == 0 {
		if states[state].Terminal {
			return "finished"
		}
		return "not allowed"
	}
	var to []string
	for _, e := range p.edges {
		if e.State != states[state].State || e.op != o {
			continue
		}
		x := string(e.to)
		if e.to == "" {
			x = "refused"
		}
		if !slices.Contains(to, x) {
			to = append(to, x)
		}
	}
	return strings.Join(to, ", ")
}

// Every guard, update and effect is used by a row and documented.
func TestNothingUnused(t *testing.T) {
	usedGuards, acts, kinds := map[guard]bool{}, map[update]bool{}, map[effectKind]bool{}
	for _, q := range questions {
		usedGuards[q.usual] = true
	}
	gates := make([]Gate, maxGates)
	for i := range gates {
		gates[i].State = State(fmt.Sprintf("G%d", i))
	}
	p, err := compile(table, gates...)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range p.edges {
		for _, g := range e.row.When {
			usedGuards[g] = true
		}
		for _, u := range e.row.Then {
			acts[u] = true
		}
		for _, k := range e.row.Emit {
			kinds[k] = true
		}
	}
	next := guard(1)
	numbered := slices.SortedFunc(slices.Values(questions[:]), func(a, b question) int { return int(a.first) - int(b.first) })
	for _, q := range numbered {
		if q.first != next || q.text == "" || q.last < q.first {
			t.Errorf("%s: its answers are not numbered consecutively", q.text)
		}
		next = q.last + 1
	}
	if next != guardsEnd {
		t.Errorf("%d guards belong to no question", guardsEnd-next)
	}
	for g := guard(1); g < guardsEnd; g++ {
		if d := guards[min(g, gateFirst)]; !usedGuards[g] || d.name == "" || d.doc == "" {
			t.Errorf("guard %d %q: used %t, or not documented", g, g, usedGuards[g])
		}
	}
	for u := update(1); u < updatesEnd; u++ {
		if !acts[u] || updates[u].name == "" || updates[u].doc == "" || updates[u].do == nil {
			t.Errorf("update %d: used %t, or not documented", u, acts[u])
		}
	}
	for k := effectKind(1); k < effectKinds; k++ {
		if !kinds[k] || effectInfos[k].name == "" || effectInfos[k].doc == "" {
			t.Errorf("effect %d: used %t, or not documented", k, kinds[k])
		}
	}
	for o := range ops {
		if opInfos[o].name == "" || opInfos[o].doc == "" {
			t.Errorf("event %d is not documented", o)
		}
	}
}

// The state after begin, by the requirement and the factors.
func TestBeginTable(t *testing.T) {
	offered, required := graceMail, graceMail
	required.Required = true
	for _, c := range []struct {
		req  Requirement
		fs   []Factor
		want State
		err  error
	}{
		{RequireFactor, nil, "", ErrNoFactor},
		{RequireFactor, []Factor{offered}, MFAEnroll, nil},
		{RequireFactor, []Factor{offered, adaMail}, MFARequired, nil},
		{RequireFactor, []Factor{adaMail}, MFARequired, nil},
		{RequireIfActive, nil, Success, nil},
		{RequireIfActive, []Factor{offered}, MFAEnroll, nil},
		{RequireIfActive, []Factor{required}, MFAEnroll, nil},
		{RequireIfActive, []Factor{adaMail, offered}, MFARequired, nil},
		{RequireNothing, []Factor{adaMail}, Success, nil},
		{RequireNothing, nil, Success, nil},
	} {
		var r Result
		err := newMachine(t, Policy{}).Begin(&Account{}, Login{User: "u", Require: c.req}, env(0, 1, c.fs...), &r)
		if !errors.Is(err, c.err) || err == nil && r.Account.txs[0].name() != c.want {
			t.Errorf("%d with %v: %s, %v", c.req, c.fs, r.Account.txs[0].name(), err)
		}
	}
	w := begun(t, Policy{}, Login{User: "u", Require: RequireIfActive}, offered)
	w.want(w.do(Skip{}), Success)
	w = begun(t, Policy{}, Login{User: "u", Require: RequireIfActive}, required)
	w.refuses(Skip{}, ErrRequired)
}

func TestEnrollment(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	w.want(w.a.txs[0].name(), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{"sms"}, ErrNotOffered)
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.wrong()}), MFAEnrollActivate)
	w.want(w.do(Activate{Code: w.right()}), Success)
	if es := w.a.owed(); len(es) != 4 || es[0].Name != handOver.String() || es[0].Factor != graceMail.ID {
		t.Errorf("owed: %+v", es)
	}
}

func TestSeveralRequiredFactors(t *testing.T) {
	one := Factor{ID: "one", Type: Email, Address: "one@example.com", Status: NotSetUp, Required: true}
	two := Factor{ID: "two", Type: Email, Address: "two@example.com", Status: NotSetUp, Required: true}
	w := begun(t, Policy{}, grace, one, two)
	w.do(Enroll{Email})
	w.want(w.do(Activate{Code: w.right()}), MFAEnroll)
	w.refuses(Skip{}, ErrRequired)
	w.refuses(Enroll{Email}, ErrTooSoon)
	w.at = time.Minute
	w.want(w.do(Enroll{Email}), MFAEnrollActivate)
	if id := w.a.txs[0].factor.id; id != "two" {
		t.Fatalf("enrolling %q", id)
	}
	w.want(w.do(Activate{Code: w.right()}), Success)
}

// If two tabs enroll, the first to finish ends the other.
func TestActivationCancelsOthers(t *testing.T) {
	w := begun(t, Policy{}, grace, graceMail)
	other := w.h
	w.do(Enroll{Email})
	w.begin(grace)
	w.do(Enroll{Email})
	w.do(Activate{Code: w.right()})
	if st := w.a.txs[w.a.find(other.digest())].name(); st != Canceled {
		t.Errorf("the other tab is in %s", st)
	}
	if len(w.r.Moves()) != 2 {
		t.Errorf("rows taken: %v", w.r.Moves())
	}
	// The factor counts as active before the Directory has accepted it.
	w.begin(grace)
	w.want(w.a.txs[w.slot()].name(), MFARequired)
}
