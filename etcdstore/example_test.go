package etcdstore_test

import (
	"context"
	"log"
	"time"

	"github.com/authnfsm/authn/etcdstore"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Open a store on a cluster of three, or exit if it cannot be used.
func Example() {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	client, err := clientv3.New(clientv3.Config{
		Endpoints:            []string{"https://etcd-1:2379", "https://etcd-2:2379", "https://etcd-3:2379"},
		DialTimeout:          5 * time.Second,
		DialKeepAliveTime:    10 * time.Second, // so that a member that is gone is noticed
		DialKeepAliveTimeout: 3 * time.Second,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	store, err := etcdstore.New(ctx, client, etcdstore.Config{Prefix: "signin/"})
	if err != nil {
		log.Fatal(err)
	}
	_ = store // use it as Store in authn.Config
}
