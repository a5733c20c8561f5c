package sqlstore

import (
	"fmt"
	"strings"
)

// statements are what a store says to its database.
type statements struct {
	load, create, update, remove, count, due, list, now string

	relaxed string // an update that does not wait for the disk, if the database has one
}

// A create must not fail where there is a record, since drivers do not agree on
// how to tell that error from others. MySQL has no DO NOTHING, and its IGNORE
// also ignores values that do not fit. It does have DUPLICATE KEY UPDATE. But
// what it counts for a row that is written to and stays as it is depends on a
// flag of the connection, so there each write also flips a bit that means
// nothing: then the flag is without effect.

// clashed is how many rows MySQL counts for a create where there is a record.
const clashed = 2

// clock is the query for microseconds since 1970. It does not go through the time
// zone of the connection, in which an hour comes twice a year. PostgreSQL's now()
// would be the time of the transaction. SQLite has milliseconds, as a fraction of days.
func (d Dialect) clock() string {
	switch d {
	case PostgreSQL:
		return "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"
	case MySQL:
		return "SELECT timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6))"
	}
	return "SELECT CAST(round((julianday('now') - 2440587.5) * 86400000) AS integer) * 1000"
}

func (c *Config) statements() statements {
	clash, touch := " ON CONFLICT (id) DO NOTHING", ""
	if c.Dialect == MySQL {
		clash, touch = " ON DUPLICATE KEY UPDATE flip = 1 - flip", "flip = 1 - flip, "
	}
	say := func(format string) string {
		q := fmt.Sprintf(format, c.Prefix+"records")
		for n := 1; c.Dialect == PostgreSQL && strings.Contains(q, "?"); n++ {
			q = strings.Replace(q, "?", fmt.Sprint("$", n), 1)
		}
		return q
	}
	relaxed := ""
	if c.Dialect == PostgreSQL { // for this statement, which is a transaction of its own
		relaxed = " AND set_config('synchronous_commit', 'off', true) = 'off'"
	}
	update := "UPDATE %s SET " + touch + "value = ?, version = ?, due = ? WHERE id = ? AND version = ?"
	return statements{
		load:   say("SELECT value, version, due FROM %s WHERE id = ?"),
		create: say("INSERT INTO %s (id, value, version, due) VALUES (?, ?, ?, ?)" + clash),
		update: say(update),
		remove: say("DELETE FROM %s WHERE id = ? AND version = ?"),
		count:  say("SELECT count(*) FROM %s WHERE id = ?"),
		due:    say("SELECT id FROM %s WHERE due <= ? ORDER BY due, id LIMIT ?"),
		list:   say("SELECT id FROM %s WHERE id > ? ORDER BY id LIMIT ?"),
		now:    c.Dialect.clock(),

		relaxed: say(update + relaxed),
	}
}
