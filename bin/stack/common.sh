# shellcheck shell=bash
# Shared by every script in bin/: settings, folders, how steps are shown, which mode runs.
# This file and docker.sh run on bash 3.2 with POSIX tools (a Mac); what needs Linux is in native*.sh.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# A file of KEY=value lines; what is set already wins. The settings of the program itself go on to it.
load_settings() { # file
    local line key
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in ''|'#'*) continue ;; esac
        key=${line%%=*}
        [ -n "${!key+set}" ] || eval "$key=\${line#*=}"
        case $key in SYNC_*) eval "export $key" ;; esac
    done <"$1"
}
make_folders() { # folder...
    local folder
    for folder in "$@"; do
        mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] && continue
        printf '%s\n' "The folder $folder can't be made or written to by $(id -un)." \
            "Use a copy of the project in a folder of your own, or SYNC_RUN_DIR=/some/folder for data and logs." >&2
        exit 1
    done
}

# A second stack beside the first: another SYNC_RUN_DIR and other ports. Logs and state go into that folder too.
if [ -n "${SYNC_RUN_DIR:-}" ]; then
    make_folders "$SYNC_RUN_DIR"
    RUN_DIR=$(cd "$SYNC_RUN_DIR" && pwd -P)
    PARENT_DIR=$RUN_DIR
else
    RUN_DIR=$ROOT/run
    PARENT_DIR=$ROOT
fi
# ---- settings ------------------------------------------------------------------------------------------------------

# Ports, names, the number of members and the program's own settings (SYNC_...): the environment wins, then what was
# remembered when this stack was started (or bin/psql.sh would not find a stack on other ports, and the next plain start
# would run another view), then .env.
KEPT_SETTINGS=${KEPT_SETTINGS:-$RUN_DIR/settings}

