package main

import (
	"context"
	"crypto/tls"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/authnfsm/authn/etcdstore"
	"github.com/authnfsm/authn/natsstore"
)

// dialing is how long a member of a cluster has to answer.
const dialing = 5 * time.Second

// openEtcd takes the address of one member: it is as good as all.
func (o *options) openEtcd(ctx context.Context, name string) (*opened, error) {
	u, err := member(name, "2379")
	if err != nil {
		return nil, err
	}
	cfg := clientv3.Config{Endpoints: []string{"http://" + u.Host}, DialTimeout: dialing, Username: u.User.Username(), Logger: zap.NewNop()}
	cfg.Password, _ = u.User.Password()
	if u.Scheme == "etcds" {
		cfg.Endpoints[0], cfg.TLS = "https://"+u.Host, &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if u.Path != "" {
		return nil, wrong("etcd: only a host and a port are known; the prefix of the keys is -prefix")
	}
	c, err := clientv3.New(cfg) // without a user it connects later
	if err != nil {
		return nil, err
	}
	within, stop := context.WithTimeout(ctx, 2*dialing)
	defer stop()
	st, err := etcdstore.New(within, c, etcdstore.Config{Prefix: o.prefix})
	if err != nil {
		c.Close()
		return nil, explained(err)
	}
	return &opened{st, c.Close}, nil
}

// openNATS opens the bucket that is named by the path, or by -prefix.
func (o *options) openNATS(ctx context.Context, name string) (*opened, error) {
	u, err := member(name, "4222")
	if err != nil {
		return nil, err
	}
	bucket := strings.TrimPrefix(u.Path, "/")
	if bucket != "" && o.prefix != "" {
		return nil, wrong("nats: the bucket is named twice, by the URL and by -prefix")
	}
	u.Path = ""
	c, err := nats.Connect(u.String(), nats.Name("authnctl"), nats.Timeout(dialing), nats.ReconnectBufSize(-1))
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(c)
	if err == nil {
		var st *natsstore.Store
		if st, err = natsstore.New(ctx, js, natsstore.Config{Bucket: bucket + o.prefix, WithoutTend: true, AllowVolatile: o.volatile}); err == nil {
			return &opened{st, func() error { c.Close(); return nil }}, nil
		}
	}
	c.Close()
	return nil, explained(err)
}

// member parses the address of a member of a cluster.
func member(name, port string) (*url.URL, error) {
	u, err := server(name)
	switch {
	case err != nil:
		return nil, err
	case u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Host, ","):
		return nil, wrong("the address of one member is expected, without ? and #")
	case u.Port() == "":
		u.Host += ":" + port
	}
	return u, nil
}
