# shellcheck shell=bash
# Shared by every script in bin/: settings, folders, how steps are shown, which mode runs.
# This file and docker.sh run on bash 3.2 with POSIX tools (a Mac); what needs Linux is in native*.sh.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)

# A file of KEY=value lines; what is set already wins.
load_settings() { # file
    local line key
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in ''|'#'*) continue ;; esac
        key=${line%%=*}
        [ -n "${!key+set}" ] || eval "$key=\${line#*=}"
    done <"$1"
}

# A second stack beside the first: another SYNC_RUN_DIR and other ports. Logs and state go into that folder too.
if [ -n "${SYNC_RUN_DIR:-}" ]; then
    mkdir -p "$SYNC_RUN_DIR"
    RUN_DIR=$(cd "$SYNC_RUN_DIR" && pwd -P)
    LOG_DIR=${SYNC_LOG_DIR:-$RUN_DIR/logs}
    STATE_DIR=${SYNC_STATE_DIR:-$RUN_DIR/state}
else
    RUN_DIR=$ROOT/run
    LOG_DIR=${SYNC_LOG_DIR:-$ROOT/logs}
    STATE_DIR=${SYNC_STATE_DIR:-$ROOT/state}
fi
CONSUMER_LOG=$LOG_DIR/kafka-consumer.out
CONNECTOR='oltp-olap-sync'
export CONNECTOR # the connector's name as the binary prints it

# Ports and names: the environment wins, then what the environment said when this stack was started first (so that
# bin/psql.sh finds a stack on other ports), then .env.
KEPT_SETTINGS=$RUN_DIR/settings
[ ! -e "$KEPT_SETTINGS" ] || load_settings "$KEPT_SETTINGS"
load_settings "$ROOT/.env"
export KAFKA_VERSION DEBEZIUM_VERSION POSTGRES_VERSION # for pom.xml and docker-compose.yml
export OLTP_PORT OLAP_PORT KAFKA_PORT CONNECT_PORT OLTP_PASSWORD OLAP_PASSWORD PG_USER PG_DATABASE COMPOSE_PROJECT_NAME LOG_LEVEL
keep_settings() {
    local line key
    (umask 077 && : >"$KEPT_SETTINGS.new")
    while IFS= read -r line; do
        case $line in [A-Z]*_PORT=*|[A-Z]*_PASSWORD=*|PG_*=*|COMPOSE_PROJECT_NAME=*) ;; *) continue ;; esac
        key=${line%%=*}
        [ "$line" = "$key=${!key}" ] || echo "$key=${!key}"
    done <"$ROOT/.env" >"$KEPT_SETTINGS.new"
    mv "$KEPT_SETTINGS.new" "$KEPT_SETTINGS"
}

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

# The step failed: what, the end of its log, what to do.
step_failed() { # message log-or-empty advice...
    local message=$1 log=$2
    shift 2
    [ -z "$STEP" ] || printf 'FAILED\n'
    STEP=''
    { printf '\n%s\n' "$message"
      if [ -n "$log" ] && [ -s "$log" ]; then
          printf '\nThe last lines of %s:\n' "$log"
          tail -n 15 "$log" | cut -c1-300 | sed 's/^/    /'
      fi
      if [ $# -gt 0 ]; then
          printf '\nWhat to do:\n'
          printf '    %s\n' "$@"
      fi
    } >&2
    exit 1
}
usage_error() { printf '%s\n' "$1" "Try: $0 --help" >&2; exit 2; }
# --help prints the comment at the top of the script.
print_help() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; exit 0; }

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

# ---- which mode ----------------------------------------------------------------------------------------------------

docker_images() {
    echo "apache/kafka:$KAFKA_VERSION"
    echo "postgres:$POSTGRES_VERSION"
    echo "quay.io/debezium/connect:$DEBEZIUM_VERSION"
    echo "debian:bookworm-slim"
}

# Prints why Docker can't be used, one line, or nothing.
why_not_docker() {
    local out image
    command -v docker >/dev/null 2>&1 || { echo "there is no docker command"; return; }
    if ! out=$(docker info 2>&1 >/dev/null </dev/null); then
        case $out in
            *'permission denied'*) echo "no permission to talk to the Docker daemon (is $(id -un) in the group docker?)" ;;
            *) echo "the Docker daemon doesn't answer" ;;
        esac
        return
    fi
    docker compose version >/dev/null 2>&1 || { echo "docker has no compose plugin (docker compose version fails)"; return; }
    for image in $(docker_images); do
        docker image inspect "$image" >/dev/null 2>&1 && continue
        say "Fetching the image $image" >&2
        out=$(docker pull -q "$image" 2>&1 </dev/null) || {
            echo "the image $image can't be had: $(printf '%s\n' "$out" | tail -n 1 | cut -c1-160)"
            return
        }
    done
}

