package natsstore

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/authnfsm/authn"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of [New], and the last also of [Store.Save].
var (
	// ErrNoIndex reports that nothing can be tended on this store, and that
	// [Config].WithoutTend does not say that the host knows.
	ErrNoIndex = errors.New("the store has no index, so Tend cannot run")

	// ErrUnverified reports that servers do not say whether they force what they
	// acknowledge to their disks, and that [Config].Synced does not say so either.
	ErrUnverified = errors.New("the servers do not say whether sync_interval is always, so they may lose records")

	// ErrNoBucket reports that there is no such bucket.
	ErrNoBucket = errors.New("there is no bucket")

	// ErrStale reports a bucket whose loads may miss the last save.
	ErrStale = errors.New("the bucket may return old records")

	// ErrVolatile reports a bucket that may lose records. The error that wraps it
	// lists the settings that let it.
	ErrVolatile = errors.New("the bucket may lose records")

	// ErrProbe reports that a record of the probe was not saved, loaded or deleted
	// as it should be, for instance because the user lacks a right. The error that
	// wraps it says which step failed, and how.
	ErrProbe = errors.New("the probe failed")

	// ErrBusy reports a save that was refused again and again although the record
	// stayed as it was. Nothing was saved.
	ErrBusy = errors.New("the bucket takes no save of the record now")
)

// Config configures a [Store] and its bucket.
type Config struct {
	// Bucket is the name of the bucket, which is for one store alone: up to 64
	// letters, digits, minus and underscore. It defaults to "authn".
	Bucket string

	// Replicas is how many copies [CreateBucket] asks for: 1, 3 or 5. It defaults
	// to 3, which needs as many servers.
	Replicas int

	// Synced says that every server has sync_interval set to always. Without it,
	// New returns [ErrUnverified].
	Synced bool

	// WithoutTend says that the host knows what it does without. Without it, New
	// returns [ErrNoIndex].
	WithoutTend bool

	// Timeout limits each request to the servers, of which a Save makes two. It
	// defaults to 5 seconds: without a limit, a request that was under way when the
	// connection broke would wait until the context of the call ends.
	Timeout time.Duration

	// AllowVolatile accepts a bucket that may lose records, for tests and demos,
	// and servers that are not Synced. New logs a warning for each reason.
	AllowVolatile bool

	// Logger receives the warnings. It defaults to [slog.Default].
	Logger *slog.Logger
}

var bucketName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// defaults sets them and checks the fields.
func (c *Config) defaults() error {
	if c.Bucket == "" {
		c.Bucket = "authn"
	}
	if !bucketName.MatchString(c.Bucket) {
		return fmt.Errorf("config: Bucket %q: want up to 64 letters, digits, minus and underscore", c.Bucket)
	}
	if c.Replicas == 0 {
		c.Replicas = 3
	}
	if c.Replicas != 1 && c.Replicas != 3 && c.Replicas != 5 {
		return fmt.Errorf("config: Replicas %d: want 1, 3 or 5", c.Replicas)
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Timeout < 0 {
		return fmt.Errorf("config: Timeout %v is negative", c.Timeout)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return nil
}

// check returns an error unless the host says what it has to.
func (c *Config) check(ctx context.Context) error {
	if err := c.defaults(); err != nil {
		return err
	}
	if !c.WithoutTend {
		return ErrNoIndex
	}
	if !c.Synced && !c.AllowVolatile {
		return ErrUnverified
	}
	if !c.Synced {
		c.Logger.WarnContext(ctx, "natsstore: the servers may lose records", "why", "they need not sync before they acknowledge")
	}
	return nil
}

// CreateBucket creates the bucket of cfg if there is none: in files, without direct
// gets, with one state of each record, and none that is removed to make room. It
// leaves a bucket that exists as it is, for [New] to judge.
func CreateBucket(ctx context.Context, js jetstream.JetStream, cfg Config) error {
	err := cfg.defaults()
	if err == nil {
		_, err = js.Stream(ctx, streamName(cfg.Bucket))
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			_, err = js.CreateStream(ctx, cfg.stream())
		}
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			err = nil // by another node, just now
		}
	}
	if err != nil {
		return fmt.Errorf("natsstore: create bucket: %w", err)
	}
	return nil
}

