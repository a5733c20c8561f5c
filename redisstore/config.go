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

// Why a store cannot be had.
var (
	// ErrClient says that the client would break the contract: by reading from
	// replicas or a cache, or by moving keys between servers.
	ErrClient = errors.New("the client is not fit for a store")

	// ErrVolatile says that the server is set up to forget records. The error
	// that wraps it lists each setting at fault.
	ErrVolatile = errors.New("the server may forget records")

	// ErrUnverified says that the server does not tell how it is set up, as
	// managed ones often do not.
	ErrUnverified = errors.New("the server does not tell whether it may forget records")
)

// Config says where the records are, and what may happen to them. The zero
// value demands that no acknowledged save is lost in a crash or power cut.
type Config struct {
	// Prefix begins the names of all keys. It defaults to "authn:" and may
	// have up to 64 bytes, but no brace. Every process that shares the records
	// must use the same.
	Prefix string

	// AllowEverySecond accepts appendfsync everysec, the default of Redis with
	// appendonly: a power cut gives back the guesses of the last second or two.
	AllowEverySecond bool

	// AssumeDurable is the host's word that the server does not forget. It is
	// taken only where the server does not tell, instead of [ErrUnverified].
	AssumeDurable bool

	// AllowVolatile accepts a server that forgets, for tests and
	// demonstrations, with a warning for each setting at fault.
	AllowVolatile bool

	// Logger gets the warnings. It defaults to [slog.Default].
	Logger *slog.Logger
}

// check fills in the defaults and returns an error unless the client and its
// servers are fit.
func (c *Config) check(ctx context.Context, client redis.UniversalClient) error {
	if c.Prefix == "" {
		c.Prefix = "authn:"
	}
	if len(c.Prefix) > 64 || strings.ContainsAny(c.Prefix, "{}") {
		return fmt.Errorf("config: Prefix %q: want up to 64 bytes without braces", c.Prefix)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if err := fit(client); err != nil {
		return err
	}
	found, err := inspectAll(ctx, client)
	if err != nil {
		return err
	}
	return c.judge(ctx, found)
}

// fit returns an error unless the client reads from masters and leaves each
// key on its server.
func fit(client redis.UniversalClient) error {
	switch c := client.(type) {
	case *redis.Client:
		if o := c.Options(); o.ClientSideCache != nil || o.ClientSideCacheConfig != nil {
			return fmt.Errorf("%w: it has a cache: a load may not see the last save", ErrClient)
		}
		return nil
	case *redis.ClusterClient:
		if c.Options().ReadOnly { // RouteByLatency and RouteRandomly set it
			return fmt.Errorf("%w: it reads from replicas: a load may not see the last save", ErrClient)
		}
		return nil
	case *redis.Ring:
		return fmt.Errorf("%w: a Ring moves keys when a server is away, and their records stay behind", ErrClient)
	}
	return fmt.Errorf("%w: want a *redis.Client or *redis.ClusterClient, got %T", ErrClient, client)
}

// findings are what is wrong with servers, each in a sentence.
type findings struct {
	mu       sync.Mutex // guards the fields below
	volatile []string
	everySec []string
	silent   []string
}

// inspectAll inspects each master.
func inspectAll(ctx context.Context, client redis.UniversalClient) (*findings, error) {
	f := new(findings)
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return f, cluster.ForEachMaster(ctx, f.inspect)
	}
	return f, f.inspect(ctx, client.(*redis.Client))
}

// inspect asks one server how it is set up.
func (f *findings) inspect(ctx context.Context, c *redis.Client) error {
	settings := map[string]string{}
	for _, name := range []string{"maxmemory-policy", "appendonly", "appendfsync", "save"} {
		got, err := c.ConfigGet(ctx, name).Result()
		var refusal redis.Error
		if err != nil && !errors.As(err, &refusal) {
			return err
		}
		value, ok := got[name]
		if !ok {
			f.add(&f.silent, fmt.Sprintf("CONFIG GET %s: %v", name, cmp.Or[error](err, redis.Nil)))
			return nil
		}
		settings[name] = value
	}
	if p := settings["maxmemory-policy"]; p != "noeviction" && !strings.HasPrefix(p, "volatile-") {
		f.add(&f.volatile, fmt.Sprintf("maxmemory-policy is %s: it evicts records", p))
	}
	switch sync := settings["appendfsync"]; {
	case settings["appendonly"] != "yes":
		f.add(&f.volatile, fmt.Sprintf("appendonly is %s (and save %q): a crash loses what came after the last snapshot",
			settings["appendonly"], settings["save"]))
	case sync == "everysec":
		f.add(&f.everySec, "appendfsync is everysec: a power cut loses the last second or two")
	case sync != "always":
		f.add(&f.volatile, fmt.Sprintf("appendfsync is %s: a power cut loses what the system had not written yet", sync))
	}
	return nil
}

func (f *findings) add(to *[]string, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !slices.Contains(*to, what) { // of another node
		*to = append(*to, what)
	}
}

// judge returns an error for what c does not allow, and warns of what it does.
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
		c.Logger.WarnContext(ctx, "redisstore: the server may forget records", "why", what)
	}
	return nil
}