is_debian() { [ "$(uname)" = Linux ] && [ -e /etc/debian_version ] && command -v dpkg-query >/dev/null 2>&1; }

# Sets MODE to native or docker: what was started first stays, --native and --docker force, else Docker where it works.
choose_mode() { # wanted (native, docker or empty)
    local wanted=$1 kept='' reason
    if [ -s "$RUN_DIR/mode" ]; then read -r kept <"$RUN_DIR/mode"; fi
    if [ -n "$kept" ]; then
        if [ -n "$wanted" ] && [ "$wanted" != "$kept" ]; then
            say "This stack was started in $kept mode, and its data is there." \
                "To change to $wanted mode: bin/shutdown.sh --wipe (removes that data), then start again." >&2
            exit 2
        fi
        MODE=$kept
    elif [ "$wanted" = native ]; then
        MODE=native
    else
        reason=$(why_not_docker)
        if [ -z "$reason" ]; then
            MODE=docker
        elif [ "$wanted" = docker ]; then
            say "Docker mode was asked for, but $reason." >&2
            exit 1
        else
            say "Not with Docker: $reason. Going native."
            MODE=native
        fi
    fi
    if [ "$MODE" = native ] && ! is_debian; then
        say "Native mode needs Debian (packages from apt, /proc), and this is not one: $(uname)." \
            "Please install and start Docker with its compose plugin, then run this again." >&2
        exit 1
    fi
    load_mode
}
# For scripts that only look: the remembered mode, or none.
remembered_mode() {
    MODE=''
    if [ -s "$RUN_DIR/mode" ]; then read -r MODE <"$RUN_DIR/mode"; fi
    [ -n "$MODE" ] || return 1
    load_mode
}
remember_mode() {
    mkdir -p "$RUN_DIR" "$LOG_DIR" "$STATE_DIR"
    echo "$MODE" >"$RUN_DIR/mode"
    keep_settings
}
load_mode() {
    if [ "$MODE" = docker ]; then
        # shellcheck source=bin/stack/docker.sh
        . "$ROOT/bin/stack/docker.sh"
    else
        # shellcheck source=bin/stack/native.sh
        . "$ROOT/bin/stack/native.sh"
    fi
}

# ---- the last lines of startup -------------------------------------------------------------------------------------

print_next_steps() {
    local prefix=''
    [ -z "${SYNC_RUN_DIR:-}" ] || prefix="SYNC_RUN_DIR=$SYNC_RUN_DIR "
    cat <<END

Ready after $(seconds_since "$SCRIPT_START") s. What to type next:

  The OLTP database (password $OLTP_PASSWORD; or: ${prefix}bin/psql.sh oltp)
    psql -h localhost -p $OLTP_PORT -U $PG_USER -d $PG_DATABASE
      INSERT INTO student (name) VALUES ('Dan');
      INSERT INTO contact (student_id, contact_number) VALUES (1, '123');

  The OLAP database (password $OLAP_PASSWORD; or: ${prefix}bin/psql.sh olap)
    psql -h localhost -p $OLAP_PORT -U $PG_USER -d $PG_DATABASE
      SELECT * FROM student_contact;

  What the consumer does
    tail -f ${CONSUMER_LOG#"$ROOT"/}

  Stop everything and keep the data
    ${prefix}bin/shutdown.sh
END
}

# ---- lag -----------------------------------------------------------------------------------------------------------

export SLOT_LAG_SQL="SELECT coalesce(string_agg(slot_name || ' '
    || pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)), ', '), 'there is no slot')
    FROM pg_replication_slots"

# RUNNING is not yet reading: that begins after the first snapshot, when the slot has a reader.
export SLOT_READ_SQL="SELECT EXISTS (SELECT FROM pg_replication_slots WHERE database = current_database() AND active)"
# shellcheck disable=SC2034  # for native.sh and docker.sh
SNAPSHOT_REMARK='still taking its first snapshot; changes follow after that'

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
