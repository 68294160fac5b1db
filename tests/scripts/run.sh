#!/usr/bin/env bash
# The scripts of bin/ without a stack: what they say, remember and refuse. Real stacks: tests/e2e, the cases of scripts.py.
#
#   tests/scripts/run.sh [SHELL...]      the shells for what must run in more than one (default: bash and sh)
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd -P)
DATA=$ROOT/tests/scripts/data
cd "$ROOT"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
shells=("$@")
[ ${#shells[@]} -gt 0 ] || shells=(bash sh)

check() { # name; standard input: what was found; the other arguments: patterns that it must have, or must not (with !)
    local name=$1 found pattern bad=''
    shift
    found=$(cat)
    for pattern in "$@"; do
        case $pattern in
            '!'*) ! grep -qe "${pattern#!}" <<<"$found" || bad="$bad    there, and should not be: ${pattern#!}"$'\n' ;;
            *) grep -qe "$pattern" <<<"$found" || bad="$bad    missing: $pattern"$'\n' ;;
        esac
    done
    if [ -z "$bad" ]; then
        echo "PASS $name"
    else
        echo "FAIL $name"
        printf '%s' "$bad"
        printf '%s\n' "$found" | sed 's/^/    | /'
        failed=1
    fi
}
# A clean environment, as of somebody who has just opened a terminal.
clean() { env -i PATH="$PATH" HOME="${HOME-/nonexistent}" LANG="${LANG-C}" "$@"; }
# A line of bash with everything of native mode at hand, in a folder of its own.
native() { # folder [NAME=VALUE...] line
    local run=$1
    shift
    clean SYNC_RUN_DIR="$run" "${@:1:$#-1}" bash -c "set --; . bin/stack/common.sh; MODE=native; load_mode
        mkdir -p \"\$LOG_DIR\" \"\$STATE_DIR\"; ${*: -1}" bin/test 2>&1 || echo "code $?"
}

# ---- help ----------------------------------------------------------------------------------------------------------

