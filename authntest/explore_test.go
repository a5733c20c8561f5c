package authntest

import (
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

func machine(t testing.TB, p authn.Policy) *authn.Machine {
	t.Helper()
	m, err := authn.NewMachine("authntest", []authn.Key{{ID: 1, Secret: []byte("authntest key, of no use elsewhere")}}, []byte("authntest pseudonyms, of no use elsewhere"), p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const tick = 30 * time.Second

var cramped = authn.Policy{
	CodeTries: 2, Tries: 3, Sends: 2, SendsPerHour: 3, SendsPerDay: 4, Live: 1, StartsPerHour: 2,
	BackoffFrom: 2, LockEvery: 4, FailuresPerDay: 20, DisableAfter: 5, Cooldowns: []time.Duration{tick},
	CodeLife: 2 * tick, Life: 4 * tick, Backoff: tick, BackoffMax: tick, Lock: 2 * tick, LockMax: 2 * tick, SessionLife: 2 * tick,
}

func TestTry(t *testing.T) {
	for name, o := range map[string]Options{
		"zero": {}, "cramped": {Policy: cramped}} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			f := Explore(t, machine(t, o.Policy), o)
			t.Log(f, time.Since(start))
			t.Log(f.Checked)
			for _, n := range f.Never {
				t.Log(n)
			}
		})
	}
}
