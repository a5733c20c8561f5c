package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"golang.org/x/sync/errgroup"
)

// crowds lists the numbers of concurrent clients.
var crowds = []int{1, 8, 64}

// storeUsual has the target and, by crowd, the usual values of steps/s : raw
// pairs/s.
var storeUsual = map[string]struct {
	target float64
	usual  [3]float64
}{
	"memstore":   {0, [3]float64{0.07, 0.07, 0.07}},
	"SQLite":     {0, [3]float64{1, 1, 1}},
	"PostgreSQL": {0.9, [3]float64{1, 1, 1}},
	"MariaDB":    {0.9, [3]float64{1, 1, 1}},
	"Redis":      {0.9, [3]float64{0.95, 0.95, 0.95}},
}

func storeName(store string, clients int) string {
	return fmt.Sprintf("%s, %d at once, steps/s : raw pairs/s", store, clients)
}

func storeBound(name string) (bound, bool) {
	for store, u := range storeUsual {
		for i, n := range crowds {
			if storeName(store, n) == name {
				return bound{name: name, target: u.target, usual: u.usual[i], least: true, why: whyStore}, true
			}
		}
	}
	return bound{}, false
}

// recordSize is the approximate size of a record's value in this comparison.
const recordSize = 250

// stepsEach is the number of steps of a transaction before the next one begins.
// A transaction has at most a hundred.
const stepsEach = 90

// client takes steps in its own transactions.
type client struct {
	name    string
	tickets []ticket
	used    int // steps
	here    int // transactions
}

// top begins transactions until n more steps can be taken.
func (c *client) top(h *host, svc *authn.Service, n int) error {
	for len(c.tickets)*stepsEach-c.used < n {
		c.here++
		more, err := h.tickets(svc, c.name+"-"+strconv.Itoa(c.here)+"-", 1)
		if err != nil {
			return err
		}
		c.tickets = append(c.tickets, more...)
	}
	return nil
}

// step goes back and forth between two states: one load, one step, one save, and
// no mail.
func (c *client) step(svc *authn.Service) error {
	var ev authn.Event = authn.Previous{}
	if c.used%2 == 1 {
		ev = authn.Challenge{Factor: "emf1"}
	}
	_, err := svc.Do(context.Background(), c.tickets[c.used/stepsEach].token, ev)
	c.used++
	return err
}

// byService returns a contestant that takes n steps, by all clients at once.
func byService(h *host, svc *authn.Service, clients int) contestant {
	all := make([]*client, clients)
	for i := range all {
		all[i] = &client{name: fmt.Sprint("client", clients, "-", i)}
	}
	return contestant{
		name: "steps of the Service", unit: clients,
		prepare: func(n int) error {
			for _, c := range all {
				if err := c.top(h, svc, n/clients); err != nil {
					return err
				}
			}
			return nil
		},
		run: func(n int) error {
			return atOnce(clients, n/clients, func(i int) error { return all[i].step(svc) })
		},
	}
}

// byHand returns a contestant that makes n raw pairs, by all clients at once, each
// on its own record.
func byHand(b *backend, clients int) contestant {
	type hand struct {
		keys []string
		used int
	}
	all := make([]hand, clients)
	record := authn.Record{Value: make([]byte, recordSize), Version: 1, Due: start}
	return contestant{
		name: "raw", unit: clients,
		prepare: func(n int) error {
			for i := range all {
				for h := &all[i]; len(h.keys)*stepsEach-h.used < n/clients; {
					key := fmt.Sprintf("%08x%08x%016x", clients, i, len(h.keys))
					if err := b.store.Save(context.Background(), key, 0, record); err != nil {
						return err
					}
					if err := b.pair(context.Background(), key); err != nil {
						return err
					}
					h.keys = append(h.keys, key)
				}
			}
			return nil
		},
		run: func(n int) error {
			return atOnce(clients, n/clients, func(i int) error {
				h := &all[i]
				h.used++
				return b.pair(context.Background(), h.keys[(h.used-1)/stepsEach])
			})
		},
	}
}

