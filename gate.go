package authn

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// A Gate is a state of the host's own that a sign-in passes between its last proof and
// SUCCESS, such as terms to accept. Gates stand in the order of [Config].Gates, at most
// 8. The table, its proof, the drawings and the generated pages have them like any other
// state: see [Machine.Transitions].
//
// A transaction that is in a gate, or past one, belongs to services with the same list
// of gates; others let it expire. So a change of the list ends the few sign-ins that
// stand in a gate while the change is rolled out.
type Gate struct {
	// State is the name of the state: 2 to 32 capitals, digits and underscores, the
	// first one a capital, such as "TERMS"; not one of the built-in states.
	State State
	// Means and Shows are for generated pages: see [StateInfo]. Optional.
	Means, Shows string
	// Keeper decides. A [Machine] by itself does not need it.
	Keeper Gatekeeper
}

// A Gatekeeper decides who passes a [Gate]. Implementations must be safe for
// concurrent use.
type Gatekeeper interface {
	// Needed says whether the user has to pass the gate. It is asked when a sign-in
	// comes to it. An error counts as yes: a fault opens no gate.
	Needed(ctx context.Context, user string) (bool, error)
	// Check judges what the user handed in, and has no effect: what is to last is in
	// [Verdict].Data, at most 512 bytes, which Passed gets. It is asked once for each
	// call of the service, and neither during a back-off nor for a repeat. An error is
	// "unavailable": no verdict, nothing counted.
	Check(ctx context.Context, in GateInput) (Verdict, error)
	// Passed takes note that the user has passed, after the step was saved. It is
	// repeated, with the same key, until it returns nil. From then on Needed should say
	// no, until the host asks again.
	Passed(ctx context.Context, c Change) error
}

// A GateInput is what a [Gatekeeper] judges.
type GateInput struct {
	Tenant, User string
	Transaction  string // public id
	Input        Secret // as the client sent it, up to 16 KiB
}

// The host's own states are stored by number from gateBase on, and have guards of
// their own.
const (
	maxGates    = 8
	maxGateName = 32
	gateBase    = 32
	maxStates   = gateBase + maxGates
)

// anyGate stands, in the table, for each of the host's own states.
const anyGate State = "a gate"

// checkGates says what is wrong with a list of gates.
func checkGates(gates []Gate) error {
	if len(gates) > maxGates {
		return fmt.Errorf("authn: Gates: %d, at most %d", len(gates), maxGates)
	}
	for i, g := range gates {
		switch {
		case len(g.State) < 2 || len(g.State) > maxGateName || g.State[0] < 'A' || g.State[0] > 'Z' || strings.Trim(string(g.State), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") != "":
			return fmt.Errorf("authn: Gates[%d]: State %.40q is not 2 to 32 capitals, digits and underscores", i, g.State)
		case g.State.index() >= 0:
			return fmt.Errorf("authn: Gates[%d]: %s is a built-in state", i, g.State)
		case slices.ContainsFunc(gates[:i], func(o Gate) bool { return o.State == g.State }):
			return fmt.Errorf("authn: Gates[%d]: there is another %s", i, g.State)
		}
	}
	return nil
}

// states are all states of the machine.
func (p *program) states() []StateInfo {
	list := slices.Clone(states[:])
	for _, g := range p.gates {
		list = append(list, StateInfo{State: g.State, Lasts: "Life", Means: g.Means, Shows: g.Shows})
	}
	return list
}

// number is the state as transactions store it; 0 if the machine does not have it.
func (p *program) number(st State) uint8 {
	if i := st.index(); i >= 0 {
		return uint8(i + 1)
	}
	if i := slices.IndexFunc(p.gates, func(g Gate) bool { return g.State == st }); i >= 0 {
		return uint8(gateBase + i + 1)
	}
	return 0
}

// place is where the program has the transaction's state: that of a gate of another list
// is OtherGate's.
func (m *Machine) place(t *transaction) int {
	if i := t.gate(); i >= len(m.gates) || i >= 0 && t.gates != m.gatePrint {
		return OtherGate.index()
	}
	return int(t.state) - 1
}

// stateOf is the name of the transaction's state.
func (m *Machine) stateOf(t *transaction) State {
	if i := m.place(t) - gateBase; i >= 0 {
		return m.gates[i].State
	}
	return t.name()
}

// gate is the place in the list of the gate that the transaction is in, or -1.
func (t *transaction) gate() int { return max(int(t.state)-gateBase, 0) - 1 }

// name is what a guard is called.
func (p *program) name(g guard) string {
	if i := int(g) - int(gateFirst); i >= 0 && i < len(p.gates) {
		return "needs " + string(p.gates[i].State)
	}
	return g.String()
}

// last is the last answer to question q: as many gates as there are.
func (p *program) last(q int) guard {
	if questions[q].first == gatesPassed {
		return gatesPassed + guard(len(p.gates))
	}
	return questions[q].last
}

// isBehind says that the guard is a gate's that is no more to come from the state.
func (p *program) isBehind(g guard, from State) bool {
	n := int(p.number(from)) - gateBase // of the gate, from 1
	return g >= gateFirst && int(g-gateFirst) < n
}

// gatePrint stands for the list of gates in records.
func gatePrint(gates []Gate) uint32 {
	var b []byte
	for _, g := range gates {
		b = field(b, g.State)
	}
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint32(sum[:]) | 1 // 0 is no gate
}

// askGate is asked at the end of a sign-in, and in a gate about those behind it.
func askGate(s *step) guard {
	for i := s.tx().gate() + 1; i < len(s.m.gates) && !s.ideal; i++ {
		needed, known := s.needed[s.m.gates[i].State]
		if !known {
			s.lack = &Lack{Gate: s.m.gates[i].State}
			return noAnswer
		}
		if needed {
			return gateFirst + guard(i)
		}
	}
	return gatesPassed
}

func doEnterGate(s *step) { s.tx().gates = s.m.gatePrint }
