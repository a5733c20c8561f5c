package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authnfsm/authn"
)

const (
	embeddedSaves    = "saves of an embedded sign-in with one wrong code"
	embeddedCPU      = "µs of CPU of an embedded sign-in with one wrong code, client and server"
	embeddedDatabase = "µs of CPU of an embedded sign-in with one wrong code, PostgreSQL"
	embeddedWAL      = "bytes of WAL of an embedded sign-in with one wrong code, on PostgreSQL"
	embeddedPace     = "sign-ins/s, embedded on PostgreSQL : a handler that keeps nothing but the session"
)

// A way is how a host signs in: by requests to a handler of its own.
type way struct {
	name    string
	handler http.Handler
	visit   visit
	saves   *atomic.Int64
	users   int // the number of its first one
}

// saving counts saves.
type saving struct {
	authn.Store
	saves *atomic.Int64
}

func (c saving) Save(ctx context.Context, key string, old uint64, r authn.Record) error {
	c.saves.Add(1)
	return c.Store.Save(ctx, key, old, r)
}

// A counter is the handler of a host that keeps its users' sessions in a table.
type counter struct {
	db    *sql.DB
	table string
	host  *host
	svc   *authn.Service
	brief bool // in three requests
}

// What comes and goes has the tokens as strings: they do not print.
type form struct {
	User  string `json:"user"`
	Token string `json:"token"`
	Code  string `json:"code"`
	Used  string `json:"used"`
}

type reply struct {
	State authn.State `json:"state"`
	Token string      `json:"token,omitempty"`
	Used  string      `json:"used,omitempty"`
}

// ServeHTTP takes each step of a sign-in.
func (d *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, func(f *form) (reply, error) {
		a, err := d.take(r.Context(), r.URL.Path, f)
		if err != nil {
			return reply{}, err
		}
		return reply{a.State, string(a.Token), string(a.Session)}, nil
	})
}

