// Package natsstore keeps records in a key-value bucket of NATS JetStream, over the
// caller's connection.
//
//	js, err := jetstream.New(conn)
//	cfg := natsstore.Config{Synced: true, WithoutTend: true} // see below
//	err = natsstore.CreateBucket(ctx, js, cfg)               // once, or at every start
//	store, err := natsstore.New(ctx, js, cfg)                // an authn.Store
//
// # No index
//
// A bucket has no order but that of its changes, so what is due could only be found
// by reading all of it. A [Store] is therefore no [authn.Sweeper], and
// [authn.Service.Tend] does nothing on it but return an error. [New] returns
// [ErrNoIndex] unless [Config].WithoutTend says that the host knows. No limit, lock or
// code depends on Tend. What is lost:
//
//   - A message or a report that could not be delivered is not tried again by itself.
//   - A record that holds nothing any more is not deleted: there is one for each
//     account that ever signed in, for good, and the servers keep the names of all
//     in memory.
//   - Records are not sealed anew after 90 days. [Store.Keys] and
//     [authn.Service.ResealRecord] do it when a key has to go.
//
// If this is too much, use another store: etcdstore, or a SQL database.
//
// # What a call costs
//
// Load is one request to the leader of the bucket. Save is such a request and one
// publication, which the leader takes only if the record is still at the revision that
// was loaded. It is sent again only after an answer which shows that it has not been
// taken: a refusal, after which the record turns out to be still of the old version,
// or that nobody listens. Any other answer comes back as the error that it is; such a
// save may have happened.
//
// A record has up to 64 KiB, far below the 1 MiB that servers take in one message
// unless max_payload says otherwise.
//
// A connection that is interrupted keeps what is published and sends it later, when
// the caller was long told that the call has failed. [nats.ReconnectBufSize] with -1
// turns that off.
//
// # Read after write
//
// A bucket that [jetstream.JetStream] creates allows direct gets, which any replica
// answers, also one that is behind. [CreateBucket] makes one that does not, and New
// returns [ErrStale] for one that does. Do not create or update the bucket by
// CreateOrUpdateKeyValue or the like: that turns direct gets on.
//
// The leader answers from what it has applied, without asking the others. One that was
// cut off from them goes on for up to twenty seconds before it notices, and a client
// that still reaches it is then told of the past. Nothing can be saved there, and what
// is saved elsewhere is compared with the newest revision, so no code and no guess
// counts twice: what may be old is an answer that changes nothing.
//
// # Durability
//
// A publication that was acknowledged has been written by a majority of the replicas,
// but by default is forced to their disks only two minutes later: if machines lose
// power at the same time, or one does while another is slow or cut off, saves are
// lost, so that guesses are given back and a used code may be valid again. Set
// sync_interval to always on every server. A client cannot see that setting, so New
// returns [ErrUnverified] unless [Config].Synced says that it is so. New does see the
// settings of the bucket, and returns [ErrVolatile] for one that is in memory, that
// forgets by age or by size, or that is persisted asynchronously.
//
// # Layout
//
// The record under KEY is the bucket's value under the same key, in which letters,
// digits, minus and underscore stand for themselves and any other byte is =XX in
// hexadecimal digits. A deleted record leaves a marker without a value, which the
// server removes after an hour if the bucket allows messages to have a time to live,
// as those of CreateBucket do.
//
// The servers tell no time, so a Store is no [authn.Clock].
package natsstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/authnfsm/authn"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var (
	_ authn.Store  = (*Store)(nil)
	_ authn.Lister = (*Store)(nil)
)

// A Store is an [authn.Store] and an [authn.Lister] in a bucket. It is safe for
// concurrent use, and any number of processes may share its records. It starts no
// goroutine. The caller owns the connection and closes it.
type Store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	prefix string        // of subjects
	expire bool          // markers have a time to live
	limit  time.Duration // of a request
}

