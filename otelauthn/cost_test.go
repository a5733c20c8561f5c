package otelauthn_test

import (
	"context"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/otelauthn"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// quick is a Sender, a Directory and an Auditor that cost next to nothing.
type quick struct{ code authn.Code }

func (q *quick) Send(_ context.Context, m authn.Message) error {
	if m.Code != "" {
		q.code = m.Code
	}
	return nil
}
func (*quick) Factors(_ context.Context, user string) ([]authn.Factor, error) {
	return []authn.Factor{{ID: "mail", Type: authn.Email, Address: user, Status: authn.Active, Verified: true}}, nil
}
func (*quick) Activated(context.Context, string, string, authn.Factor) error { return nil }
func (*quick) Audit(context.Context, authn.AuditEvent) error                 { return nil }

// steps is what a service and its wrapper have in common.
type steps interface {
	Begin(context.Context, authn.Login) (*authn.Answer, error)
	Do(context.Context, authn.StateToken, authn.Event) (*authn.Answer, error)
	Redeem(context.Context, authn.SessionToken) (*authn.Assertion, error)
}

// recent is a store of the sign-ins since it was last emptied.
type recent struct{ *memstore.Store }

func (s *recent) empty() { s.Store = new(memstore.Store) }

// A contestant signs users in, one after the other.
type contestant struct {
	svc   steps
	q     *quick
	store *recent
	users int
}

func newContestant(tb testing.TB, audited bool, tel *otelauthn.Telemetry) *contestant {
	tb.Helper()
	c := &contestant{q: new(quick), store: &recent{new(memstore.Store)}}
	cfg := authn.Config{
		Keys: []authn.Key{{ID: 1, Secret: []byte("a key of the tests of otelauthn, of 40 B")}}, PseudonymKey: []byte("a pseudonym key of the tests of otelauthn"),
		Store: c.store, Mailer: c.q, Directory: c.q,
	}
	if audited {
		cfg.Auditor = c.q
	}
	if tel != nil {
		cfg = tel.Ports(cfg)
	}
	svc, err := authn.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if c.svc = svc; tel != nil {
		c.svc = tel.Service(svc)
	}
	return c
}

// signIn takes five steps: one of them is a wrong code.
func (c *contestant) signIn(tb testing.TB) {
	c.users++
	ctx := context.Background()
	a, err := c.svc.Begin(ctx, authn.Login{User: "user-" + strconv.Itoa(c.users) + "@mail.example"})
	if err == nil {
		a, err = c.svc.Do(ctx, a.Token, authn.Challenge{Factor: "mail"})
	}
	if err == nil {
		a, err = c.svc.Do(ctx, a.Token, authn.Verify{Code: wrong(c.q.code)})
	}
	if err == nil {
		a, err = c.svc.Do(ctx, a.Token, authn.Verify{Code: c.q.code})
	}
	if err == nil {
		_, err = c.svc.Redeem(ctx, a.Session)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

func noops(tb testing.TB) *otelauthn.Telemetry {
	tb.Helper()
	tel, err := otelauthn.New(otelauthn.Config{TracerProvider: tracenoop.NewTracerProvider(), MeterProvider: metricnoop.NewMeterProvider()})
	if err != nil {
		tb.Fatal(err)
	}
	return tel
}

// With providers that do nothing, telemetry allocates nothing.
func TestAllocations(t *testing.T) {
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		t.Skip("skipped by -race, with which pools forget")
	}
	plain, traced := newContestant(t, true, nil), newContestant(t, true, noops(t))
	of := func(c *contestant) float64 { return testing.AllocsPerRun(200, func() { c.signIn(t) }) }
	without, with := of(plain), of(traced)
	t.Logf("a sign-in of five steps allocates %.0f times without and %.0f times with telemetry", without, with)
	if more := with - without; more > 2 {
		t.Errorf("%.0f allocations more than without telemetry, which is too much", more)
	}
}

func median(xs []float64) float64 {
	slices.Sort(xs)
	return xs[len(xs)/2]
}

// BenchmarkCost compares a sign-in with and without telemetry, one of each
// in turn; what is reported is the median of the ratios of two neighbors, in percent.
//
//	go test -run '^$' -bench Cost -benchtime 20000x ./otelauthn
func BenchmarkCost(b *testing.B) {
	sdk, err := otelauthn.New(otelauthn.Config{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01)))),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range []struct {
		name    string
		audited bool
		tel     *otelauthn.Telemetry
	}{
		{"no-op providers", true, noops(b)},
		{"no-op providers, and no Auditor before", false, noops(b)},
		{"SDK, one trace in a hundred", true, sdk},
	} {
		b.Run(x.name, func(b *testing.B) {
			pair := [2]*contestant{newContestant(b, x.audited, nil), newContestant(b, x.audited, x.tel)}
			var ratios, plain []float64
			for n := range b.N {
				var took [2]float64
				for i := range pair {
					i = (i + n) % 2 // who begins takes turns too
					if n%1000 == 0 {
						pair[i].store.empty()
					}
					began := time.Now()
					pair[i].signIn(b)
					took[i] = float64(time.Since(began))
				}
				ratios, plain = append(ratios, took[1]/took[0]), append(plain, took[0]/5)
			}
			b.ReportMetric(100*(median(ratios)-1), "%-more")
			b.ReportMetric(median(plain), "ns/plain-step")
			b.ReportMetric(0, "ns/op")
		})
	}
}
