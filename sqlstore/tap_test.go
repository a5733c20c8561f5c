package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// A tap counts what goes through a driver, and may spoil it.
type tap struct {
	driver.Connector
	statements atomic.Int64 // that were carried out
	prepared   atomic.Int64
	flights    atomic.Int64 // times that something was sent after something was received

	refuse string // if set, what a query that is refused has in it

	after func() error // if set, what a statement returns after it was carried out
}

// open returns a handle of the place with a tap in between, and no more than
// one connection.
func (p place) tapped(tb testing.TB) (*sql.DB, *tap) {
	tb.Helper()
	t := new(tap)
	var err error
	switch p.Driver {
	case "sqlite":
		db := p.open(tb)
		t.Connector = opener{db.Driver(), p.DSN}
	case "pgx":
		var c *pgx.ConnConfig
		if c, err = pgx.ParseConfig(p.DSN); err != nil {
			tb.Fatal(err)
		}
		dial := c.DialFunc
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return t.wire(dial(ctx, network, addr))
		}
		t.Connector = stdlib.GetConnector(*c, stdlib.OptionShouldPing(
			func(context.Context, stdlib.ShouldPingParams) bool { return false }))
	case "mysql":
		var c *mysql.Config
		if c, err = mysql.ParseDSN(p.DSN); err != nil {
			tb.Fatal(err)
		}
		c.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return t.wire(new(net.Dialer).DialContext(ctx, network, addr))
		}
		t.Connector, err = mysql.NewConnector(c)
	}
	if err != nil {
		tb.Fatal(err)
	}
	db := sql.OpenDB(t)
	tb.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db, t
}

func (t *tap) reset() {
	t.statements.Store(0)
	t.prepared.Store(0)
	t.flights.Store(0)
}

// opener makes a connector of a driver that has none.
type opener struct {
	driver driver.Driver
	dsn    string
}

func (o opener) Connect(context.Context) (driver.Conn, error) { return o.driver.Open(o.dsn) }
func (o opener) Driver() driver.Driver                        { return o.driver }

// turns opens connections to two places in turn.
type turns struct {
	opener
	other string
	n     int
}

func (o *turns) Connect(ctx context.Context) (driver.Conn, error) {
	o.n++
	if o.n%2 == 0 {
		return o.driver.Open(o.other)
	}
	return o.opener.Connect(ctx)
}

// Connect implements [driver.Connector].
func (t *tap) Connect(ctx context.Context) (driver.Conn, error) {
	c, err := t.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return tapConn{c, t}, nil
}

// done counts a statement and returns what became of it.
func (t *tap) done(err error) error {
	if err == driver.ErrSkip {
		return err // to be prepared first
	}
	t.statements.Add(1)
	if err == nil && t.after != nil {
		return t.after()
	}
	return err
}

type tapConn struct {
	driver.Conn
	t *tap
}

func (c tapConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	res, err := c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
	return res, c.t.done(err)
}

func (c tapConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.t.refuse != "" && strings.Contains(query, c.t.refuse) {
		return nil, errors.New("no such function")
	}
	rows, err := c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
	return rows, c.t.done(err)
}

func (c tapConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	c.t.prepared.Add(1)
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return tapStmt{s, c.t}, nil
}

func (c tapConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return nil, errors.New("a store needs no transaction")
}

func (c tapConn) CheckNamedValue(v *driver.NamedValue) error {
	if n, ok := c.Conn.(driver.NamedValueChecker); ok {
		return n.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (c tapConn) ResetSession(ctx context.Context) error {
	if r, ok := c.Conn.(driver.SessionResetter); ok {
		return r.ResetSession(ctx)
	}
	return nil
}

type tapStmt struct {
	driver.Stmt
	t *tap
}

func (s tapStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	res, err := s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
	return res, s.t.done(err)
}

func (s tapStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
	return rows, s.t.done(err)
}

// wire counts the flights of a connection.
func (t *tap) wire(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &tapWire{Conn: c, t: t}, nil
}

type tapWire struct {
	net.Conn
	t    *tap
	sent atomic.Bool // something was sent and nothing received since
}

func (w *tapWire) Write(b []byte) (int, error) {
	if w.sent.CompareAndSwap(false, true) {
		w.t.flights.Add(1)
	}
	return w.Conn.Write(b)
}

func (w *tapWire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if n > 0 {
		w.sent.Store(false)
	}
	return n, err
}
