# shellcheck shell=bash
# Native mode behind the interface of the scripts: stack_setup, stack_start, stack_stop, stack_wipe, stack_scale,
# stack_psql, stack_status. Docker mode (docker.sh) has the same names.

# shellcheck source=bin/stack/native-process.sh
. "$ROOT/bin/stack/native-process.sh"
# shellcheck source=bin/stack/native-packages.sh
. "$ROOT/bin/stack/native-packages.sh"
# shellcheck source=bin/stack/native-services.sh
. "$ROOT/bin/stack/native-services.sh"

stack_setup() {
    install_packages "${PACKAGES_TO_RUN[@]}"
    require_java
    fetch_jars
    build_consumer
}

# ---- start ---------------------------------------------------------------------------------------------------------

# Nothing is started before every port is known to be free, or to be held by our own.
check_ports() {
    pg_alive oltp || require_free_port "$OLTP_PORT" OLTP_PORT "the OLTP database"
    pg_alive olap || require_free_port "$OLAP_PORT" OLAP_PORT "the OLAP database"
    if ! alive kafka; then
        require_free_port "$KAFKA_PORT" KAFKA_PORT "Kafka"
        require_free_port "$KAFKA_CONTROLLER_PORT" KAFKA_CONTROLLER_PORT "Kafka's controller"
    fi
    alive connect || require_free_port "$CONNECT_PORT" CONNECT_PORT "Kafka Connect"
}

stack_start() {
    one_startup_only
    check_ports
    start_servers
    prepare_databases_and_topics
    start_connector
    # shellcheck disable=SC2153  # from .env
    stack_scale "$CONSUMERS"
    rm -f "$(pid_file startup)"
}

one_startup_only() {
    local other
    if other=$(pid_of startup) && [ "$other" != $$ ]; then
        say "Another bin/startup.sh (process $other) is at work in $RUN_DIR." >&2
        exit 1
    fi
    echo "$$ $(start_time_of $$)" >"$(pid_file startup)"
}

# All at the same time; the Connect worker waits for the broker by itself.
start_servers() {
    local oltp olap

    kafka_start
    pg_start oltp &
    oltp=$!
    pg_start olap &
    olap=$!
    STARTING="$oltp $olap"
    connect_start

    step "OLTP PostgreSQL on 127.0.0.1:$OLTP_PORT"
    wait "$oltp" || postgres_failed oltp
    pg_make_database oltp >>"$LOG_DIR/postgresql-oltp.log" || postgres_failed oltp
    step_done "$(pg_data_remark)"
    step "OLAP PostgreSQL on 127.0.0.1:$OLAP_PORT"
    wait "$olap" || postgres_failed olap
    pg_make_database olap >>"$LOG_DIR/postgresql-olap.log" || postgres_failed olap
    step_done "$(pg_data_remark)"
    # shellcheck disable=SC2034  # for the trap of startup.sh
    STARTING=''

    step "Kafka $KAFKA_VERSION on 127.0.0.1:$KAFKA_PORT"
    WATCH='alive kafka' wait_for 90 kafka_answers ||
        step_failed "Kafka does not answer on port $KAFKA_PORT." "$LOG_DIR/kafka.log" \
            "read the log above, then bin/startup.sh again; bin/shutdown.sh --wipe removes the topics too"
    step_done
}
pg_data_remark() {
    [ "$PG_ROOT" = "$RUN_DIR" ] || echo "data in $PG_ROOT (the user postgres can't reach $RUN_DIR)"
}
postgres_failed() {
    step_failed "The $1 PostgreSQL did not start." "$LOG_DIR/postgresql-$1.log" \
        "read the log above, then bin/startup.sh again; bin/shutdown.sh --wipe starts from empty databases"
}

