#!/usr/bin/env bash
# Integration tests of consume/: against librdkafka's mock cluster, and, given a broker, against that.
#
#   tests/integration/consume/run.sh                         the mock only
#   BOOTSTRAP=HOST:PORT tests/integration/consume/run.sh     both; topics it.* are created and left behind
#   BOOTSTRAP=HOST:PORT tests/integration/consume/run.sh real
#                                                            against that broker what the mock can't have (in bin/test.sh)
#   BOOTSTRAP=HOST:PORT tests/integration/consume/run.sh read [RECORDS]
#                                                            measures reading, with and without the wakeup
#
# One line PASS or FAIL a test; exit status 1 when one failed. CFLAGS adds flags (default: the sanitizers),
# BUILD is where the program goes (default: a temporary folder).
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
build=${BUILD:-}
if [ -z "$build" ]; then
    build=$(mktemp -d)
    trap 'rm -rf "$build"' EXIT
fi

compile() { # flags...
    # pkg-config's answers are words.
    # shellcheck disable=SC2046
    "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -g "$@" -I"$root/consumer" $(pkg-config --cflags rdkafka) \
        -o "$build/kafka_test" "$root"/tests/integration/consume/*.c "$root"/consumer/consume/*.c \
        "$root"/consumer/base/*.c $(pkg-config --libs rdkafka) -lpthread
}

if [ "${1:-}" = read ]; then
    : "${BOOTSTRAP:?set BOOTSTRAP to a broker, HOST:PORT}"
    compile -O2
    for kbytes in 4096 8192 16384; do
        for work_ns in 0 1000 2500; do
            for wakeup in nowakeup wakeup; do
                "$build/kafka_test" "$BOOTSTRAP" read "${2:-1000000}" "$kbytes" "$work_ns" "$wakeup" | grep -v 'topics are filled'
            done
        done
    done
    exit
fi

# shellcheck disable=SC2086
compile ${CFLAGS:--O1 -fsanitize=address,undefined -fno-sanitize-recover=all}
if [ "${1:-}" = real ]; then
    "$build/kafka_test" "${BOOTSTRAP:?set BOOTSTRAP to a broker, HOST:PORT}" real
    exit
fi
status=0
echo "# the mock cluster"
"$build/kafka_test" || status=1
if [ -n "${BOOTSTRAP:-}" ]; then
    echo "# the broker at $BOOTSTRAP"
    "$build/kafka_test" "$BOOTSTRAP" || status=1
fi
exit "$status"
