package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
)

// What is measured of very many sign-ins, in portions, since PostgreSQL does not keep its
// WAL for long.
const (
	veryMany = 100_000
	portion  = 10_000
	visitors = 16 // clients
)

// A ledger is what PostgreSQL has written of the records in a phase.
type ledger struct {
	name  string
	took  time.Duration
	cpu   time.Duration // of PostgreSQL
	wal   float64       // bytes
	rows  [4]float64    // inserted, updated, of those in place, deleted
	dead  float64       // at the end
	table [2]float64    // bytes of the table and of its indexes, at the end
	kinds map[string][2]float64
}

// A walReader keeps a ledger for each phase.
type walReader struct {
	db    *sql.DB
	table string
	kinds bool // it can tell the kinds of records in the WAL
	all   []*ledger
}

// phase writes down what do makes PostgreSQL write, in portions.
func (r *walReader) phase(name string, portions int, do func() error) error {
	l := &ledger{name: name, kinds: map[string][2]float64{}}
	r.all = append(r.all, l)
	var rows [4]float64
	if err := r.stats(&rows, new(float64)); err != nil {
		return err
	}
	for range portions {
		from, err := r.position()
		if err != nil {
			return err
		}
		began, busy := time.Now(), databaseCPU()
		if err := do(); err != nil {
			return err
		}
		l.took += time.Since(began)
		l.cpu += databaseCPU() - busy
		if err := r.written(l, from); err != nil {
			return err
		}
	}
	if err := r.stats(&l.rows, &l.dead); err != nil {
		return err
	}
	for i := range rows {
		l.rows[i] -= rows[i]
	}
	return r.db.QueryRow("SELECT pg_relation_size($1::regclass)::float8, pg_indexes_size($1::regclass)::float8", r.table).Scan(&l.table[0], &l.table[1])
}

func (r *walReader) position() (lsn string, err error) {
	err = r.db.QueryRow("SELECT pg_current_wal_insert_lsn()::text").Scan(&lsn)
	return lsn, err
}

// written adds what is in the WAL since a position.
func (r *walReader) written(l *ledger, from string) error {
	to, err := r.position()
	if err != nil {
		return err
	}
	var bytes float64
	if err := r.db.QueryRow("SELECT pg_wal_lsn_diff($1::pg_lsn, $2::pg_lsn)::float8", to, from).Scan(&bytes); err != nil {
		return err
	}
	if l.wal += bytes; !r.kinds {
		return nil
	}
	if _, err := r.db.Exec("SELECT pg_switch_wal()"); err != nil { // only what is on the disk can be read
		return err
	}
	rows, err := r.db.Query(`SELECT "resource_manager/record_type", count::float8, record_size::float8, fpi_size::float8 FROM pg_get_wal_stats($1::pg_lsn, $2::pg_lsn, true) WHERE count > 0`, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var kind string
		var n, size, pages float64
		if err := rows.Scan(&kind, &n, &size, &pages); err != nil {
			return err
		}
		was := l.kinds[kind]
		l.kinds[kind] = [2]float64{was[0] + n, was[1] + size}
		was = l.kinds[wholePages]
		l.kinds[wholePages] = [2]float64{was[0], was[1] + pages}
	}
	return rows.Err()
}

const wholePages = "whole pages, after a checkpoint"

// stats are PostgreSQL's own counts of the table, and its dead rows.
func (r *walReader) stats(rows *[4]float64, dead *float64) error {
	conn, err := r.db.Conn(context.Background())
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), "SELECT pg_stat_force_next_flush()"); err != nil {
		return err
	}
	time.Sleep(2 * time.Second) // other connections report within a second
	return conn.QueryRowContext(context.Background(), "SELECT n_tup_ins, n_tup_upd, n_tup_hot_upd, n_tup_del, n_dead_tup FROM pg_stat_user_tables WHERE relid = $1::regclass", r.table).
		Scan(&rows[0], &rows[1], &rows[2], &rows[3], dead)
}