// serve reads a form, and writes the reply to it.
func serve(w http.ResponseWriter, r *http.Request, take func(*form) (reply, error)) {
	var f form
	if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, err := take(&f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	b, _ := json.Marshal(answer)
	w.Header().Set("Content-Type", "application/json")
	w.Write(b) //nolint:errcheck // the client may be gone
}

func (d *counter) take(ctx context.Context, path string, f *form) (a *authn.Answer, err error) {
	switch path {
	case "/login":
		return d.svc.Begin(ctx, authn.Login{User: f.User, Challenge: d.brief})
	case "/challenge":
		return d.svc.Do(ctx, authn.StateToken(f.Token), authn.Challenge{Factor: "emf1"})
	case "/session":
		as, err := d.svc.Redeem(ctx, authn.SessionToken(f.Used))
		if err != nil {
			return nil, err
		}
		return &authn.Answer{State: authn.Success}, d.start(ctx, as.User)
	}
	ev := authn.Event(authn.Verify{Code: authn.Code(f.Code)})
	if d.brief {
		ev = authn.RedeemAtOnce(ev)
	}
	if a, err = d.svc.Do(ctx, authn.StateToken(f.Token), ev); err == nil && a.Assertion != nil {
		err = d.start(ctx, a.Assertion.User)
	}
	return a, err
}

// start makes a session.
func (d *counter) start(ctx context.Context, user string) error {
	_, err := d.db.ExecContext(ctx, "INSERT INTO "+d.table+" (id, owner, until) VALUES ($1, $2, $3)", int64(version()), user, time.Now().Unix()+3600)
	return err
}

// A thin handler keeps the code with the browser and counts nothing: what a sign-in costs
// that guarantees nothing.
type thin struct {
	*counter
	code authn.Code
}

// ServeHTTP looks the user up each time, and makes a session at the right code.
func (d thin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	serve(w, r, func(f *form) (reply, error) {
		var n int
		err := d.db.QueryRowContext(r.Context(), "SELECT count(*) FROM "+d.table+" WHERE id = $1", int64(1)).Scan(&n)
		switch {
		case err != nil:
		case r.URL.Path == "/login":
			d.host.codes.Store(f.User, d.code)
		case f.Code == string(d.code):
			return reply{State: authn.Success}, d.start(r.Context(), f.Token)
		}
		return reply{State: authn.MFAChallenge, Token: f.User}, err
	})
}

// in sends a form, and reads the reply, which has to be in a state.
func (do shot) in(path string, f form, want authn.State) (a reply, err error) {
	b, err := json.Marshal(f)
	if err != nil {
		return a, err
	}
	raw, err := do(path, string(b))
	if err == nil && json.Unmarshal(raw, &a) != nil {
		err = fmt.Errorf("%s: %s", path, raw)
	}
	if err == nil && a.State != want {
		err = fmt.Errorf("%s: in %s, not %s", path, a.State, want)
	}
	return a, err
}

// brief is a sign-in in three requests, long one in five.
var (
	brief = visit{3, func(do shot, user string, codes func(string) string) error {
		a, err := do.in("/login", form{User: user}, authn.MFAChallenge)
		if err != nil {
			return err
		}
		_, err = do.tries(a.Token, codes(user))
		return err
	}}
	long = visit{5, func(do shot, user string, codes func(string) string) error {
		a, err := do.in("/login", form{User: user}, authn.MFARequired)
		if err == nil {
			_, err = do.in("/challenge", form{Token: a.Token}, authn.MFAChallenge)
		}
		if err != nil {
			return err
		}
		b, err := do.tries(a.Token, codes(user))
		if err == nil {
			_, err = do.in("/session", form{Used: b.Used}, authn.Success)
		}
		return err
	}}
)

// tries submits a wrong code and the right one.
func (do shot) tries(token, code string) (reply, error) {
	if _, err := do.in("/code", form{Token: token, Code: string(wrong(authn.Code(code)))}, authn.MFAChallenge); err != nil {
		return reply{}, err
	}
	return do.in("/code", form{Token: token, Code: code}, authn.Success)
}

// embedded compares whole sign-ins of a host on PostgreSQL.
func embedded(p *plan) (*section, error) {
	sec := &section{title: "A whole sign-in on PostgreSQL", text: embeddedText}
	b, err := kindOf{"PostgreSQL", openPostgres}.reach()
	if err != nil {
		p.say("  skipped: %v", err)
		for _, name := range []string{embeddedSaves, embeddedCPU, embeddedDatabase, embeddedWAL, embeddedPace} {
			sec.skip(name, "PostgreSQL is not reachable")
		}
		return sec, nil
	}
	p.later(b.close)
	h := newHost()
	ways, err := waysOn(b, h)
	if err != nil {
		return nil, err
	}
	for _, clients := range []int{1, 16} {
		var cs []contestant
		for _, w := range ways {
			s, err := newSite(w.name, w.handler, w.visit, func(user string) string { return string(h.code(user)) }, clients)
			if err != nil {
				return nil, err
			}
			p.later(s.close)
			s.users = w.users
			cs = append(cs, s.requests())
		}
		laps, err := race(cs, p.laps, 6*p.lap)
		if err != nil {
			return nil, err
		}
		t := table{caption: fmt.Sprintf("%d at once; %s", clients, b.about), head: []string{"", "requests", "sign-ins/s", "spread", "time", "CPU time, both ends", "of PostgreSQL", "WAL, bytes", "saves"}}
		each := make([][]float64, len(ways))
		for i, w := range ways {
			c, err := w.costs(b.db, cs[i], clients)
			if err != nil {
				return nil, err
			}
			for _, x := range laps[i].of(wall) {
				each[i] = append(each[i], x*float64(w.visit.requests))
			}
			rate, n := spreadOf(rates(each[i])), float64(w.visit.requests)
			t.add(w.name, fmt.Sprint(w.visit.requests), fmt.Sprintf("%.0f", rate.mid), percent(rate), nanos(n*spreadOf(laps[i].of(wall)).mid),
				nanos(n*spreadOf(laps[i].of(cpu)).mid), nanos(c.cpu), fmt.Sprintf("%.0f", c.wal), fmt.Sprint(round(c.saves)))
			if i == 1 && clients == 1 {
				sec.find(embeddedSaves, []float64{c.saves}, nil)
				if !p.quick { // which compares ratios only
					sec.find(embeddedCPU, scaled(laps[i].of(cpu), n/1e3), nil)
					if sec.find(embeddedDatabase, []float64{c.cpu / 1e3}, nil); c.cpu == 0 {
						sec.found[len(sec.found)-1].skipped = "its processes are not on this machine"
					}
				}
				sec.find(embeddedWAL, []float64{c.wal}, nil)
			}
		}
		if clients > 1 {
			sec.find(embeddedPace, paired(each[2], each[1]), &cs[1])
		}
		sec.tables = append(sec.tables, t)
	}
	if p.long {
		ts, err := signInsAndVacuum(p)
		if err != nil {
			return nil, err
		}
		sec.tables = append(append(sec.tables, ts...), others)
		sec.text += "\n\n" + vacuumText + "\n\n" + othersText
	}
	return sec, nil
}

// scaled multiplies each value.
func scaled(xs []float64, by float64) []float64 {
	ys := make([]float64, len(xs))
	for i, x := range xs {
		ys[i] = by * x
	}
	return ys
}

// waysOn are a host that signs in as Okta's clients do, one that spares what it can, and
// one without the library.
func waysOn(b *backend, h *host) ([]way, error) {
	table, err := sessionsOn(b)
	if err != nil {
		return nil, err
	}
	saves := new(atomic.Int64)
	var desks [2]*counter
	for i := range desks {
		svc, err := authn.New(authn.Config{
			Tenant: tenant, Keys: keys(), PseudonymKey: pseudonymKey, Store: saving{b.store, saves}, Mailer: h, Directory: h, Now: h.clock,
			AcknowledgeLater: i == 1,
		})
		if err != nil {
			return nil, err
		}
		desks[i] = &counter{db: b.db, table: table, host: h, svc: svc, brief: i == 1}
	}
	return []way{
		{"five requests, a session token", desks[0], long, saves, 0},
		{"three requests, the assertion at once", desks[1], brief, saves, 1_000_000},
		{"a handler that keeps the session only", thin{desks[1], "123456"}, brief, saves, 2_000_000},
	}, nil
}

// sessionsOn makes the table of a host's sessions, and returns its name.
func sessionsOn(b *backend) (string, error) {
	const table = "bench_sessions"
	_, err := b.db.Exec("CREATE TABLE " + table + " (id bigint PRIMARY KEY, owner text NOT NULL, until bigint NOT NULL)")
	return table, err
}

// spent is what one sign-in takes of the database.
type spent struct{ cpu, wal, saves float64 }

func (w *way) costs(db *sql.DB, c contestant, clients int) (x spent, err error) {
	const signIns = 480
	var from, to float64
	at := func(lsn *float64) {
		if err == nil {
			err = db.QueryRow("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8").Scan(lsn)
		}
	}
	if _, err = db.Exec("CHECKPOINT"); err != nil { // or the first change of each page would be counted whole
		return x, err
	}
	if err = c.run(signIns * w.visit.requests); err != nil {
		return x, err
	}
	saved, busy := w.saves.Load(), databaseCPU()
	at(&from)
	if err == nil {
		err = c.run(signIns * w.visit.requests)
	}
	at(&to)
	per := float64(signIns)
	return spent{float64(databaseCPU()-busy) / per, (to - from) / per, float64(w.saves.Load()-saved) / per}, err
}

// databaseCPU is the CPU time of all processes of PostgreSQL on this machine; 0 if they
// cannot be seen.
func databaseCPU() time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var ticks int64
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		_, rest, found := strings.Cut(string(raw), "(postgres) ")
		if f := strings.Fields(rest); err == nil && found && len(f) > 12 {
			user, _ := strconv.ParseInt(f[11], 10, 64)
			system, _ := strconv.ParseInt(f[12], 10, 64)
			ticks += user + system
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100
}

const embeddedText = `A password, a mailed code, a wrong code, the right one and a session of the host, which is a row of its own table: by requests to a handler on net/http, over
loopback connections of a minimal client. The first host goes the way of Okta's clients: password, challenge, codes, and a session token that is exchanged by a
further request. The second sets Login.Challenge, RedeemAtOnce and Config.AcknowledgeLater: the message goes out with the password, and the right code makes the
session. The third does not use the library: the code stays with the browser, nothing is counted, no code dies with its use, and nothing of the sign-in is stored.
Nobody hashes a password. CPU time is that of one sign-in, that of PostgreSQL by the clock of its processes; the WAL is counted after a checkpoint and as many
sign-ins before, so that it has few whole pages.`
