package otelauthn

import (
	"context"
	"errors"
	"sync"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// scope names the tracer and the meter.
const scope = "github.com/authnfsm/authn/otelauthn"

// Config is what [New] makes a [Telemetry] of.
type Config struct {
	TracerProvider trace.TracerProvider // nil: the one of package otel when New is called
	MeterProvider  metric.MeterProvider // nil: the one of package otel when New is called
}

// Telemetry makes spans and measurements. It is safe for concurrent use, and any
// number of services may share one.
type Telemetry struct {
	tracer trace.Tracer // nil: no-op
	none   trace.Span   // that of nobody
	words  vocabulary
	gates  sync.Map // the hosts' own states, at most eight of each service

	steps, refusals, lockouts, reports, messages, conflicts, tended metric.Int64Counter
	portTime, stepTime, signInTime, tendTime                        metric.Float64Histogram
}

// The bounds of buckets, in seconds: of what a machine does, and of what a user does.
var (
	machineTime = metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)
	userTime    = metric.WithExplicitBucketBoundaries(5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800)
)

// New makes all instruments. If the configuration names no providers, call it
// after those of package otel were set: what should start at zero starts then. It
// returns the errors of the meter, joined.
func New(cfg Config) (*Telemetry, error) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	meter := cfg.MeterProvider.Meter(scope)
	var errs []error
	counter := func(name, unit, doc string) metric.Int64Counter {
		c, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(doc))
		errs = append(errs, err)
		return c
	}
	timer := func(name, doc string, bounds metric.HistogramOption) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(doc), bounds)
		errs = append(errs, err)
		return h
	}
	t := &Telemetry{
		none: trace.SpanFromContext(context.Background()), words: newVocabulary(),

		steps:     counter("authn.steps", "{step}", "Rows of the table that were taken."),
		refusals:  counter("authn.refusals", "{refusal}", "Events that were refused, as the Auditor gets them."),
		lockouts:  counter("authn.lockouts", "{lockout}", "Sign-ins that wrong codes have ended."),
		reports:   counter("authn.reports", "{report}", "Audit events that are neither steps nor refusals."),
		messages:  counter("authn.messages", "{message}", "Attempts to send a message."),
		conflicts: counter("authn.store.conflicts", "{conflict}", "Saves that lost to another save."),
		tended:    counter("authn.tended", "{item}", "What Tend did."),

		portTime:   timer("authn.port.duration", "Calls of the host's ports.", machineTime),
		stepTime:   timer("authn.step.duration", "Calls of the service.", machineTime),
		signInTime: timer("authn.signin.duration", "From the password to SUCCESS.", userTime),
		tendTime:   timer("authn.tend.duration", "Calls of Tend.", machineTime),
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if _, off := cfg.TracerProvider.(tracenoop.TracerProvider); !off {
		t.tracer = cfg.TracerProvider.Tracer(scope)
	}
	t.zero()
	return t, nil
}

// current is the span that is recorded around a call; nil: none.
func (t *Telemetry) current(ctx context.Context) trace.Span {
	if t.tracer == nil {
		return nil
	}
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return span
	}
	return nil
}

// state returns the name of a state of the table or of a host's own, or [other].
func (t *Telemetry) state(s authn.State) string {
	if _, ok := t.gates.Load(s); ok {
		return string(s)
	}
	return bounded(t.words.states, s)
}

// zero exports what is to be noticed when it happens for the first time: without a
// zero before it, a one is no increase.
func (t *Telemetry) zero() {
	ctx := context.Background()
	t.conflicts.Add(ctx, 0)
	for cause := range t.words.causes {
		t.lockouts.Add(ctx, 0, metric.WithAttributes(attrCause.String(cause)))
	}
	for _, e := range []authn.EventName{authn.EventFactorDisabled, authn.EventFactorUnusable} {
		t.reports.Add(ctx, 0, metric.WithAttributes(attrEvent.String(string(e))))
	}
	for _, i := range tendedItems(authn.Tended{}) {
		t.tended.Add(ctx, 0, metric.WithAttributes(attrTended.String(i.name)))
	}
}

// The names of attributes.
const (
	attrEvent       = attribute.Key("authn.event")
	attrFrom        = attribute.Key("authn.from")
	attrTo          = attribute.Key("authn.to")
	attrOutcome     = attribute.Key("authn.outcome")
	attrRefusal     = attribute.Key("authn.refusal")
	attrType        = attribute.Key("authn.factor.type")
	attrTransaction = attribute.Key("authn.transaction")
	attrAccount     = attribute.Key("enduser.pseudo.id")
	attrError       = attribute.Key("error.type")
	attrCause       = attribute.Key("authn.lockout.cause")
	attrChannel     = attribute.Key("authn.channel")
	attrKind        = attribute.Key("authn.message.kind")
	attrResult      = attribute.Key("authn.result")
	attrPort        = attribute.Key("authn.port")
	attrOperation   = attribute.Key("authn.operation")
	attrTended      = attribute.Key("authn.tended.kind")
)