func (c *Config) stream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: streamName(c.Bucket), Subjects: []string{subjects(c.Bucket) + ">"},
		Storage: jetstream.FileStorage, Replicas: c.Replicas, Discard: jetstream.DiscardNew,
		MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1,
		DenyDelete: true, AllowRollup: true, AllowMsgTTL: true,
	}
}

// inspect judges the settings of a bucket.
func (c *Config) inspect(ctx context.Context, of *jetstream.StreamConfig) error {
	if of.AllowDirect || of.MirrorDirect || of.Mirror != nil || len(of.Sources) > 0 {
		return fmt.Errorf("%w: it allows direct gets, or is a mirror or has sources", ErrStale)
	}
	if of.MaxMsgsPerSubject != 1 {
		return fmt.Errorf("%w: it keeps %d states of each, want 1", ErrStale, of.MaxMsgsPerSubject)
	}
	var why []string
	for _, x := range []struct {
		bad  bool
		what string
	}{
		{of.Storage != jetstream.FileStorage, "it is in memory"},
		{of.MaxAge != 0, "it removes what is old"},
		{of.Discard != jetstream.DiscardNew, "it removes what is old to make room"},
		{of.Retention != jetstream.LimitsPolicy, "it removes what was read"},
		{of.NoAck || of.PersistMode != jetstream.DefaultPersistMode, "it acknowledges what is not yet written"},
	} {
		if x.bad {
			why = append(why, x.what)
		}
	}
	if len(why) > 0 && !c.AllowVolatile {
		return fmt.Errorf("%w: %s", ErrVolatile, strings.Join(why, "; "))
	}
	for _, what := range why {
		c.Logger.WarnContext(ctx, "natsstore: the bucket may lose records", "why", what)
	}
	return nil
}

// cleaning is for how long a probe that failed tries to delete its record.
const cleaning = 5 * time.Second

// probe does what a host will do. A record that it cannot delete is left behind.
func (s *Store) probe(ctx context.Context) error {
	key := "probe-" + rand.Text()
	first := authn.Record{Value: make([]byte, 256), Version: 1<<63 | 1, Due: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}
	for i := range first.Value {
		first.Value[i] = byte(i) // every byte
	}
	second := authn.Record{Value: []byte("again"), Version: 1<<63 | 2}
	load := func(want authn.Record) error {
		r, _, err := s.load(ctx, key)
		if err == nil && (r.Version != want.Version || !r.Due.Equal(want.Due) || !bytes.Equal(r.Value, want.Value)) {
			err = errors.New("it is not what was saved")
		}
		return err
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
	}{
		{"save", func() error { return s.save(ctx, key, 0, first) }, nil},
		{"load", func() error { return load(first) }, nil},
		{"save what is there", func() error { return s.save(ctx, key, 0, second) }, authn.ErrConflict},
		{"replace", func() error { return s.save(ctx, key, first.Version, second) }, nil},
		{"load what was replaced", func() error { return load(second) }, nil},
		{"delete", func() error { return s.save(ctx, key, second.Version, authn.Record{}) }, nil},
		{"load what was deleted", func() error { return load(second) }, authn.ErrNotFound},
	} {
		err := step.do()
		if errors.Is(err, step.want) {
			continue
		}
		if err == nil {
			err = fmt.Errorf("it works, want %w", step.want)
		}
		ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
		defer stop()
		for _, r := range []authn.Record{first, second} {
			_ = s.save(ctx, key, r.Version, authn.Record{})
		}
		return fmt.Errorf("%w: %s: %w", ErrProbe, step.name, err)
	}
	return nil
}
