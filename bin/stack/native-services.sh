# shellcheck shell=bash
# Native mode: the two PostgreSQLs, the Kafka broker, the Connect worker, the consumer members.

JARS=${JARS:-$ROOT/build/jars}
CONSUMER_BIN=${CONSUMER_BIN:-$ROOT/build/release/oltp-olap-sync}

# ---- PostgreSQL ----------------------------------------------------------------------------------------------------

pg_bin() { # of POSTGRES_VERSION, else of another version that will do
    local dir major best=''
    for dir in "/usr/lib/postgresql/$POSTGRES_VERSION/bin" /usr/lib/postgresql/*/bin; do
        major=${dir%/bin}
        major=${major##*/}
        if [ ! -x "$dir/initdb" ] || [ "$major" -lt 14 ]; then continue; fi
        best=$dir
        break
    done
    [ -n "$best" ] && echo "$best"
}
# PostgreSQL refuses to run as root: then it runs as postgres.
as_pg() {
    if [ "$(id -u)" -eq 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}
# Where the two data folders are: in run/, or, where the user postgres can't reach that, under /var/lib. (Before the
# package is installed there is no such user; nobody has the same rights here.)
pg_root() {
    local user=postgres
    id postgres >/dev/null 2>&1 || user=nobody
    if [ "$(id -u)" -ne 0 ] || (cd / && runuser -u "$user" -- test -x "$RUN_DIR"); then
        echo "$RUN_DIR"
    elif [ "$RUN_DIR" = "$ROOT/run" ]; then
        echo /var/lib/oltp-olap-sync
    else
        echo "/var/lib/oltp-olap-sync/$(printf '%s' "$RUN_DIR" | cksum | cut -d' ' -f1)"
    fi
}
make_folders "$RUN_DIR"
PG_ROOT=$(pg_root)
pg_data() { # oltp|olap
    echo "$PG_ROOT/$1"
}
pg_port() { if [ "$1" = oltp ]; then echo "$OLTP_PORT"; else echo "$OLAP_PORT"; fi; }
pg_password() { if [ "$1" = oltp ]; then echo "$OLTP_PASSWORD"; else echo "$OLAP_PASSWORD"; fi; }

pg_pid() { # oltp|olap; the pid in postmaster.pid, if that process really serves this folder
    local data pid
    data=$(pg_data "$1")
    { read -r pid <"$data/postmaster.pid"; } 2>/dev/null || return 1
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF -e "$data" && echo "$pid"
} 2>/dev/null
pg_alive() { pg_pid "$1" >/dev/null; }

# Made beside its place and then moved there, so that an interrupted initdb leaves nothing half-made.
pg_init() { # oltp|olap
    local data new pw
    data=$(pg_data "$1") new=$(pg_data "$1").new pw=$(pg_data "$1").pw
    if [ "$(id -u)" -eq 0 ]; then
        (umask 022 && mkdir -p "$(dirname "$data")") # whatever root's umask is, postgres must get through
        rm -rf "$new"
        install -d -o postgres -g postgres -m 700 "$new"
        install -o postgres -g postgres -m 600 /dev/null "$pw"
    else
        mkdir -p "$(dirname "$data")"
        rm -rf "$new"
        (umask 077 && : >"$pw")
    fi
    pg_password "$1" >"$pw"
    as_pg "$(pg_bin)/initdb" -D "$new" -U "$PG_USER" -A scram-sha-256 --pwfile="$pw" -E UTF8 --locale=C.UTF-8 || return 1
    rm -f "$pw"
    echo "include 'stack.conf'" >>"$new/postgresql.conf"
    mv -T "$new" "$data"
}

pg_settings() { # oltp|olap
    echo "port = $(pg_port "$1")"
    cat <<'END'
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 128MB
log_line_prefix = '%m [%p] %q%u@%d '
END
    if [ "$1" = oltp ]; then
        cat <<'END'
wal_level = logical
max_replication_slots = 16
max_wal_senders = 16
# Keep what a stopped connector has not read yet, but not for ever: a full disk would stop the database.
max_slot_wal_keep_size = 16GB
END
    fi
}

pg_start() { # oltp|olap; returns when it answers
    local data log=$LOG_DIR/postgresql-$1.log
    data=$(pg_data "$1")
    pg_alive "$1" && return 0
    mark_log "$log"
    [ -s "$data/PG_VERSION" ] || pg_init "$1" >>"$log" 2>&1 || return 1
    pg_settings "$1" >"$data/stack.conf"
    chmod 644 "$data/stack.conf"
    # pg_ctl hands its output on to the server: the log stays writable for the user who calls, not for postgres.
    as_pg "$(pg_bin)/pg_ctl" start -D "$data" -w -t 60 >>"$log" 2>&1 </dev/null
}
pg_stop() { # oltp|olap [mode]
    pg_alive "$1" || return 0
    as_pg "$(pg_bin)/pg_ctl" stop -D "$(pg_data "$1")" -m "${2:-fast}" -w -t 60 >>"$LOG_DIR/postgresql-$1.log" 2>&1
}
pg_sql() { # oltp|olap psql-arguments...
    local db=$1
    shift
    PGPASSWORD=$(pg_password "$db") PGCONNECT_TIMEOUT=5 "$(pg_bin)/psql" -X -q -h 127.0.0.1 -p "$(pg_port "$db")" \
        -U "$PG_USER" -v ON_ERROR_STOP=1 "$@"
}
pg_make_database() { # oltp|olap
    [ "$(pg_sql "$1" -d postgres -Atc "SELECT 1 FROM pg_database WHERE datname = '$PG_DATABASE'")" = 1 ] ||
        pg_sql "$1" -d postgres -c "CREATE DATABASE \"$PG_DATABASE\"" 2>&1
}

# ---- Kafka and Connect ---------------------------------------------------------------------------------------------

# A template of bin/stack with its @NAMES@ filled in.
fill_template() { # template destination
    sed -e "s|@RUN_DIR@|$RUN_DIR|g" -e "s|@KAFKA_PORT@|$KAFKA_PORT|g" -e "s|@CONNECT_PORT@|$CONNECT_PORT|g" \
        -e "s|@KAFKA_CONTROLLER_PORT@|$KAFKA_CONTROLLER_PORT|g" "$ROOT/bin/stack/$1" >"$2"
}
java_options() { # heap-in-MB
    JAVA_OPTIONS=("-Xms64m" "-Xmx${1}m" -XX:+UseSerialGC -Djava.net.preferIPv4Stack=true
        -Dorg.slf4j.simpleLogger.showDateTime=true
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX"
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn
        -Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients=warn)
    # shellcheck disable=SC2206  # options, with blanks between them
    JAVA_OPTIONS+=(${NATIVE_JAVA_OPTIONS:-}) # of the tests: their servers live for minutes
}
kafka_start() {
    alive kafka && return 0
    fill_template kafka.properties "$RUN_DIR/kafka.properties"
    # The log folder is formatted once, with a random cluster id, in the same process chain, while PostgreSQL starts.
    java_options 512
    # shellcheck disable=SC2016
    spawn kafka "$LOG_DIR/kafka.log" sh -c '
        dir=$1 jars=$2; shift 2
        if [ ! -s "$dir/kafka/meta.properties" ]; then
            id=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d " \n" | cut -c1-22)
            java "$@" -cp "$jars/*" kafka.tools.StorageTool format --ignore-formatted -t "$id" -c "$dir/kafka.properties" || exit 1
        fi
        exec java "$@" -cp "$jars/*" kafka.Kafka "$dir/kafka.properties"' sh "$RUN_DIR" "$JARS" "${JAVA_OPTIONS[@]}"
}
kafka_answers() { port_listens "$KAFKA_PORT"; }

