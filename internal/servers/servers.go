// Package servers tells tests which servers they may use: those that the
// environment names, and no others. A test creates and drops schemas, tables,
// databases and keys, so it must never guess that a server is for it.
package servers

import (
	"os"
	"strings"
	"testing"
)

// The variables that hold the addresses of servers for tests.
const (
	PostgreSQL = "AUTHN_TEST_POSTGRES" // postgres://USER@HOST:PORT/DATABASE
	MySQL      = "AUTHN_TEST_MYSQL"    // USER@tcp(HOST:PORT)/DATABASE, or a URL; also MariaDB
	Redis      = "AUTHN_TEST_REDIS"    // redis://HOST:PORT
	NATS       = "AUTHN_TEST_NATS"     // nats://HOST:PORT
)

// required is the variable that turns skipped tests into failures.
const required = "AUTHN_TEST_SERVICES"

// Required reports whether a missing server is a failure.
func Required() bool { return os.Getenv(required) == "required" }

// Named returns the address that the variable holds, and logs what it leads
// to. If the variable is not set, the test is skipped as by [Missing].
func Named(tb testing.TB, variable string) string {
	tb.Helper()
	address := os.Getenv(variable)
	if address == "" {
		Missing(tb, "no server for tests: set %s to the address of one, as in .ci/services", variable)
	}
	tb.Logf("%s: using %s", variable, shown(address))
	return address
}

// Missing skips the test, or fails it if servers are required.
func Missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if Required() {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// shown is an address without user, password and settings.
func shown(address string) string {
	address, _, _ = strings.Cut(address, "?")
	return address[strings.LastIndexByte(address, '@')+1:]
}
