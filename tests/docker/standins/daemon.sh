#!/usr/bin/env bash
# The tests' own Docker daemon, where none answers:  daemon.sh start | stop | owned
# Its data is in build/docker/data and stays. `owned`: does it run, and is it this one?
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../../.." && pwd -P)
WORK=$ROOT/build/docker
PID_FILE=$WORK/docker.pid

runs() { [ -s "$PID_FILE" ] && tr '\0' ' ' <"/proc/$(cat "$PID_FILE")/cmdline" 2>/dev/null | grep -q -- "--pidfile $PID_FILE"; }
await() { # seconds command...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || { echo "not within time: $*" >&2; tail -n 20 "$WORK/dockerd.log" >&2; exit 1; }
        sleep 0.2
    done
}
answers() { docker info >/dev/null 2>&1; }
ended() { ! runs; }

case ${1:-} in
    start)
        mkdir -p "$WORK"
        setsid dockerd --data-root "$WORK/data" --exec-root "$WORK/exec" --pidfile "$PID_FILE" \
            >>"$WORK/dockerd.log" 2>&1 </dev/null &
        await 60 answers ;;
    stop)
        runs || exit 0
        kill "$(cat "$PID_FILE")"
        await 60 ended ;;
    owned) runs ;;
    *) sed -n '2,3s/^# //p' "$0" >&2; exit 2 ;;
esac
