package sqlstore_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/authnfsm/authn"
	"github.com/authnfsm/authn/sqlstore"
)

// A store in a file. For PostgreSQL or MySQL only the first two statements of
// open differ: the name of the driver, its data source and the Dialect.
func Example() {
	dir, err := os.MkdirTemp("", "authn")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := open(context.Background(), filepath.Join(dir, "authn.db"))
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	fmt.Println(store.Save(ctx, "key", 0, authn.Record{Value: []byte("sealed"), Version: 7}))
	fmt.Println(store.Save(ctx, "key", 5, authn.Record{Value: []byte("late"), Version: 8}))
	r, err := store.Load(ctx, "key")
	fmt.Printf("%s %v\n", r.Value, err)
	// Output:
	// <nil>
	// sqlstore: save key: conflict
	// sealed <nil>
}

func open(ctx context.Context, file string) (*sqlstore.Store, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	cfg := sqlstore.Config{Dialect: sqlstore.SQLite}
	if err := sqlstore.Migrate(ctx, db, cfg); err != nil {
		return nil, err
	}
	return sqlstore.New(ctx, db, cfg)
}

// The statements, for those who change their tables by other means.
func ExampleSchema() {
	statements, err := sqlstore.Schema(sqlstore.Config{Dialect: sqlstore.PostgreSQL})
	fmt.Println(strings.Fields(statements[0])[:2], err)
	// Output:
	// [CREATE TABLE] <nil>
}
