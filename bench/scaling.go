package main

import (
	"fmt"
	"runtime"
	"strconv"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
)

const (
	scaleMachine = "2 cores : 1 core, steps of the Machine"
	scaleService = "2 cores : 1 core, steps of the Service on memstore"
)

// scaling compares one core with two, on accounts of their own.
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
	for _, x := range []struct {
		name, caption string
		on            func(cores int) (contestant, error)
	}{
		{scaleMachine, "steps of the Machine, right code", func(n int) (contestant, error) { return onCores(m, n) }},
		{scaleService, "steps of the Service on a memstore", func(n int) (contestant, error) { return byService(h, svc, n), nil }},
	} {
		p.say("  %s", x.caption)
		one, err := x.on(1)
		if err != nil {
			return nil, err
		}
		two, err := x.on(2)
		if err != nil {
			return nil, err
		}
		all, err := race([]contestant{limited(one, 1), limited(two, 2)}, p.laps, 2*p.lap)
		if err != nil {
			return nil, err
		}
		t := table{caption: x.caption, head: []string{"cores", "steps/s", "spread", "CPU time of a step"}}
		for i, l := range all {
			r := spreadOf(rates(l.of(wall)))
			t.add(strconv.Itoa(i+1), short(r.mid), percent(r), nanos(spreadOf(l.of(cpu)).mid))
		}
		sec.tables = append(sec.tables, t)
		sec.find(x.name, paired(all[0].of(wall), all[1].of(wall)), &two)
	}
	return sec, nil
}

// limited gives the contestant so many cores.
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

// onCores takes steps on as many accounts at once.
func onCores(m *authn.Machine, cores int) (contestant, error) {
	all := make([]func() error, cores)
	for i := range all {
		c, err := newChallenged(m, fmt.Sprint(user, i))
		if err != nil {
			return contestant{}, err
		}
		all[i] = c.step(m, authn.Verify{Code: c.code}, authn.Success)
	}
	return contestant{name: "authn.Machine", unit: cores, run: func(n int) error {
		return atOnce(cores, n/cores, func(i int) error { return all[i]() })
	}}, nil
}

const scalingText = `The program is given one core, then two, in turns; the collector has to make do with the same. Each core works on accounts of its own.`
