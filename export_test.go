package authn

import "fmt"

// SetDigits makes codes of n digits, also fewer than any policy allows, so
// that codes collide in tests.
func SetDigits(s *Service, n int) {
	s.m.least = 1
	s.m.limits.digits = uint8(n)
}

// Explored is what an exploration finds, as pinned.
type Explored struct{ Name, Accounts, Steps, Rows string }

// Explorations lists them, and the names of the rules that each step is held to.
func Explorations() (list []Explored, rules []string) {
	for _, e := range expeditions {
		list = append(list, Explored{e.name, fmt.Sprint(e.pin.spots), fmt.Sprint(e.pin.hops), fmt.Sprint(e.pin.cells)})
	}
	return list, invariants()
}
