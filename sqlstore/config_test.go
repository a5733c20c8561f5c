package sqlstore_test

import (
	"strings"
	"testing"

	"github.com/authnfsm/authn/sqlstore"
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