# What the environment says otherwise than what is remembered, a line each.
changed_settings() {
    local line key known=' SYNC_RUN_DIR '
    [ -e "$KEPT_SETTINGS" ] && [ -e "$RUN_DIR/mode" ] || return 0
    while IFS= read -r line || [ -n "$line" ]; do
        key=${line%%=*}
        known="$known$key "
        [ "$key" != COMPOSE_PROJECT_NAME ] || continue # that of $RUN_DIR/project counts: docker-project.sh
        [ -z "${!key+set}" ] || [ "$line" = "$key=${!key}" ] || setting_line "$key" "${!key}" "${line#*=}"
    done <"$KEPT_SETTINGS"
    for key in ${!SYNC_@}; do
        case $known in *" $key "*) ;; *) setting_line "$key" "${!key}" 'not set' ;; esac
    done
}
setting_line() { # name value former-value
    case $1 in *PASSWORD*) echo "$1 (a password)" ;; *) echo "$1=$2 (so far: $3)" ;; esac
}
keep_settings() {
    local line key
    (umask 077 && : >"$KEPT_SETTINGS.new")
    {
        while IFS= read -r line; do
            case $line in [A-Z]*_PORT=*|[A-Z]*_PASSWORD=*|PG_*=*|COMPOSE_PROJECT_NAME=*|CONSUMERS=*) ;; *) continue ;; esac
            key=${line%%=*}
            [ "$line" = "$key=${!key}" ] || echo "$key=${!key}"
        done <"$ROOT/.env"
        for key in ${!SYNC_@}; do
            [ "$key" = SYNC_RUN_DIR ] || printf '%s=%s\n' "$key" "$(printf '%s' "${!key}" | tr '\n' ' ')"
        done
    } >"$KEPT_SETTINGS.new"
    mv "$KEPT_SETTINGS.new" "$KEPT_SETTINGS"
}
# A start that is refused leaves what was remembered as it was.
restore_settings() { [ ! -e "$KEPT_SETTINGS.before" ] || mv "$KEPT_SETTINGS.before" "$KEPT_SETTINGS"; }
shown_settings() { # those remembered, in one line
    local line all=''
    [ -s "$KEPT_SETTINGS" ] || return 0
    while IFS= read -r line; do
        case $line in *PASSWORD*=*) line="${line%%=*}=..." ;; esac
        all="$all $line"
    done <"$KEPT_SETTINGS"
    echo "Remembered until bin/shutdown.sh --wipe, in $(short_path "$KEPT_SETTINGS"):$all"
}
short_path() { case $1 in "$ROOT"/*) echo "${1#"$ROOT"/}" ;; *) echo "$1" ;; esac; }
absolute_path() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

for folder in SYNC_LOG_DIR SYNC_STATE_DIR; do
    [ -z "${!folder:-}" ] || eval "$folder=\$(absolute_path \"\$$folder\")"
done
unset folder
# shellcheck disable=SC2034  # for startup.sh
CHANGED_SETTINGS=$(changed_settings)
# shellcheck disable=SC2034  # for docker-project.sh
PROJECT_GIVEN=${COMPOSE_PROJECT_NAME:-} # by the environment, not by one of these files
[ ! -e "$KEPT_SETTINGS" ] || load_settings "$KEPT_SETTINGS"
load_settings "$ROOT/.env"
LOG_DIR=${SYNC_LOG_DIR:-$PARENT_DIR/logs}
STATE_DIR=${SYNC_STATE_DIR:-$PARENT_DIR/state}
# Before a command that is shown to be typed.
COMMAND_PREFIX=''
[ -z "${SYNC_RUN_DIR:-}" ] || COMMAND_PREFIX="SYNC_RUN_DIR=$SYNC_RUN_DIR "
export KAFKA_VERSION DEBEZIUM_VERSION POSTGRES_VERSION # for pom.xml and docker-compose.yml
export OLTP_PORT OLAP_PORT KAFKA_PORT CONNECT_PORT OLTP_PASSWORD OLAP_PASSWORD PG_USER PG_DATABASE COMPOSE_PROJECT_NAME LOG_LEVEL

# ---- what the person at the terminal sees -------------------------------------------------------------------------

# Milliseconds since some moment; whole seconds on an old bash.
now_ms() {
    if [ -n "${EPOCHREALTIME:-}" ]; then
        local t=${EPOCHREALTIME/[.,]/}
        echo $((t / 1000))
    else
        echo $((SECONDS * 1000))
    fi
}
seconds_since() { # start-ms
    local d=$(($(now_ms) - $1))
    printf '%d.%d' $((d / 1000)) $((d % 1000 / 100))
}

SCRIPT_START=$(now_ms)
STEP='' STEP_START=0

step() { # what is being done
    STEP=$1 STEP_START=$(now_ms)
    printf '  %-62s ' "$1"
}
step_done() { # [remark]
    printf '%6s s%s\n' "$(seconds_since "$STEP_START")" "${1:+   $1}"
    STEP=''
}
say() { printf '%s\n' "$@"; }

# Logs go on over many starts; what is looked for is behind the last of these lines.
mark_log() { printf -- '---- a start, %s\n' "$(date '+%Y-%m-%d %H:%M:%S')" >>"$1"; }

# The lines of a log that tell the cause, since the last start; without any, its end. A stack trace's own lines tell
# where in somebody's program, and hide the sentence above them.
cause_lines() { # log
    local lines
    lines=$(tail -n 5000 "$1" | LC_ALL=C awk '
        /^---- a start, / { n = 0; next }
        /^[ \t]*at [A-Za-z_$.\/0-9]+\(/ || /^[ \t]*\.\.\. [0-9]+ more/ { next }
        { low = tolower($0) }
        low ~ /(^|[^a-z])(error|fatal|panic|caused by|failed|cannot|could not|can.t|unable|refused|denied|killed|invalid)([^a-z]|$)/ ||
        low ~ /exception|no space left|no such file|already in use|not found|does not exist|level=warn|permission/ {
            if (!seen[$0]++ && n < 12) line[++n] = $0
        }
        END { for (i = 1; i <= n; i++) print line[i] }')
    if [ -n "$lines" ]; then
        printf '\nFrom %s:\n' "$1"
    else
        printf '\nThe last lines of %s:\n' "$1"
        lines=$(tail -n 15 "$1")
    fi
    printf '%s\n' "$lines" | cut -c1-300 | sed 's/^/    /'
}

# The step failed: what, the cause from its log, what to do.
step_failed() { # message log-or-empty advice...
    local message=$1 log=$2
    shift 2
    [ -z "$STEP" ] || printf 'FAILED\n'
    STEP=''
    { printf '\n%s\n' "$message"
      if [ -n "$log" ] && [ -s "$log" ]; then
          cause_lines "$log"
      fi
      full_disks "$RUN_DIR" "$LOG_DIR"
      if [ $# -gt 0 ]; then
          printf '\nWhat to do:\n'
          printf '    %s\n' "$@"
      fi
    } >&2
    exit 1
}
free_mb() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }'; }
full_disks() { # folder...
    local folder mb
    for folder in "$@"; do
        mb=$(free_mb "$folder")
        if [ -n "$mb" ] && [ "$mb" -lt 16 ]; then printf '\nThe disk of %s is full: %s MB are free.\n' "$folder" "$mb"; fi
    done
}
require_space() { # folder megabytes what-for
    local mb
    mb=$(free_mb "$1")
    [ -n "$mb" ] && [ "$mb" -lt "$2" ] || return 0
    step_failed "The disk of $1 has $mb MB left; $3 needs about $2 MB." '' \
        "make room there, or put data and logs elsewhere: SYNC_RUN_DIR=/some/folder bin/startup.sh"
}
usage_error() { printf '%s\n' "$1" "Try: $0 --help" >&2; exit 2; }
# --help prints the comment at the top of the script.
print_help() { sed -n -e '1d' -e '/^# shellcheck/q' -e '/^[^#]/q' -e 's/^# \{0,1\}//p' "$0"; exit 0; }

# Poll a command until it succeeds; no blind sleeps anywhere. Status 1: the time is over. 2: the watched thing died.
WATCH=''   # a command that fails when waiting has become pointless
wait_for() { # seconds command...
    local end=$(($(now_ms) + $1 * 1000))
    shift
    until "$@"; do
        [ -z "$WATCH" ] || $WATCH || return 2
        [ "$(now_ms)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# shellcheck source=bin/stack/mode.sh
. "$ROOT/bin/stack/mode.sh"

# ---- examples ------------------------------------------------------------------------------------------------------

# A folder of schemas/examples holds oltp.sql, the view in a file of its name, and perhaps load.sql, a load to try it with.
example_names() { (cd "$ROOT/schemas/examples" && echo *); }
example_view() { # example; its file
    local file found=''
    for file in "$ROOT/schemas/examples/$1"/*.sql; do
        case ${file##*/} in oltp.sql|load.sql) ;; *) found=$file ;; esac
    done
    echo "schemas/examples/$1/${found##*/}"
}
# The files of an example become the settings of this stack. One that has been started keeps what it was started with:
# its tables, topics and caches are of that view.
choose_example() { # example
    local oltp view now
    case " $(example_names) " in *" $1 "*) ;; *) usage_error "There is no example $1. There are: $(example_names)" ;; esac
    oltp=schemas/examples/$1/oltp.sql view=$(example_view "$1")
    now="${SYNC_SCHEMAS_OLTP:-schemas/oltp.sql} and ${SYNC_SCHEMAS_VIEW:-schemas}"
    if [ "$now" != "$oltp and $view" ]; then
        if [ -s "$RUN_DIR/mode" ]; then
            say "This stack was started with $now, and has their data; the example $1 is another view. Nothing was changed." "" \
                "What to do:" \
                "    go on with what is there: ${COMMAND_PREFIX}bin/startup.sh" \
                "    or remove it, then start the example: ${COMMAND_PREFIX}bin/shutdown.sh --wipe" \
                "    or run the example beside it: SYNC_RUN_DIR=/some/folder bin/startup.sh --example $1, with every port of .env changed" >&2
            exit 2
        fi
        [ -z "${SYNC_SCHEMAS_OLTP:-}${SYNC_SCHEMAS_VIEW:-}" ] ||
            usage_error "--example $1 and SYNC_SCHEMAS_OLTP or SYNC_SCHEMAS_VIEW say different files: leave one of them out."
    fi
    export SYNC_SCHEMAS_OLTP=$oltp SYNC_SCHEMAS_VIEW=$view
}

