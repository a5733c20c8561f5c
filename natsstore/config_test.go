package natsstore

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// What the host has to say is asked for by name.
func TestConfig(t *testing.T) {
	for _, c := range []struct {
		Config
		want error
		says string
	}{
		{Config{Synced: true, WithoutTend: true}, nil, ""},
		{Config{Synced: true}, ErrNoIndex, ""},
		{Config{WithoutTend: true}, ErrUnverified, ""},
		{Config{WithoutTend: true, AllowVolatile: true, Logger: slog.New(slog.DiscardHandler)}, nil, ""},
		{Config{Bucket: "a.b"}, nil, "Bucket"},
		{Config{Bucket: strings.Repeat("x", 65)}, nil, "Bucket"},
		{Config{Replicas: 2}, nil, "Replicas"},
		{Config{Timeout: -1}, nil, "Timeout"},
	} {
		err := c.check(t.Context())
		if c.says != "" {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v: %v", c.Config, err)
			}
		} else if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%+v: %v, want %v", c.Config, err, c.want)
		}
	}
}

// The bucket that CreateBucket makes is fine, and each change that would lose or hide
// a save is refused.
func TestInspect(t *testing.T) {
	c := Config{Bucket: "authn", Replicas: 3, Logger: slog.New(slog.DiscardHandler)}
	fine := c.stream()
	if err := c.inspect(t.Context(), &fine); err != nil {
		t.Error(err)
	}
	for _, x := range []struct {
		want   error
		change func(*jetstream.StreamConfig)
	}{
		{ErrStale, func(s *jetstream.StreamConfig) { s.AllowDirect = true }},
		{ErrStale, func(s *jetstream.StreamConfig) { s.MirrorDirect = true }},
		{ErrStale, func(s *jetstream.StreamConfig) { s.Mirror = new(jetstream.StreamSource) }},
		{ErrStale, func(s *jetstream.StreamConfig) { s.Sources = []*jetstream.StreamSource{{}} }},
		{ErrStale, func(s *jetstream.StreamConfig) { s.MaxMsgsPerSubject = 2 }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.Storage = jetstream.MemoryStorage }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.MaxAge = 1 }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.Discard = jetstream.DiscardOld }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.Retention = jetstream.InterestPolicy }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.NoAck = true }},
		{ErrVolatile, func(s *jetstream.StreamConfig) { s.PersistMode = jetstream.AsyncPersistMode }},
	} {
		bad := c.stream()
		x.change(&bad)
		if err := c.inspect(t.Context(), &bad); !errors.Is(err, x.want) {
			t.Errorf("%+v: %v, want %v", bad, err, x.want)
		}
		lax := c
		lax.AllowVolatile = true
		if err := lax.inspect(t.Context(), &bad); (err == nil) != (x.want == ErrVolatile) {
			t.Errorf("%+v, where volatile is fine: %v", bad, err)
		}
	}
}
