#!/usr/bin/env bash
# Every fuzz target for some seconds from its corpus, two at a time.
#
#   tests/fuzz/run.sh BUILD SECONDS
#
# Prints PASS or FAIL for each; what a target failed on stays in BUILD/found, with its output.
set -euo pipefail
build=$(realpath "${1:?the folder of the fuzz build}") seconds=${2:?seconds for each target}
cd "$(dirname "$0")"
found=$build/found
rm -rf "$found"
mkdir -p "$found"

fuzz() { # target corpus option...
    local target=$1 corpus=$2 scratch log=$found/$1.log
    shift 2
    scratch=$(mktemp -d "$found/$target.XXXXXX")
    if "$build/$target" "$@" -max_total_time="$seconds" -artifact_prefix="$found/$target-" "$scratch" "$corpus" \
        >"$log" 2>&1 </dev/null; then
        echo "PASS $target ($seconds s, $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs)"
    else
        echo "FAIL $target: $(grep -m 1 -E 'SUMMARY|ERROR' "$log" || tail -n 1 "$log"); see $log"
        return 1
    fi
}

status=0
fuzz fuzz_decode corpus -dict=json.dict & first=$!
fuzz fuzz_config corpus-config || status=1
wait $first || status=1
fuzz fuzz_view corpus-view & first=$!
fuzz fuzz_row corpus-row || status=1
wait $first || status=1
exit $status
