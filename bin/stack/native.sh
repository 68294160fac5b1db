# shellcheck shell=bash
# Native mode behind the interface of the scripts: stack_setup, stack_start, stack_stop, stack_wipe, stack_scale,
# stack_psql, stack_verify, stack_status. Docker mode (docker.sh) has the same names.

# shellcheck source=bin/stack/native-process.sh
. "$ROOT/bin/stack/native-process.sh"
# shellcheck source=bin/stack/native-packages.sh
. "$ROOT/bin/stack/native-packages.sh"
# shellcheck source=bin/stack/native-services.sh
. "$ROOT/bin/stack/native-services.sh"
# shellcheck source=bin/stack/connector-steps.sh
. "$ROOT/bin/stack/connector-steps.sh"

stack_setup() {
    local path
    for path in "$ROOT" "$RUN_DIR" "$LOG_DIR" "$STATE_DIR"; do
        case $path in *[:,\;\\\|\&\"\$]*|*$'\n'*)
            step_failed "The path $path has a character that Java's class path or Kafka's settings can't have." '' \
                "use a path without  : , ; \\ | & \" \$" ;;
        esac
    done
    make_folders "$ROOT/build" "$LOG_DIR"
    jars_are_there || require_space "$ROOT/build" 500 "what is fetched and built"
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

# Before anything is touched or remembered: what was registered last, and what runs, must allow what is wanted now.
stack_check() {
    local name
    one_startup_only
    [ -s "$(pg_data oltp)/PG_VERSION" ] || require_space "$RUN_DIR" 300 "a first start"
    require_space "$RUN_DIR" 32 "a start"
    read_plans
    check_connectors
    for name in $(running_parts); do
        case $CHANGED_SETTINGS in *_PORT=*|*PG_USER=*|*PG_DATABASE=*)
            step_failed "A port, user or database is changed while ${name^} runs." '' "bin/shutdown.sh first, then start again" ;;
        esac
    done
}
running_parts() {
    local name
    for name in oltp olap; do ! pg_alive "$name" || echo "$name"; done
    for name in kafka connect; do ! alive "$name" || echo "$name"; done
}

stack_start() {
    check_ports
    start_servers
    prepare_databases_and_topics
    start_connectors
    # shellcheck disable=SC2153  # from .env
    stack_scale "$CONSUMERS"
    each_plan connector_still_runs
    say_gone_plans
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
    local oltp olap differs

    kafka_start
    pg_start oltp &
    oltp=$!
    pg_start olap &
    olap=$!
    STARTING="$oltp $olap"
    # Where the slot must be looked at first, it starts when the database answers.
    slots_to_look_at || connect_start

    step "OLTP PostgreSQL on 127.0.0.1:$OLTP_PORT"
    wait "$oltp" || postgres_failed oltp
    pg_make_database oltp >>"$LOG_DIR/postgresql-oltp.log" 2>&1 || postgres_failed oltp
    step_done "$(pg_data_remark)"
    step "OLAP PostgreSQL on 127.0.0.1:$OLAP_PORT"
    wait "$olap" || postgres_failed olap
    pg_make_database olap >>"$LOG_DIR/postgresql-olap.log" 2>&1 || postgres_failed olap
    step_done "$(pg_data_remark)"
    # shellcheck disable=SC2034  # for the trap of startup.sh
    STARTING=''
    # Only now, since the databases have let the passwords in.
    differs=$(connect_differs)
    if [ -n "$differs" ]; then
        step "Stopping Kafka Connect"
        if end_process connect 20; then step_done "it has other settings: $differs"; else step_done "it had to be killed"; fi
    fi
    connect_start

    step "Kafka $KAFKA_VERSION on 127.0.0.1:$KAFKA_PORT"
    WATCH='alive kafka' wait_for 90 kafka_answers ||
        step_failed "Kafka does not answer on port $KAFKA_PORT." "$LOG_DIR/kafka.log" \
            "read the log above, then bin/startup.sh again; bin/shutdown.sh --wipe also removes the topics"
    step_done
}
pg_data_remark() {
    [ "$PG_ROOT" = "$RUN_DIR" ] || echo "data in $PG_ROOT (the user postgres can't reach $RUN_DIR)"
}
postgres_failed() {
    local user=$PG_USER other=OLTP
    [ "$1" = oltp ] || other=OLAP
    # In a subshell: what it says is what is looked at.
    if pg_alive "$1" && (pg_sql "$1" -d postgres -c 'SELECT 1' 2>&1 || true) | grep -q 'authentication failed'; then
        restore_settings
        step_failed "The ${1^^} database refuses the password in ${other}_PASSWORD for the user $user." '' \
            "give the one that it has: ${other}_PASSWORD=... ${COMMAND_PREFIX}bin/startup.sh" \
            "to change it: ${COMMAND_PREFIX}bin/psql.sh $1 -c \"ALTER ROLE $user PASSWORD '...'\" first, then start with the new one"
    fi
    step_failed "The $1 PostgreSQL did not start." "$LOG_DIR/postgresql-$1.log" \
        "read the log above, then bin/startup.sh again; bin/shutdown.sh --wipe starts from empty databases"
}

prepare_databases_and_topics() {
    step "Source tables ($(oltp_sql))"
    source_tables
    each_plan sink_tables_and_topics
}
sink_tables_and_topics() {
    local log=$LOG_DIR/plan.log of=''
    [ "$MEMBER" = consumer ] || of=" of plan $PLAN_CHOSEN"
    step "Sink tables$of (oltp-olap-sync plan --apply-sink)"
    plan --apply-sink >"$log" 2>&1 ||
        step_failed "The sink tables could not be created." "$log" "see docs/operations.md"
    step_done
    step "Topics$of (oltp-olap-sync plan --apply-topics)"
    plan --apply-topics >"$log" 2>&1 ||
        step_failed "The topics could not be created." "$log" "see docs/operations.md"
    step_done
}
# Made from the file if none of the view's tables is there; tables that are there are never changed.
source_tables() {
    local log=$LOG_DIR/plan.log wanted there missing n said
    (PLAN_CHOSEN='' && plan) >"$RUN_DIR/plan" 2>"$log" || plan_failed "The plan could not be generated."
    wanted=$(sed -n 's/^-- Source \(.*\): topic .*/\1/p' "$RUN_DIR/plan" | LC_ALL=C sort -u)
    there=$(pg_sql oltp -d "$PG_DATABASE" -Atc "SELECT schemaname || '.' || tablename FROM pg_tables" 2>"$log") ||
        step_failed "The tables of the OLTP database could not be listed." "$log" "see docs/operations.md"
    missing=$(printf '%s\n' "$there" | LC_ALL=C sort | LC_ALL=C comm -13 - <(printf '%s\n' "$wanted"))
    n=$(printf '%s\n' "$wanted" | wc -l)
    if [ "$missing" = "$wanted" ]; then
        pg_sql oltp -d "$PG_DATABASE" -1 -f "$(at_root "$(oltp_sql)")" >"$log" 2>&1 ||
            step_failed "$(oltp_sql) could not be applied." "$log" "correct the file, then bin/startup.sh again"
        said=''
    elif [ -n "$missing" ]; then
        step_failed "Some of the views' source tables exist, and some are missing: ${missing//$'\n'/, }." '' \
            "create them as $(oltp_sql) declares them (${COMMAND_PREFIX}bin/psql.sh oltp), then bin/startup.sh again"
    else
        said="$n $([ "$n" -eq 1 ] && echo "table exists" || echo "tables exist"), left unchanged"
    fi
    each_plan check_source_tables
    step_done "$said"
}
check_source_tables() {
    local log=$LOG_DIR/plan.log said
    plan --check-source >"$log" 2>&1 || {
        said=$(sed -n 's/^different: /    /p' "$log")
        [ -n "$said" ] || step_failed "The OLTP database could not be compared with $(oltp_sql)." "$log" "see docs/operations.md"
        step_failed "The tables in the OLTP database are not as $(oltp_sql) says:
$said" '' "if $(oltp_sql) is wrong: correct it" "if the tables are wrong: change them (${COMMAND_PREFIX}bin/psql.sh oltp), then bin/startup.sh again"
    }
}

start_connectors() {
    step "Kafka Connect on 127.0.0.1:$CONNECT_PORT"
    WATCH='alive connect' wait_for 90 connect_answers ||
        step_failed "Kafka Connect does not answer." "$LOG_DIR/connect.log" "read the log above, then bin/startup.sh again"
    step_done
    each_plan register_connector
}
connect_lives() { alive connect; }
oltp_query() { pg_sql oltp -d "$PG_DATABASE" "$@"; }
compare_with_plan() { plan --check-connector="$1"; }

# ---- members -------------------------------------------------------------------------------------------------------

# Of each plan: the members 1 to N run, those above N end; one whose settings, SQL files or program have changed is started again.
# Ready means that every task of every member is live.
stack_scale() { # N
    local want=$1 name
    for name in olap kafka; do
        case $name in olap) ! pg_alive olap ;; *) ! alive "$name" ;; esac || continue
        [ "$want" -gt 0 ] || break
        say "The stack is stopped (${name^} does not run), and no member can work without it." \
            "${COMMAND_PREFIX}CONSUMERS=$want bin/startup.sh starts all of it with $want members." >&2
        exit 1
    done
    make_folders "$LOG_DIR" "$STATE_DIR"
    for name in $(members_of_no_plan); do end_with_step "$name" "Stopping member $name" 10; done
    each_plan scale_plan "$want"
}
scale_plan() { # N
    local want=$1 n from started='' differs
    touch "$CONSUMER_LOG"
    from=$(($(wc -c <"$CONSUMER_LOG") + 1))
    for n in $(members); do
        differs=''
        if [ "$n" -le "$want" ]; then
            differs=$(member_differs "$n")
            [ -n "$differs" ] || continue
        fi
        step "Stopping member $MEMBER-$n"
        if end_process "$MEMBER-$n" 10; then step_done "${differs:+it has other settings: $differs}"; else step_done "it had to be killed"; fi
    done
    for ((n = 1; n <= want; n++)); do
        alive "$MEMBER-$n" && continue
        member_start "$n"
        started="$started $n"
    done
    for n in $started; do
        step "Member $MEMBER-$n"
        WATCH="alive $MEMBER-$n" wait_for 120 member_ready "$n" "$from" || {
            tail -c "+$from" "$CONSUMER_LOG" >"$LOG_DIR/members.log"
            step_failed "Member $MEMBER-$n $(alive "$MEMBER-$n" && echo "is not ready" || echo "has ended")." \
                "$LOG_DIR/members.log" "see docs/operations.md for the message, then bin/scale.sh $want again"
        }
        step_done "$(member_says "$n" | grep -o 'initial copy running.*' || true)"
    done
}
# While the connector's first snapshot comes, for as long as that takes, it is not ready, and all is well.
member_ready() { # number first-byte-of-the-log-to-look-at
    tail -c "+$2" "$CONSUMER_LOG" | grep -e 'event=ready' -e 'event=initial_copy ' -e '"event":"ready"' -e '"event":"initial_copy"' |
        grep -q -e "member=\"\{0,1\}$MEMBER-$1\"\{0,1\}\( \|\$\)" -e "\"member\":\"$MEMBER-$1\""
}

