package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	_ "modernc.org/sqlite" // driver "sqlite"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/etcdstore"
	"github.com/authnfsm/authn/natsstore"
	"github.com/authnfsm/authn/redisstore"
	"github.com/authnfsm/authn/sqlstore"
)

// opened is a store and what it stands on.
type opened struct {
	authn.Store
	close func() error
}

// forms are how a store is named.
const forms = "sqlite:FILE, postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE, redis://USER@HOST/NUMBER, etcd://USER@HOST or nats://USER@HOST/BUCKET"

// openStore opens the store of the host, as it is: it neither creates nor migrates one.
// No error quotes a password.
func (o *options) openStore(ctx context.Context) (*opened, error) {
	if u, err := url.Parse(o.store); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return nil, wrong("others see the password: put the URL into AUTHN_STORE, and leave -store out")
		}
	}
	name := cmp.Or(o.store, o.getenv("AUTHN_STORE"))
	scheme, rest, _ := strings.Cut(name, ":")
	switch {
	case name == "":
		return nil, wrong("no store: set AUTHN_STORE to %s", forms)
	case scheme == "sqlite":
		return o.openSQLite(ctx, rest)
	case scheme == "postgres", scheme == "postgresql":
		if _, err := server(name); err != nil {
			return nil, err
		}
		return o.openSQL(ctx, "pgx", name, sqlstore.PostgreSQL)
	case scheme == "mysql":
		return o.openMySQL(ctx, name)
	case scheme == "redis", scheme == "rediss":
		return o.openRedis(ctx, name)
	case scheme == "etcd", scheme == "etcds":
		return o.openEtcd(ctx, name)
	case scheme == "nats", scheme == "tls":
		return o.openNATS(ctx, name)
	}
	return nil, wrong("%.20q is none of %s", scheme, forms)
}

// server parses the address of a server. The cause of a failure would quote its password.
func server(name string) (*url.URL, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		return nil, wrong("the address cannot be parsed: want %s", forms)
	}
	return u, nil
}

func (o *options) openSQLite(ctx context.Context, file string) (*opened, error) {
	if file == "" || strings.ContainsAny(file, "?#") {
		return nil, wrong("sqlite: a file name is expected, without ? and #")
	}
	if _, err := os.Stat(file); err != nil {
		return nil, err // the driver would make a new one
	}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?mode=rw&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
	return o.openSQL(ctx, "sqlite", dsn, sqlstore.SQLite)
}

// openMySQL takes a URL where the driver has a form of its own, and ?tls= as the driver.
func (o *options) openMySQL(ctx context.Context, name string) (*opened, error) {
	u, err := server(name)
	if err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	q := u.Query()
	c.TLSConfig = q.Get("tls")
	if q.Del("tls"); len(q) > 0 {
		return nil, wrong("mysql: only ?tls= is known")
	}
	c.InterpolateParams = true // one round trip for each statement
	return o.openSQL(ctx, "mysql", c.FormatDSN(), sqlstore.MySQL)
}

func (o *options) openSQL(ctx context.Context, driver, dsn string, dialect sqlstore.Dialect) (*opened, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, errors.New("the address cannot be parsed") // the cause may quote its password
	}
	db.SetMaxOpenConns(2)
	st, err := sqlstore.New(ctx, db, sqlstore.Config{Dialect: dialect, Prefix: o.prefix, AllowVolatile: o.volatile})
	if err != nil {
		db.Close()
		return nil, explained(err)
	}
	return &opened{st, db.Close}, nil
}

func (o *options) openRedis(ctx context.Context, name string) (*opened, error) {
	opt, err := redis.ParseURL(name)
	if err != nil {
		return nil, wrong("the address cannot be parsed: want %s", forms)
	}
	opt.MaxRetries = -1 // a save must not be sent twice
	opt.ContextTimeoutEnabled = true
	opt.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	c := redis.NewClient(opt)
	st, err := redisstore.New(ctx, c, redisstore.Config{Prefix: o.prefix, AllowVolatile: o.volatile})
	if err != nil {
		c.Close()
		return nil, explained(err)
	}
	return &opened{st, c.Close}, nil
}

// explained adds to an error what to do.
func explained(err error) error {
	for _, x := range []struct {
		of   error
		next string
	}{
		{sqlstore.ErrNotMigrated, "is this the database, and the -prefix, of the host? It migrates its tables when it starts"},
		{sqlstore.ErrNewerSchema, "use the authnctl of the host's version"},
		{sqlstore.ErrReadOnly, "name the primary"},
		{redisstore.ErrReadOnly, "name the master"},
		{sqlstore.ErrVolatile, "change the settings, or accept them with -allow-volatile as the host does"},
		{redisstore.ErrVolatile, "change the settings, or accept them with -allow-volatile as the host does"},
		{redisstore.ErrUnverified, "accept it with -allow-volatile if you know the settings"},
		{sqlstore.ErrProbe, "the user needs the rights that the host has"},
		{redisstore.ErrProbe, "the user needs the rights that the host has"},
		{etcdstore.ErrProbe, "the user needs the rights that the host has, and the cluster a leader"},
		{natsstore.ErrProbe, "the user needs the rights that the host has, and the bucket a leader"},
		{natsstore.ErrNoBucket, "is this the cluster, and the bucket, of the host? It makes its bucket when it starts"},
		{natsstore.ErrUnverified, "accept it with -allow-volatile if you know that sync_interval is always"},
		{natsstore.ErrVolatile, "change the settings, or accept them with -allow-volatile as the host does"},
	} {
		if errors.Is(err, x.of) {
			return fmt.Errorf("%w\nnext: %s", err, x.next)
		}
	}
	return err
}
