package sqlstore_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authnfsm/authn/sqlstore"
	"github.com/go-sql-driver/mysql"
)

// TestNowInAnyZone sets the time zone of the connections.
func TestNowInAnyZone(t *testing.T) {
	everywhere(t, func(t *testing.T, p place) {
		if p.Driver == "sqlite" {
			t.Skip("has no time zone")
		}
		p.migrated(t)
		for _, hours := range []int{-11, 13} {
			zoned, hour := p, ""
			switch p.Driver {
			case "pgx":
				zoned.DSN += "&timezone=" + url.QueryEscape(fmt.Sprintf("Etc/GMT%+d", -hours)) // its names count to the west
				hour = "SELECT to_char(clock_timestamp(), 'HH24')"
			case "mysql":
				c, err := mysql.ParseDSN(p.DSN)
				if err != nil {
					t.Fatal(err)
				}
				c.ParseTime, c.Loc = true, time.FixedZone("", 3*3600)
				c.Params = map[string]string{"time_zone": fmt.Sprintf("'%+03d:00'", hours)}
				zoned.DSN = c.FormatDSN()
				hour = "SELECT date_format(now(), '%H')"
			}
			db := zoned.open(t)
			var local string
			if err := db.QueryRow(hour).Scan(&local); err != nil || local == time.Now().UTC().Format("15") {
				t.Errorf("the zone is not set: %s o'clock, %v", local, err)
			}
			now, err := newStore(t, db, p.Config).Now(t.Context())
			if err != nil || time.Since(now).Abs() > 30*time.Second || now.Location() != time.UTC {
				t.Errorf("%+d hours: %v, %v from this machine's, %v", hours, now, time.Since(now), err)
			}
		}
	})
}

// TestNowRefused opens a database that cannot tell the time: New says so, before
// Tend would.
func TestNowRefused(t *testing.T) {
	p := sqlitePlace(t)
	p.migrated(t)
	db, tap := p.tapped(t)
	s := newStore(t, db, p.Config)
	tap.refuse = "julianday"
	if _, err := sqlstore.New(t.Context(), db, p.Config); !errors.Is(err, sqlstore.ErrProbe) || !strings.Contains(err.Error(), "tell the time") {
		t.Errorf("got %v", err)
	}
	if now, err := s.Now(t.Context()); err == nil || !now.IsZero() {
		t.Errorf("the time is %v, %v", now, err)
	}
}
