#!/usr/bin/env bash
# Runs each fuzz target of all modules for FUZZTIME (20s): "make fuzz".
set -euo pipefail
cd "$(dirname "$0")/.."

targets=0
while IFS=: read -r file func; do
	name=${func#func }
	name=${name%%(*}
	targets=$((targets + 1))
	echo "== ${file%/*} $name"
	(cd "${file%/*}" && go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-20s}" .)
done < <(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -oHE '^func Fuzz[A-Za-z0-9_]*\(' || true)
[ "$targets" -gt 0 ] || { echo "there are no fuzz targets" >&2; exit 1; }
echo "$targets fuzz targets, nothing found"
