// Command demo shows what package otelauthn exports. It signs in a few users, with
// mistakes, and prints the spans of the last sign-in and what Prometheus would
// scrape, but for the buckets of histograms.
//
// With -addr it goes on signing in users and serves their metrics, at /metrics, to a
// Prometheus with alerts.yml, for a Grafana with dashboard.json:
//
//	go run ./otelauthn/demo -addr 127.0.0.1:9464
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	addr := flag.String("addr", "", "serve metrics at this `address` until stopped")
	flag.Parse()
	if err := run(*addr); err != nil {
		log.Fatal(err)
	}
}

func run(addr string) error {
	registry := prometheus.NewRegistry()
	h, err := newHost(registry)
	if err != nil {
		return err
	}
	for range 20 {
		if err := h.signIn(context.Background()); err != nil {
			return err
		}
	}
	if addr != "" {
		return serve(addr, registry, h)
	}
	h.printSpans(os.Stdout)
	return printMetrics(os.Stdout, registry)
}

// serve serves the metrics, and signs in users until it is stopped.
func serve(addr string, registry *prometheus.Registry, h *host) error {
	go func() {
		for range time.Tick(200 * time.Millisecond) {
			if err := h.signIn(context.Background()); err != nil {
				log.Print(err)
			}
		}
	}()
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	fmt.Printf("http://%s/metrics\n", addr)
	return (&http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}).ListenAndServe()
}
