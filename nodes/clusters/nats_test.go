package clusters

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/natsstore"
)

var jetStream = kind{name: "NATS", serve: beNATS, dial: dialNATS}

func beNATS(m member) error {
	o := &server.Options{
		ServerName: m.name(), JetStream: true, StoreDir: m.Dir, SyncAlways: true, NoSigs: true, NoLog: true,
	}
	var err error
	if o.Host, o.Port, err = hostPort(m.Clients[m.Index]); err != nil {
		return err
	}
	if len(m.Peers) > 1 {
		o.Cluster.Name = "test"
		if o.Cluster.Host, o.Cluster.Port, err = hostPort(m.Peers[m.Index]); err != nil {
			return err
		}
		for _, addr := range m.Peers {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: addr})
		}
	}
	s, err := server.NewServer(o)
	if err == nil {
		s.Start()
	}
	return err
}

func hostPort(addr string) (host string, port int, err error) {
	host, p, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(p)
	}
	return host, port, err
}

type natsClient struct {
	jetstream.JetStream
	members int
}

func dialNATS(_ context.Context, addrs []string) (client, error) {
	o := nats.GetDefaultOptions()
	for _, addr := range addrs {
		o.Servers = append(o.Servers, "nats://"+addr)
	}
	o.MaxReconnect, o.ReconnectWait, o.ReconnectBufSize = -1, 100*time.Millisecond, -1
	o.IgnoreDiscoveredServers = true
	conn, err := o.Connect()
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn)
	return natsClient{js, len(addrs)}, err
}

func (c natsClient) open(ctx context.Context, name string) (authn.Store, error) {
	cfg := natsstore.Config{Bucket: name, Replicas: c.members, Synced: true, WithoutTend: true}
	if err := natsstore.CreateBucket(ctx, c.JetStream, cfg); err != nil {
		return nil, err
	}
	return natsstore.New(ctx, c.JetStream, cfg)
}

func (c natsClient) wipe(ctx context.Context, name string) error {
	s, err := c.Stream(ctx, "KV_"+name)
	if err != nil {
		return err
	}
	return s.Purge(ctx)
}

func (c natsClient) leader(ctx context.Context, name string) (int, error) {
	s, err := c.Stream(ctx, "KV_"+name)
	if err != nil {
		return -1, err
	}
	i := -1
	if of := s.CachedInfo().Cluster; of != nil {
		_, _ = fmt.Sscanf(of.Leader, "m%d", &i)
	}
	if i < 0 {
		err = errors.New("the bucket has no leader")
	}
	return i, err
}

func (c natsClient) Close() error {
	c.Conn().Close()
	return nil
}

// TestBuckets checks that a bucket that others have made is refused by name: its loads
// may be old.
func TestBuckets(t *testing.T) {
	c := startCluster(t, jetStream, 1)
	js := c.one.(natsClient).JetStream
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "theirs"}); err != nil {
		t.Fatal(err)
	}
	for bucket, want := range map[string]error{"theirs": natsstore.ErrStale, "none": natsstore.ErrNoBucket} {
		cfg := natsstore.Config{Bucket: bucket, Synced: true, WithoutTend: true}
		if _, err := natsstore.New(t.Context(), js, cfg); !errors.Is(err, want) {
			t.Errorf("bucket %s: %v, want %v", bucket, err, want)
		}
	}
	// One that exists is left as it is, and the right one also makes a bucket for others.
	cfg := natsstore.Config{Bucket: "theirs", Replicas: 1}
	if err := natsstore.CreateBucket(t.Context(), js, cfg); err != nil {
		t.Error(err)
	}
	c.store(t, "ours")
	kv, err := js.KeyValue(t.Context(), "ours")
	if err == nil {
		_, err = kv.Status(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}
