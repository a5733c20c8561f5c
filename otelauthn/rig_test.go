package otelauthn_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/authntest"
	"github.com/authnfsm/authn/otelauthn"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

const (
	user    = "ada-lovelace@users.example"
	address = "ada@mail.example"
)

// A rig is a service with telemetry, on a world whose ports fail on demand.
type rig struct {
	*testing.T
	world  authntest.World
	spans  *tracetest.InMemoryExporter
	traces *sdktrace.TracerProvider
	reader *sdkmetric.ManualReader
	tel    *otelauthn.Telemetry
	svc    *otelauthn.Service
}

func newRig(t *testing.T, change ...func(*authn.Config)) *rig {
	t.Helper()
	r := &rig{T: t, spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	r.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(r.spans))
	tel, err := otelauthn.New(otelauthn.Config{
		TracerProvider: r.traces, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.tel = tel
	r.world.SetFactors(user, authntest.Mail(address, authn.Active))
	cfg := r.world.Config()
	for _, f := range change {
		f(&cfg)
	}
	svc, err := authn.New(tel.Ports(cfg))
	if err != nil {
		t.Fatal(err)
	}
	r.svc = tel.Service(svc)
	return r
}

// begin begins a sign-in.
func (r *rig) begin() *authn.Answer {
	r.Helper()
	a, err := r.svc.Begin(r.Context(), authn.Login{User: user})
	if err != nil {
		r.Fatal(err)
	}
	return a
}

// do takes an event.
func (r *rig) do(a *authn.Answer, ev authn.Event) *authn.Answer {
	r.Helper()
	b, err := r.svc.Do(r.Context(), a.Token, ev)
	if err != nil {
		r.Fatal(err)
	}
	return b
}

func wrong(c authn.Code) authn.Code {
	b := []byte(c)
	b[0] = '0' + '9' - b[0]
	return authn.Code(b)
}

// told returns the finished spans and forgets them: each by its name, its status and
// its attributes.
func (r *rig) told() tracetest.SpanStubs {
	defer r.spans.Reset()
	return r.spans.GetSpans()
}

// last is the last span with a name.
func (r *rig) last(name string) (stub tracetest.SpanStub, attrs map[string]string) {
	r.Helper()
	spans := r.spans.GetSpans()
	for i := len(spans) - 1; i >= 0; i-- {
		if spans[i].Name == name {
			return spans[i], texts(spans[i].Attributes)
		}
	}
	r.Fatalf("no span %s", name)
	return stub, nil
}

func texts(kvs []attribute.KeyValue) map[string]string {
	m := map[string]string{}
	for _, kv := range kvs {
		m[string(kv.Key)] = kv.Value.String()
	}
	return m
}

// is compares the attributes of a span but for those that are random.
func (r *rig) is(name string, want string) {
	r.Helper()
	_, attrs := r.last(name)
	delete(attrs, "authn.transaction")
	delete(attrs, "enduser.pseudo.id")
	if got := line(attrs); got != want {
		r.Errorf("%s\n got %s\nwant %s", name, got, want)
	}
}

func line(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, strings.TrimPrefix(k, "authn.")+"="+m[k])
	}
	return strings.Join(parts, ", ")
}

// measured returns every series as "name{labels}" with its value: that of a counter,
// or how often a histogram was fed.
func (r *rig) measured() map[string]int64 {
	r.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		r.Fatal(err)
	}
	got := map[string]int64{}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					got[series(m.Name, p.Attributes)] = p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					got[series(m.Name, p.Attributes)] = int64(p.Count)
				}
			default:
				r.Fatalf("%s is a %T", m.Name, d)
			}
		}
	}
	return got
}

func series(name string, set attribute.Set) string {
	return fmt.Sprintf("%s{%s}", name, line(texts(set.ToSlice())))
}

// counts compares the series of some metrics, all but those at zero.
func (r *rig) counts(names string, want map[string]int64) {
	r.Helper()
	got := map[string]int64{}
	for k, v := range r.measured() {
		if name, _, _ := strings.Cut(k, "{"); v != 0 && slices.Contains(strings.Fields(names), name) {
			got[k] = v
		}
	}
	if !maps.Equal(got, want) {
		r.Errorf("%s\n got %v\nwant %v", names, got, want)
	}
}
