#!/bin/sh
# check.sh is the whole gate: run it before every commit; CI runs it too.
set -eu
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }

step "format"
test -z "$(gofmt -l . | tee /dev/stderr)"

step "vet"
go vet work

step "staticcheck"
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 work

step "known vulnerabilities"
skipped=
if ! out=$(go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 work 2>&1); then
	case $out in
	*"fetching vulnerabilities"*) skipped="known vulnerabilities were NOT looked up: the database is not reachable" ;;
	*) printf '%s\n' "$out" && exit 1 ;;
	esac
fi
printf '%s\n' "$out"
if [ "$skipped" ]; then printf 'SKIPPED: %s\n' "$skipped"; fi

step "mutants still apply"
go run ./internal/mutants -check

unnamed=
for v in AUTHN_TEST_POSTGRES AUTHN_TEST_MYSQL AUTHN_TEST_REDIS AUTHN_TEST_NATS; do
	if [ -z "$(printenv $v)" ]; then unnamed="$unnamed $v"; fi
done
if [ "$unnamed" ]; then
	step "SKIPPED: tests on the servers of$unnamed, which are not set (to use servers on this machine: . .ci/services)"
	skipped="$skipped${skipped:+; }tests on the servers of$unnamed were skipped"
fi

# Random histories run in one goroutine, where the detector finds nothing and slows them
# ten times: a few of them. CI runs the rest without it.
step "tests, all modules together, with the race detector"
RAPID_CHECKS=${RAPID_CHECKS:-20} go test -race -shuffle=on -timeout=30m work

for m in $(go list -m -f '{{.Dir}}'); do
	step "alone, as its users get it: ${m#"$PWD"/}"
	GOWORK=off go test -C "$m" -short ./...
	GOWORK=off go -C "$m" mod tidy -diff
done

step "all good${skipped:+, but $skipped}"