// signInsAndVacuum are very many sign-ins of a host that spares what it can, the day
// after, on which Tend deletes the records, and a vacuum.
func signInsAndVacuum(p *plan) ([]table, error) {
	b, err := kindOf{"PostgreSQL", openPostgres}.reach()
	if err != nil {
		return nil, err
	}
	defer b.close()
	sessions, err := sessionsOn(b)
	if err != nil {
		return nil, err
	}
	r := &walReader{db: b.db, table: "authn_records"}
	_, err = b.db.Exec("CREATE EXTENSION pg_walinspect") // gone with the schema
	r.kinds = err == nil
	h := newHost()
	var ahead atomic.Int64
	began := time.Now()
	svc, err := authn.New(authn.Config{
		Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Store: b.store, Mailer: h, Directory: h, AcknowledgeLater: true,
		Now: func() time.Time { return start.Add(time.Since(began) + time.Duration(ahead.Load())) },
	})
	if err != nil {
		return nil, err
	}
	s, err := newSite("", &counter{db: b.db, table: sessions, host: h, svc: svc, brief: true}, brief, func(user string) string { return string(h.code(user)) }, visitors)
	if err != nil {
		return nil, err
	}
	defer s.close()
	tended := func() error { _, err := svc.Tend(context.Background()); return err }
	visits := s.requests()
	for _, x := range []struct {
		name     string
		portions int
		do       func() error
	}{
		{"sign-ins", veryMany / portion, func() error {
			p.say("  %d sign-ins of %d", s.users, veryMany)
			if err := visits.run(portion * brief.requests); err != nil {
				return err
			}
			return tended()
		}},
		{"the day after, Tend", 1, func() error {
			ahead.Store(int64(25 * time.Hour))
			return tended()
		}},
		{"VACUUM", 1, func() error {
			_, err := b.db.Exec("VACUUM " + r.table)
			return err
		}},
	} {
		p.say("  %s", x.name)
		if err := r.phase(x.name, x.portions, x.do); err != nil {
			return nil, fmt.Errorf("%s: %w", x.name, err)
		}
	}
	return r.tables(b.about), nil
}

// tables show the ledgers, for each sign-in.
func (r *walReader) tables(about string) []table {
	each := func(x float64) string { return short(x / veryMany) }
	t := table{caption: fmt.Sprintf("%d sign-ins of as many users, %d at once, for each; %s", veryMany, visitors, about), head: []string{""}}
	for _, l := range r.all {
		t.head = append(t.head, l.name)
	}
	line := func(name string, value func(*ledger) string) {
		cells := []string{name}
		for _, l := range r.all {
			cells = append(cells, value(l))
		}
		t.add(cells...)
	}
	line("time", func(l *ledger) string { return nanos(float64(l.took) / veryMany) })
	line("CPU time of PostgreSQL", func(l *ledger) string { return nanos(float64(l.cpu) / veryMany) })
	line("WAL, bytes", func(l *ledger) string { return each(l.wal) })
	for i, name := range []string{"rows inserted", "rows updated", "of those without an index entry", "rows deleted"} {
		line(name, func(l *ledger) string { return each(l.rows[i]) })
	}
	line("dead rows at the end", func(l *ledger) string { return each(l.dead) })
	line("bytes of the table at the end", func(l *ledger) string { return each(l.table[0]) })
	line("bytes of its indexes at the end", func(l *ledger) string { return each(l.table[1]) })
	ts := []table{t}
	if !r.kinds {
		return ts
	}
	k := table{caption: "what is in the WAL of a sign-in, without what comes after", head: []string{"records of", "number", "bytes"}}
	first := r.all[0]
	var names []string
	for name, x := range first.kinds {
		if x[1] >= veryMany/100 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(first.kinds[b][1] - first.kinds[a][1]) })
	for _, name := range names {
		x := first.kinds[name]
		k.add(strings.ReplaceAll(name, "/", ", "), each(x[0]), each(x[1]))
	}
	return append(ts, k)
}

const vacuumText = `Then many users sign in, each once, in three requests, with Tend in between; a day later Tend deletes their records, and the table is vacuumed.
PostgreSQL's own vacuum runs as it is set up. A split is of a page of an index, and whole pages are what PostgreSQL writes for the first change of a page after
each of its checkpoints.`

const othersText = `The last table is not of this run: the same sign-in was measured once, on another machine, with two cores for client, server and one PostgreSQL,
through each program's own API, with hashing of passwords off or at its cheapest, in interleaved laps, of which it has the medians. The demo is examples/idp, before it
kept connections to its mail server. Statements and commits are those that PostgreSQL counted. Read it for orders of magnitude.`

// others was measured outside of this program.
var others = table{
	caption: "one complete sign-in with an e-mailed code elsewhere: start, send, one wrong code, the right one, session",
	head:    []string{"", "sign-ins/s, 1 / 16 at once", "CPU time of the server, 1 / 16", "of PostgreSQL", "WAL, bytes", "requests", "statements", "commits that wait"},
	rows: [][]string{
		{"this project's demo, examples/idp", "144 / 212", "3.8 / 3.3 ms", "2.1 / 2.9 ms", "5050", "5", "16", "8"},
		{"full identity servers in Go, three", "0.9–54 / 1.7–116", "9–1083 ms", "6–31 ms", "4300–21000", "3–6", "34–91", "4–18"},
		{"a library in TypeScript", "28 / 37", "32 ms", "5–6 ms", "1500–1700", "3", "18", "5"},
		{"a library in Go that keeps the code in the browser's session, and nothing of the sign-in", "314 / 522", "1.7 / 1.6 ms", "0.7 / 1.0 ms", "440–485", "3", "6", "2"},
	},
}
