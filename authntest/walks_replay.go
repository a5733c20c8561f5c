package authntest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
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
	p := newPlayer(&w)
	c := p.config()
	if err := p.endow(ctx, &w, c); err != nil {
		return err
	}
	s, err := open(c)
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
	Options
	spot  // of what it knows the Directory and what the user holds
	leg   *Leg
	gates []authn.Gate
	seats map[int]*seat // by number of tab
	rows  []string      // that were audited in the leg at hand
}

// seat is what one client knows, and its device.
type seat struct {
	tab
	token   authn.StateToken
	session authn.SessionToken
	at      authn.TransactionView // where it stands, as far as answers say
}

func newPlayer(w *Walk) *player {
	p := &player{Options: Options{Policy: inForce(w.Policy), Types: w.Types, Apps: w.Apps}, gates: w.Gates, spot: spot{now: start}, seats: map[int]*seat{}}
	for i := range w.Legs {
		p.Listings = append(p.Listings, w.Legs[i].Listing)
	}
	return p
}

// config is that of a service in the player's world, but for the store.
func (p *player) config() authn.Config {
	c := authn.Config{
		Tenant: rand.Text(), Keys: []authn.Key{{ID: 1, Secret: []byte("authntest key, of no use elsewhere")}},
		PseudonymKey: []byte("authntest pseudonyms, of no use elsewhere"),
		Mailer:       p, Directory: p, Auditor: p, Limiter: p, Policy: p.Policy, Now: func() time.Time { return p.now },
		Senders: map[string]authn.Sender{"sms": p, "call": p},
	}
	c.Passwords = playedPasswords{p}
	for _, g := range p.gates {
		g.Keeper = playedGate{p, g.State}
		c.Gates = append(c.Gates, g)
	}
	for _, y := range p.Types {
		if y.Verifier != nil {
			y.Verifier = p
		}
		if y.Channel != "" && y.Channel != "email" {
			c.Senders[y.Channel] = p
		}
		c.Types = append(c.Types, y)
	}
	return c
}

// endow gives the user what the walk says, by a service of the same keys on a store that
// is thrown away.
func (p *player) endow(ctx context.Context, w *Walk, c authn.Config) error {
	c.Store = new(memstore.Store)
	s, err := authn.New(c)
	if err != nil {
		return err
	}
	user := ""
	for i := range w.Legs {
		user = cmp.Or(user, w.Legs[i].Login.User)
	}
	defer func() { p.now, p.leg, p.seats = start, nil, map[int]*seat{} }()
	for i, f := range w.Has {
		if uri := p.Apps[f.ID]; uri != "" {
			if f, err = s.Import(user, f, uri); err != nil {
				return err
			}
			p.takes(&f)
			if p.hold(f.ID).app, err = readApp(uri); err != nil {
				return err
			}
			continue
		}
		f.Status, f.Required, f.Data = authn.NotSetUp, false, nil
		p.now = start.Add(-oneDay)
		p.Listings = append(p.Listings, Listing{Factors: []authn.Factor{f}})
		for _, l := range []Leg{
			{Event: authn.EventPrimary, Tab: i, Login: authn.Login{User: user}, State: authn.MFAEnroll},
			{Event: authn.EventEnroll, Tab: i, Factor: f.Type, State: authn.MFAEnrollActivate},
			{Event: authn.EventActivate, Tab: i, Typed: TypedRight, State: authn.Success},
		} {
			l.Listing.Factors = []authn.Factor{f}
			if err := p.play(ctx, s, &l); err != nil {
				return fmt.Errorf("%s cannot be enrolled: %w", f.Type, err)
			}
		}
		h := p.hold(f.ID)
		h.taken, h.step = time.Time{}, 0
	}
	return nil
}

