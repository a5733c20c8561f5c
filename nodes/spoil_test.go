package nodes

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/authnfsm/authn"
)

// spoilers break a node on purpose, so that the tests are seen to speak.
var spoilers = map[string]func(*authn.Config){
	// acknowledges before it sends
	"mail later": func(c *authn.Config) { c.Mailer = hastyMailer{c.Mailer} },
	// acknowledges before it writes
	"save later": func(c *authn.Config) { c.Store = hastyStore{c.Store, c.Store.(authn.Sweeper)} },
	// looks, and then writes over whatever is there
	"racy": func(c *authn.Config) { c.Store = racyStore{c.Store, c.Store.(authn.Sweeper)} },
}

const later = 300 * time.Millisecond

type hastyMailer struct{ authn.Sender }

func (m hastyMailer) Send(ctx context.Context, msg authn.Message) error {
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