prepare_databases_and_topics() {
    local log=$LOG_DIR/plan.log tables
    step "Source tables (schemas/oltp.sql)"
    tables=$(pg_sql oltp -d "$PG_DATABASE" -Atc "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    if [ "$tables" -eq 0 ]; then
        pg_sql oltp -d "$PG_DATABASE" -1 -f "$ROOT/${SYNC_SCHEMAS_OLTP:-schemas/oltp.sql}" >"$log" 2>&1 ||
            step_failed "schemas/oltp.sql could not be applied." "$log" "correct the file, then bin/startup.sh again"
        step_done
    else
        step_done "$tables tables are there and left alone"
    fi
    step "Sink tables (oltp-olap-sync plan --apply-sink)"
    plan --apply-sink >"$log" 2>&1 ||
        step_failed "The sink tables could not be made." "$log" "see docs/operations.md"
    step_done
    step "Topics (oltp-olap-sync plan --apply-topics)"
    plan --apply-topics >"$log" 2>&1 ||
        step_failed "The topics could not be made." "$log" "see docs/operations.md"
    step_done
}

# Registered again only when its configuration has changed: an update would restart the running task.
start_connector() {
    local want=$RUN_DIR/connector.json.new have=$RUN_DIR/connector.json answer=$LOG_DIR/connector.log
    step "Kafka Connect on 127.0.0.1:$CONNECT_PORT"
    WATCH='alive connect' wait_for 90 connect_answers ||
        step_failed "Kafka Connect does not answer." "$LOG_DIR/connect.log" "read the log above, then bin/startup.sh again"
    step_done

    step "Debezium connector $CONNECTOR"
    plan --connector >"$want" 2>"$answer" ||
        step_failed "The connector's configuration could not be made." "$answer" "see docs/operations.md"
    if ! cmp -s "$want" "$have" || ! connect_rest GET "/connectors/$CONNECTOR/config" >/dev/null 2>&1; then
        WATCH='alive connect' wait_for 30 put_connector "$want" "$answer" ||
            step_failed "Kafka Connect refused the connector." "$answer" "see docs/operations.md"
        mv "$want" "$have"
    fi
    WATCH=connector_not_failed wait_for 60 connector_running || {
        connect_rest GET "/connectors/$CONNECTOR/status" 2>&1 | sed 's/\\n\\t*/\n/g' | head -n 12 >"$answer" || true
        step_failed "The connector does not run: $(connector_state)." "$answer" \
            "look into $LOG_DIR/connect.log for its exception, then bin/startup.sh again"
    }
    if WATCH=connector_not_failed wait_for 30 slot_is_read; then step_done; else step_done "$SNAPSHOT_REMARK"; fi
}
slot_is_read() { [ "$(pg_sql oltp -d "$PG_DATABASE" -Atc "$SLOT_READ_SQL" 2>/dev/null)" = t ]; }
# Connect answers 409 while its group settles: worth another try. 400 is not, but the time is short.
put_connector() { connect_rest PUT "/connectors/$CONNECTOR/config" "$1" >"$2" 2>&1; }
# A task that failed while its database was away is started once more; failing again ends the waiting.
connector_not_failed() {
    alive connect || return 1
    case $(connector_state) in
        *FAILED*)
            [ -z "${CONNECTOR_RESTARTED:-}" ] || return 1
            CONNECTOR_RESTARTED=1
            connect_rest POST "/connectors/$CONNECTOR/restart?includeTasks=true&onlyFailed=true" >/dev/null 2>&1 || true
            sleep 1 ;;
    esac
}

# ---- members -------------------------------------------------------------------------------------------------------

# The members 1 to N run, those above N end. Ready means that every task of every member is live.
stack_scale() { # N
    local want=$1 n from started=''
    mkdir -p "$LOG_DIR" "$STATE_DIR"
    touch "$CONSUMER_LOG"
    from=$(($(wc -c <"$CONSUMER_LOG") + 1))
    for n in $(members); do
        [ "$n" -gt "$want" ] || continue
        step "Stopping member consumer-$n"
        if end_process "consumer-$n" 10; then step_done; else step_done "it had to be killed"; fi
    done
    for ((n = 1; n <= want; n++)); do
        alive "consumer-$n" && continue
        member_start "$n"
        started="$started $n"
    done
    for n in $started; do
        step "Member consumer-$n"
        WATCH="alive consumer-$n" wait_for 120 member_ready "$n" "$from" ||
            step_failed "Member consumer-$n $(alive "consumer-$n" && echo "is not ready" || echo "has ended")." \
                "$CONSUMER_LOG" "see docs/operations.md for the message, then bin/scale.sh $want again"
        step_done
    done
}
member_ready() { # number first-byte-of-the-log-to-look-at
    tail -c "+$2" "$CONSUMER_LOG" | grep 'event=ready' | grep -q "member=\"\{0,1\}consumer-$1\"\{0,1\}\( \|\$\)"
}

