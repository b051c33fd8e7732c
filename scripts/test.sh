#!/usr/bin/env bash
# Runs every test once. Prints the package lines, every failure with its output, and every skip; in CI a skip is a failure.
set -uo pipefail
cd "$(dirname "$0")/.."
mkdir -p artefacts
log=artefacts/test.log

${GO:-go} test -count=1 -shuffle=on -timeout 20m -v ./... >"$log" 2>&1
status=$?
grep -E '^(ok|FAIL|---|panic:|\?) ?' "$log" | grep -vE '^(--- PASS|\?|FAIL$)' || true
if [ $status -ne 0 ]; then
	echo "---- the failures' output (all of it: $log)"
	awk '/^=== (RUN|CONT|NAME|PAUSE)/ {buf=""} {buf=buf $0 "\n"} /--- FAIL|^panic:|^FAIL/ {printf "%s", buf; buf=""}' "$log" | tail -n 200
	exit $status
fi
skips=$(grep -cE '^ *--- SKIP' "$log")
echo "tests: $(grep -cE '^ *--- PASS' "$log") passed, $skips skipped"
if [ "$skips" -ne 0 ]; then
	grep -E '^ *--- SKIP' -A2 "$log"
	[ -z "${CI:-}" ] || { echo "in CI a skip is a failure"; exit 1; }
fi
${GO:-go} run ./internal/conform/verify "$log"
