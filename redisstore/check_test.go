package redisstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/redisstore"
	"github.com/redis/go-redis/v9"
)

// replicaOf starts a replica of a server that listens on a port, and waits until
// it follows.
func replicaOf(t *testing.T, port string) *server {
	t.Helper()
	sv := serve(t, "--replicaof", "127.0.0.1 "+port, "--repl-diskless-sync-delay", "0", "--appendonly", "yes", "--appendfsync", "always")
	for end := time.Now().Add(time.Minute); sv.client().InfoMap(t.Context(), "replication").Val()["Replication"]["master_link_status"] != "up"; {
		if time.Now().After(end) {
			t.Fatal("the replica does not follow")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return sv
}

// primary starts a durable server that replicas can follow.
func primary(t *testing.T) (*server, string) {
	t.Helper()
	p := port(t)
	return serve(t, "--port", p, "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--repl-diskless-sync-delay", "0"), p
}

// none checks that a server has no key.
func none(t *testing.T, sv *server) {
	t.Helper()
	if keys := sv.client().Keys(t.Context(), "*").Val(); len(keys) > 0 {
		t.Errorf("there are %q", keys)
	}
}

// TestReplica asks a replica, also one that takes saves and then loses them, and
// one whose role the user may not ask for.
func TestReplica(t *testing.T) {
	t.Parallel()
	_, port := primary(t)
	sv := replicaOf(t, port)
	if err := sv.client().Do(t.Context(), "ACL", "SETUSER", "app", "on", "nopass", "~*", "+@all", "-hello").Err(); err != nil {
		t.Fatal(err)
	}
	silentAbout := sv.options()
	silentAbout.Username, silentAbout.Password, silentAbout.Protocol = "app", "any", 2
	for name, o := range map[string]*redis.Options{"usual": sv.options(), "without HELLO": silentAbout} {
		c := redis.NewClient(o)
		defer c.Close()
		for _, cfg := range []redisstore.Config{{}, {AllowVolatile: true, Logger: silent}} {
			if _, err := redisstore.New(t.Context(), c, cfg); !errors.Is(err, redisstore.ErrReadOnly) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	sv.set("replica-read-only", "no")
	if _, err := redisstore.New(t.Context(), sv.client(), redisstore.Config{}); !errors.Is(err, redisstore.ErrReadOnly) {
		t.Errorf("a replica that may be written to: got %v", err)
	}
	none(t, sv)
}

// TestRights takes each right that a store needs from its user.
func TestRights(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	needed := []string{"get", "exists", "zrangebyscore", "eval", "evalsha", "getrange", "set", "del", "zadd", "zrem", "time"}
	o := sv.options()
	o.Username, o.Password = "app", "any"
	open := func(rights ...string) error {
		args := []any{"ACL", "SETUSER", "app", "reset", "on", "nopass", "~authn:*", "-@all", "+@connection"}
		for _, r := range rights {
			args = append(args, "+"+r)
		}
		if err := sv.client().Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(o)
		defer c.Close()
		_, err := redisstore.New(t.Context(), c, redisstore.Config{AllowVolatile: true, Logger: silent})
		return err
	}
	if err := open(needed...); err != nil {
		t.Fatal(err)
	}
	for i, right := range needed {
		err := open(slices.Delete(slices.Clone(needed), i, i+1)...)
		if !errors.Is(err, redisstore.ErrProbe) || !strings.Contains(err.Error(), "permissions") && !strings.Contains(err.Error(), "can't run this command") {
			t.Errorf("without %s: got %v", right, err)
		}
		none(t, sv)
	}
}

// switched returns the options of a client that connects to the server that at
// names at the time.
func switched(at *atomic.Pointer[server]) *redis.Options {
	o := plain(&redis.Options{Addr: "switched:1"})
	o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", at.Load().socket())
	}
	return o
}

// TestAnotherServer lets every other connection lead to another server, as an
// address may that stands for several.
func TestAnotherServer(t *testing.T) {
	t.Parallel()
	both := [2]*server{serve(t), serve(t)}
	var n atomic.Int64
	o := plain(&redis.Options{Addr: "either:1"})
	o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", both[n.Add(1)%2].socket())
	}
	c := redis.NewClient(o)
	defer c.Close()
	_, err := redisstore.New(t.Context(), c, redisstore.Config{AllowVolatile: true, Logger: silent})
	if !errors.Is(err, redisstore.ErrProbe) || !strings.Contains(err.Error(), "load on another connection") {
		t.Errorf("got %v", err)
	}
	none(t, both[0])
	none(t, both[1])
}

// TestNoneToSpare opens a store with a client of one connection.
func TestNoneToSpare(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	o := sv.options()
	o.PoolSize = 1
	c := redis.NewClient(o)
	defer c.Close()
	s := open(t, c, "")
	if err := s.Save(t.Context(), "k", 0, record); err != nil {
		t.Error(err)
	}
}

// TestFailover promotes a replica whose settings let it lose records. Nothing is
// saved there until they are mended, although another store that allows it has
// used that server.
func TestFailover(t *testing.T) {
	t.Parallel()
	first, port := primary(t)
	second := replicaOf(t, port)
	var at atomic.Pointer[server]
	at.Store(first)
	c := redis.NewClient(switched(&at))
	defer c.Close()
	s, err := redisstore.New(t.Context(), c, redisstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	lenient, err := redisstore.New(t.Context(), c, redisstore.Config{AllowVolatile: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil || log.Len() > 0 {
		t.Fatal(err, &log)
	}
	if err := s.Save(t.Context(), "k", 0, record); err != nil {
		t.Fatal(err)
	}
	if n, err := first.client().Wait(t.Context(), 1, time.Minute).Result(); n != 1 || err != nil {
		t.Fatal(n, err)
	}

	second.set("appendfsync", "everysec")
	first.kill()
	if err := second.client().Do(t.Context(), "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	at.Store(second)
	next := authn.Record{Value: []byte("next"), Version: 2}
	if err := lenient.Save(t.Context(), "other", 0, record); err != nil || strings.Count(log.String(), "appendfsync is everysec") != 1 {
		t.Errorf("with AllowVolatile: %v, and the log is %q", err, &log)
	}
	if err := s.Save(t.Context(), "k", 1, next); !errors.Is(err, redisstore.ErrVolatile) || !strings.Contains(err.Error(), "appendfsync is everysec") {
		t.Errorf("got %v", err)
	}
	if r, err := s.Load(t.Context(), "k"); err != nil || r.Version != 1 {
		t.Errorf("there is version %d, %v", r.Version, err)
	}
	second.set("appendfsync", "always")
	if err := s.Save(t.Context(), "k", 1, next); err != nil {
		t.Errorf("after the settings are mended: %v", err)
	}
}

// TestFailoverToReplica reaches a server that was not promoted.
func TestFailoverToReplica(t *testing.T) {
	t.Parallel()
	first, port := primary(t)
	second := replicaOf(t, port)
	second.set("replica-read-only", "no")
	var at atomic.Pointer[server]
	at.Store(first)
	c := redis.NewClient(switched(&at))
	defer c.Close()
	s, err := redisstore.New(t.Context(), c, redisstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	first.kill()
	at.Store(second)
	if err := s.Save(t.Context(), "k", 0, record); !errors.Is(err, redisstore.ErrReadOnly) {
		t.Errorf("got %v", err)
	}
}

// due saves n records that are due, and returns their keys.
func due(t *testing.T, s *redisstore.Store, n int) []string {
	t.Helper()
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("%032x", i)
		if err := s.Save(t.Context(), keys[i], 0, authn.Record{Value: []byte("value"), Version: 1, Due: time.Unix(int64(i), 0)}); err != nil {
			t.Fatal(err)
		}
	}
	return keys
}

// TestDueWithoutShards damages the index of one shard after the other: Due
// returns what the others have, and an error once there is nothing else.
func TestDueWithoutShards(t *testing.T) {
	t.Parallel()
	sv := serve(t)
	var log bytes.Buffer
	s, err := redisstore.New(t.Context(), sv.client(), redisstore.Config{AllowVolatile: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	want, admin := due(t, s, 200), sv.client()
	for i := range 16 {
		log.Reset()
		index := fmt.Sprintf("authn:{%02d}:due", i)
		lost := admin.ZRange(t.Context(), index, 0, -1).Val()
		if err := errors.Join(admin.Del(t.Context(), index).Err(), admin.Set(t.Context(), index, "x", 0).Err()); err != nil || len(lost) == 0 {
			t.Fatal(len(lost), err)
		}
		want = slices.DeleteFunc(want, func(key string) bool { return slices.Contains(lost, key) })
		got, err := s.Due(t.Context(), time.Unix(1000, 0), 1000)
		if i < 15 && (err != nil || !slices.Equal(got, want) || !strings.Contains(log.String(), fmt.Sprintf("failed=%d of=16", i+1))) {
			t.Fatalf("%d shards: %d keys, want %d, %v, and the log is %q", i+1, len(got), len(want), err, &log)
		}
		if i == 15 && (err == nil || !strings.Contains(err.Error(), "WRONGTYPE") || got != nil) {
			t.Errorf("all shards: %d keys, %v", len(got), err)
		}
	}

	// Some can be asked, and have nothing that is due.
	if err := admin.Del(t.Context(), "authn:{03}:due").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Due(t.Context(), time.Unix(1000, 0), 10); err == nil || got != nil {
		t.Errorf("nothing is due: %d keys, %v", len(got), err)
	}
}