# ---- the last lines of startup -------------------------------------------------------------------------------------

# The mode has plan (what `oltp-olap-sync plan` prints) and oltp_query (psql's options, in the OLTP database).
print_next_steps() {
    local plan views inserts='' load logs status_page=''
    [ "$MODE" = docker ] || [ "$METRICS_PORT" -eq 0 ] || status_page=http://localhost:$METRICS_PORT/
    load=$(dirname "$(oltp_sql)")/load.sql
    [ -r "$ROOT/$load" ] || load=''
    plan=$(PLAN_CHOSEN='' && plan 2>/dev/null </dev/null) || plan=''
    views=$(printf '%s\n' "$plan" | sed -n 's/^-- View \(.*\): fingerprint .*/\1/p')
    logs=$(each_plan show_log)
    inserts=$(oltp_query -At \
        -v "tables=$(printf '%s\n' "$plan" | sed -n 's/^-- Source \(.*\): topic .*/\1/p' | awk '!seen[$0]++' | tr '\n' ' ' | sed 's/ $//')" \
        -v "joins=$(printf '%s\n' "$plan" | sed -n 's/.*partition\.payload\.fields": "\(.*\)".*/\1/p' | tr ',\n' '  ' | sed 's/change\.//g; s/ $//')" \
        <"$ROOT/bin/stack/example.sql" 2>/dev/null) || inserts=''
    cat <<END

Ready after $(seconds_since "$SCRIPT_START") s. What to type next:

  The OLTP database (password $OLTP_PASSWORD; or: ${COMMAND_PREFIX}bin/psql.sh oltp)
    psql -h localhost -p $OLTP_PORT -U $PG_USER -d $PG_DATABASE
${inserts:+$(printf '%s\n' "$inserts" | sed 's/^/      /')
}${load:+
  A minute of a realistic load
    ${COMMAND_PREFIX}bin/psql.sh oltp <$load
}
  The OLAP database (password $OLAP_PASSWORD; or: ${COMMAND_PREFIX}bin/psql.sh olap)
    psql -h localhost -p $OLAP_PORT -U $PG_USER -d $PG_DATABASE
$(printf '%s\n' "$views" | sed 's/\(.*\)/      SELECT * FROM \1;/')

  What the consumer does
    tail -f$logs
${status_page:+    $status_page
}
  Stop everything and keep the data
    ${COMMAND_PREFIX}bin/shutdown.sh
END
}

