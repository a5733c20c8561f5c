package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/authnfsm/authn"
)

const remembered = time.Hour // longer than any sign-in lasts

// openBegun opens the bucket that all workers share. It is in the memory of
// the server, because it holds state tokens.
func openBegun(ctx context.Context, nc *nats.Conn) (jetstream.KeyValue, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	return js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: "signin_begun", TTL: remembered, Storage: jetstream.MemoryStorage,
	})
}

// begun is the sign-in that a request has begun.
type begun struct {
	User  string
	Token string // "": a worker is about to begin it
}

// begin begins a sign-in once for each ID: a worker claims the ID, begins, and
// keeps the token. A repetition is answered from where that sign-in stands.
func (w *worker) begin(ctx context.Context, q *Request) (*authn.Answer, error) {
	sum := sha256.Sum256([]byte(w.subject + "\n" + q.ID))
	key := hex.EncodeToString(sum[:])
	claim, b, err := w.claim(ctx, key, q.User)
	switch {
	case err != nil:
		return nil, err
	case b.User != q.User:
		return nil, &authn.Refusal{Event: authn.EventPrimary, Err: authn.ErrKeyReused}
	case b.Token != "":
		return w.svc.Status(ctx, authn.StateToken(b.Token))
	}
	a, err := w.svc.Begin(ctx, authn.Login{User: q.User})
	if err != nil {
		return nil, errors.Join(err, w.begun.Purge(ctx, key, jetstream.LastRevision(claim))) // nothing has begun
	}
	if value, err := json.Marshal(begun{q.User, string(a.Token)}); err != nil {
		return nil, err
	} else if _, err := w.begun.Update(ctx, key, value, claim); err != nil {
		return nil, err
	}
	return a, nil
}

// claim returns what is known of an ID. If nothing is, the ID is claimed: then
// the token is "". A claim that a worker has left behind is taken over.
func (w *worker) claim(ctx context.Context, key, user string) (revision uint64, b begun, err error) {
	b = begun{User: user}
	value, err := json.Marshal(b)
	if err != nil {
		return 0, b, err
	}
	revision, err = w.begun.Create(ctx, key, value)
	if err == nil || !errors.Is(err, jetstream.ErrKeyExists) {
		return revision, b, err
	}
	e, err := w.begun.Get(ctx, key)
	if err != nil {
		return 0, b, err
	}
	if err := json.Unmarshal(e.Value(), &b); err != nil || b.Token != "" || b.User != user {
		return 0, b, err
	}
	if time.Since(e.Created()) < w.claimed {
		return 0, b, fmt.Errorf("worker: another one begins this sign-in: %w", authn.ErrUnavailable)
	}
	revision, err = w.begun.Update(ctx, key, value, e.Revision())
	return revision, b, err
}
