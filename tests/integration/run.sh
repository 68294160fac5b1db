#!/bin/bash
# Runs the integration tests: programs built from tests/integration/{sink,oltp,verify}/test_*.c, against a
# PostgreSQL of their own, made in a temporary folder and removed at the end.
#
#     tests/integration/run.sh BUILD_DIR [NAME...]              NAME: a program, e.g. sink_commit
#     tests/integration/run.sh BUILD_DIR --exec COMMAND...      any command, with the server's
#                                                               PGHOST, PGPORT... (tests/bench)
#
# FSYNC=on in the environment for a server that waits for its disk; SOAK=10 for longer loops.
# Prints PASS or FAIL for each case; exits non-zero if one failed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=${1:?usage: run.sh BUILD_DIR [NAME...]}
shift
folder=$(mktemp -d "${TMPDIR:-/tmp}/sink-integration.XXXXXX")
server=$folder/server

fail() {
    echo "run.sh: $*" >&2
    exit 1
}

# PostgreSQL refuses to run as root.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        runuser -u postgres -- "$@"
    else
        "$@"
    fi
}

bin_dir() {
    local dir
    for dir in /usr/lib/postgresql/*/bin; do
        [ -x "$dir/initdb" ] && echo "$dir"
    done | sort -V | tail -n 1
}

free_port() {
    local port
    for _ in $(seq 50); do
        port=$((12000 + RANDOM % 8000)) # not where the end-to-end stacks look for theirs (tests/e2e/stack.py)
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    fail "no free port"
}

# shellcheck disable=SC2317 # called by the trap
stop() {
    if [ -f "$server/postmaster.pid" ]; then
        as_server "$bin/pg_ctl" -D "$server" -m immediate -w stop >/dev/null 2>&1 || true
    fi
    rm -rf "$folder"
}

bin=$(bin_dir)
[ -n "$bin" ] || fail "no PostgreSQL server found: apt-get install postgresql"
trap stop EXIT
trap 'exit 1' INT TERM

chmod 755 "$folder"
mkdir "$server"
if [ "$(id -u)" = 0 ]; then
    chown postgres "$server"
fi
as_server "$bin/initdb" -D "$server" -U pg -A trust -E UTF8 --locale=C --no-sync >/dev/null
port=$(free_port)
cat >>"$server/postgresql.conf" <<CONF
port = $port
listen_addresses = '127.0.0.1'
max_connections = 50
unix_socket_directories = ''
fsync = ${FSYNC:-off}
max_prepared_transactions = 2
log_min_messages = panic
wal_level = logical
CONF
as_server "$bin/pg_ctl" -D "$server" -l "$server/log" -w start >/dev/null || {
    cat "$server/log" >&2
    fail "PostgreSQL did not start"
}
export PGHOST=127.0.0.1 PGPORT=$port PGUSER=pg PGDATABASE=postgres
export PG_CTL="$bin/pg_ctl" PG_SERVER="$server"

if [ "${1:-}" = --exec ]; then
    shift
    "$@"
    exit
fi
if [ $# = 0 ]; then
    for source in "$here"/sink/test_*.c "$here"/oltp/test_*.c "$here"/verify/test_*.c; do
        name=$(basename "$source" .c)
        set -- "$@" "${name#test_}"
    done
fi
status=0
for name in "$@"; do
    program=$build/integration_test_$name
    [ -x "$program" ] || fail "$program is not built"
    output=$(timeout --kill-after=5 900 "$program" 2>&1) && code=0 || code=$?
    echo "$output" | sed -n \
        -e 's/^\[       OK \] /PASS '"$name"': /p' \
        -e 's/^\[  FAILED  \] \([a-z_0-9]*\)$/FAIL '"$name"': \1/p' | sort -u
    if [ "$code" != 0 ]; then
        echo "$output" | grep -v '^\[ RUN\|^\[       OK' | head -n 60 || true
        echo "FAIL $name: exit code $code"
        status=1
    fi
done
exit "$status"
