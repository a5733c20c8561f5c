package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// auditor counts what an Auditor gets. The next one may be nil.
type auditor struct {
	t     *Telemetry
	next  authn.Auditor
	types words
	audit *operation
}

func (t *Telemetry) auditor(next authn.Auditor, types words) authn.Auditor {
	return &auditor{t, next, types, t.operation("auditor", "audit")}
}

// Audit counts what was done at once, and what is repeated until it is taken when
// it is taken.
func (a *auditor) Audit(ctx context.Context, e authn.AuditEvent) error {
	if e.Key == "" {
		a.t.count(ctx, &e)
	}
	if span := a.t.current(ctx); span != nil {
		if attrs := a.attributes(&e); !callOf(ctx).takes(&e, attrs) {
			span.AddEvent("authn.audit", trace.WithAttributes(attrs...))
		}
	}
	err := a.pass(ctx, e)
	if e.Key != "" && err == nil {
		a.t.count(ctx, &e)
	}
	return err
}

func (a *auditor) pass(ctx context.Context, e authn.AuditEvent) error {
	if a.next == nil {
		return nil
	}
	var x running
	ctx = x.begin(ctx, a.audit)
	defer x.end()
	err := a.next.Audit(ctx, e)
	x.result = resultOf(err)
	return err
}

// count counts an event as what it is: a row that was taken, a refusal, or a report.
func (t *Telemetry) count(ctx context.Context, e *authn.AuditEvent) {
	w := &t.words
	switch {
	case e.To != "":
		if t.steps.Enabled(ctx) {
			t.steps.Add(ctx, 1, metric.WithAttributes(w.event(e), attrTo.String(t.state(e.To)), w.outcome(e)))
		}
		if locksOut(e.To, e.Event) {
			t.lockouts.Add(ctx, 1, metric.WithAttributes(attrCause.String(w.cause(e.Guard))))
		}
	case w.refusals[e.Err]:
		if t.refusals.Enabled(ctx) {
			t.refusals.Add(ctx, 1, metric.WithAttributes(w.event(e), attrRefusal.String(e.Err)))
		}
	default:
		if t.reports.Enabled(ctx) {
			t.reports.Add(ctx, 1, metric.WithAttributes(w.event(e)))
		}
	}
}

// attributes are what a span tells of an event. Of its guards and its error, which
// may be a host's text, there is only the refusal.
func (a *auditor) attributes(e *authn.AuditEvent) []attribute.KeyValue {
	w := &a.t.words
	attrs := []attribute.KeyValue{w.event(e), attrAccount.String(e.Account)}
	if e.From != "" {
		attrs = append(attrs, attrFrom.String(a.t.state(e.From)))
	}
	if e.To != "" {
		attrs = append(attrs, attrTo.String(a.t.state(e.To)), w.outcome(e))
	}
	if w.refusals[e.Err] {
		attrs = append(attrs, attrRefusal.String(e.Err))
	}
	if e.Type != "" {
		attrs = append(attrs, attrType.String(bounded(a.types, e.Type)))
	}
	if e.Transaction != "" {
		attrs = append(attrs, attrTransaction.String(e.Transaction))
	}
	return attrs
}

func (v *vocabulary) event(e *authn.AuditEvent) attribute.KeyValue {
	return attrEvent.String(bounded(v.events, e.Event))
}

func (v *vocabulary) outcome(e *authn.AuditEvent) attribute.KeyValue {
	return attrOutcome.String(bounded(v.outcomes, outcomeOf(e.Outcome)))
}
