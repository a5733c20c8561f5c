package natsstore_test

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/authnfsm/authn/natsstore"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Open a store on a cluster whose servers have sync_interval set to always, for a host
// that does without Tend.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	conn, err := nats.Connect("tls://nats-1,tls://nats-2,tls://nats-3", nats.ReconnectBufSize(-1), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		log.Fatal(err)
	}
	cfg := natsstore.Config{Bucket: "signin", Synced: true, WithoutTend: true}
	if err := natsstore.CreateBucket(ctx, js, cfg); err != nil {
		log.Fatal(err)
	}
	store, err := natsstore.New(ctx, js, cfg)
	if errors.Is(err, natsstore.ErrStale) {
		log.Fatalf("somebody else has made the bucket: %v", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	_ = store // use it as Store in authn.Config
}