# ---- stop ----------------------------------------------------------------------------------------------------------

# The other way round than the start; what the members have not read stays in Kafka, what Debezium has not, in the slot.
stack_stop() {
    local n name
    if n=$(pid_of startup); then
        say "bin/startup.sh (process $n) is still at work: ending it first."
        end_process startup 5 || true
    fi
    for n in $(members); do end_with_step "consumer-$n" "Member consumer-$n" 10; done
    end_with_step connect "Kafka Connect" 20
    end_with_step kafka "Kafka" 30
    for name in oltp olap; do
        pg_alive "$name" || continue
        step "${name^^} PostgreSQL"
        pg_stop "$name" || step_failed "It does not stop." "$LOG_DIR/postgresql-$name.log"
        step_done
    done
}
end_with_step() { # name title seconds
    alive "$1" || { rm -f "$(pid_file "$1")"; return 0; }
    step "$2"
    if end_process "$1" "$3"; then step_done; else step_done "it had to be killed"; fi
}

# Removes what was made: both databases, topics, caches, the remembered mode. The logs stay.
stack_wipe() {
    local name
    step "Removing databases, topics and caches"
    for name in oltp olap; do rm -rf "$(pg_data "$name")" "$(pg_data "$name").new" "$(pg_data "$name").pw"; done
    [ "$PG_ROOT" = "$RUN_DIR" ] || rmdir "$PG_ROOT" /var/lib/oltp-olap-sync 2>/dev/null || true
    rm -rf "$RUN_DIR/kafka" "$STATE_DIR"
    rm -f "$RUN_DIR"/*.pid "$RUN_DIR"/*.properties "$RUN_DIR"/connector.json* "$RUN_DIR/mode" "$KEPT_SETTINGS"
    step_done
}

# ---- look ----------------------------------------------------------------------------------------------------------

stack_psql() { # oltp|olap psql-arguments...
    local db=$1
    shift
    PGPASSWORD=$(pg_password "$db") exec "$(pg_bin)/psql" -h 127.0.0.1 -p "$(pg_port "$db")" -U "$PG_USER" -d "$PG_DATABASE" "$@"
}

show_process() { # title pid-or-empty where
    printf '  %-18s %-9s %s\n' "$1" "${2:+up}${2:-down}" "$3" | sed 's/up\([0-9]\)/up \1/'
}
member_says() { # number; its address, then "ready" or the first reason why it is not
    local port said
    port=$(member_port "$1")
    [ "$port" -ne 0 ] || { echo "$CONSUMER_LOG"; return 0; }
    said=$(curl -s --max-time 2 "http://127.0.0.1:$port/readyz") || said="does not answer, see $CONSUMER_LOG"
    echo "127.0.0.1:$port ${said%%$'\n'*}"
}
stack_status() {
    local n
    say "Native mode, in $RUN_DIR"
    show_process "OLTP PostgreSQL" "$(pg_pid oltp || true)" "127.0.0.1:$OLTP_PORT"
    show_process "OLAP PostgreSQL" "$(pg_pid olap || true)" "127.0.0.1:$OLAP_PORT"
    show_process Kafka "$(pid_of kafka || true)" "127.0.0.1:$KAFKA_PORT"
    show_process "Kafka Connect" "$(pid_of connect || true)" "127.0.0.1:$CONNECT_PORT"
    for n in $(members); do show_process "consumer-$n" "$(pid_of "consumer-$n")" "$(member_says "$n")"; done
    [ -n "$(members)" ] || show_process consumer '' "no member runs"
    if alive connect; then
        say "" "Connector $CONNECTOR and its task: $(connector_state)"
    fi
    if pg_alive oltp; then
        say "Not yet read from the OLTP database's log: $(pg_sql oltp -d "$PG_DATABASE" -Atc "$SLOT_LAG_SQL" 2>/dev/null || echo unknown)"
    fi
    if alive kafka; then
        say "" "Not yet applied, by topic (as the members told Kafka):"
        java_options 128
        java "${JAVA_OPTIONS[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=error -XX:TieredStopAtLevel=1 -cp "$JARS/*" \
            org.apache.kafka.tools.consumer.group.ConsumerGroupCommand \
            --bootstrap-server "127.0.0.1:$KAFKA_PORT" --describe --all-groups 2>&1 | lag_by_topic
    fi
}
