package main

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What the command prints has a sign-in's spans and the counters.
func TestPrint(t *testing.T) {
	registry := prometheus.NewRegistry()
	h, err := newHost(registry)
	if err != nil {
		t.Fatal(err)
	}
	for range 50 { // or until one is complete
		if err := h.signIn(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var b strings.Builder
	h.printSpans(&b)
	if err := printMetrics(&b, registry); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"authn.step authn.event=primary ", "\n    authn.store.save ", `authn_steps_total{authn_event="verify",authn_outcome="done",authn_to="SUCCESS"} `,
		`authn_signin_duration_seconds_count `, `authn_messages_total{authn_channel="email",authn_message_kind="code",authn_result="ok"} `,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "_bucket{") || strings.Contains(b.String(), "example.com") || strings.Contains(b.String(), "user-") {
		t.Errorf("buckets, an address or a user in\n%s", b.String())
	}
}
