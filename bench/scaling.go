package main

import (
	"fmt"
	"runtime"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

const (
	scaleMachine = "2 cores : 1 core, steps of the Machine"
	scaleService = "2 cores : 1 core, steps of the Service on memstore"
)

// scaling compares one core with two, each with a separate account.
func scaling(p *plan) (*section, error) {
	sec := &section{title: "More cores", text: scalingText}
	if runtime.NumCPU() < 2 {
		sec.skip(scaleMachine, "there is one core")
		sec.skip(scaleService, "there is one core")
		return sec, nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	h := newHost()
	svc, err := h.service(new(memstore.Store))
	if err != nil {
		return nil, err
	}
	var cs []contestant
	for _, on := range []func(cores int) (contestant, error){
		apart,
		func(n int) (contestant, error) { return onCores(m, n) },
		func(n int) (contestant, error) { return byService(h, svc, n), nil },
	} {
		for n := 1; n <= 2; n++ {
			c, err := on(n)
			if err != nil {
				return nil, err
			}
			cs = append(cs, limited(c, n))
		}
	}
	all, err := race(cs, max(2, p.laps/4), 6*p.lap)
	if err != nil {
		return nil, err
	}
	gain := func(i int) []float64 { return paired(all[i].of(wall), all[i+1].of(wall)) }
	t := table{head: []string{"", "1 core, each second", "spread", "2 cores", "spread", "2 : 1", "spread"}}
	for i := 0; i < len(all); i += 2 {
		one, two, g := spreadOf(rates(all[i].of(wall))), spreadOf(rates(all[i+1].of(wall))), spreadOf(gain(i))
		t.add(all[i].name, short(one.mid), percent(one), short(two.mid), percent(two), short(g.mid), short(g.low)+"–"+short(g.high))
	}
	sec.tables = append(sec.tables, t)
	sec.find(scaleMachine, twoFree(gain(2), gain(0)), &cs[3])
	sec.find(scaleService, twoFree(gain(4), gain(0)), &cs[5])
	return sec, nil
}

// twoFree corrects the gain for a second core that is partly busy: the gain of
// work that shares nothing, in the same lap, counts as 2.
func twoFree(gain, nothingShared []float64) []float64 {
	g := paired(gain, nothingShared)
	for i := range g {
		g[i] *= 2
	}
	return g
}

// apart returns work that shares and allocates nothing.
func apart(cores int) (contestant, error) {
	desks := make([]*desk, cores)
	for i := range desks {
		desks[i] = newDesk(tenant, "emf1", true)
	}
	return contestant{name: "hashing that shares nothing", unit: cores, run: func(n int) error {
		return atOnce(cores, n/cores, func(i int) error {
			if !desks[i].look() {
				return errDesk
			}
			return nil
		})
	}}, nil
}

// limited returns the contestant limited to a number of cores.
func limited(c contestant, cores int) contestant {
	prepare := c.prepare
	c.prepare = func(n int) error {
		runtime.GOMAXPROCS(cores)
		if prepare == nil {
			return nil
		}
		return prepare(n)
	}
	return c
}

// onCores takes steps on as many accounts as cores at once.
func onCores(m *authn.Machine, cores int) (contestant, error) {
	all := make([]func() error, cores)
	for i := range all {
		c, err := newChallenged(m, fmt.Sprint(user, i))
		if err != nil {
			return contestant{}, err
		}
		all[i] = c.step(m, authn.Verify{Code: c.code}, authn.Success)
	}
	return contestant{name: "steps of the Machine", unit: cores, run: func(n int) error {
		return atOnce(cores, n/cores, func(i int) error { return all[i]() })
	}}, nil
}

const scalingText = `The program, garbage collector included, alternately gets one core and two. Each core works on its own accounts. Hashing that shares nothing, in the
same laps, shows how much of a second core is available: its gain counts as 2.`
