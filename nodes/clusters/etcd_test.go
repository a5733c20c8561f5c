package clusters

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/etcdstore"
)

var etcd = kind{name: "etcd", serve: beEtcd, dial: dialEtcd}

func beEtcd(m member) error {
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir = m.name(), m.Dir
	cfg.ListenClientUrls = []url.URL{{Scheme: "http", Host: m.Clients[m.Index]}}
	cfg.ListenPeerUrls = []url.URL{{Scheme: "http", Host: m.Peers[m.Index]}}
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = cfg.ListenClientUrls, cfg.ListenPeerUrls
	var all []string
	for i, addr := range m.Peers {
		all = append(all, fmt.Sprintf("m%d=http://%s", i, addr))
	}
	cfg.InitialCluster = strings.Join(all, ",")
	cfg.LogLevel, cfg.LogOutputs = "fatal", []string{os.DevNull}
	_, err := embed.StartEtcd(cfg)
	return err
}

type etcdClient struct {
	*clientv3.Client
	addrs []string
}

func dialEtcd(ctx context.Context, addrs []string) (client, error) {
	c, err := clientv3.New(clientv3.Config{
		Endpoints: addrs, DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
		DialKeepAliveTime: 2 * time.Second, DialKeepAliveTimeout: 2 * time.Second,
	})
	if err != nil {
		return nil, err
	}
	return etcdClient{c, addrs}, nil
}

func (c etcdClient) open(ctx context.Context, name string) (authn.Store, error) {
	return etcdstore.New(ctx, c.Client, etcdstore.Config{Prefix: name + "/"})
}

func (c etcdClient) wipe(ctx context.Context, name string) error {
	_, err := c.Delete(ctx, name+"/", clientv3.WithPrefix())
	return err
}

// leader asks every member, since it does not know which are alive.
func (c etcdClient) leader(ctx context.Context, _ string) (int, error) {
	for i, addr := range c.addrs {
		ctx, stop := context.WithTimeout(ctx, time.Second)
		s, err := c.Status(ctx, addr)
		stop()
		if err == nil && s.Leader == s.Header.MemberId {
			return i, nil
		}
	}
	return -1, errors.New("no member says that it leads")
}
