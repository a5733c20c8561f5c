package host

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // driver "pgx"
	_ "modernc.org/sqlite"             // driver "sqlite"

	"github.com/authnfsm/authn/sqlstore"
)

func openSQLite(ctx context.Context, file string) (*Storage, error) {
	if file == "" || strings.ContainsAny(file, "?#") {
		return nil, errors.New("sqlite: a file name is expected, without ? and #")
	}
	dsn := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)&_pragma=synchronous(FULL)"
	return openSQL(ctx, "sqlite", dsn, sqlstore.SQLite)
}

func openPostgreSQL(ctx context.Context, name string) (*Storage, error) {
	if _, err := server(name); err != nil {
		return nil, err
	}
	return openSQL(ctx, "pgx", name, sqlstore.PostgreSQL)
}

// openMySQL takes a URL where the driver has a form of its own.
func openMySQL(ctx context.Context, name string) (*Storage, error) {
	u, err := server(name)
	if err != nil {
		return nil, err
	}
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
	c.User = u.User.Username()
	c.Passwd, _ = u.User.Password()
	if u.Port() == "" {
		c.Addr += ":3306"
	}
	c.InterpolateParams = true // one round trip for each statement
	return openSQL(ctx, "mysql", c.FormatDSN(), sqlstore.MySQL)
}

func openSQL(ctx context.Context, driver, dsn string, dialect sqlstore.Dialect) (*Storage, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(8)
	cfg := sqlstore.Config{Dialect: dialect}
	s := &Storage{Close: db.Close, DB: db, Dialect: dialect}
	if err = sqlstore.Migrate(ctx, db, cfg); err == nil {
		s.Store, err = sqlstore.New(ctx, db, cfg)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return s, nil
}
