package otelauthn

import (
	"context"
	"errors"
	"time"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// An operation is one method of a port.
type operation struct {
	t            *Telemetry
	span         string
	port, method attribute.KeyValue
}

func (t *Telemetry) operation(port, method string) *operation {
	return &operation{t, "authn." + port + "." + method, attrPort.String(port), attrOperation.String(method)}
}

// running is one call of an operation.
type running struct {
	*operation
	ctx    context.Context
	span   trace.Span // nil: not recorded
	began  time.Time  // zero: not measured
	result string
}

// The results of calls of ports.
const (
	resultOK      = "ok"
	resultLimited = "limited"
	resultPanic   = "panic" // until the call returns
)

// begin begins a call. Its span is recorded if the one around it is, and its
// duration is measured if anybody wants to know: else nothing is done at all.
func (x *running) begin(ctx context.Context, o *operation) context.Context {
	x.operation, x.result = o, resultPanic
	if o.t.current(ctx) != nil {
		ctx, x.span = o.t.tracer.Start(ctx, o.span)
	}
	if o.t.portTime.Enabled(ctx) {
		x.began = time.Now()
	}
	x.ctx = ctx
	return ctx
}

// end ends the call, also one that panics: the value, which may hold a secret, goes
// on and is not looked at.
func (x *running) end() {
	if x.span != nil {
		x.span.SetAttributes(attrResult.String(x.result))
		if isFailure(x.result) {
			fail(x.span, x.result)
		}
		x.span.End()
	}
	if !x.began.IsZero() {
		x.t.portTime.Record(x.ctx, time.Since(x.began).Seconds(), metric.WithAttributes(x.port, x.method, attrResult.String(x.result)))
	}
}

// fail marks a span. It has no description: errors may quote what they are about.
func fail(span trace.Span, why string) {
	span.SetStatus(codes.Error, "")
	span.SetAttributes(attrError.String(why))
}

// results are what a port may answer, by the errors that say so.
var results = []struct {
	err    error
	name   string
	failed bool
}{
	{authn.ErrConflict, "conflict", false},
	{authn.ErrNotFound, "not_found", false},
	{authn.ErrNoUser, "no_user", false},
	{authn.ErrUndeliverable, "undeliverable", true},
	{context.DeadlineExceeded, "timeout", true},
	{context.Canceled, "canceled", true},
}

// resultOf names an error without its text.
func resultOf(err error) string {
	if err == nil {
		return resultOK
	}
	for _, r := range results {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "failed"
}

func isFailure(result string) bool {
	for _, r := range results {
		if r.name == result {
			return r.failed
		}
	}
	return result != resultOK && result != resultLimited
}
