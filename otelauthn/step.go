package otelauthn

import (
	"context"
	"errors"
	"time"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// A step is one call of a service.
type step struct {
	t       *Telemetry
	ctx     context.Context
	span    trace.Span
	call    *call     // nil: the span is not recorded
	began   time.Time // zero: not measured
	event   authn.EventName
	outcome string // [resultPanic] until it is answered
}

// begin begins a span, and the time of a histogram if anybody wants to know it.
func (x *step) begin(ctx context.Context, t *Telemetry, name string, timer metric.Float64Histogram) {
	x.t, x.outcome, x.ctx, x.span = t, resultPanic, ctx, t.none
	if t.tracer != nil {
		x.ctx, x.span = t.tracer.Start(ctx, name)
	}
	if x.span.IsRecording() {
		x.call = new(call)
		x.ctx = context.WithValue(x.ctx, callKey{}, x.call)
	}
	if timer.Enabled(ctx) {
		x.began = time.Now()
	}
}

// is names the event, before any port is called.
func (x *step) is(event authn.EventName) {
	if x.event = event; x.call != nil {
		x.call.event = event
	}
}

// observed says that anybody looks: if not, a step is nothing but its call.
func (x *step) observed() bool { return x.call != nil || !x.began.IsZero() }

// answered notes how the call went, and where it led to.
func (x *step) answered(a *authn.Answer, err error) {
	if !x.observed() {
		return
	}
	var r *authn.Refusal
	switch {
	case err != nil:
		x.outcome, r = outcomeOfError(err)
	case a != nil:
		x.outcome = bounded(x.t.words.outcomes, outcomeOf(a.Outcome))
	default:
		x.outcome = outcomeOf(authn.Done)
	}
	if a != nil && a.Assertion != nil {
		x.signedIn(a.Assertion)
	}
	if x.call != nil {
		x.describe(a, r)
	}
}

// signedIn measures how long the sign-in took.
func (x *step) signedIn(as *authn.Assertion) {
	x.t.signInTime.Record(x.ctx, as.At.Sub(as.Began).Seconds())
}

// describe gives the span what the ports have learned, and then what the caller is
// told, which has the last word.
func (x *step) describe(a *authn.Answer, r *authn.Refusal) {
	w := &x.t.words
	attrs, account := x.call.told()
	x.span.SetAttributes(attrs...)
	if account != "" {
		x.span.SetAttributes(attrAccount.String(account))
	}
	if a != nil {
		x.span.SetAttributes(attrTo.String(x.t.state(a.State)))
	}
	if r != nil {
		if x.span.SetAttributes(attrRefusal.String(bounded(w.refusals, r.Err.Error()))); r.State != "" {
			x.span.SetAttributes(attrFrom.String(x.t.state(r.State)))
		}
	}
}

func outcomeOfError(err error) (string, *authn.Refusal) {
	var r *authn.Refusal
	switch {
	case errors.As(err, &r):
		return "refused", r
	case errors.Is(err, authn.ErrUnavailable):
		return "unavailable", nil
	}
	return "failed", nil
}

// end ends the span and takes the time, also of a call that panics.
func (x *step) end() {
	if !x.observed() {
		x.span.End()
		return
	}
	event := attrEvent.String(bounded(x.t.words.events, x.event))
	x.span.SetAttributes(event)
	x.close(x.t.stepTime, event)
}

// endTend is the end of Tend, which is no event.
func (x *step) endTend() { x.close(x.t.tendTime) }

func (x *step) close(timer metric.Float64Histogram, labels ...attribute.KeyValue) {
	outcome := attrOutcome.String(x.outcome)
	x.span.SetAttributes(outcome)
	switch x.outcome {
	case "unavailable", "failed", resultPanic: // a refusal is no failure
		fail(x.span, x.outcome)
	}
	x.span.End()
	if !x.began.IsZero() {
		timer.Record(x.ctx, time.Since(x.began).Seconds(), metric.WithAttributes(append(labels, outcome)...))
	}
}