for script in bin/*.sh bin/stack/service.sh; do
    clean "$script" --help | check "$script --help" "$script" '!shellcheck source' '!KEPT_SETTINGS' '!^#'
done

# ---- the connector: what differs, why it failed ---------------------------------------------------------------------

sed -e 's/public\\\\.student,public\\\\.contact/public\\\\.author/' -e 's/"poll.interval.ms": "2"/"poll.interval.ms": "500"/' \
    "$DATA/planned.json" >"$folder/other.json"
for shell in "${shells[@]}"; do
    # shellcheck disable=SC2016
    { "$shell" -c '. bin/stack/connector.sh; connector_differences "$1" "$2"' sh "$DATA/runs.json" "$DATA/planned.json"; echo end; } |
        check "no difference ($shell)" '^end$' '!must' '!may'
    # shellcheck disable=SC2016
    "$shell" -c '. bin/stack/connector.sh; connector_differences "$1" "$2"' sh "$DATA/runs.json" "$folder/other.json" |
        check "other tables and another interval ($shell)" \
            '^must table.include.list: public\\\\.student,public\\\\.contact, here it would be public\\\\.author$' \
            '^may poll.interval.ms: 2, here it would be 500$'
    for key in topic.prefix slot.name publication.name database.dbname message.key.columns transforms \
        transforms.route.partition.payload.fields transforms.route.partition.topic.num table.include.list; do
        sed "s/^\\(  \"$key\": \\)\".*\"/\\1\"another\"/" "$DATA/planned.json" >"$folder/one.json"
        # shellcheck disable=SC2016
        "$shell" -c '. bin/stack/connector.sh; connector_differences "$1" "$2"' sh "$DATA/runs.json" "$folder/one.json" |
            check "$key decides ($shell)" "^must $key: .*another\$"
    done
    # shellcheck disable=SC2016
    "$shell" -c '. bin/stack/connector.sh; connector_states <"$1"; echo; connector_reason <"$1"' sh "$DATA/lost-slot.json" |
        check "states and the reason of a failure ($shell)" '^RUNNING FAILED$' \
            '^io.debezium.DebeziumException: .*its offset, but this is no longer available on the server' '!BaseSourceTask' '!sourceInfo'
done

# shellcheck disable=SC2016
{
native "$folder/a" "refuse_other_connector $DATA/runs.json $folder/other.json; echo went on" |
    check "a connector for other tables is not overwritten" 'code 1' 'table.include.list' 'bin/shutdown.sh --wipe' '!went on'
native "$folder/a" "refuse_other_connector $DATA/runs.json $DATA/planned.json; echo went on" |
    check "the same connector is left alone" 'went on' '!code'

# What Connect and PostgreSQL answer, made up; 'wait_for' asks twice and does not wait.
fake='wait_for() { shift; "$@" && return 0; [ -z "$WATCH" ] || $WATCH || return 2; "$@" && return 0
        [ -z "$WATCH" ] || $WATCH || return 2; return 1; }
    sleep() { :; }
    connect_rest() { [ "$1" != GET ] || cat "$ANSWER"; }
    oltp_query() { case $* in *wal_status*) echo "$INVALID" ;; *active_pid*) echo "$READER" ;; *pg_locks*) echo "$SNAPSHOT" ;; *AND\ active*) [ -z "$READER" ] || echo t ;; esac; }
    INVALID=f READER="" SNAPSHOT=f ANSWER='$folder/running.json'
    STEP=x'
echo '{"name":"c","connector":{"state":"RUNNING","worker_id":"w"},"tasks":[{"id":0,"state":"RUNNING","worker_id":"w"}]}' >"$folder/running.json"
printf '%s\n' '{"connector":{"state":"RUNNING"},"tasks":[{"id":0,"state":"FAILED","trace":"org.x.ConnectException: out\n\tat a.b(C.java:1)\nCaused by: org.y.RecordTooLargeException: The message is 1234567 bytes\n\tat d.e(F.java:2)\n"}]}' >"$folder/failed.json"
native "$folder/a" "$fake; READER=7; await_connector" | check "a slot that is read" '[0-9] s$' '!code'
native "$folder/a" "$fake; ANSWER=$DATA/lost-slot.json; await_connector" |
    check "a lost slot ends the start, with the ways out" 'code 1' 'replication slot oltp_olap_sync .* is lost' \
        'no longer available' 'when_needed' 'deleted or moved' 'with new topics' 'wipe'
native "$folder/a" "$fake; INVALID=t; await_connector" |
    check "an invalid slot, over which Debezium stays RUNNING, ends it too" 'code 1' 'max_slot_wal_keep_size' 'pg_drop_replication_slot'
native "$folder/a" "$fake; ANSWER=$folder/failed.json; await_connector" |
    check "any failed task ends the start, with its reason" 'code 1' 'RUNNING FAILED' 'Caused by: .*RecordTooLarge' '!slot oltp_olap_sync .* is lost' '!a\.b'
native "$folder/a" "$fake; READER=7; ANSWER=$folder/failed.json; await_connector" |
    check "a failed task over a slot that somebody reads" 'code 1' 'RecordTooLarge'
native "$folder/a" "$fake; SNAPSHOT=t; await_connector" | check "a first snapshot that still runs" 'first snapshot' '!code'
native "$folder/a" "$fake; await_connector" |
    check "running, but neither snapshot nor reader" 'code 1' 'Nobody reads from the slot' '!first snapshot'
native "$folder/a" "$fake; READER=7; wait_for() { shift; while ! \"\$@\"; do READER=\$((READER + 1)); echo asked; done; }; await_connector 7" |
    check "the reader from before a change does not count" '^asked$' '!code'
native "$folder/a" "$fake; DOWN='' TROUBLE=''; ANSWER=$folder/failed.json; show_connector; echo \"trouble: \$TROUBLE\"" |
    check "status shows the reason" 'RUNNING FAILED' 'RecordTooLarge' 'trouble: .*connector'

# ---- settings ------------------------------------------------------------------------------------------------------

mkdir -p "$folder/b"; echo native >"$folder/b/mode"
native "$folder/b" SYNC_TOPIC_PREFIX=shop SYNC_SCHEMAS_VIEW=my/view.sql OLTP_PORT=15432 CONSUMERS=3 SYNC_OLAP_PASSWORD='s e$c' keep_settings |
    check "settings are kept" '!.'
native "$folder/b" 'echo "$OLTP_PORT $CONSUMERS $(env | grep -e ^SYNC_TOPIC -e ^SYNC_OLAP)"; shown_settings; changed_settings' |
    check "and are there at the next start, for the program too" '^15432 3 ' 'SYNC_TOPIC_PREFIX=shop' 'SYNC_OLAP_PASSWORD=s e$c' \
        'Remembered .*SYNC_SCHEMAS_VIEW=my/view.sql' 'Remembered .*SYNC_OLAP_PASSWORD=\.\.\.' '!so far'
native "$folder/b" SYNC_TOPIC_PREFIX=other SYNC_LOG_LEVEL=debug SYNC_OLAP_PASSWORD=new 'echo "$CHANGED_SETTINGS"; echo "now $SYNC_TOPIC_PREFIX"' |
    check "the environment wins, and a change is said" 'SYNC_TOPIC_PREFIX=other (so far: shop)' 'SYNC_LOG_LEVEL=debug (so far: not set)' \
        'SYNC_OLAP_PASSWORD (a password)' 'now other' '!=new' '!SYNC_RUN_DIR'
stat -c %a "$folder/b/settings" | check "for nobody else to read" '^600$'

# ---- what the scripts say ------------------------------------------------------------------------------------------

native "$folder/a" "cause_lines $DATA/connect.log" |
    check "the lines with the cause" 'Unable to initialize REST server' 'Caused by: java.net.BindException' '!yesterday' '!line 3' '!RestServer.java'
native "$folder/a" "require_space $folder 99999999 'a start'; echo went on" | check "a disk without room" 'code 1' 'MB left' '!went on'
}
{ clean SYNC_RUN_DIR="$folder/c" bin/status.sh 2>&1 || echo "code $?"; } |
    check "status where nothing was started" 'Nothing was started' 'code 3'
mkdir -p "$folder/d"; echo native >"$folder/d/mode"
{ clean SYNC_RUN_DIR="$folder/d" bin/status.sh 2>&1 || echo "code $?"; } | check "status of a stopped stack" 'Kafka  *down' 'consumer-1  *down' 'code 3'
{ clean SYNC_RUN_DIR="$folder/d" bin/scale.sh 3 2>&1 || echo "code $?"; } | check "scale.sh on a stopped stack" 'The stack is stopped' 'CONSUMERS=3' 'code 1'
{ clean SYNC_RUN_DIR=/proc/nothing/here bin/startup.sh --native 2>&1 || echo "code $?"; } |
    check "a folder that can't be made" "can't be made or written to" 'code 1' '!mkdir:'
exit "$failed"