connect_start() {
    alive connect && return 0
    each_plan check_slot
    each_plan forget_slot
    fill_template connect.properties "$RUN_DIR/connect.properties"
    java_options 1024
    spawn connect "$LOG_DIR/connect.log" \
        java "${JAVA_OPTIONS[@]}" -cp "$JARS/*" org.apache.kafka.connect.cli.ConnectDistributed "$RUN_DIR/connect.properties"
}
forget_slot() { rm -f "$SLOT_FILE"; }
slots_to_look_at() {
    local file
    for file in "$RUN_DIR"/slot*; do
        [ ! -s "$file" ] || return 0
    done
    return 1
}
# What the running worker has taken from its environment and file otherwise than one that would be started now: the
# password of ${env:OLTP_PASSWORD} is the connector's for as long as the worker lives.
connect_differs() {
    local pid changed
    pid=$(pid_of connect) || return 0
    changed=$({ tr '\0' '\n' <"/proc/$pid/environ"; env -0 | tr '\0' '\n'; } 2>/dev/null |
        grep -E '^(OLTP_PASSWORD|KAFKA_VERSION|DEBEZIUM_VERSION)=' | sort | uniq -u | sed 's/=.*//' | sort -u | tr '\n' ' ')
    fill_template connect.properties "$RUN_DIR/connect.properties.new"
    cmp -s "$RUN_DIR/connect.properties.new" "$RUN_DIR/connect.properties" || changed="${changed}connect.properties"
    rm -f "$RUN_DIR/connect.properties.new"
    echo "${changed% }"
}
connect_url() { echo "http://127.0.0.1:$CONNECT_PORT$1"; }
connect_rest() { # method path [file]; prints the answer; fails on an HTTP error
    local method=$1 path=$2
    shift 2
    curl -sS --fail-with-body --max-time 30 -X "$method" -H 'Content-Type: application/json' \
        ${1:+--data-binary "@$1"} "$(connect_url "$path")"
}
connect_answers() { connect_rest GET /connectors >/dev/null 2>&1; }
# Without Kafka it lets a question about a connector's settings wait.
connect_knows() { alive kafka; }


# ---- consumer ------------------------------------------------------------------------------------------------------

