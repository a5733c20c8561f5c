package authntest

import (
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

func TestWalksTry(t *testing.T) {
	for name, o := range explorations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ws := Walks(t, machine(t, o.Policy), o)
			legs, most := 0, 0
			for _, w := range ws {
				legs += len(w.Legs)
				most = max(most, len(w.Legs))
				Replay(t, w, func(c authn.Config) (*authn.Service, error) {
					c.Store = new(memstore.Store)
					return authn.New(c)
				})
			}
			t.Logf("%d walks, %d legs, %d the longest", len(ws), legs, most)
			for _, w := range ws {
				if strings.Contains(w.Name, "lock [used]") {
					t.Log(w)
				}
			}
		})
	}
}