// Send is the inbox: what is sent is read, also if it is not accepted.
func (p *player) Send(_ context.Context, m authn.Message) error {
	switch s := p.seats[p.leg.Tab]; {
	case s == nil || m.Kind != authn.CodeMessage:
	case m.Approval != "":
		s.asks(m.Approval)
	case m.Code != s.code:
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

// asks notes by which token the device answers.
func (b *seat) asks(approval authn.Secret) {
	if approval != b.asked {
		b.before, b.asked = b.asked, approval
	}
}

// Factors is what the Directory says on the leg at hand.
func (p *player) Factors(context.Context, string) ([]authn.Factor, error) {
	if p.leg.Listing.NoUser {
		return nil, authn.ErrNoUser
	}
	return slices.Clone(p.list(&p.leg.Listing, &p.spot)), nil
}

// Prompt and Verify are every Verifier.
func (p *player) Prompt(context.Context, authn.Check) ([]byte, error) { return nil, nil }

func (p *player) Verify(_ context.Context, c authn.Check) (authn.Verdict, error) {
	return judgment(p.leg.Typed, &c), nil
}

// playedPasswords and playedGate are the host that judges inputs.
type (
	playedPasswords struct{ *player }
	playedGate      struct {
		*player
		state authn.State
	}
)

func (p playedPasswords) Check(context.Context, authn.PasswordInput) (authn.Verdict, error) {
	return hostVerdict(p.leg.Typed), nil
}

func (p playedPasswords) Store(context.Context, authn.Change) error { return p.take() }

func (g playedGate) Needed(context.Context, string) (bool, error) {
	return slices.Contains(g.leg.Listing.Needs, g.state), nil
}

func (g playedGate) Check(context.Context, authn.GateInput) (authn.Verdict, error) {
	return hostVerdict(g.leg.Typed), nil
}

func (g playedGate) Passed(context.Context, authn.Change) error { return g.take() }

// Allow is what the Limiter says on the leg at hand.
func (p *player) Allow(context.Context, authn.Attempt) (retryAt time.Time, err error) {
	if d := p.leg.Listing.Limit; d > 0 {
		retryAt = p.now.Add(d)
	}
	return retryAt, nil
}

// Activated keeps the factor, or is down.
func (p *player) Activated(_ context.Context, _, _ string, f authn.Factor) error {
	err := p.take()
	if err == nil {
		p.takes(&f)
	}
	return err
}

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
	p.now = p.now.Add(l.Wait)
	if p.leg, p.rows = l, nil; l.Event == "" {
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
	case authn.EventRespond:
		ans, err = s.Respond(ctx, b.approval(l), p.reply(b, l))
	default:
		var ev authn.Event
		p.tabs = p.tabs[:0]
		for n := range len(p.seats) + 1 {
			if o := p.seats[n]; o != nil && o != b {
				p.tabs = append(p.tabs, o.tab)
			}
		}
		f := l.input()
		if f.Factor = l.Factor; !isInput(l.Event) {
			f.Code = p.typedCode(&p.spot, &b.tab, &b.at, l, 0, p.now)
		}
		if ev, err = authn.ParseEvent(string(l.Event), f); err == nil {
			if ans, err = s.Do(ctx, b.token, ev); err == nil {
				p.useUp(b, ev, ans)
			}
		}
	}
	if err != nil || ans == nil {
		return authn.Answer{}, err
	}
	b.learn(ans)
	return *ans, nil
}

// useUp notes what an accepted event has used up.
func (p *player) useUp(b *seat, ev authn.Event, ans *authn.Answer) {
	if codeOf(ev) == "" || ans.Outcome != authn.Done {
		return
	}
	id := b.at.Factor
	if b.at.State == authn.MFARequired {
		id = p.leg.Factor
	}
	f := authn.Factor{ID: id, Type: p.factorType(id)}
	p.Options.useUp(&p.spot, &b.tab, &f, ev, p.now)
}

// learn notes what an answer says and shows.
func (b *seat) learn(ans *authn.Answer) {
	if ans.Token != "" {
		b.token = ans.Token
	}
	if ans.Session != "" {
		b.session = ans.Session
	}
	if ans.Token == "" && ans.State != authn.Success {
		return
	}
	b.at.State = ans.State
	if ans.Factor.ID != "" {
		b.at.Factor = ans.Factor.ID
	}
	if a, err := readApp(ans.Prompt.URI); err == nil {
		b.app = a
	}
	if ans.Prompt.Codes != nil {
		b.codes = ans.Prompt.Codes
	}
	if ans.Prompt.Number != "" {
		b.number = ans.Prompt.Number
	}
	if ans.Prompt.Pairing != "" {
		b.asks(ans.Prompt.Pairing)
	}
}

// approval is the token by which the device answers.
func (b *seat) approval(l *Leg) authn.Secret {
	if l.Typed == TypedOld {
		return b.before
	}
	return b.asked
}

// reply is what the device says.
func (p *player) reply(b *seat, l *Leg) authn.Reply { return replies(l.Typed, b.number) }

// zeros is a code that is seldom right.
func zeros(n int) authn.Code { return authn.Code("000000000000"[:n]) }

// turned is a code with another digit at a place, from 0.
func turned(code authn.Code, place int, by byte) authn.Code {
	b := []byte(code)
	d := &b[max(place, 0)%len(b)]
	*d = '0' + (*d-'0'+by)%10
	return authn.Code(b)
}
