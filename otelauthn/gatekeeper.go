package otelauthn

import (
	"context"

	"github.com/authnfsm/authn"
)

// gatekeeper observes the Gatekeeper of a gate.
type gatekeeper struct {
	inner                 authn.Gatekeeper
	needed, check, passed *operation
}

func (t *Telemetry) gatekeeper(g authn.Gatekeeper) authn.Gatekeeper {
	return &gatekeeper{g, t.operation("gatekeeper", "needed"), t.operation("gatekeeper", "check"), t.operation("gatekeeper", "passed")}
}

func (g *gatekeeper) Needed(ctx context.Context, user string) (bool, error) {
	var x running
	ctx = x.begin(ctx, g.needed)
	defer x.end()
	needed, err := g.inner.Needed(ctx, user)
	x.result = resultOf(err)
	return needed, err
}

func (g *gatekeeper) Check(ctx context.Context, in authn.GateInput) (authn.Verdict, error) {
	var x running
	ctx = x.begin(ctx, g.check)
	defer x.end()
	v, err := g.inner.Check(ctx, in)
	x.result = resultOf(err)
	return v, err
}

func (g *gatekeeper) Passed(ctx context.Context, c authn.Change) error {
	var x running
	ctx = x.begin(ctx, g.passed)
	defer x.end()
	err := g.inner.Passed(ctx, c)
	x.result = resultOf(err)
	return err
}