show_log() { printf ' %s' "$(short_path "$CONSUMER_LOG")"; }

# ---- lag -----------------------------------------------------------------------------------------------------------

set_slot_queries() {
    SLOT_LAG_SQL="SELECT coalesce(string_agg(slot_name || ' '
        || CASE wal_status WHEN 'lost' THEN 'is lost: behind by more than max_slot_wal_keep_size'
           ELSE pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)) END, ', '), 'there is no slot $SLOT')
        FROM pg_replication_slots WHERE slot_name = '$SLOT'"
    # RUNNING is not yet reading: that begins after the first snapshot, when the slot has a reader.
    SLOT_READ_SQL="SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$SLOT' AND active)"
    # Nothing can be read from it any more: it was behind by more than max_slot_wal_keep_size. Debezium tries it again for
    # ever, RUNNING.
    SLOT_INVALID_SQL="SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '$SLOT' AND wal_status = 'lost')"
    SLOT_READER_SQL="SELECT active_pid FROM pg_replication_slots WHERE slot_name = '$SLOT'"
    # Where the slot rests while no Connect runs, see check_slot.
    SLOT_POSITION_SQL="SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '$SLOT' AND NOT active"
}
# A snapshot is one transaction of Debezium's that has read from a table and so has a lock on it, as long as it takes.
export SNAPSHOT_RUNS_SQL="SELECT EXISTS (SELECT FROM pg_stat_activity a JOIN pg_locks l USING (pid)
    JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE a.datname = current_database() AND a.application_name ILIKE 'debezium%' AND c.relkind IN ('r', 'p')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema'))"
# shellcheck disable=SC2034  # for native.sh and docker.sh
SNAPSHOT_REMARK='still taking its first snapshot; changes follow after that'

# What is not in the OLAP table though its changes are applied. The mode has stack_psql, which ends its shell.
LEFT_OUT_SQL="SELECT concat_ws(', ', 'dead letters: ' || nullif(d, 0) || ' (table sync_dead_letter)',
    'refused rows: ' || nullif(r, 0) || ' (table sync_refused)') FROM (SELECT
    (SELECT count(*) FROM sync_dead_letter WHERE NOT pending) d, (SELECT count(*) FROM sync_refused) r) x"
show_left_out() {
    local left_out
    left_out=$( (stack_psql olap -Atc "$LEFT_OUT_SQL") 2>/dev/null </dev/null) || return 0
    [ -z "$left_out" ] || say "" "Left out of the OLAP table (docs/operations.md): $left_out"
}

# From kafka-consumer-groups --describe: one line a topic, with its partitions and the sum of their lags. What the default
# group of earlier versions once committed stands still when nobody is in it: it is left out where another group has the topic.
lag_by_topic() {
    awk '$1 == "GROUP" { next }
         NF >= 6 && $3 ~ /^[0-9]+$/ {
             line = $1 " " $2; group[line] = $1; topic[line] = $2
             n[line]++; lag[line] += $6; if ($4 == "-") none[line]++; if ($7 != "-") members[line]++
             if (n[line] == 1) groups[$2]++ }
         END { for (line in n) {
                   any = 1; t = topic[line]; g = group[line]
                   if (groups[t] == 1 || g != "oltp-olap-sync" || members[line] > 0)
                       printf "  %-32s %8d records in %d partitions%s%s\n", t, lag[line], n[line],
                           none[line] ? ", " none[line] " without a commit" : "",
                           groups[t] == 1 ? "" : "  (group " g ")" }
               if (!any) print "  no member has told Kafka anything yet" }' | sort
}

# shellcheck source=bin/stack/plans.sh
. "$ROOT/bin/stack/plans.sh"