# ---- stop ----------------------------------------------------------------------------------------------------------

# The other way round than the start; what the members have not read stays in Kafka, what Debezium has not, in the slot.
stack_stop() {
    local n name
    if n=$(pid_of startup); then
        say "bin/startup.sh (process $n) is still at work: ending it first."
        end_process startup 5 || true
    fi
    for name in $(all_members); do end_with_step "$name" "Member $name" 10; done
    end_with_step connect "Kafka Connect" 20
    ! pg_alive oltp || each_plan remember_slot
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
    rm -f "$RUN_DIR"/*.pid "$RUN_DIR"/*.properties "$RUN_DIR"/connector*.json* "$RUN_DIR/plan" "$PLANS_FILE"* "$RUN_DIR"/slot* "$RUN_DIR/mode" "$KEPT_SETTINGS"*
    step_done
}

# ---- look ----------------------------------------------------------------------------------------------------------

stack_verify() { # options of verify, which looks at all plans
    PLAN_CHOSEN=''
    consumer_settings
    cd "$ROOT" && exec "${CONSUMER[@]}" "$CONSUMER_BIN" verify "$@"
}
stack_psql() { # oltp|olap psql-arguments...
    local db=$1
    shift
    PGPASSWORD=$(pg_password "$db") exec "$(pg_bin)/psql" -h 127.0.0.1 -p "$(pg_port "$db")" -U "$PG_USER" -d "$PG_DATABASE" "$@"
}

show_process() { # title pid-or-empty where
    printf '  %-18s %-9s %s\n' "$1" "${2:+up}${2:-down}" "$3" | sed 's/up\([0-9]\)/up \1/'
    [ -n "$2" ] || DOWN="$DOWN, $1"
}
member_says() { # number; its address, then "ready" or the first reason why it is not
    local port said
    port=$(member_port "$1")
    [ "$port" -ne 0 ] || { short_path "$CONSUMER_LOG"; return 0; }
    said=$(curl -s --max-time 2 "http://127.0.0.1:$port/readyz") || said="does not answer, see $CONSUMER_LOG"
    echo "127.0.0.1:$port ${said%%$'\n'*}"
}
show_members() {
    local n says all
    all=$({ members; [ "$CONSUMERS" -eq 0 ] || seq 1 "$CONSUMERS"; } | sort -nu)
    for n in $all; do
        if alive "$MEMBER-$n"; then says=$(member_says "$n"); else says="has ended, see $(short_path "$CONSUMER_LOG")"; fi
        show_process "$MEMBER-$n" "$(pid_of "$MEMBER-$n" || true)" "$says"
        case $says in *' ready'|"$(short_path "$CONSUMER_LOG")"|'has ended'*) ;; *) TROUBLE="$TROUBLE, $MEMBER-$n is not ready" ;; esac
    done
    [ -n "$all" ] || show_process "$MEMBER" '' "no member runs"
}
show_reading() {
    if alive connect; then show_connector "$(alive kafka || echo "as it was before Kafka ended: ")"; fi
    if pg_alive oltp; then
        say "Not yet read from the OLTP database's log: $(pg_sql oltp -d "$PG_DATABASE" -Atc "$SLOT_LAG_SQL" 2>/dev/null || echo unknown)"
        slot_is_read || TROUBLE="$TROUBLE, nobody reads the slot $SLOT (changes wait)"
    fi
}
# 0: all of it works; 1: something does not; 3: nothing runs.
stack_status() {
    DOWN='' TROUBLE=''
    say "Native mode, in $RUN_DIR"
    show_process "OLTP PostgreSQL" "$(pg_pid oltp || true)" "127.0.0.1:$OLTP_PORT"
    show_process "OLAP PostgreSQL" "$(pg_pid olap || true)" "127.0.0.1:$OLAP_PORT"
    show_process Kafka "$(pid_of kafka || true)" "127.0.0.1:$KAFKA_PORT"
    show_process "Kafka Connect" "$(pid_of connect || true)" "127.0.0.1:$CONNECT_PORT"
    each_plan show_members
    shown_settings
    if [ -z "$(running_parts)$(all_members)" ]; then
        say "" "Nothing runs; bin/startup.sh starts it."
        return 3
    fi
    ! alive connect || say ""
    each_plan show_reading
    if alive kafka; then
        say "" "Not yet applied, by topic (as the members told Kafka):"
        java_options 128
        java "${JAVA_OPTIONS[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=error -XX:TieredStopAtLevel=1 -cp "$JARS/*" \
            org.apache.kafka.tools.consumer.group.ConsumerGroupCommand \
            --bootstrap-server "127.0.0.1:$KAFKA_PORT" --describe --all-groups 2>&1 | lag_by_topic
    fi
    ! pg_alive olap || show_left_out
    [ -z "$DOWN" ] || say "" "Down: ${DOWN#, }. Native mode restarts nothing automatically; bin/startup.sh does."
    [ -z "$TROUBLE" ] || say "" "Not working: ${TROUBLE#, }."
    [ -z "$DOWN$TROUBLE" ]
}