# The addresses of this stack, as the binary's settings. The scripts' own SYNC_ variables are not settings of the binary.
consumer_settings() {
    CONSUMER=(env -u SYNC_RUN_DIR -u SYNC_LOG_DIR
        "SYNC_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:$KAFKA_PORT"
        "SYNC_OLAP_HOST=127.0.0.1" "SYNC_OLAP_PORT=$OLAP_PORT" "SYNC_OLAP_USER=$PG_USER"
        "SYNC_OLAP_PASSWORD=$OLAP_PASSWORD" "SYNC_OLAP_DBNAME=$PG_DATABASE"
        "SYNC_OLTP_HOST=127.0.0.1" "SYNC_OLTP_PORT=$OLTP_PORT" "SYNC_OLTP_USER=$PG_USER"
        "SYNC_OLTP_PASSWORD=$OLTP_PASSWORD" "SYNC_OLTP_DBNAME=$PG_DATABASE"
        "SYNC_CONNECTOR_DATABASE_HOSTNAME=127.0.0.1" "SYNC_CONNECTOR_DATABASE_PORT=$OLTP_PORT"
        "SYNC_STATE_DIR=$STATE_DIR" "SYNC_LOG_LEVEL=${SYNC_LOG_LEVEL:-$LOG_LEVEL}")
    [ -z "$PLAN_CHOSEN" ] || CONSUMER+=("SYNC_SCHEMAS_PLAN=$PLAN_CHOSEN")
}
plan() { # options...; relative paths in the settings start at the project's root
    consumer_settings
    (cd "$ROOT" && "${CONSUMER[@]}" "$CONSUMER_BIN" plan "$@")
}
at_root() { case $1 in /*) echo "$1" ;; *) echo "$ROOT/$1" ;; esac; }
# Where member N tells how it is; 0: nowhere. Those of another plan are a hundred further on.
member_port() { if [ "$METRICS_PORT" -eq 0 ]; then echo 0; else echo $((METRICS_PORT + 100 * MEMBER_PORTS + $1 - 1)); fi; }
member_settings() { # number
    consumer_settings
    CONSUMER+=("SYNC_MEMBER=$MEMBER-$1" "SYNC_SERVE_PORT=$(member_port "$1")"
        "SYNC_DOWN_HINT=${SYNC_DOWN_HINT:-${COMMAND_PREFIX}bin/status.sh shows what is down; nothing starts a part again by itself: ${COMMAND_PREFIX}bin/startup.sh does}"
        "SQL_FILES=$(sql_files | cksum)")
}
sql_files() { # what the plans are made of
    local list name files
    cat "$(at_root "$(oltp_sql)")" 2>/dev/null || true
    list=$(view_sql),
    while [ -n "$list" ]; do
        name=$(at_root "$(printf '%s' "${list%%,*}" | sed 's/^[ \t]*//; s/[ \t]*$//')")
        list=${list#*,}
        if [ -d "$name" ]; then files=("$name"/*.sql); else files=("$name"); fi
        cat "${files[@]}" 2>/dev/null || true
    done
}
member_start() { # number
    member_settings "$1"
    cd "$ROOT" || return 1
    spawn "$MEMBER-$1" "$CONSUMER_LOG" "${CONSUMER[@]}" "$CONSUMER_BIN" run
}
# In what a running member differs from one that would be started now; nothing: in nothing.
member_differs() { # number
    local pid changed
    pid=$(pid_of "$MEMBER-$1") || return 0
    member_settings "$1"
    changed=$({ tr '\0' '\n' <"/proc/$pid/environ"; "${CONSUMER[@]}" env -0 | tr '\0' '\n'; } 2>/dev/null |
        grep -E '^(SYNC_[A-Z0-9_]*|SQL_FILES)=' | grep -v '^SYNC_CONNECTOR_' | sort | uniq -u | sed 's/=.*//' | sort -u | tr '\n' ' ')
    changed=${changed/SQL_FILES/the SQL files}
    [ "/proc/$pid/exe" -ef "$CONSUMER_BIN" ] || changed="$changed the program"
    echo "$changed" | sed 's/^ *//; s/ *$//; s/  */ /g'
}
members() { # the numbers of the plan's members that run, ascending
    local file n
    for file in "$RUN_DIR/$MEMBER"-*.pid; do
        [ -e "$file" ] || continue
        n=${file##*/"$MEMBER"-}
        n=${n%.pid}
        case $n in *[!0-9]*) continue ;; esac
        ! alive "$MEMBER-$n" || echo "$n"
    done | sort -n
}
all_members() { # the names of all that run
    local file name
    for file in "$RUN_DIR"/consumer-*.pid; do
        [ -e "$file" ] || continue
        name=${file##*/}
        ! alive "${name%.pid}" || echo "${name%.pid}"
    done
}
members_of_no_plan() { # names of those whose plan the views no longer have
    local name known
    known=$(each_plan plan_members)
    for name in $(all_members); do
        printf '%s\n' "$known" | grep -qxF "$name" || echo "$name"
    done
}
plan_members() { local n; for n in $(members); do echo "$MEMBER-$n"; done; }
