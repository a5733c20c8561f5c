package otelauthn

import (
	"context"
	"time"

	"github.com/authnfsm/authn"
)

// limiter observes a Limiter.
type limiter struct {
	inner authn.Limiter
	now   func() time.Time
	allow *operation
}

func (t *Telemetry) limiter(l authn.Limiter, now func() time.Time) authn.Limiter {
	return &limiter{l, now, t.operation("limiter", "allow")}
}

func (l *limiter) Allow(ctx context.Context, a authn.Attempt) (time.Time, error) {
	var x running
	ctx = x.begin(ctx, l.allow)
	defer x.end()
	retryAt, err := l.inner.Allow(ctx, a)
	if x.result = resultOf(err); err == nil && retryAt.After(l.now()) {
		x.result = resultLimited
	}
	return retryAt, err
}
