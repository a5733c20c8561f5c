//go:build !race

package authn

const underRace = false
