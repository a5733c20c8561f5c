package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// sender observes the Sender of one channel.
type sender struct {
	inner   authn.Sender
	channel string
	send    *operation
}

func (t *Telemetry) sender(s authn.Sender, channel string) authn.Sender {
	return &sender{s, channel, t.operation("sender", "send")}
}

func (s *sender) Send(ctx context.Context, m authn.Message) error {
	var x running
	ctx = x.begin(ctx, s.send)
	kind := bounded(x.t.words.kinds, m.Kind)
	defer func() {
		if x.span != nil {
			x.span.SetAttributes(attrChannel.String(s.channel), attrKind.String(kind))
		}
		if x.t.messages.Enabled(ctx) {
			x.t.messages.Add(ctx, 1, metric.WithAttributes(attrChannel.String(s.channel), attrKind.String(kind), attrResult.String(x.result)))
		}
		x.end()
	}()
	err := s.inner.Send(untraced(ctx), m)
	x.result = resultOf(err)
	return err
}

// untraced returns the context without its span and its baggage: what a client
// injects into its requests must not get to recipients and gateways.
func untraced(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, trace.SpanContext{})
	}
	if baggage.FromContext(ctx).Len() > 0 {
		ctx = baggage.ContextWithoutBaggage(ctx)
	}
	return ctx
}
