//go:build !race

package authntest

const underRace = false
