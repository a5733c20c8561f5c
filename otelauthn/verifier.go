package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
)

// verifier observes a Verifier.
type verifier struct {
	inner          authn.Verifier
	prompt, verify *operation
}

func (t *Telemetry) verifier(v authn.Verifier) authn.Verifier {
	observed := &verifier{v, t.operation("verifier", "prompt"), t.operation("verifier", "verify")}
	if d, ok := v.(authn.Discoverer); ok {
		return &discoverer{observed, d}
	}
	return observed
}

// discoverer is what a Verifier may be besides. To read a handle is no operation.
type discoverer struct {
	*verifier
	inner authn.Discoverer
}

func (d *discoverer) Handle(response []byte) string { return d.inner.Handle(response) }
func (d *discoverer) HandleOf(data []byte) string   { return d.inner.HandleOf(data) }

func (v *verifier) Prompt(ctx context.Context, c authn.Check) ([]byte, error) {
	var x running
	ctx = x.begin(ctx, v.prompt)
	defer x.end()
	p, err := v.inner.Prompt(ctx, c)
	x.result = resultOf(err)
	return p, err
}

func (v *verifier) Verify(ctx context.Context, c authn.Check) (authn.Verdict, error) {
	var x running
	ctx = x.begin(ctx, v.verify)
	defer x.end()
	verdict, err := v.inner.Verify(ctx, c)
	x.result = resultOf(err)
	return verdict, err
}
