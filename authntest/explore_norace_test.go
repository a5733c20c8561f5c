//go:build !race

package authntest

const (
	underRace = false
	few       = 300 // accounts that are enough where not all are explored
)
