#!/usr/bin/env bash
# The scripts of bin/ without a stack: what they say, remember and refuse. Real stacks: tests/e2e, the cases of scripts.py.
#
#   tests/scripts/run.sh [BASH...]      the bashes to try what both modes share in, e.g. one of version 3.2 (default: bash)
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd -P)
DATA=$ROOT/tests/scripts/data
cd "$ROOT"
bash=bash
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
bashes=("$@")
[ ${#bashes[@]} -gt 0 ] || bashes=(bash)

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
# A line of bash with what both modes share at hand, in a folder of its own.
shared() { # folder [NAME=VALUE...] line
    local run=$1
    shift
    clean SYNC_RUN_DIR="$run" "${@:1:$#-1}" "$bash" -c "set --; . bin/stack/common.sh; . bin/stack/connector-steps.sh
        mkdir -p \"\$LOG_DIR\" \"\$STATE_DIR\"; ${*: -1}" bin/test 2>&1 || echo "code $?"
}

# ---- help ----------------------------------------------------------------------------------------------------------

for script in bin/*.sh bin/stack/service.sh; do
    clean "$script" --help | check "$script --help" "$script" '!shellcheck source' '!KEPT_SETTINGS' '!^#'
done

# ---- the connector: what differs, why it failed ---------------------------------------------------------------------

for shell in "${bashes[@]}" sh; do
    # shellcheck disable=SC2016
    "$shell" -c '. bin/stack/connector.sh; connector_states <"$1"; echo; connector_reason <"$1"' sh "$DATA/lost-slot.json" |
        check "states and the reason of a failure ($shell)" '^RUNNING FAILED$' \
            '^io.debezium.DebeziumException: .*its offset, but this is no longer available on the server' '!BaseSourceTask' '!sourceInfo'
done

# shellcheck disable=SC2016
in_bash() {
plan='compare_with_plan() { printf "%s\n" "$REPORT"; return "$CODE"; }; '
shared "$folder/a" REPORT="different: table.include.list: the connector has 'a', plan says 'b'" CODE=3 "$plan refuse_other_connector /dev/null; echo went on" |
    check "a connector for other tables is not overwritten ($bash)" 'code 1' "table.include.list: the connector has 'a', plan says 'b'" 'bin/shutdown.sh --wipe' '!went on'
shared "$folder/a" REPORT="harmless: name: the connector has 'x', plan says nothing"$'\n'"harmless: poll.interval.ms: the connector has '2', plan says '9'" CODE=0 "$plan refuse_other_connector /dev/null; echo \"\$HARMLESS\"" |
    check "one with harmless differences may be changed ($bash)" '^poll.interval.ms: ' '!name' '!code'
shared "$folder/a" REPORT="" CODE=1 "$plan refuse_other_connector /dev/null; echo went on" |
    check "one that can't be compared is left alone ($bash)" 'code 1' 'could not be compared' '!went on'

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
shared "$folder/a" "$fake; READER=7; await_connector" | check "a slot that is read ($bash)" '[0-9] s$' '!code'
shared "$folder/a" "$fake; ANSWER=$DATA/lost-slot.json; await_connector" |
    check "a lost slot ends the start, with the ways out ($bash)" 'code 1' 'replication slot oltp_olap_sync .* is lost' \
        'no longer available' 'when_needed' 'deleted or moved' 'with new topics' 'wipe'
shared "$folder/a" "$fake; INVALID=t; SNAPSHOT=t; await_connector" |
    check "an invalid slot, over which Debezium stays RUNNING, ends it too ($bash)" 'code 1' 'max_slot_wal_keep_size' 'pg_drop_replication_slot'
mkdir -p "$folder/a"
at='oltp_query() { case $* in *"> '"'0/10'"'"*) [ "$AT" != 0/20 ] || echo "$AT" ;; *) echo "$AT" ;; esac; }'
shared "$folder/a" "$fake; $at; AT=0/10; remember_slot; AT=0/20; remember_slot; cat \$RUN_DIR/slot; AT=0/10; check_slot; AT=0/F; check_slot; echo went on" |
    check "a slot that rests where it was ($bash)" '^oltp_olap_sync 0/10$' '^went on$' '!code'
shared "$folder/a" "$fake; $at; AT=0/20; check_slot; echo went on" |
    check "a slot that somebody moved forward ends the start ($bash)" 'code 1' 'at 0/10 when Kafka Connect was stopped, and stands at 0/20' \
        'pg_drop_replication_slot' 'when_needed' 'with new topics' '!went on'
shared "$folder/a" SYNC_CONNECTOR_SLOT_NAME=other "$fake; $at; AT=0/20; check_slot; echo went on" | check "another slot ($bash)" '^went on$' '!code'
shared "$folder/a" "$fake; $at; AT=; check_slot; echo went on" | check "a slot that is gone is Debezium's to tell ($bash)" '^went on$' '!code'
rm "$folder/a/slot"
shared "$folder/a" "$fake; ANSWER=$folder/failed.json; await_connector" |
    check "any failed task ends the start, with its reason ($bash)" 'code 1' 'RUNNING FAILED' 'Caused by: .*RecordTooLarge' '!slot oltp_olap_sync .* is lost' '!a\.b'
shared "$folder/a" "$fake; READER=7; ANSWER=$folder/failed.json; await_connector" |
    check "a failed task over a slot that somebody reads ($bash)" 'code 1' 'RecordTooLarge'
shared "$folder/a" "$fake; SNAPSHOT=t; await_connector" | check "a first snapshot that still runs ($bash)" 'first snapshot' '!code'
shared "$folder/a" "$fake; await_connector" |
    check "running, but neither snapshot nor reader ($bash)" 'code 1' 'Nobody reads from the slot' '!first snapshot'
shared "$folder/a" "$fake; READER=7; wait_for() { shift; while ! \"\$@\"; do READER=\$((READER + 1)); echo asked; done; }; await_connector 7" |
    check "the reader from before a change does not count ($bash)" '^asked$' '!code'
shared "$folder/a" "$fake; DOWN='' TROUBLE=''; ANSWER=$folder/failed.json; show_connector; echo \"trouble: \$TROUBLE\"" |
    check "status shows the reason ($bash)" 'RUNNING FAILED' 'RecordTooLarge' 'trouble: .*connector'

# ---- several plans -------------------------------------------------------------------------------------------------

names='show() { echo "$MEMBER|$CONNECTOR|$SLOT|${CONNECTOR_FILE##*/}|${SLOT_FILE##*/}|${CONSUMER_LOG##*/}|$PLAN_CHOSEN|$MEMBER_PORTS"; }'
shared "$folder/p" "$names; show" | check "the names of one plan ($bash)" \
    '^consumer|oltp-olap-sync|oltp_olap_sync|connector.json|slot|kafka-consumer.out||0$'
plan='plan() { case ${1:-} in --list) [ -n "$LIST" ] && printf "%b" "$LIST" ;; *) [ -n "${VIEWS:-}" ] && printf "%b" "$VIEWS" ;; esac; }; show_plans() { read_plans; each_plan show; say_gone_plans; }'
shared "$folder/p" LIST='lines\tshop\tshop_slot\n' "$names; $plan; show_plans" | check "one plan keeps them, and has the slot that is set ($bash)" \
    '^consumer|oltp-olap-sync|shop_slot|connector.json|slot|kafka-consumer.out||0$' '!code'
mkdir -p "$folder/p"; echo native >"$folder/p/mode"
shared "$folder/p" LIST='lines\tshop\tshop_slot\nmy buyers\tshop.my_buyers\tshop_slot_my_buyers_0a\n' "$names; $plan; show_plans" |
    check "another plan has names of its own ($bash)" '^consumer|oltp-olap-sync|shop_slot|connector.json|slot|kafka-consumer.out|lines|0$' \
        '^consumer-my_buyers|oltp-olap-sync-my_buyers|shop_slot_my_buyers_0a|connector-my_buyers.json|slot-my_buyers|kafka-consumer-my_buyers.out|my buyers|1$' '!code'
shared "$folder/p" LIST='early\tshop\tshop_slot\nlines\tshop.lines\tshop_slot_lines\n' VIEWS='-- View lines: fingerprint 0\n' \
    "$names; $plan; show_plans" |
    check "a view that would give its name to what is there is refused ($bash)" 'code 1' 'The first view is early now, and was lines' \
        'SYNC_SCHEMAS_VIEW=FILE-OF-lines,schemas' '!^consumer'
shared "$folder/p" LIST='other\tshop\tshop_slot\n' VIEWS='-- View other: fingerprint 0\n' "$names; $plan; show_plans" |
    check "files without the first view are refused ($bash)" 'code 1' 'registered for something else' 'was lines' '!FILE-OF' '!^consumer'
shared "$folder/p" LIST='' "$names; $plan; show_plans" | check "views that make no plan ($bash)" 'code 1' 'The plan could not be generated' '!^consumer'
shared "$folder/p" LIST='lines\tshop\tshop_slot\n' "$names; $plan; show_plans" |
    check "a plan that is gone leaves its connector to whoever is sure ($bash)" '^consumer|oltp-olap-sync|shop_slot|.*||0$' \
        'The plan my buyers is in no view any more' 'connectors/oltp-olap-sync-my_buyers' 'pg_drop_replication_slot(.shop_slot_my_buyers_0a.)' '!code'
shared "$folder/p" REPORT="different: table.include.list: the connector has 'a', plan says 'a,b'" CODE=3 \
    'compare_with_plan() { printf "%s\n" "$REPORT"; return "$CODE"; }; refuse_other_connector /dev/null' |
    check "a view that brings tables ($bash)" 'code 1' 'Adding and removing views'

# ---- settings ------------------------------------------------------------------------------------------------------

mkdir -p "$folder/b"; echo native >"$folder/b/mode"
shared "$folder/b" SYNC_TOPIC_PREFIX=shop SYNC_SCHEMAS_VIEW=my/view.sql OLTP_PORT=15432 CONSUMERS=3 SYNC_OLAP_PASSWORD='s e$c' keep_settings |
    check "settings are kept ($bash)" '!.'
shared "$folder/b" 'echo "$OLTP_PORT $CONSUMERS $(env | grep -e ^SYNC_TOPIC -e ^SYNC_OLAP)"; shown_settings; changed_settings' |
    check "and are there at the next start, for the program too ($bash)" '^15432 3 ' 'SYNC_TOPIC_PREFIX=shop' 'SYNC_OLAP_PASSWORD=s e$c' \
        'Remembered .*SYNC_SCHEMAS_VIEW=my/view.sql' 'Remembered .*SYNC_OLAP_PASSWORD=\.\.\.' '!so far'
shared "$folder/b" SYNC_TOPIC_PREFIX=other SYNC_LOG_LEVEL=debug SYNC_OLAP_PASSWORD=new 'echo "$CHANGED_SETTINGS"; echo "now $SYNC_TOPIC_PREFIX"' |
    check "the environment wins, and a change is said ($bash)" 'SYNC_TOPIC_PREFIX=other (so far: shop)' 'SYNC_LOG_LEVEL=debug (so far: not set)' \
        'SYNC_OLAP_PASSWORD (a password)' 'now other' '!=new' '!SYNC_RUN_DIR'
stat -c %a "$folder/b/settings" | check "for nobody else to read ($bash)" '^600$'

mkdir -p "$folder/e"; echo docker >"$folder/e/mode"; echo shop >"$folder/e/project"; echo COMPOSE_PROJECT_NAME=shop >"$folder/e/settings"
project='MODE=docker; load_mode; echo "project $COMPOSE_PROJECT_NAME, changed: $CHANGED_SETTINGS"'
shared "$folder/e" COMPOSE_PROJECT_NAME=other "$project" |
    check "another project's name than that of this stack is not used, and that is said ($bash)" '^project shop, changed: $' \
        'COMPOSE_PROJECT_NAME=other is not used: this stack is the project shop' 'wipe'
shared "$folder/e" COMPOSE_PROJECT_NAME=shop "$project" | check "its own name ($bash)" '^project shop, changed: $' '!not used'

# ---- an example ----------------------------------------------------------------------------------------------------

orders='schemas/examples/orders/oltp.sql schemas/examples/orders/order_line.sql'
chosen='choose_example orders; env | grep ^SYNC_SCHEMAS_ | sort | cut -d= -f2 | xargs echo'
shared "$folder/f" "$chosen; echo native >\$RUN_DIR/mode; keep_settings" |
    check "an example's files become the settings ($bash)" "^$orders\$" '!code'
shared "$folder/f" 'echo "$(oltp_sql) $(view_sql)"; '"$chosen; echo \"changed:\$CHANGED_SETTINGS\"" |
    check "they are remembered, and naming it again changes nothing ($bash)" "^$orders\$" '^changed:$' '!code'
shared "$folder/f" SYNC_SCHEMAS_VIEW=my/view.sql "$chosen" |
    check "another view given beside the example of a started stack ($bash)" 'code 2' 'and my/view.sql' '!^schemas'
mkdir -p "$folder/g"; echo native >"$folder/g/mode"
shared "$folder/g" "$chosen" |
    check "a stack that was started with another view keeps it ($bash)" 'code 2' 'started with schemas/oltp.sql and schemas,' \
        'Nothing was changed' "SYNC_RUN_DIR=$folder/g bin/startup.sh" 'wipe' '--example orders' '!^schemas'
shared "$folder/h" SYNC_SCHEMAS_OLTP=my/oltp.sql "$chosen" |
    check "an example and files of one's own ($bash)" 'code 2' 'leave one of them out' '!^schemas'
for none in nothing '' '*' ../examples/orders; do
    shared "$folder/h" NONE="$none" 'choose_example "$NONE"; echo went on' |
        check "no example of the name '$none' ($bash)" 'code 2' 'There are: .*orders' '!went on'
done

# ---- what the scripts say ------------------------------------------------------------------------------------------

shared "$folder/a" "cause_lines $DATA/connect.log" |
    check "the lines with the cause ($bash)" 'Unable to initialize REST server' 'Caused by: java.net.BindException' '!yesterday' '!line 3' '!RestServer.java'
shared "$folder/a" "require_space $folder 99999999 'a start'; echo went on" | check "a disk without room ($bash)" 'code 1' 'MB left' '!went on'
}
for bash in "${bashes[@]}"; do
    in_bash
    rm -rf "$folder/a" "$folder/b" "$folder/e" "$folder/f" "$folder/g" "$folder/h" "$folder/p"
done
{ clean SYNC_RUN_DIR="$folder/c" bin/verify.sh 2>&1 || echo "code $?"; } |
    check "verify without a stack" 'Nothing was started here' 'code 1'
{ clean SYNC_RUN_DIR="$folder/c" bin/status.sh 2>&1 || echo "code $?"; } |
    check "status where nothing was started" 'Nothing was started' 'code 3'
mkdir -p "$folder/d"; echo native >"$folder/d/mode"
{ clean SYNC_RUN_DIR="$folder/d" bin/status.sh 2>&1 || echo "code $?"; } | check "status of a stopped stack" 'Kafka  *down' 'consumer-1  *down' 'code 3'
{ clean SYNC_RUN_DIR="$folder/d" bin/scale.sh 3 2>&1 || echo "code $?"; } | check "scale.sh on a stopped stack" 'The stack is stopped' 'CONSUMERS=3' 'code 1'
{ clean SYNC_RUN_DIR=/proc/nothing/here bin/startup.sh --native 2>&1 || echo "code $?"; } |
    check "a folder that can't be made" "can't be made or written to" 'code 1' '!mkdir:'
{ clean SYNC_RUN_DIR="$folder/a:b" bin/startup.sh --native 2>&1 || echo "code $?"; } |
    check "a path that Java's class path can't have" 'has a character' 'code 1' '!Building'

# ---- what a Mac lacks ----------------------------------------------------------------------------------------------

# Everything but native mode runs on bash 3.2 and BSD's tools (tried with 3.2.57 on 30 November 2026); where no such bash
# is at hand, at least what is known not to work there must not be written.
portable=(bin/setup.sh bin/startup.sh bin/shutdown.sh bin/status.sh bin/scale.sh bin/psql.sh bin/verify.sh
    bin/stack/common.sh bin/stack/mode.sh bin/stack/connector.sh bin/stack/connector-steps.sh bin/stack/docker*.sh)
lacking() { # file...; prints the lines with what bash 3.2 or BSD's tools do not have
    local pattern
    # shellcheck disable=SC2016
    for pattern in '(declare|local|typeset) +-[a-z]*[Anlu]' '(^|[^a-z_-])(mapfile|readarray|coproc|BASHPID)([^a-z_]|$)' \
        '\$\{[!a-zA-Z_0-9@*]+(\[[^]]*\])?(\^|,,)' '&>>' '\|&' ';;&' '\[\[? *-v ' 'wait -n' '\[-[0-9]+\]' '\$\{[a-zA-Z_0-9]+@[A-Za-z]\}' \
        'printf +.?%\(' 'shopt -s +(globstar|lastpipe|inherit_errexit)' 'read [^|;]*-t *0?\.' \
        '(^|[^+])"\$\{[a-zA-Z_0-9]+\[@\]\}"' \
        'sed +(-[a-z]+ +)*(-i|-r|--)' 'grep +(-[a-z]+ +)*(-[a-zA-Z]*P|--)' '(readlink|realpath) -[a-z]*[fem]' \
        '(^|[^a-z])(stat -c|date -d|tac|nproc|timeout|setsid|flock|numfmt|seq -w) ' 'xargs +(-[a-z0-9 ]+ )*-r' 'sort +-[a-z]*V' \
        'head -n *-' '(cp|mv) +-[a-z]*T' '(^|[;|($] *)ps +--' 'mktemp +--' 'gensub|strftime|systime|asort|PROCINFO' '/proc/'; do
        grep -nE -e "$pattern" "$@" /dev/null | grep -vE '^[^:]*:[0-9]+: *#' || true
    done
}
lacking "${portable[@]}" | check "nothing that bash 3.2 or BSD's tools lack" '!.'
# shellcheck disable=SC2016
printf '%s\n' 'declare -A x' 'echo "${x^^}"' 'readarray -t y' 'sed -i s/a/b/ f' 'for a in "${b[@]}"; do' 'readlink -f x' >"$folder/lacks"
lacking "$folder/lacks" | cut -d: -f2 | sort -u | wc -l | check "and that would be found" '^ *6$'
exit "$failed"
