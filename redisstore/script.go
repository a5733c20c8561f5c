package redisstore

import (
	"context"

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

var swapHash = redis.NewScript(swapText).Hash()

// swap runs the script by its hash, or in full if the server does not know it
// and thus has not run it. It returns 1 if the record was as expected, and 0
// otherwise. An empty value deletes; an empty score means never due.
func (s *Store) swap(ctx context.Context, sh *shard, key string, old, value []byte, score string) (int64, error) {
	args := []any{"evalsha", swapHash, 2, sh.records + key, sh.due, old, value, score, key}
	n, err := s.once(ctx, args)
	if redis.HasErrorPrefix(err, "NOSCRIPT") {
		args[0], args[1] = "eval", swapText
		n, err = s.once(ctx, args)
	}
	return n, err
}

// once sends a command without retries after it may have reached the server: a
// save that runs twice conflicts with itself.
func (s *Store) once(ctx context.Context, args []any) (int64, error) {
	c := command{redis.NewCmd(ctx, args...)}
	if err := s.client.Process(ctx, c); err != nil {
		return 0, err
	}
	return c.Int64()
}

// command is a command without retries.
type command struct{ *redis.Cmd }

// NoRetry implements [redis.Cmder].
func (command) NoRetry() bool { return true }

// Clone implements [redis.Cmder].
func (c command) Clone() redis.Cmder { return command{c.Cmd.Clone().(*redis.Cmd)} }
