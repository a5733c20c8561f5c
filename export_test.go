package authn

import (
	"fmt"
	"strings"
	"time"
)

// SetDigits makes codes of n digits, also fewer than any policy allows, so
// that codes collide in tests.
func SetDigits(s *Service, n int) {
	s.m.least = 1
	s.m.limits.digits = uint8(n)
}

// Doc is one line of what the table's parts say of themselves.
type Doc struct{ Group, Name, Text string }

// Docs are the explanations that the pages print.
func Docs() (events, guards, updateDocs, effects []Doc) {
	for _, d := range opDocs {
		events = append(events, Doc{"", d.name, d.doc})
	}
	for _, q := range questions {
		for g := q.first; g <= q.last; g++ {
			guards = append(guards, Doc{q.text, guardDocs[g].name, guardDocs[g].doc})
		}
	}
	for _, u := range updates[1:] {
		updateDocs = append(updateDocs, Doc{"", u.name, u.doc})
	}
	for _, e := range effectDocs[1:] {
		effects = append(effects, Doc{"", e.name, e.doc})
	}
	return events, guards, updateDocs, effects
}

// Bound is a number of the policy as the pages print it.
type Bound struct{ Name, Default, Bounds, Why string }

// Bounds are the policy's numbers.
func Bounds() (list []Bound) {
	for _, b := range counts {
		list = append(list, Bound{b.name, fmt.Sprint(b.def), fmt.Sprintf("%d to %d", b.min, b.max), b.why})
	}
	for _, b := range durations {
		list = append(list, Bound{b.name, short(b.def), short(b.min) + " to " + short(b.max), b.why})
	}
	return list
}

// short is a duration without the zeros that its String has.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Ends are the states that nothing leaves.
func Ends() []State { return ends }

// States are all states, in the order of their stored numbers.
func States() []State { return states[:] }

// Explored is what an exploration finds, as pinned.
type Explored struct{ Name, Accounts, Steps, Rows string }

// Explorations lists them, and the names of the rules that each step is held to.
func Explorations() (list []Explored, rules []string) {
	for _, e := range expeditions {
		list = append(list, Explored{e.name, fmt.Sprint(e.pin.spots), fmt.Sprint(e.pin.hops), fmt.Sprint(e.pin.cells)})
	}
	return list, invariants()
}

// Cooldowns are their defaults, and how many there may be.
func Cooldowns() (defaults []string, most int) {
	p, err := Policy{}.withDefaults()
	if err != nil {
		panic(err)
	}
	for _, d := range p.Cooldowns {
		defaults = append(defaults, short(d))
	}
	return defaults, maxCooldown
}
