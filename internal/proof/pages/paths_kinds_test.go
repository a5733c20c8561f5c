package pages

import (
	"strings"
	"testing"

	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/internal/walks"
)

// kinds returns the walks of factors that no code is sent to.
func kinds(t *testing.T) (ws []walk) {
	for _, w := range walks.Kinds(t) {
		ws = append(ws, walkOf(w))
	}
	return ws
}

func walkOf(w authntest.Walk) (to walk) {
	first := "`user ada:"
	for _, f := range w.Legs[0].Listing.Factors {
		first += " " + f.ID + " " + f.Status.String()
	}
	to.steps = append(to.steps, first+"`")
	for _, l := range w.Legs {
		step, told, ok := strings.Cut(strings.ReplaceAll(l.String(), " (directory usual)", ""), " => ")
		step = "`" + step + "`"
		if to.told = told; ok {
			step += " → " + told
		}
		_, row, _ := strings.Cut(l.Row, ": ")
		to.steps, to.rows = append(to.steps, step), []string{row}
	}
	return to
}
