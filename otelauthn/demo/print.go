package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// printSpans prints the spans of the last sign-in, each below the one around it.
func (h *host) printSpans(w io.Writer) {
	spans := h.spans.GetSpans()
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	for _, s := range spans {
		if s.Parent.IsValid() {
			fmt.Fprint(w, "    ")
		}
		fmt.Fprint(w, s.Name)
		for _, kv := range s.Attributes {
			fmt.Fprintf(w, " %s=%s", kv.Key, kv.Value.String())
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}

// printMetrics prints what Prometheus would scrape, but for the buckets.
func printMetrics(w io.Writer, registry *prometheus.Registry) error {
	families, err := registry.Gather()
	if err != nil {
		return err
	}
	var all strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&all, f); err != nil {
			return err
		}
	}
	for line := range strings.Lines(all.String()) {
		if !strings.Contains(line, "_bucket{") {
			fmt.Fprint(w, line)
		}
	}
	return nil
}
