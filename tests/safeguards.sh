#!/usr/bin/env bash
# Nothing of the safeguards' names (consumer/base/safeguard.h) is in the program that ships.
set -euo pipefail
cd "$(dirname "$0")/.."
program=build/release/oltp-olap-sync
[ -x "$program" ] || { echo "$program is not built"; exit 1; }
names=$(python3 tests/sim/mutations.py --list | sort -u)
[ "$(wc -l <<<"$names")" -gt 50 ] || { echo "tests/sim/mutations.py --list lists too few"; exit 1; }
if found=$(strings -n 4 "$program" | grep -Fx -e SAFEGUARDS_OUT -e "$names"); then
    printf 'the release build knows a safeguard by name: was it made with -DMUTATIONS=ON?\n%s\n' "$found"
    exit 1
fi
