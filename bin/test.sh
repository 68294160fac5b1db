#!/usr/bin/env bash
# Builds and tests everything, natively, on a Debian machine that may have nothing installed.
#
#   bin/test.sh [--unit | --e2e | --mutations | --faults | --docker | --monitoring] [--seeds N] [--yes] [e2e options, e.g. --only NAME]
#
# Installs what it needs (apt as root, Maven for the jars) and builds; then
#   unit   the unit tests and the tests of the sink on a PostgreSQL of their own, both under the address and
#          undefined-behaviour sanitizers; those of data shared by threads under the thread sanitizer; every fuzz
#          target for some seconds; the statements for every type on a PostgreSQL of their own; the oracles of the
#          end-to-end cases on wrong tables; the simulator (--seeds N seeds of each family, default 2600); mutations,
#          which take each safeguard out once, so that a test must fail (alone with --mutations); the checks of the
#          sources (shellcheck, clang-format, clang-tidy, which room includes what), of the scripts and of
#          docker-compose.yml
#   e2e    tests/e2e: real PostgreSQL, Kafka, Connect and Debezium, on free ports and in their own folder, so a running
#          stack is not disturbed; unknown options are passed on to it
# --faults instead runs every fault of docs/reliability.md, many times each, and builds without one safety mechanism,
# which must fail; about an hour; with --long, outages of minutes.
# --docker instead tests Docker mode (tests/docker): first start, README's steps, three members, crashes, a second stack,
# a port in use, Ctrl-C, an incomplete volume, wipe, docker compose by hand; with the real images if they can be pulled,
# otherwise with stand-ins. A quarter of an hour on a busy machine; needs root if Docker must be installed.
# Without an option the two run side by side: the end-to-end cases mostly wait, and the rest takes the time they leave.
# --monitoring instead tests what operators look at: the alert rules by promtool, the dashboard's metrics, and the status
# page in a headless Chromium. It installs Debian's prometheus (which a machine with systemd starts) and chromium; a minute.
# Prints PASS or FAIL for each, and at the end one line: N passed, M failed.
KEPT_SETTINGS=/dev/null # those of a stack that stands in run/ are not for this
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

unit=1 e2e=1 docker='' monitoring='' only_mutations='' seeds=2600
e2e_options=()
while [ $# -gt 0 ]; do
    case $1 in
        --unit) e2e='' ;;
        --e2e) unit='' ;;
        --mutations) e2e='' only_mutations=1 ;;
        --docker) unit='' e2e='' docker=1 ;;
        --monitoring) unit='' e2e='' monitoring=1 ;;
        --faults) unit='' e2e_options+=(--faults) ;;
        --seeds) seeds=${2:?--seeds takes a number}; shift ;;
        --yes|-y) ASSUME_YES=1 ;;
        --help|-h) print_help ;;
        --only) unit=''; e2e_options+=("$@"); break ;;
        *) e2e_options+=("$1") ;;
    esac
    shift
done
export ASSUME_YES=${ASSUME_YES:-}

is_debian || { say "The tests run natively, and that needs Debian." >&2; exit 1; }
MODE=native
load_mode
cd "$ROOT"
TEST_LOGS=$ROOT/build/test-logs
mkdir -p "$TEST_LOGS"

passed=0 failed=0 integration='' beside=''
pass() { say "PASS $1"; passed=$((passed + 1)); }
fail() { say "FAIL $1"; failed=$((failed + 1)); }

