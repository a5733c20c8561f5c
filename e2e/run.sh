#!/usr/bin/env bash
# Drives examples/idp with Okta's own JavaScript client and sign-in widget, and
# with a browser on its own page; and examples/oidc with a browser.
#
#   e2e/run.sh             installs what is needed, builds, runs all
#   e2e/run.sh --pictures  also renews docs/img/idp-*.png
#
# It needs Go and Node.js 20. What it starts it ends, by its number.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
export IDP="$work/idp" OIDC="$work/oidc" IDP_PIDS="$work/pids"
touch "$IDP_PIDS"

cleanup() {
	# The tests end their servers themselves, unless they were ended.
	while read -r pid; do
		case "$(readlink "/proc/$pid/exe" 2>/dev/null)" in "$IDP" | "$OIDC") kill -9 "$pid" 2>/dev/null || true ;; esac
	done <"$IDP_PIDS"
	rm -rf "$work"
}
trap cleanup EXIT

case "${1-}" in
--pictures) export SHOTS="$PWD/../docs/img" ;;
"") ;;
*) echo "usage: e2e/run.sh [--pictures]" >&2 && exit 2 ;;
esac

if ! command -v "${CHROMIUM:-chromium}" >/dev/null; then
	echo "== installing Chromium"
	apt-get update -q && apt-get install -qy --no-install-recommends chromium fonts-liberation
fi
CHROMIUM=$(command -v "${CHROMIUM:-chromium}")
export CHROMIUM

lock=$(sha256sum package.json package-lock.json)
if [ "$(cat node_modules/.lock 2>/dev/null)" != "$lock" ]; then
	echo "== installing npm packages"
	npm ci --ignore-scripts --no-audit --no-fund
	printf '%s\n' "$lock" >node_modules/.lock
fi

echo "== building examples/idp and examples/oidc"
go build -C .. -o "$IDP" ./examples/idp
go build -C .. -o "$OIDC" ./examples/oidc

# The time is a guard against a hang: an idle machine of two cores needs a fraction of it.
timeout --kill-after=10 1800 node --test --test-reporter=spec authjs.test.mjs clients.test.mjs widget.test.mjs browser.test.mjs factors.test.mjs passwords.test.mjs recovery.test.mjs stepup.test.mjs oidc.test.mjs
