package authntest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
)

// Replay walks w through a whole [authn.Service] and compares every answer. It
// calls open once, with a configuration that lacks only the Store: it has a
// clock, an inbox and a Directory of its own, the walk's policy, and a tenant
// that no other replay has, so that a store may be used for several. Walks
// with a "tend" in them need a store of their own that is an [authn.Sweeper].
//
//	for _, w := range authntest.Walks(t, m, authntest.Options{Policy: policy}) {
//		authntest.Replay(t, w, func(c authn.Config) (*authn.Service, error) {
//			c.Store = openMyStore(t)
//			return authn.New(c)
//		})
//	}
func Replay(t testing.TB, w Walk, open func(authn.Config) (*authn.Service, error)) {
	t.Helper()
	if err := replay(context.Background(), w, open); err != nil {
		t.Errorf("authntest: %v", err)
	}
}

func replay(ctx context.Context, w Walk, open func(authn.Config) (*authn.Service, error)) error {
	p := &player{now: start, seats: map[int]*seat{}, digits: inForce(w.Policy).Digits}
	s, err := open(authn.Config{
		Tenant: rand.Text(), Keys: []authn.Key{{ID: 1, Secret: []byte("authntest key, of no use elsewhere")}},
		PseudonymKey: []byte("authntest pseudonyms, of no use elsewhere"),
		Mailer:       p, Directory: p, Auditor: p, Limiter: p, Policy: w.Policy, Now: func() time.Time { return p.now },
	})
	if err != nil {
		return err
	}
	for i := range w.Legs {
		if err := p.play(ctx, s, &w.Legs[i]); err != nil {
			w.Legs = w.Legs[:i+1]
			return fmt.Errorf("%w\non the walk\n%v", err, w)
		}
	}
	return nil
}

// player is the world of one walk: the ports that are not the store.
type player struct {
	now    time.Time
	leg    *Leg
	seats  map[int]*seat // by number of tab
	rows   []string      // that were audited in the leg at hand
	digits int           // of a code
}

// seat is what one client knows.
type seat struct {
	token     authn.StateToken
	session   authn.SessionToken
	code, old authn.Code
}

// Send is the inbox: what is sent is read, also if it is not accepted.
func (p *player) Send(_ context.Context, m authn.Message) error {
	if s := p.seats[p.leg.Tab]; s != nil && m.Kind == authn.CodeMessage && m.Code != s.code {
		s.old, s.code = s.code, m.Code
	}
	switch p.leg.Delivery {
	case authn.Pending:
		return errDown
	case authn.Failed:
		return authn.ErrUndeliverable
	}
	return nil
}

// Factors is what the Directory says on the leg at hand.
func (p *player) Factors(context.Context, string) ([]authn.Factor, error) {
	if p.leg.Listing.NoUser {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(p.leg.Listing.Factors), nil
}

// Allow is what the Limiter says on the leg at hand.
func (p *player) Allow(context.Context, authn.Attempt) (retryAt time.Time, err error) {
	if d := p.leg.Listing.Limit; d > 0 {
		retryAt = p.now.Add(d)
	}
	return retryAt, nil
}

// Activated takes the factor, or is down.
func (p *player) Activated(context.Context, string, string, authn.Factor) error { return p.take() }

// Audit notes the rows, and takes what is owed, or is down.
func (p *player) Audit(_ context.Context, e authn.AuditEvent) error {
	if e.Key != "" {
		return p.take()
	}
	row := string(e.From) + ": " + string(e.Event)
	if e.Guard != "" {
		row += " [" + e.Guard + "]"
	}
	p.rows = append(p.rows, row)
	return nil
}

func (p *player) take() error {
	if p.leg.Delivery == authn.Pending {
		return errDown
	}
	return nil
}

// play plays one leg and compares what comes of it.
func (p *player) play(ctx context.Context, s *authn.Service, l *Leg) error {
	if p.leg, p.rows = l, nil; l.Event == "" {
		p.now = p.now.Add(l.Wait)
		return nil
	}
	if p.seats[l.Tab] == nil {
		p.seats[l.Tab] = &seat{token: "unknown"}
	}
	ans, err := p.call(ctx, s, p.seats[l.Tab])
	if wrong := l.differs(ans.State, ans.Outcome, err, p.now); wrong != "" {
		return fmt.Errorf("%s: %s", l.Event, wrong)
	}
	if l.Row != "" && err == nil && !slices.Contains(p.rows, l.Row) {
		return fmt.Errorf("%s: rows %q, want %q", l.Event, p.rows, l.Row)
	}
	return nil
}

// call calls the service as the leg says.
func (p *player) call(ctx context.Context, s *authn.Service, b *seat) (authn.Answer, error) {
	var ans *authn.Answer
	var err error
	switch l := p.leg; l.Event {
	case eventTend:
		_, err = s.Tend(ctx)
	case authn.EventPrimary:
		ans, err = s.Begin(ctx, l.Login)
	case authn.EventRedeem:
		session := b.session
		if l.Typed == TypedWrong {
			session = "no token"
		}
		var as *authn.Assertion
		if as, err = s.Redeem(ctx, session); err == nil && as.User == "" {
			err = errors.New("an assertion of nobody")
		}
		ans = &authn.Answer{State: authn.Success}
	default:
		var ev authn.Event
		if ev, err = authn.ParseEvent(string(l.Event), l.Factor, p.code(b, l)); err == nil {
			ans, err = s.Do(ctx, b.token, ev)
		}
	}
	if err != nil || ans == nil {
		return authn.Answer{}, err
	}
	if ans.Token != "" {
		b.token = ans.Token
	}
	if ans.Session != "" {
		b.session = ans.Session
	}
	return *ans, nil
}

// code is what is typed.
func (p *player) code(b *seat, l *Leg) authn.Code {
	right := b.code
	if right == "" {
		right = zeros(p.digits)
	}
	switch l.Typed {
	case TypedWrong:
		return turned(right, 0, 1)
	case TypedOld:
		return b.old
	case TypedAnother:
		for n := range len(p.seats) + 1 {
			if o := p.seats[n]; o != nil && o != b && o.code != "" && o.code != right {
				return o.code
			}
		}
		return turned(right, 0, 2)
	case TypedLong:
		return right + "0"
	}
	return right
}

// zeros is a code that is seldom right.
func zeros(n int) authn.Code { return authn.Code("000000000000"[:n]) }

// turned is a code with another digit at a place, from 0.
func turned(code authn.Code, place int, by byte) authn.Code {
	b := []byte(code)
	d := &b[max(place, 0)%len(b)]
	*d = '0' + (*d-'0'+by)%10
	return authn.Code(b)
}