# A check with its output in a file, shown when it fails.
check() { # name command...
    local name=$1 log started
    started=$(now_ms)
    log=$TEST_LOGS/${1//[ \/]/-}.log
    shift
    if "$@" >"$log" 2>&1 </dev/null; then
        pass "$name ($(seconds_since "$started") s)"
    else
        fail "$name ($(seconds_since "$started") s; all of it in ${log#"$ROOT"/})"
        tail -n 40 "$log" | sed 's/^/    /'
    fi
}

# ---- the pieces ----------------------------------------------------------------------------------------------------

install_and_build() {
    install_packages "${PACKAGES_TO_RUN[@]}" "${PACKAGES_TO_TEST[@]}"
    require_java
    fetch_jars
    build_preset release
    if [ -n "$unit" ] && [ -z "$e2e" ]; then
        build_preset asan
        build_preset tsan "${THREADS_TESTS[@]}"
        build_preset fuzz "${FUZZ_TARGETS[@]}"
    fi
}
# Of what more than one thread uses; the rest of the service is one thread. (All of it: ctest --preset tsan.)
THREADS_TESTS=(test_health test_recent test_metrics test_serve test_report test_wake test_kafka_settings)
FUZZ_TARGETS=(fuzz_decode fuzz_config fuzz_view fuzz_row)
FUZZ_SECONDS=12

build_preset() { # preset [target...]
    local log=$TEST_LOGS/build-$1.log
    step "Building: $1"
    { cmake --preset "$1" -DWERROR=ON && cmake --build --preset "$1" ${2:+--target "${@:2}"}; } >"$log" 2>&1 </dev/null ||
        { fail "build $1"; step_failed "It does not build." "$log" "read $log"; }
    step_done
}

unit_tests() { # preset [ctest's options]
    local log=$TEST_LOGS/ctest-$1.log name result
    ctest --preset "$1" -j 2 "${@:2}" >"$log" 2>&1 </dev/null || true
    while read -r name result; do
        if [ "$result" = Passed ]; then pass "unit $name ($1)"; else fail "unit $name ($1)"; fi
    done < <(sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) [. ]*\**\([A-Z][a-z]*\).*/\1 \2/p' "$log")
    if grep -q -e '\*\*\*' -e 'No tests were found' "$log"; then sed 's/^/    /' "$log" | tail -n 60; fi
    grep -q 'tests passed' "$log" || fail "ctest $1 ran no test"
}

sources_of() { find consumer tests -name '*.[ch]' -not -path '*/build/*' 2>/dev/null | sort; }
check_sources() {
    local script
    check "shellcheck" shell_check
    # shellcheck disable=SC2046  # no file name here has a space
    check "clang-format" clang-format --dry-run -Werror $(sources_of)
    check "clang-tidy" clang_tidy
    check "docker-compose.yml" compose_config
    check "the bench builds without the packages of the tests" bench_alone
    counted scripts bash tests/scripts/run.sh
    for script in tests/*.sh; do [ ! -x "$script" ] || check "$script" "$script"; done
}
shell_check() { find bin tests .ci/run -name '*.sh' -print0 -o -name run -type f -print0 | xargs -0 -n 4 -P 2 shellcheck -x; }
# One file a process: clang-tidy 14 carries the analyzer's va_list state from one file into the next.
clang_tidy() { find consumer -name '*.c' -print0 | xargs -0 -n 1 -P 2 clang-tidy -p build/release --quiet --warnings-as-errors='*'; }
compose_config() {
    local n
    n=$(docker-compose -f docker-compose.yml config --services | wc -l) && [ "$n" -eq 6 ]
}

# As on a machine where bin/bench.sh comes first. The first two are what pkg_check_modules remembers of a failed search.
bench_alone() {
    cmake -S . -B build/no-tests -G Ninja -D__pkg_config_checked_CMOCKA=1 -DCMOCKA_FOUND= -DWERROR=OFF &&
        cmake --build build/no-tests --target bench_tools
}

# A program that prints PASS and FAIL lines of its own: shown as they come, and counted.
counted() { # name command...
    local name=$1 log=$TEST_LOGS/$1.log status=0 p f
    shift
    "$@" 2>&1 </dev/null | tee "$log" || status=1
    p=$(grep -c '^PASS ' "$log" || true)
    f=$(grep -c '^FAIL ' "$log" || true)
    passed=$((passed + p)) failed=$((failed + f))
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then fail "$name ended with an error"; fi
    if [ "$p" -eq 0 ] && [ "$f" -eq 0 ] && [ "$status" -eq 0 ]; then fail "$name ran no test"; fi
}
# They mostly wait, so they run beside the checks of the sources; their lines come in one piece.
start_integration() {
    bash tests/integration/run.sh build/asan >"$TEST_LOGS/integration-run.log" 2>&1 </dev/null &
    integration=$!
}
integration() {
    local status=0
    wait "$integration" || status=$?
    integration=''
    counted integration finished "$status" "$TEST_LOGS/integration-run.log"
}
finished() { # status log: what has run, as if it ran now
    cat "$2"
    return "$1"
}
statements() { counted statements /usr/bin/python3 tests/sql/test_statements.py build/release; }
oracles() { counted oracles /usr/bin/python3 tests/e2e/run.py --self-test; }
simulator() { check "simulator: $seeds seeds of each family" build/release/sim --seeds "$seeds"; }
mutations() { counted mutations /usr/bin/python3 tests/sim/mutations.py; }
end_to_end() {
    [ ! -e tests/e2e/run.py ] ||
        counted e2e env PYTHONUNBUFFERED=1 /usr/bin/python3 tests/e2e/run.py ${e2e_options[@]+"${e2e_options[@]}"}
}

# The same script with --unit beside this one. Its lines come among those of the end-to-end cases, which go first: some
# of them have promises of milliseconds to keep.
start_unit() {
    {
        # shellcheck disable=SC2016  # expanded by that bash: its own process, and so its group, is known
        setsid bash -c 'echo $$ >"$1" && shift && exec "$@"' - "$TEST_LOGS/unit.pid" \
            nice -n 10 bash "$ROOT/bin/test.sh" --unit --seeds "$seeds" </dev/null 2>&1 |
            tee "$TEST_LOGS/unit.log" | grep --line-buffered -v -e "$COUNTS" -e '^Everything took' -e '^$'
    } &
    beside=$!
}
COUNTS='^[0-9]* passed, [0-9]* failed$'
await_unit() {
    local counts
    wait "$beside" || true
    beside=''
    counts=$(grep "$COUNTS" "$TEST_LOGS/unit.log") || { fail "bin/test.sh --unit ended early"; counts='0 passed, 0 failed'; }
    passed=$((passed + ${counts%% passed*}))
    counts=${counts#*passed, }
    failed=$((failed + ${counts%% failed}))
}

# ---- all of it -----------------------------------------------------------------------------------------------------

# Whatever happens, the last line tells the counts.
finish() {
    local status=$?
    trap - EXIT
    [ -z "$integration" ] || kill "$integration" || true
    [ -z "$beside" ] || kill -- "-$(cat "$TEST_LOGS/unit.pid")" || true
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    say "" "Everything took $(seconds_since "$SCRIPT_START") s." "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] || exit 1
    exit 0
}
trap finish EXIT

docker_road() {
    step "Docker, Compose, images"
    bash tests/docker/standins/make.sh >"$TEST_LOGS/docker-standins.log" 2>&1 </dev/null ||
        { fail "docker images"; step_failed "They could not be built." "$TEST_LOGS/docker-standins.log" "read the log"; }
    step_done
    counted docker env PYTHONUNBUFFERED=1 /usr/bin/python3 tests/docker/run.py
}

if [ -n "$docker" ]; then
    docker_road
    exit 0
fi
install_and_build
if [ -n "$monitoring" ]; then
    install_packages prometheus chromium chromium-driver
    counted monitoring /usr/bin/python3 tests/monitoring/run.py build/release/page_server build/monitoring
    exit 0
fi
if [ -n "$unit" ] && [ -n "$e2e" ]; then
    start_unit
    end_to_end
    await_unit
    exit 0
fi
if [ -n "$unit" ]; then
    if [ -z "$only_mutations" ]; then
        unit_tests asan
        unit_tests tsan -R "/($(IFS='|'; echo "${THREADS_TESTS[*]}"))\$"
        counted fuzz bash tests/fuzz/run.sh build/fuzz "$FUZZ_SECONDS"
        simulator
        start_integration
        check_sources
        integration
        statements
        oracles
    fi
    mutations
fi
if [ -n "$e2e" ]; then end_to_end; fi
