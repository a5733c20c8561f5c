package redisstore_test

import (
	"context"
	"errors"
	"log"

	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
)

// Open a store on one server, or exit if the server may lose records.
func Example() {
	ctx := context.Background()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(ctx, client, redisstore.Config{Prefix: "signin:"})
	if errors.Is(err, redisstore.ErrVolatile) {
		log.Fatalf("set maxmemory-policy, appendonly and appendfsync: %v", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	_ = store // use it as Store in authn.Config
}
