package sqlstore_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/authnfsm/authn/sqlstore"
	"github.com/go-sql-driver/mysql"
)

func TestConfig(t *testing.T) {
	for _, cfg := range []sqlstore.Config{
		{},
		{Dialect: "oracle"},
		{Dialect: sqlstore.SQLite, Prefix: "1st_"},
		{Dialect: sqlstore.SQLite, Prefix: "Upper_"},
		{Dialect: sqlstore.SQLite, Prefix: "a; DROP TABLE b --"},
		{Dialect: sqlstore.SQLite, Prefix: strings.Repeat("p", 41)},
	} {
		_, schema := sqlstore.Schema(cfg)
		_, open := sqlstore.New(t.Context(), nil, cfg)
		for _, err := range []error{schema, open, sqlstore.Migrate(t.Context(), nil, cfg)} {
			if err == nil || !strings.Contains(err.Error(), "config: ") {
				t.Errorf("%+v: got %v", cfg, err)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	for name, place := range map[string]func(t *testing.T) place{
		"autocommit": func(t *testing.T) place {
			return mysqlPlace(t, func(c *mysql.Config) { c.Params = map[string]string{"autocommit": "0"} })
		},
		"default_transaction_isolation": func(t *testing.T) place {
			return postgresPlace(t, url.Values{"default_transaction_isolation": {"serializable"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := place(t)
			_, err := sqlstore.New(t.Context(), p.open(t), p.Config)
			if !errors.Is(err, sqlstore.ErrSettings) || !strings.Contains(err.Error(), name) {
				t.Errorf("got %v", err)
			}
		})
	}
}
