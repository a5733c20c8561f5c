#!/bin/sh
# tools.sh installs what the drawings are tested with: Graphviz, PlantUML, Qt's
# SCXML compiler, Chromium and Mermaid. With AUTHN_TEST_TOOLS=required a test
# fails, instead of being skipped, when one of them is missing. It needs a
# Debian with Node, and takes about a minute.
set -eu
cd "$(dirname "$0")"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-liberation graphviz plantuml libqt5scxml5-bin
cd mermaidcheck
npm ci --ignore-scripts --no-audit --no-fund
