package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Errors of [New], and of [Store.Save] after a failover.
var (
	// ErrClient reports a client that would break the contract of a store: it
	// reads from replicas or a cache, or moves keys between servers.
	ErrClient = errors.New("the client is not suitable for a store")

	// ErrReadOnly reports a server that takes no saves, or loses them: a
	// replica.
	ErrReadOnly = errors.New("the server is not a master")

	// ErrVolatile reports a server whose settings let it lose records. The
	// error that wraps it lists these settings.
	ErrVolatile = errors.New("the server may lose records")

	// ErrUnverified reports a server that does not return its settings, as is
	// common for managed servers.
	ErrUnverified = errors.New("the server does not return its settings, so it may lose records")

	// ErrProbe reports that a record of the probe was not saved, loaded and
	// deleted as it should be, for instance because the user lacks a right. The
	// error that wraps it says which step failed, and how.
	ErrProbe = errors.New("the probe failed")
)

// Config configures a [Store]. The zero value requires that no acknowledged
// save is lost in a crash or a power failure.
type Config struct {
	// Prefix is the prefix of all keys. It defaults to "authn:" and may have up
	// to 64 bytes, but no brace. Every process that shares the records must use
	// the same prefix.
	Prefix string

	// AllowEverySecond accepts appendfsync everysec, the default of Redis with
	// appendonly: a power failure loses the guesses of the last second or two,
	// so that an attacker gets them back.
	AllowEverySecond bool

	// AssumeDurable accepts a server that does not return its settings, instead
	// of [ErrUnverified]: the host knows that it loses no records.
	AssumeDurable bool

	// AllowVolatile accepts a server that may lose records, for tests and
	// demos. New, and Save after a failover, log a warning for each of its
	// settings that allows this.
	AllowVolatile bool

	// Logger receives the warnings, also that of a shard that [Store.Due] could
	// not ask. It defaults to [slog.Default].
	Logger *slog.Logger
}

// check sets the defaults and returns an error unless the client is suitable.
func (c *Config) check(client redis.UniversalClient) error {
	if c.Prefix == "" {
		c.Prefix = "authn:"
	}
	if len(c.Prefix) > 64 || strings.ContainsAny(c.Prefix, "{}") {
		return fmt.Errorf("config: Prefix %q: want up to 64 bytes without braces", c.Prefix)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return fit(client)
}

// fit returns an error unless the client reads from masters and never moves a
// key to another server.
func fit(client redis.UniversalClient) error {
	switch c := client.(type) {
	case *redis.Client:
		if o := c.Options(); o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return fmt.Errorf("%w: it has a cache, so a load may miss the last save", ErrClient)
		}
		return nil
	case *redis.ClusterClient:
		if c.Options().ReadOnly { // RouteByLatency and RouteRandomly set it
			return fmt.Errorf("%w: it reads from replicas, so a load may miss the last save", ErrClient)
		}
		return nil
	case *redis.Ring:
		return fmt.Errorf("%w: a Ring moves keys without their records when a server is down", ErrClient)
	}
	return fmt.Errorf("%w: want a *redis.Client or *redis.ClusterClient, got %T", ErrClient, client)
}

// findings lists the problems of servers, each as a sentence.
type findings struct {
	mu       sync.Mutex // guards the fields below
	volatile []string
	everySec []string
	silent   []string
}

// inspectAll inspects each master.
func (c *Config) inspectAll(ctx context.Context, client redis.UniversalClient) error {
	f := new(findings)
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		err = cluster.ForEachMaster(ctx, f.inspect)
	} else {
		err = f.inspect(ctx, client.(*redis.Client))
	}
	if err != nil {
		return err
	}
	return c.judge(ctx, f)
}

// inspectOne inspects the master of a shard.
func (c *Config) inspectOne(ctx context.Context, client redis.UniversalClient, sh *shard) error {
	var server *redis.Client
	var err error
	if cluster, ok := client.(*redis.ClusterClient); ok {
		server, err = cluster.MasterForKey(ctx, sh.due)
	} else {
		server = client.(*redis.Client)
	}
	f := new(findings)
	if err == nil {
		err = f.inspect(ctx, server)
	}
	if err != nil {
		return err
	}
	return c.judge(ctx, f)
}

// settings are the names of those that matter.
var settings = [...]string{"maxmemory-policy", "appendonly", "appendfsync", "save"}

// inspect checks the role and the settings of one server, in one round trip.
// Every user may ask for the role with HELLO; a server older than 6.2 does not
// take that without arguments, and there the probe has to be enough.
func (f *findings) inspect(ctx context.Context, c *redis.Client) error {
	pipe := c.Pipeline()
	hello := redis.NewMapStringInterfaceCmd(ctx, "hello")
	_ = pipe.Process(ctx, hello)
	var replies [len(settings)]*redis.MapStringStringCmd
	for i, name := range settings {
		replies[i] = pipe.ConfigGet(ctx, name)
	}
	_, _ = pipe.Exec(ctx) // each reply has its own error
	var refusal redis.Error
	if err := hello.Err(); err != nil && !errors.As(err, &refusal) {
		return err
	}
	if role := hello.Val()["role"]; role != nil && role != "master" {
		return fmt.Errorf("%w: its role is %v", ErrReadOnly, role)
	}
	got := map[string]string{}
	for i, name := range settings {
		all, err := replies[i].Result()
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		value, ok := all[name]
		if !ok {
			f.add(&f.silent, fmt.Sprintf("CONFIG GET %s: %v", name, cmp.Or[error](err, redis.Nil)))
			return nil
		}
		got[name] = value
	}
	if p := got["maxmemory-policy"]; p != "noeviction" && !strings.HasPrefix(p, "volatile-") {
		f.add(&f.volatile, fmt.Sprintf("maxmemory-policy is %s: it evicts records", p))
	}
	switch sync := got["appendfsync"]; {
	case got["appendonly"] != "yes":
		f.add(&f.volatile, fmt.Sprintf("appendonly is %s (and save %q): a crash loses all saves after the last snapshot",
			got["appendonly"], got["save"]))
	case sync == "everysec":
		f.add(&f.everySec, "appendfsync is everysec: a power failure loses the last second or two")
	case sync != "always":
		f.add(&f.volatile, fmt.Sprintf("appendfsync is %s: a power failure loses what the system had not yet written", sync))
	}
	return nil
}

func (f *findings) add(to *[]string, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(*to, what) { // several nodes may have the same problem
		*to = append(*to, what)
	}
}

// judge returns an error for findings that c does not allow, and logs a warning
// for those that it allows.
func (c *Config) judge(ctx context.Context, f *findings) error {
	refuse, why := slices.Clone(f.volatile), ErrVolatile
	if !c.AllowEverySecond {
		refuse = append(refuse, f.everySec...)
	}
	if len(refuse) == 0 && !c.AssumeDurable {
		refuse, why = f.silent, ErrUnverified
	}
	if len(refuse) > 0 && !c.AllowVolatile {
		return fmt.Errorf("%w: %s", why, strings.Join(refuse, "; "))
	}
	for _, what := range slices.Concat(f.volatile, f.everySec, f.silent) {
		c.Logger.WarnContext(ctx, "redisstore: the server may lose records", "why", what)
	}
	return nil
}
