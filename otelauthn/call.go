package otelauthn

import (
	"context"
	"sync"

	"github.com/authnfsm/authn"
	"go.opentelemetry.io/otel/attribute"
)

// A call collects what the ports learn about a step while it runs. Only a step
// whose span is recorded has one; nil is none.
type call struct {
	event authn.EventName

	mu      sync.Mutex // a port may use goroutines
	account string
	attrs   []attribute.KeyValue // of the audit event that tells the step
}

type callKey struct{}

func callOf(ctx context.Context) *call {
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// is notes whose step it is.
func (c *call) is(account string) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.account = account
}

// takes says that the event tells this step. Others, such as the lock of another
// transaction, are told beside it.
func (c *call) takes(e *authn.AuditEvent, attrs []attribute.KeyValue) bool {
	if c == nil || e.Event != c.event {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.attrs = attrs
	return true
}

// told returns what is known of the step.
func (c *call) told() (attrs []attribute.KeyValue, account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attrs, c.account
}