// atOnce calls f n times for each client, with all clients at once.
func atOnce(clients, n int, f func(i int) error) error {
	var g errgroup.Group
	for i := range clients {
		g.Go(func() error {
			for range n {
				if err := f(i); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// crowdsOn returns the numbers of clients for a store: all, except with -quick, which
// has a minute, on one that is much like another.
func (p *plan) crowdsOn(store string) []int {
	switch {
	case p.quick && store == "memstore": // other parts measure the cost of a call better
		return nil
	case p.quick && (store == "SQLite" || store == "MariaDB"):
		return []int{drawnCrowd}
	}
	return crowds
}

// stores compares steps on each store with raw operations on its database.
func stores(p *plan) (*section, error) {
	sec := &section{title: "On each store", text: storesText}
	laps, lap := 31, 120*time.Millisecond // short, so that disturbances of a server last longer than a lap
	if p.quick {
		lap = 40 * time.Millisecond // and as many, so that one disturbance spoils few of them
	}
	drawn := panel{title: fmt.Sprintf("Steps per second with %d clients, and raw load + swap pairs", drawnCrowd)}
	for _, k := range kinds {
		if len(p.crowdsOn(k.name)) == 0 {
			continue
		}
		b, err := k.reach()
		if err != nil {
			p.say("  %s: skipped: %v", k.name, err)
			for _, n := range p.crowdsOn(k.name) {
				sec.skip(storeName(k.name, n), "not reachable")
			}
			continue
		}
		p.say("  %s", k.name)
		p.later(b.close)
		err = onStore(sec, &drawn, k.name, b, p.crowdsOn(k.name), laps, lap)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	sec.panels = append(sec.panels, drawn)
	return sec, nil
}

// drawnCrowd is the number of clients in the chart.
const drawnCrowd = 8

func onStore(sec *section, drawn *panel, name string, b *backend, crowds []int, laps int, lap time.Duration) error {
	t := table{caption: strings.TrimSuffix(name+": "+b.about, ": "), head: []string{"clients", "steps/s", "spread", "raw pairs/s", "spread", "steps : raw", "spread",
		"CPU time of a step, here", "of a pair", "round trips of a step", "of a pair"}}
	h := newHost()
	svc, err := h.service(b.store)
	if err != nil {
		return err
	}
	for _, n := range crowds {
		cs := []contestant{byService(h, svc, n), byHand(b, n)}
		trips := make([]float64, len(cs))
		for i := range cs {
			if trips[i], err = b.trips(cs[i]); err != nil {
				return err
			}
		}
		all, err := race(cs, laps, lap)
		if err != nil {
			return err
		}
		ratio := paired(all[1].of(wall), all[0].of(wall))
		sec.find(storeName(name, n), ratio, &cs[0])
		us, raw, r := spreadOf(rates(all[0].of(wall))), spreadOf(rates(all[1].of(wall))), spreadOf(ratio)
		if n == drawnCrowd && name != "memstore" { // its bar would dwarf the others
			drawn.bars = append(drawn.bars, bar{name, us, short(us.mid), true}, bar{name + ", raw pairs", raw, short(raw.mid), false})
		}
		t.add(strconv.Itoa(n), short(us.mid), percent(us), short(raw.mid), percent(raw), short(r.mid), short(r.low)+"–"+short(r.high),
			nanos(spreadOf(all[0].of(cpu)).mid), nanos(spreadOf(all[1].of(cpu)).mid), short(trips[0]), short(trips[1]))
	}
	sec.tables = append(sec.tables, t)
	return nil
}

// trips counts the round trips of one operation, on open connections with
// prepared statements.
func (b *backend) trips(c contestant) (float64, error) {
	n := 10 * c.unit
	if _, err := c.lap(n); err != nil || b.flights == nil {
		return 0, err
	}
	if err := c.prepare(n); err != nil {
		return 0, err
	}
	before := b.flights.n.Load()
	err := c.run(n)
	return float64(b.flights.n.Load()-before) / float64(n), err
}

var storesText = `A step is one call of the Service that changes the transaction and sends nothing. A raw pair is one load and one compare-and-swap of a record of
the same length by primary key, directly on the database with the same driver and pool (` + strconv.Itoa(pool) + ` connections; SQLite 4): the upper limit of any
store. Each client works on its own accounts, and the database runs on the same cores as the clients. Round trips are counted on the connections.`
