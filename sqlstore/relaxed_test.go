package sqlstore_test

import (
	"testing"

	"github.com/authnfsm/authn"
)

// Only a relaxed save of PostgreSQL is committed without waiting for the disk, and what the
// connection does afterwards is as before.
func TestRelaxed(t *testing.T) {
	p := postgresPlace(t, nil)
	db := p.migrated(t)
	s := newStore(t, db, p.Config)
	db.SetMaxOpenConns(1)
	for _, q := range []string{
		"CREATE UNLOGGED TABLE seen (n serial, setting text)",
		"CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen (setting) VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
		"CREATE TRIGGER look BEFORE UPDATE ON authn_records FOR EACH ROW EXECUTE FUNCTION look()",
	} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	r := authn.Record{Value: []byte("value"), Version: 1}
	if err := s.Save(t.Context(), "key", 0, r); err != nil {
		t.Fatal(err)
	}
	for i, relaxed := range []bool{false, true, false, true, true, false} {
		r.Version, r.Relaxed = uint64(i+2), relaxed
		if err := s.Save(t.Context(), "key", uint64(i+1), r); err != nil {
			t.Fatal(err)
		}
	}
	var seen, now string
	if err := db.QueryRowContext(t.Context(), "SELECT string_agg(setting, ' ' ORDER BY n), current_setting('synchronous_commit') FROM seen").Scan(&seen, &now); err != nil {
		t.Fatal(err)
	}
	if seen != "on off on off off on" || now != "on" {
		t.Errorf("saves are committed with %s, and then it is %s", seen, now)
	}
}
