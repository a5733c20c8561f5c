package otelauthn

import (
	"context"
	"reflect"
	"sync"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// A Service is an authn.Service whose steps are spans. Its other methods are those
// of the service that it wraps. It is safe for concurrent use.
type Service struct {
	*authn.Service
	t     *Telemetry
	names sync.Map // of reflect.Type to authn.EventName, of events without a key
}

// Service wraps a service, which should be made of [Telemetry.Ports]: its ports tell
// the spans from which state a step came, and whose it is.
func (t *Telemetry) Service(svc *authn.Service) *Service { return &Service{Service: svc, t: t} }

// Begin is [authn.Service.Begin].
func (s *Service) Begin(ctx context.Context, l authn.Login) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventPrimary)
	a, err := s.Service.Begin(x.ctx, l)
	x.answered(a, err)
	return a, err
}

// Do is [authn.Service.Do].
func (s *Service) Do(ctx context.Context, token authn.StateToken, ev authn.Event) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	if x.observed() {
		x.is(s.name(ctx, ev))
	}
	a, err := s.Service.Do(x.ctx, token, ev)
	x.answered(a, err)
	return a, err
}

// Claim is [authn.Service.Claim]. The code goes out after its span has ended.
func (s *Service) Claim(ctx context.Context, c authn.Claim) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventClaim)
	a, err := s.Service.Claim(x.ctx, c)
	x.answered(a, err)
	return a, err
}

// Open is [authn.Service.Open].
func (s *Service) Open(ctx context.Context, link authn.Secret, key string) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventOpen)
	a, err := s.Service.Open(x.ctx, link, key)
	x.answered(a, err)
	return a, err
}

// BeginPasskey is [authn.Service.BeginPasskey].
func (s *Service) BeginPasskey(ctx context.Context, l authn.PasskeyLogin) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventPasskey)
	a, err := s.Service.BeginPasskey(x.ctx, l)
	x.answered(a, err)
	return a, err
}

// Status is [authn.Service.Status].
func (s *Service) Status(ctx context.Context, token authn.StateToken) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventStatus)
	a, err := s.Service.Status(x.ctx, token)
	x.answered(a, err)
	return a, err
}

// Respond is [authn.Service.Respond].
func (s *Service) Respond(ctx context.Context, approval authn.Secret, reply authn.Reply) (*authn.Answer, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventRespond)
	a, err := s.Service.Respond(x.ctx, approval, reply)
	x.answered(a, err)
	return a, err
}

// Redeem is [authn.Service.Redeem]. It also measures how long the sign-in took.
func (s *Service) Redeem(ctx context.Context, session authn.SessionToken) (*authn.Assertion, error) {
	var x step
	x.begin(ctx, s.t, "authn.step", s.t.stepTime)
	defer x.end()
	x.is(authn.EventRedeem)
	as, err := s.Service.Redeem(x.ctx, session)
	x.answered(nil, err)
	if as != nil {
		x.signedIn(as)
	}
	return as, err
}

// Tend is [authn.Service.Tend].
func (s *Service) Tend(ctx context.Context) (authn.Tended, error) {
	var x step
	x.begin(ctx, s.t, "authn.tend", s.t.tendTime)
	defer x.endTend()
	did, err := s.Service.Tend(x.ctx)
	x.answered(nil, err)
	for _, i := range tendedItems(did) {
		s.t.tended.Add(x.ctx, int64(i.n), metric.WithAttributes(attrTended.String(i.name)))
		x.span.SetAttributes(attribute.Int("authn.tended."+i.name, i.n))
	}
	return did, err
}

type tendedItem struct {
	name string
	n    int
}

func tendedItems(did authn.Tended) []tendedItem {
	return []tendedItem{
		{"records", did.Records}, {"ended", did.Ended}, {"delivered", did.Delivered},
		{"deleted", did.Deleted}, {"foreign", did.Foreign}, {"unreadable", did.Unreadable},
	}
}

// name asks the service for the name of an event: without a token nothing is looked
// up, and the refusal has it.
func (s *Service) name(ctx context.Context, ev authn.Event) authn.EventName {
	typ := reflect.TypeOf(ev)
	if name, ok := s.names.Load(typ); ok {
		return name.(authn.EventName)
	}
	_, err := s.Service.Do(ctx, "", ev)
	r, ok := err.(*authn.Refusal)
	if !ok {
		return other
	}
	if typ != nil && typ == reflect.TypeOf(authn.WithKey("", nil)) {
		return r.Event // which is that of the event within
	}
	s.names.Store(typ, r.Event)
	return r.Event
}
