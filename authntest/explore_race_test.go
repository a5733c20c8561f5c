//go:build race

package authntest

const (
	underRace = true
	few       = 80 // accounts that are enough where not all are explored
)
