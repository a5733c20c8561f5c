package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/authnfsm/authn"
)

const longestRecord = "longest record over long traces, bytes"

// longTraces simulates accounts for years and measures the size of their
// records.
func longTraces(p *plan) (*section, error) {
	sec := &section{title: "Records over long traces", text: tracesText}
	m, err := newMachine()
	if err != nil {
		return nil, err
	}
	accounts, lengths := 20, []int{1, 10, 100, 1000, 5000}
	if p.quick {
		accounts, lengths = 8, lengths[:4]
	}
	sizes := make([][]float64, len(lengths))
	longest := 0
	for i := range accounts {
		l := newLife(m, uint64(i))
		for taken, at := 0, 0; at < len(lengths); {
			if err := l.live(); err != nil {
				return nil, err
			}
			taken++
			longest = max(longest, l.size)
			if taken == lengths[at] {
				sizes[at] = append(sizes[at], float64(l.size))
				at++
			}
		}
	}
	t := table{caption: fmt.Sprintf("bytes stored, of %d accounts", accounts), head: []string{"events", "median", "longest then"}}
	for i, n := range lengths {
		t.add(strconv.Itoa(n), fmt.Sprintf("%.0f", spreadOf(sizes[i]).mid), fmt.Sprintf("%.0f", slices.Max(sizes[i])))
	}
	t.add("any", "", strconv.Itoa(longest))
	sec.tables = append(sec.tables, t)
	sec.find(longestRecord, []float64{float64(longest)}, nil)
	return sec, nil
}

// A life is one account with random events.
type life struct {
	m       *authn.Machine
	rnd     *rand.Rand
	now     time.Time
	account authn.Account
	handles []authn.TokenSecret // of the last transactions
	size    int                 // of the record
}

func newLife(m *authn.Machine, seed uint64) *life {
	return &life{m: m, rnd: rand.New(rand.NewPCG(seed, 1)), now: start}
}

// live advances the time and takes one event, usually of an attacker who knows
// the password: begin, a request for a code, or a guess. Mail is never
// delivered, so that pending deliveries stay in the record.
func (l *life) live() error {
	waits := []time.Duration{0, time.Second, 10 * time.Second, time.Minute, time.Minute, 10 * time.Minute, time.Hour, 20 * time.Hour}
	l.now = l.now.Add(waits[l.rnd.IntN(len(waits))])
	env := authn.Env{Now: l.now, Factors: []authn.Factor{factorOf(user), {ID: "emf2", Type: authn.Email, Address: "other@example.org", Status: authn.Active}}}
	for i := range env.Entropy {
		env.Entropy[i] = byte(l.rnd.Uint32())
	}
	var r authn.Result
	var err error
	if len(l.handles) == 0 || l.rnd.IntN(8) == 0 {
		if err = l.m.Begin(&l.account, authn.Login{User: user}, env, &r); err == nil {
			l.handles = append(l.handles, authn.TokenSecret(env.Entropy[16:48]))
			l.handles = l.handles[max(0, len(l.handles)-3):]
		}
	} else {
		events := []authn.Event{
			authn.Challenge{Factor: "emf1"}, authn.Challenge{Factor: "emf2"}, authn.Resend{}, authn.Previous{},
			authn.Verify{Code: "000000"}, authn.Verify{Code: "111111"}, authn.Verify{Code: "333333"}, authn.WithKey("a key", authn.Verify{Code: "222222"}), authn.Cancel{},
		}
		h := l.handles[l.rnd.IntN(len(l.handles))]
		err = l.m.Step(&l.account, h, events[l.rnd.IntN(len(events))], env, &r)
	}
	if err == nil {
		l.account = r.Account
	} else if refusal := (*authn.Refusal)(nil); !errors.As(err, &refusal) && !errors.Is(err, authn.ErrUnavailable) {
		return err
	}
	sealed := l.m.Seal(&l.account, "0123456789abcdef0123456789abcdef")
	l.size = len(sealed)
	back, err := l.m.Open(sealed, "0123456789abcdef0123456789abcdef")
	if err == nil && back != l.account {
		err = fmt.Errorf("a record of %d bytes changes when it is read and written", l.size)
	}
	return err
}

const tracesText = `Random histories of these accounts, mostly the events of an attacker who has the password, with waits of a second to a day. No message and no audit
event is ever accepted, so pending effects stay in the record. Budgets and the outbox are bounded, and so is the record.`
