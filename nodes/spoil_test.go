package nodes

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/authnfsm/authn"
)

// spoilers break a node on purpose, so that the tests are seen to speak.
var spoilers = map[string]func(*authn.Config){
	// tells nobody anything; what it has to tell stays owed
	"takes nothing": func(c *authn.Config) {
		c.Directory, c.Mailer, c.Auditor = deaf{c.Directory}, deaf{}, nil
	},
	// acknowledges before it sends
	"mail later": func(c *authn.Config) { c.Mailer = hastySender{c.Mailer} },
	"push later": func(c *authn.Config) { c.Senders[pushType.Channel] = hastySender{c.Senders[pushType.Channel]} },
	// acknowledges before it keeps what has changed
	"keeps later": func(c *authn.Config) { c.Directory = hastyPeople{c.Directory.(people)} },
	// is slow to tell the Directory of what has changed, which is no fault
	"slow": func(c *authn.Config) { c.Directory = slowPeople{c.Directory} },
	// takes whatever comes for the newest
	"slow and careless": func(c *authn.Config) { c.Directory = slowPeople{carelessPeople{c.Directory.(people)}} },
	// acknowledges before it stores the new password, or before it notes who has passed
	"stores later": func(c *authn.Config) { c.Passwords = hastyVault{c.Passwords.(vault)} },
	"notes later":  func(c *authn.Config) { c.Gates[0].Keeper = hastyPorter{c.Gates[0].Keeper.(porter)} },
	// keeps it a half after the other
	"keeps half": func(c *authn.Config) { c.Directory = tornPeople{c.Directory.(people)} },
	// tells the Directory before it saves
	"hands over first": func(c *authn.Config) {
		m, err := authn.NewMachine(*c)
		if err != nil {
			panic(err)
		}
		c.Store = eagerStore{c.Store, c.Store.(authn.Sweeper), m, c.Directory}
	},
	// acknowledges before it writes
	"save later": func(c *authn.Config) { c.Store = hastyStore{c.Store, c.Store.(authn.Sweeper)} },
	// looks, and then writes over whatever is there
	"racy": func(c *authn.Config) { c.Store = racyStore{c.Store, c.Store.(authn.Sweeper)} },
}

const later = 300 * time.Millisecond

type hastySender struct{ authn.Sender }

func (m hastySender) Send(ctx context.Context, msg authn.Message) error {
	time.AfterFunc(later, func() { _ = m.Sender.Send(context.WithoutCancel(ctx), msg) })
	return nil
}

type hastyStore struct {
	authn.Store
	authn.Sweeper
}

func (s hastyStore) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	time.AfterFunc(later, func() { _ = s.Store.Save(context.WithoutCancel(ctx), key, old, r) })
	return nil
}

type racyStore struct {
	authn.Store
	authn.Sweeper
}

func (s racyStore) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	now, err := s.Load(ctx, key)
	if err != nil && !errors.Is(err, authn.ErrNotFound) {
		return err
	}
	if now.Version != old {
		return authn.ErrConflict
	}
	for {
		runtime.Gosched()
		err := s.Store.Save(ctx, key, now.Version, r)
		if !errors.Is(err, authn.ErrConflict) {
			return err
		}
		if now, err = s.Load(ctx, key); err != nil && !errors.Is(err, authn.ErrNotFound) {
			return err
		}
	}
}

var errDeaf = errors.New("nobody listens")

type deaf struct{ authn.Directory }

func (deaf) Activated(context.Context, string, string, authn.Factor) error { return errDeaf }
func (deaf) Send(context.Context, authn.Message) error                     { return errDeaf }

type hastyPeople struct{ people }

func (p hastyPeople) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	if f.Revision == 1 {
		return p.people.Activated(ctx, key, user, f)
	}
	time.AfterFunc(later, func() { _ = p.people.Activated(context.WithoutCancel(ctx), key, user, f) })
	return nil
}

type tornPeople struct{ people }

func (p tornPeople) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	if err := p.people.Activated(ctx, key, user, f); err != nil {
		return err
	}
	file := revision(p.folder(user, f.ID), int(f.Revision))
	whole, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, whole[:len(whole)/2], 0o600)
	}
	if err != nil {
		return err
	}
	time.Sleep(3 * time.Millisecond)
	return os.WriteFile(file, whole, 0o600)
}

type eagerStore struct {
	authn.Store
	authn.Sweeper
	machine   *authn.Machine
	directory authn.Directory
}

func (s eagerStore) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	a, err := s.machine.Open(r.Value, key)
	if err != nil {
		return err
	}
	for _, e := range a.View().Owed {
		list, err := s.directory.Factors(ctx, e.User)
		if err != nil {
			return err
		}
		job, err := s.machine.Job(&a, key, e, list, a.View().Saved)
		if err == nil && job.Activated != nil {
			_ = s.directory.Activated(ctx, e.Key, e.User, *job.Activated)
			time.Sleep(3 * time.Millisecond)
		}
	}
	return s.Store.Save(ctx, key, old, r)
}

type slowPeople struct{ authn.Directory }

func (p slowPeople) Activated(ctx context.Context, key, user string, f authn.Factor) error {
	if f.Revision > 1 {
		time.Sleep(later)
	}
	return p.Directory.Activated(ctx, key, user, f)
}

type carelessPeople struct{ people }

func (p carelessPeople) Activated(_ context.Context, key, user string, f authn.Factor) error {
	const last = 999_999 // as files are named
	if f.Revision > 1 {
		_ = p.keep(user, last, f)
	}
	return p.people.Activated(context.Background(), key, user, f)
}
