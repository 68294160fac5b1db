#!/usr/bin/env bash
# Measures the service on this machine: catch-up, live load, fan-out, latency, restart, rebuild, several members, cost.
#
#   bin/bench.sh [--cases a,b,...] [--runs N] [--records N] [--peers [NAME,...]] [--full] [--write-docs] [--smoke] [--yes]
#
#   --cases a,b   only these cases; --list lists them
#   --runs N      runs of each measurement (3); results are medians
#   --records N   size of catch-up, live load and rebuild (1,000,000)
#   --peers       measures other systems too: downloads them from Maven Central and PyPI, 2 GB on disk
#   --full        also measures a restart with 10 million rows of state
#   --write-docs  writes docs/benchmarks.md and its plots from the results
#   --smoke       runs the main cases once with few records, about two minutes, to check the bench itself
#
# Installs what it needs (apt as root, Maven for the jars) and builds, as bin/test.sh does; then runs its own stack, on free
# ports and in its own folder. All figures: build/bench/DATE.json. The machine should be otherwise idle.
KEPT_SETTINGS=/dev/null # those of a stack that stands in run/ are not for this
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

options=()
while [ $# -gt 0 ]; do
    case $1 in
        --yes|-y) ASSUME_YES=1 ;;
        --help|-h) print_help ;;
        *) options+=("$1") ;;
    esac
    shift
done
export ASSUME_YES=${ASSUME_YES:-}

is_debian || { say "The bench runs natively, and that needs Debian." >&2; exit 1; }
MODE=native
load_mode
cd "$ROOT"

install_packages "${PACKAGES_TO_RUN[@]}" python3 python3-psycopg2
require_java
fetch_jars
log=$LOG_DIR/build-bench.log
mkdir -p "$LOG_DIR"
step "Building"
{ cmake --preset release -DWERROR=OFF && cmake --build --preset release --target oltp-olap-sync bench_tools; } \
    >"$log" 2>&1 </dev/null || step_failed "It does not build." "$log" "read $log"
step_done
exec env PYTHONUNBUFFERED=1 /usr/bin/python3 tests/bench/bench.py ${options[@]+"${options[@]}"}
