// Package host opens a store that a flag names. It brings the drivers of every
// kind of store with it.
package host

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/sqlstore"
)

// A Storage is where everything is that outlives a request.
type Storage struct {
	Name  string // for people, without a password
	Store authn.Store
	Close func() error

	// What the store stands on, for what a host keeps beside it. Neither is
	// set of a store in memory.
	DB      *sql.DB // of a store on SQL
	Dialect sqlstore.Dialect
	Redis   *redis.Client // of a store on Redis
}

// Memory is the name of the store that the program takes with it.
const Memory = "memory"

// Open opens the store with that name: memory, sqlite:FILE, postgres://…,
// mysql://… or redis://…. No error quotes a password.
func Open(ctx context.Context, name string) (*Storage, error) {
	scheme, rest, _ := strings.Cut(name, ":")
	var s *Storage
	var err error
	switch scheme {
	case Memory:
		return &Storage{
			Name:  "in memory: everything is forgotten when the program ends",
			Store: new(memstore.Store), Close: func() error { return nil },
		}, nil
	case "sqlite":
		s, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		s, err = openPostgreSQL(ctx, name)
	case "mysql":
		s, err = openMySQL(ctx, name)
	case "redis", "rediss":
		s, err = openRedis(ctx, name)
	default:
		return nil, fmt.Errorf("%.20q is none of memory, sqlite:FILE, postgres://…, mysql://… and redis://…", scheme)
	}
	if err != nil {
		return nil, err
	}
	s.Name = shown(scheme, name)
	return s, nil
}

// server parses the address of a server. The cause of a failure would quote
// its password.
func server(name string) (*url.URL, error) {
	u, err := url.Parse(name)
	if err != nil || u.Host == "" {
		scheme, _, _ := strings.Cut(name, ":")
		return nil, errors.New("the address cannot be parsed: want " + scheme + "://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	return u, nil
}

// shown is a store's address without its password.
func shown(scheme, name string) string {
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		return "kept in " + u.Scheme + "://" + u.Host + u.Path
	}
	if scheme == "sqlite" {
		return "kept in " + name
	}
	return "kept in " + scheme
}
