package sim

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/memstore"
)

// TestSimulationSpeaks checks that the simulation detects broken stores, and that each
// rule for what proves a factor finds what it is for, where no other rule counts.
func TestSimulationSpeaks(t *testing.T) {
	for name, broken := range map[string]func(*sim){
		"a save is lost now and then":  func(s *sim) { s.world.Base = &losing{Store: s.truth} },
		"the last to save wins":        lastWins,
		"a load gives what once was":   loadsOld,
		"a conflict is not told":       func(s *sim) { s.world.Base = &silent{s.truth} },
		"a record goes when it is due": func(s *sim) { s.world.Base = &forgetful{s.truth} },
	} {
		detected(t, name, "", "", broken)
	}
	yes := judges(authn.Verdict{Right: true, Data: []byte("/1")})
	for _, c := range []struct {
		words, kind, name string
		broken            func(*sim)
	}{
		{"a code of an app was accepted twice", app, "the last to save wins", lastWins},
		{"a recovery code was accepted twice", list, "the last to save wins", lastWins},
		{"there is a second SUCCESS", phone, "the last to save wins", lastWins},
		{"a wrong code was not charged", phone, "the phone need not name the number", func(s *sim) { s.phone.NoNumber = true }},
		{"a response to a challenge was accepted twice", token, "every response is right", yes},
		{"SUCCESS without the code", token, "every response is right", yes},
		{"SUCCESS with a code that was used before", list, "the last to save wins", lastWins},
		{"a try was charged without a wrong code", token, "no response is right", judges(authn.Verdict{})},
		{"a challenge is good for another response", token, "all challenges look the same", func(s *sim) { s.verifier = sameChallenge{verdict{s}} }},
		{"the Directory is not to be told", token, "what was counted is not kept", judges(authn.Verdict{Right: true})},
		{"comes after revision", token, "the last to save wins", lastWins},
		{"a hand-over is lost", list, "the Directory forgets what has changed", func(s *sim) { s.directory = forgets{s.world} }},
		{"the Revision of a factor fell", list, "the Directory goes back to what it had", func(s *sim) { s.directory = goesBack{s.world, s} }},
		{"a poll has changed the record", phone, "whoever lists the factors writes", func(s *sim) { s.directory = &writing{World: s.world, sim: s} }},
		{"the phone said something else", phone, "the phone need not name the number", func(s *sim) { s.phone.NoNumber = true }},
	} {
		detected(t, c.name, c.words, c.kind, c.broken)
	}
}

// detected checks that one of the seeds that have users of the kind detects what is
// broken, in these words.
func detected(t *testing.T, name, words, kind string, broken func(*sim)) {
	t.Helper()
	for _, n := range seedsOf(kind) {
		s := simulate(t, n, func(s *sim) {
			s.hears = words
			broken(s)
		}, map[string]int{})
		if s.err != nil {
			t.Logf("%s: seed %d: %.300v", name, n, s.err)
			return
		}
	}
	t.Errorf("%s: no seed detects it: %q", name, words)
}

func lastWins(s *sim) { s.world.Base = &blind{s.truth} }

func loadsOld(s *sim) { s.world.Base = &stale{Store: s.truth, old: map[string]authn.Record{}} }

// Broken stores.

type losing struct {
	*memstore.Store
	saves int
}

func (s *losing) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if s.saves++; s.saves%7 == 0 {
		return nil
	}
	return s.Store.Save(ctx, key, old, r)
}

type blind struct{ *memstore.Store }

func (s *blind) Save(ctx context.Context, key string, _ uint64, r authn.Record) error {
	now, _ := s.Load(ctx, key)
	return s.Store.Save(ctx, key, now.Version, r)
}

// stale sometimes loads an older value with the current version.
type stale struct {
	*memstore.Store
	old   map[string]authn.Record
	loads int
}

func (s *stale) Load(ctx context.Context, key string) (authn.Record, error) {
	r, err := s.Store.Load(ctx, key)
	if s.loads++; s.loads%5 == 0 && s.old[key].Version != 0 {
		was := s.old[key]
		was.Version = r.Version
		return was, nil
	}
	s.old[key] = r
	return r, err
}

type silent struct{ *memstore.Store }

func (s *silent) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.Store.Save(ctx, key, old, r); !errors.Is(err, authn.ErrConflict) {
		return err
	}
	return nil
}

// forgetful treats Due as time to live.
type forgetful struct{ *memstore.Store }

func (s *forgetful) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	keys, err := s.Store.Due(ctx, before, limit)
	for _, k := range keys {
		if r, err := s.Load(ctx, k); err == nil {
			s.Save(ctx, k, r.Version, authn.Record{Version: r.Version + 1})
		}
	}
	return nil, err
}

// Broken Verifiers.

// judge gives the same verdict on everything.
type judge struct {
	verdict
	says authn.Verdict
}

func judges(says authn.Verdict) func(*sim) {
	return func(s *sim) { s.verifier = judge{verdict{s}, says} }
}

func (j judge) Verify(context.Context, authn.Check) (authn.Verdict, error) { return j.says, nil }

// sameChallenge shows always the same, and looks at the count alone.
type sameChallenge struct{ verdict }

func (sameChallenge) Prompt(context.Context, authn.Check) ([]byte, error) { return []byte("same"), nil }

func (sameChallenge) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	_, count := counted(string(c.Response))
	_, last := counted(string(c.Factor.Data))
	return authn.Verdict{Right: count > last, Data: []byte(fmt.Sprint("/", count))}, nil
}

// Broken Directories.

// forgets acknowledges each change and keeps none but the first.
type forgets struct{ *authntest.World }

func (d forgets) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	if f.Revision > 1 {
		f.ID = "another"
	}
	return d.World.Activated(ctx, key, user, f)
}

// goesBack has for a while what it was told last, and then what it had before.
type goesBack struct {
	*authntest.World
	sim *sim
}

func (d goesBack) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	err := d.World.Activated(ctx, key, user, f)
	if fs := d.FactorsOf(user); err == nil && fs[0].Revision > 1 {
		fs[0].Revision--
		d.SetFactors(user, fs...)
		d.sim.ledger.directed(user)
	}
	return err
}

// writing saves the record now and then when it is asked for factors.
type writing struct {
	*authntest.World
	sim  *sim
	asks int
}

func (d *writing) Factors(ctx context.Context, user string) ([]authn.Factor, error) {
	key := d.sim.machine.Key(user)
	if r, err := d.sim.truth.Load(ctx, key); err == nil && d.asks%4 == 0 {
		old := r.Version
		r.Version++
		_ = d.Save(ctx, key, old, r)
	}
	d.asks++
	return d.World.Factors(ctx, user)
}
