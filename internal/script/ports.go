package script

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/authnfsm/authn"
)

var errDown = errors.New("it is down")

// store is a Store that remembers its keys. It may be down, or lose the answer
// to its next Save.
type store struct {
	authn.Store
	mood string
	keys map[string]bool
}

func (s *store) Load(ctx context.Context, key string) (authn.Record, error) {
	if s.mood == "down" {
		return authn.Record{}, errDown
	}
	return s.Store.Load(ctx, key)
}

func (s *store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if s.mood == "down" {
		return errDown
	}
	if s.keys == nil {
		s.keys = map[string]bool{}
	}
	s.keys[key] = true
	err := s.Store.Save(ctx, key, old, r)
	if s.mood == "swallows" && err == nil {
		s.mood, err = "works", errDown
	}
	return err
}

func (s *store) Due(ctx context.Context, before time.Time, limit int) ([]string, error) {
	sw, ok := s.Store.(authn.Sweeper)
	if s.mood == "down" || !ok {
		return nil, errDown
	}
	return sw.Due(ctx, before, limit)
}

// Clear deletes every record that the script created.
func (s *Stage) Clear(ctx context.Context) error {
	for _, key := range slices.Sorted(maps.Keys(s.store.keys)) {
		r, err := s.store.Store.Load(ctx, key)
		if err == nil {
			err = s.store.Store.Save(ctx, key, r.Version, authn.Record{Version: r.Version ^ 1})
		}
		if err != nil && !errors.Is(err, authn.ErrNotFound) {
			return err
		}
	}
	return nil
}

// people is a Directory that scripts change. It may be down, deaf (Activated
// fails) or fixed (Activated changes nothing).
type people struct {
	users map[string][]authn.Factor
	mood  string
	took  []string // factors activated by the current line
}

// set reads "mail ACTIVE ada@example.com required, spare NOT_SETUP …", "no
// factors" or "closed".
func (p *people) set(name, list string) (err error) {
	var fs []authn.Factor
	switch strings.TrimSpace(list) {
	case "closed":
		delete(p.users, name)
		return nil
	case "no factors":
	default:
		fs, err = readFactors(list)
	}
	p.users[name] = fs
	return err
}

func (p *people) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	fs, ok := p.users[user]
	switch {
	case p.mood == "down":
		return nil, errDown
	case !ok:
		return nil, authn.ErrNoUser
	}
	return slices.Clone(fs), nil
}

func (p *people) Activated(_ context.Context, _, user string, f authn.Factor) error {
	if p.mood == "deaf" || p.mood == "down" {
		return errDown
	}
	p.took = append(p.took, f.ID)
	if p.mood == "fixed" {
		return nil
	}
	fs := slices.Clone(p.users[user])
	for i := range fs {
		if fs[i].ID == f.ID {
			fs[i].Status = authn.Active
		}
	}
	p.users[user] = fs
	return nil
}

// limiter is a Limiter that asks to wait for a duration; 0 allows the request.
type limiter struct {
	now  func() time.Time
	wait time.Duration
}

func (l *limiter) Allow(context.Context, authn.Attempt) (retryAt time.Time, err error) {
	if l.wait > 0 {
		retryAt = l.now().Add(l.wait)
	}
	return retryAt, nil
}

// mailer is a Sender. It may be down, refuse, or end the whole process.
type mailer struct {
	mood  string
	tried []attempt // by the current line
	seen  []string  // keys of all messages
}

// attempt is one call of Send.
type attempt struct {
	authn.Message
	failed bool
}

func (m *mailer) Send(_ context.Context, msg authn.Message) error {
	var err error
	switch m.mood {
	case "down":
		err = errDown
	case "refuses":
		err = fmt.Errorf("no such mailbox: %w", authn.ErrUndeliverable)
	case "dies":
		err = errDown
		defer runtime.Goexit()
	}
	m.tried = append(m.tried, attempt{msg, err != nil})
	return err
}
