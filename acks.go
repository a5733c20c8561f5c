package authn

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// acks are the acknowledgements that this process has not saved yet: see
// [Config].AcknowledgeLater. They are lost with it, and then what they are of is sent
// again, with the same key.
type acks struct {
	mu   sync.Mutex
	held map[string]ack // by the key of the record
}

type ack struct {
	effects []Effect
	until   time.Time // when it is to be saved
}

const (
	maxHeld = 10_000           // records, some 3 MB
	ahead   = 20 * time.Second // of the moment at which another node takes an attempt for lost: two calls of Tend
)

// hold keeps an acknowledgement for later, if it is of messages and reports that all were
// taken, and says whether it has.
func (s *Service) hold(key string, a *Account, es []Effect, errs []error) bool {
	if !s.cfg.AcknowledgeLater || errors.Join(errs...) != nil {
		return false
	}
	until := es[0].Next
	for _, e := range es {
		i := a.findEffect(e.Key)
		if i < 0 || !a.outbox[i].isMessage() && !a.outbox[i].isReport() {
			return false
		}
		if e.Next.Before(until) {
			until = e.Next
		}
	}
	until = until.Add(-ahead)
	s.acks.mu.Lock()
	defer s.acks.mu.Unlock()
	was, ok := s.acks.held[key]
	if !s.cfg.Now().Before(until) || !ok && len(s.acks.held) == maxHeld {
		return false
	}
	if ok && was.until.Before(until) {
		until = was.until
	}
	if s.acks.held == nil {
		s.acks.held = map[string]ack{}
	}
	s.acks.held[key] = ack{append(was.effects[:len(was.effects):len(was.effects)], es...), until}
	return true
}

// withHeld is an account with what is held for it acknowledged, and what that is.
func (s *Service) withHeld(key string, a *Account) []Effect {
	if !s.cfg.AcknowledgeLater {
		return nil
	}
	s.acks.mu.Lock()
	es := s.acks.held[key].effects
	s.acks.mu.Unlock()
	if len(es) > 0 {
		if next, _, err := s.m.of(a).Acknowledge(a, es, make([]error, len(es)), s.cfg.Now()); err == nil {
			*a = next
		}
	}
	return es
}

// release forgets what is saved.
func (s *Service) release(key string, es []Effect) {
	if len(es) == 0 {
		return
	}
	s.acks.mu.Lock()
	defer s.acks.mu.Unlock()
	h := s.acks.held[key]
	h.effects = slices.DeleteFunc(slices.Clone(h.effects), func(e Effect) bool {
		return slices.ContainsFunc(es, func(saved Effect) bool { return saved.Key == e.Key })
	})
	if s.acks.held[key] = h; len(h.effects) == 0 {
		delete(s.acks.held, key)
	}
}

// saveHeld saves what is held and due by a time; of everything, if it is zero. It returns
// the first error.
func (s *Service) saveHeld(ctx context.Context, by time.Time) (first error) {
	due := map[string][]Effect{}
	s.acks.mu.Lock()
	for key, h := range s.acks.held {
		if by.IsZero() || !h.until.After(by) {
			due[key] = h.effects
		}
	}
	s.acks.mu.Unlock()
	for key, es := range due {
		var a Account
		rec, err := s.read(ctx, key, &a)
		if err == nil {
			err = s.acknowledge(ctx, key, &a, rec, es, make([]error, len(es)))
		}
		if err == nil {
			s.release(key, es)
		} else if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return first
}
