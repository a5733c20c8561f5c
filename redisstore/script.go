package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// swapText replaces, creates or deletes a record if its first bytes are as
// expected. It changes the index first: if the server fails in between, a key
// that is returned too early is harmless, while a missing one is not.
const swapText = `
local head = redis.call('GETRANGE', KEYS[1], 0, 8)
if head ~= '' and (#head < 9 or string.byte(head) ~= 1) then
	return redis.error_reply('ERR the record was not written by this version')
end
if head ~= ARGV[1] then
	return 0
end
if ARGV[3] == '' then
	redis.call('ZREM', KEYS[2], ARGV[4])
else
	redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4])
end
if ARGV[2] == '' then
	redis.call('DEL', KEYS[1])
else
	redis.call('SET', KEYS[1], ARGV[2])
end
return 1
`

// script returns the text for stores that allow what c does. A server thus
// knows it only if a store that allows as much has looked at that server.
func (c *Config) script() string {
	return swapText + fmt.Sprintf("-- everysec %t, unverified %t, volatile %t\n", c.AllowEverySecond, c.AssumeDurable, c.AllowVolatile)
}

// A change is what the script does to a record.
type change struct {
	shard *shard
	key   string
	old   []byte // the first bytes of the record; nil: there is none
	value []byte // nil: delete
	score string // "": never due
}

// swap makes the change. If the server does not know the script, it has not
// run it and is not the server that was looked at last, as after a failover: it
// is looked at first, and then gets the script in full.
func (s *Store) swap(ctx context.Context, c *change) (int64, error) {
	n, err := s.run(ctx, s.client, c, false)
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return n, err
	}
	if err := s.cfg.inspectOne(ctx, s.client, c.shard); err != nil {
		return 0, err
	}
	return s.run(ctx, s.client, c, true)
}

// run runs the script, in full or by its hash. It returns 1 if the record was as
// expected, and 0 otherwise. It never retries after the command may have reached
// the server: a save that runs twice conflicts with itself.
func (s *Store) run(ctx context.Context, on sender, c *change, full bool) (int64, error) {
	name, script := "evalsha", s.hash
	if full {
		name, script = "eval", s.script
	}
	cmd := command{redis.NewCmd(ctx, name, script, 2, c.shard.records+c.key, c.shard.due, c.old, c.value, c.score, c.key)}
	if err := on.Process(ctx, cmd); err != nil {
		return 0, err
	}
	return cmd.Int64()
}

// A sender is a client, or one of its connections.
type sender interface {
	redis.Cmdable
	Process(ctx context.Context, cmd redis.Cmder) error
}

// command is a command without retries.
type command struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (command) NoRetry() bool { return true }

// Clone implements [redis.Cmder].
func (c command) Clone() redis.Cmder { return command{c.Cmd.Clone().(*redis.Cmd)} }
