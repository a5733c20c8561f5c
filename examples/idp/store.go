package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/memstore"
	"github.com/authnfsm/authn/sqlstore"
)

// storage is where everything is that outlives a request.
type storage struct {
	name  string // for people, without a password
	store authn.Store
	kept  kept
	close func() error
}

// openStorage opens what -store names.
func openStorage(ctx context.Context, spec string) (*storage, error) {
	scheme, rest, _ := strings.Cut(spec, ":")
	var s *storage
	var err error
	switch scheme {
	case "memory":
		return &storage{"in memory: everything is forgotten when the program ends", new(memstore.Store), new(keptInMemory), func() error { return nil }}, nil
	case "sqlite":
		s, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		s, err = openSQL(ctx, "pgx", spec, sqlstore.PostgreSQL)
	case "mysql":
		s, err = openMySQL(ctx, spec)
	case "redis", "rediss":
		s, err = openRedis(ctx, spec)
	default:
		return nil, fmt.Errorf("-store: %q is none of memory, sqlite:FILE, postgres://…, mysql://… and redis://…", scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("-store: %w", err)
	}
	s.name = shown(scheme, spec)
	return s, nil
}

// shown is a store's address without its password.
func shown(scheme, spec string) string {
	if u, err := url.Parse(spec); err == nil && u.Host != "" {
		return "kept in " + u.Scheme + "://" + u.Host + u.Path
	}
	if scheme == "sqlite" {
		return "kept in " + spec
	}
	return "kept in " + scheme
}