// New returns a store in the bucket, which must exist. It looks at the settings of the
// bucket, and saves, loads and deletes a record of its own. Its error wraps
// [ErrNoIndex], [ErrUnverified], [ErrNoBucket], [ErrStale], [ErrVolatile], [ErrProbe] or
// the error of the client or of ctx, or names a bad field of cfg.
func New(ctx context.Context, js jetstream.JetStream, cfg Config) (*Store, error) {
	s, err := open(ctx, js, cfg)
	if err != nil {
		return nil, fmt.Errorf("natsstore: new: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, js jetstream.JetStream, cfg Config) (*Store, error) {
	if err := cfg.check(ctx); err != nil {
		return nil, err
	}
	stream, err := js.Stream(ctx, streamName(cfg.Bucket))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("%w: %q", ErrNoBucket, cfg.Bucket)
	}
	if err != nil {
		return nil, err
	}
	of := stream.CachedInfo().Config
	if err := cfg.inspect(ctx, &of); err != nil {
		return nil, err
	}
	s := &Store{js, stream, subjects(cfg.Bucket), of.AllowMsgTTL, cfg.Timeout}
	return s, s.probe(ctx)
}

// Load implements [authn.Store]. Its error wraps [authn.ErrNotFound] or the error of
// the client or of ctx.
func (s *Store) Load(ctx context.Context, key string) (authn.Record, error) {
	r, _, err := s.load(ctx, key)
	if err != nil {
		return authn.Record{}, fmt.Errorf("natsstore: load %s: %w", key, err)
	}
	return r, nil
}

// load returns a record and the revision of the bucket that made it. A record that is
// not there may have one too: that of the marker.
func (s *Store) load(ctx context.Context, key string) (authn.Record, uint64, error) {
	if err := ctx.Err(); err != nil {
		return authn.Record{}, 0, err
	}
	ctx, stop := context.WithTimeout(ctx, s.limit)
	defer stop()
	m, err := s.stream.GetLastMsgForSubject(ctx, s.subject(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return authn.Record{}, 0, authn.ErrNotFound
	}
	if err != nil {
		return authn.Record{}, 0, err
	}
	if isMarker(m.Header) {
		return authn.Record{}, m.Sequence, authn.ErrNotFound
	}
	r, err := decode(m.Data)
	return r, m.Sequence, err
}

// Save implements [authn.Store]. Its error wraps [authn.ErrConflict], after which
// nothing has changed, or [ErrBusy], after which this save has changed nothing either,
// or the error of the client or of ctx, after which the save may have happened.
func (s *Store) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	if err := s.save(ctx, key, old, r); err != nil {
		return fmt.Errorf("natsstore: save %s: %w", key, err)
	}
	return nil
}

// looks is how often a save that was refused looks at the record: with the pauses
// between, for about two seconds.
const looks = 10

func (s *Store) save(ctx context.Context, key string, old uint64, r authn.Record) error {
	deletes := len(r.Value) == 0
	if !deletes && r.Version == 0 {
		return errors.New("version is 0")
	}
	for look := range looks {
		if err := pause(ctx, look); err != nil {
			return err
		}
		now, revision, err := s.load(ctx, key)
		none := errors.Is(err, authn.ErrNotFound) // then the version is 0
		switch {
		case err != nil && !none:
			return err
		case now.Version != old:
			return authn.ErrConflict
		case none && deletes:
			return nil
		}
		// A refusal is no conflict yet: the leader also refuses while it waits for
		// others to take another save, which may come to nothing, and after it has
		// removed a marker.
		if err := s.publish(ctx, key, revision, r); !refused(err) {
			return err
		}
	}
	return ErrBusy
}

// pause waits before the second look and all that follow, each time twice as long.
func pause(ctx context.Context, look int) error {
	if look == 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(2 * time.Millisecond << look):
		return nil
	}
}

// publish puts a record, or a marker, where there is one of the revision; 0 is nothing
// at all.
func (s *Store) publish(ctx context.Context, key string, revision uint64, r authn.Record) error {
	ctx, stop := context.WithTimeout(ctx, s.limit)
	defer stop()
	m := nats.NewMsg(s.subject(key))
	how := []jetstream.PublishOpt{
		jetstream.WithExpectStream(s.stream.CachedInfo().Config.Name),
		jetstream.WithExpectLastSequencePerSubject(revision),
	}
	if len(r.Value) > 0 {
		m.Data = encode(r)
	} else {
		m.Header.Set(operation, deletion)
		if s.expire {
			how = append(how, jetstream.WithMsgTTL(markerLife))
		}
	}
	_, err := s.js.PublishMsg(ctx, m, how...)
	return err
}

// markerLife is for how long a deleted record leaves a marker. Nothing depends on it:
// a revision never comes again, so a save of the past finds no other to replace.
const markerLife = time.Hour

// refused reports an answer that says that the record is at another revision.
func refused(err error) bool {
	var e *jetstream.APIError
	return errors.As(err, &e) && (e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence ||
		e.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// page is how many records [Store.Keys] asks for at a time.
const page = 500

// Keys implements [authn.Lister]: it reads the bucket without values, in the order of
// changes, those that are never due among them. A record that is saved meanwhile comes
// again at the end, so the list is over when it has caught up with the saves. It makes
// a consumer, which the server removes some minutes after the last use.
func (s *Store) Keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := s.keys(ctx, func(key string) bool { return yield(key, nil) }); err != nil {
			yield("", fmt.Errorf("natsstore: keys: %w", err))
		}
	}
}

// keys returns nil if yield has returned false.
func (s *Store) keys(ctx context.Context, yield func(string) bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := s.stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{s.prefix + ">"}, DeliverPolicy: jetstream.DeliverAllPolicy, HeadersOnly: true,
	})
	if err != nil {
		return err
	}
	info, err := c.Info(ctx)
	if err != nil || info.NumPending == 0 {
		return err
	}
	all, err := c.Messages(jetstream.PullMaxMessages(page))
	if err != nil {
		return err
	}
	defer all.Stop()
	for {
		m, err := all.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		at, err := m.Metadata()
		if err != nil {
			return err
		}
		if !isMarker(m.Headers()) {
			key, err := s.keyOf(m.Subject())
			if err != nil {
				return err
			}
			if !yield(key) {
				return nil
			}
		}
		if at.NumPending == 0 {
			return nil
		}
	}
}

// A record is stored as form, version and due time, 17 bytes, followed by its value.
const (
	form   = 1
	header = 1 + 8 + 8
	never  = math.MinInt64 // as a due time
)

func encode(r authn.Record) []byte {
	due := int64(never)
	if !r.Due.IsZero() {
		due = r.Due.UnixMicro()
	}
	b := make([]byte, 0, header+len(r.Value))
	b = binary.BigEndian.AppendUint64(append(b, form), r.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(due))
	return append(b, r.Value...)
}

// decode returns the record with the stored form b, and keeps b.
func decode(b []byte) (authn.Record, error) {
	if len(b) <= header || b[0] != form {
		return authn.Record{}, fmt.Errorf("the stored form, %d bytes, is not known to this version", len(b))
	}
	r := authn.Record{Value: b[header:], Version: binary.BigEndian.Uint64(b[1:])}
	if due := int64(binary.BigEndian.Uint64(b[9:])); due != never {
		r.Due = time.UnixMicro(due).UTC()
	}
	return r, nil
}
