#!/bin/sh
# check.sh is the whole gate: run it before every commit; CI runs it too.
set -eu
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }

step "format"
test -z "$(gofmt -l . | tee /dev/stderr)"

step "vet"
go vet work

step "seeded bugs still fit the sources"
go run ./internal/mutants -check

step "tests, all modules together, with the race detector"
go test -race -shuffle=on work

for m in $(go list -m -f '{{.Dir}}'); do
	step "alone, as its users get it: ${m#"$PWD"/}"
	GOWORK=off go test -C "$m" -short ./...
	GOWORK=off go -C "$m" mod tidy -diff
done

step "all good"
