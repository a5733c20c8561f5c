package main

import (
	"runtime/debug"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/looplab/fsm"
)

const startUp = "start-up, New : one NewFSM"

// startUps compares New, which checks the whole table and runs every row in the
// engine, with building one instance of the engine.
func startUps(p *plan) (*section, error) {
	h := newHost()
	evs := looplabEvents()
	// Collections come at random in so short a measurement, and a process that
	// starts has none.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	none := func(int) error { return nil } // race then collects before each lap
	cs := []contestant{
		{name: "authn.New", prepare: none, run: times(func() error {
			_, err := h.service(new(memstore.Store))
			return err
		})},
		{name: "looplab/fsm, NewFSM with its rows", prepare: none, run: times(func() error {
			fsm.NewFSM(string(authn.Unauthenticated), evs, nil)
			return nil
		})},
	}
	all, err := race(cs, p.laps, p.lap)
	if err != nil {
		return nil, err
	}
	sec := &section{title: "Start-up", text: startText, tables: []table{costs("making a service", all)}}
	sec.find(startUp, paired(all[0].of(cpu), all[1].of(cpu)), &cs[0])
	return sec, nil
}

const startText = `New proves, once for each process, that in every cell of the table exactly one row applies to every combination of guards. It also takes every row
through the engine and derives the keys.`
