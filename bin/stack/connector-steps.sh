# shellcheck shell=bash
# The Debezium connector as a step of a start and as a line of the status, for both modes. The mode has connect_rest
# METHOD PATH [FILE], connect_answers, connect_lives, plan OPTIONS..., compare_with_plan FILE and
# oltp_query PSQL-OPTIONS... bash 3.2 and POSIX tools only.

# shellcheck source=bin/stack/connector.sh
. "$ROOT/bin/stack/connector.sh"

# A connector that exists keeps what it captures: another table list would drop the changes of the tables that it loses,
# and other keys or routing would put a row's changes into two partitions. Sets HARMLESS to what may be changed.
refuse_other_connector() { # file-with-what-runs
    local report status=0 tables=''
    report=$(compare_with_plan "$1" 2>"$LOG_DIR/plan.log") || status=$?
    # Connect adds the name.
    HARMLESS=$(printf '%s\n' "$report" | sed -n -e '/^harmless: name:/d' -e 's/^harmless: //p')
    case $status in
        0) return 0 ;;
        3) ;;
        *) plan_failed "The configuration of the registered connector could not be compared with the wanted one." ;;
    esac
    restore_settings
    case $report in *'different: table.include.list:'*)
        tables="if a view was added that brings these tables: CREATE MATERIALIZED VIEW name WITH (own_plan) AS ... (docs/views.md, Adding and removing views)" ;; esac
    step_failed "The connector $CONNECTOR was registered for something else, and changing it would lose changes:
$(printf '%s\n' "$report" | sed -n 's/^different: /    /p')
Nothing was changed." '' \
        ${tables:+"$tables"} \
        "keep it: ${COMMAND_PREFIX}bin/startup.sh, with the SQL files and settings it was registered with" \
        "or run this beside it: SYNC_RUN_DIR=/some/folder, with every port of .env changed" \
        "or abandon it: docs/operations.md, Starting over, with new topics" \
        "(if the data is not needed: ${COMMAND_PREFIX}bin/shutdown.sh --wipe, then start again)"
}
plan_failed() { # what; plan's own sentence says which line of a file, or which setting
    step_failed "$1" "$LOG_DIR/plan.log" "correct $(oltp_sql) or $(view_sql), or the settings; see docs/operations.md for the message"
}
# The two SQL files, as named in the settings.
oltp_sql() { echo "${SYNC_SCHEMAS_OLTP:-schemas/oltp.sql}"; }
view_sql() { echo "${SYNC_SCHEMAS_VIEW:-schemas}"; }

check_connectors() { each_plan check_own_connector; }
check_own_connector() { check_connector "$CONNECTOR_FILE"; }
# Before anything is touched. One that was deleted left its offsets behind: under the same topic prefix it would go on from
# them with other tables, so it counts as there.
check_connector() { # file-with-what-was-registered-last
    local runs=$1.runs
    if connect_knows && connect_rest GET "/connectors/$CONNECTOR/config" >"$runs" 2>/dev/null; then
        refuse_other_connector "$runs"
    elif [ -s "$1" ]; then
        if connect_knows && connect_answers && compare_with_plan "$1" 2>/dev/null | grep -q '^different: topic\.prefix:'; then
            return 0
        fi
        refuse_other_connector "$1"
    fi
    rm -f "$runs"
}

# An update of the configuration would restart the running task: only where something differs, and only what may.
register_connector() {
    local want=$CONNECTOR_FILE.new runs=$CONNECTOR_FILE.runs answer=$LOG_DIR/connector.log differs reader
    step "Debezium connector $CONNECTOR"
    plan --connector >"$want" 2>"$LOG_DIR/plan.log" || plan_failed "The connector's configuration could not be generated."
    differs=new
    if connect_rest GET "/connectors/$CONNECTOR/config" >"$runs" 2>/dev/null; then
        refuse_other_connector "$runs"
        differs=$HARMLESS
    fi
    reader=''
    if [ -n "$differs" ]; then
        reader=$(oltp_query -Atc "$SLOT_READER_SQL" 2>/dev/null) || reader=''
        WATCH=connect_lives wait_for 30 put_connector "$want" "$answer" ||
            step_failed "Kafka Connect refused the connector." "$answer" "see docs/operations.md"
    fi
    mv "$want" "$CONNECTOR_FILE"
    rm -f "$runs"
    await_connector "$reader"
    [ "$differs" = new ] || [ -z "$differs" ] || printf '%s\n' "$differs" |
        sed 's/^\(.*\): the connector has \(.*\), plan says \(.*\)/    changed: \1: \2, now \3/'
}
# Connect answers 409 while its group settles: worth another try. 400 is not, but the time is short.
put_connector() { connect_rest PUT "/connectors/$CONNECTOR/config" "$1" >"$2" 2>&1; }

# Ends when Debezium reads from its slot, or surely still takes its first snapshot. Any failure ends the start. After a
# change of its configuration the old task reads on for a moment: the reader must be another one.
await_connector() { # [the pid that read the slot before a change]
    local status=0
    CONNECTOR_RESTARTED=''
    WATCH=connector_not_failed wait_for 60 slot_has_new_reader "${1:-}" || status=$?
    if [ "$status" -eq 1 ] && slot_is_read; then status=0; fi
    if [ "$status" -eq 0 ] && WATCH=connector_not_failed wait_for 30 connector_running; then
        step_done
    elif [ "$status" -eq 1 ] && connector_running && slot_sql "$SNAPSHOT_RUNS_SQL"; then
        step_done "$SNAPSHOT_REMARK"
    else
        connector_failed
    fi
}
slot_has_new_reader() { # pid
    local reader
    reader=$(oltp_query -Atc "$SLOT_READER_SQL" 2>/dev/null </dev/null) || return 1
    [ -n "$reader" ] && [ "$reader" != "$1" ]
}
slot_sql() { [ "$(oltp_query -Atc "$1" 2>/dev/null </dev/null)" = t ]; }
slot_is_read() { slot_sql "$SLOT_READ_SQL"; }
connector_running() { [ "$(connector_status | connector_states)" = 'RUNNING RUNNING' ]; }
# A task that failed while its database was away is started once more; failing again ends the waiting.
connector_not_failed() {
    ! slot_sql "$SLOT_INVALID_SQL" || return 1
    case $(connector_status | connector_states) in
        *FAILED*)
            [ -z "$CONNECTOR_RESTARTED" ] || return 1
            CONNECTOR_RESTARTED=1
            connect_rest POST "/connectors/$CONNECTOR/restart?includeTasks=true&onlyFailed=true" >/dev/null 2>&1 || true
            sleep 1 ;;
    esac
}
connector_failed() {
    local json states reason
    json=$(connector_status)
    states=$(printf '%s' "$json" | connector_states)
    reason=$(printf '%s' "$json" | connector_reason)
    if slot_sql "$SLOT_INVALID_SQL"; then
        slot_lost "PostgreSQL has removed WAL that the connector had not read: the slot was behind by more than max_slot_wal_keep_size." \
            "drop it first: ${COMMAND_PREFIX}bin/psql.sh oltp -c \"SELECT pg_drop_replication_slot('$SLOT')\""
    elif is_lost_slot "$reason"; then
        slot_lost "$reason"
    fi
    step_failed "The connector does not run (it and its task: ${states:-no answer}).
$(printf '%s\n' "${reason:-Nobody reads from the slot $SLOT, and no snapshot runs.}" | sed 's/^/    /')" \
        '' "fix the cause, then bin/startup.sh again, which restarts failed tasks" "full log: $LOG_DIR/connect.log"
}

# A record that it can't send makes a task fail within moments of its start.
connector_still_runs() { case $(connector_status | connector_states) in *FAILED*) connector_failed ;; esac; }

# Where the slot rests while no Connect runs: nobody may move it then. Debezium notices a slot that is gone or was made
# again, but over one that stands further on (pg_replication_slot_advance, somebody who read from it) it goes on,
# RUNNING, without what was changed in between. Kept from a stop of Connect to its next start. After a restart of the
# database a slot may stand further back: PostgreSQL does not write each step of it to disk.
slot_position() { oltp_query -Atc "$SLOT_POSITION_SQL${1:-}" 2>/dev/null </dev/null; } # [further-condition]
slot_is_left() { ! slot_is_read; }
remember_slot() { # after Connect has ended
    local at
    [ ! -s "$SLOT_FILE" ] || return 0
    wait_for 3 slot_is_left || return 0
    at=$(slot_position) || at=''
    [ -z "$at" ] || echo "$SLOT $at" >"$SLOT_FILE"
}
check_slot() { # before Connect starts
    local name='' was='' now
    [ ! -s "$SLOT_FILE" ] || read -r name was <"$SLOT_FILE"
    [ "$name" = "$SLOT" ] || return 0
    now=$(slot_position " AND confirmed_flush_lsn > '$was'") || now=''
    [ -n "$now" ] || return 0
    restore_settings
    slot_lost "It stood at $was when Kafka Connect was stopped, and stands at $now: somebody moved it forward or read from it." \
        "drop it first: ${COMMAND_PREFIX}bin/psql.sh oltp -c \"SELECT pg_drop_replication_slot('$SLOT')\", then one of these" \
        "(if nothing was changed in between: rm $(short_path "$SLOT_FILE"), then start again)"
}

slot_lost() { # reason [advice-before-the-other]
    local reason=$1
    shift
    step_failed "The connector can't go on: its replication slot $SLOT in the OLTP database is lost.
$(printf '%s\n' "$reason" | sed 's/^/    /')
The changes made there since the connector last read are not in Kafka and are lost." '' "$@" \
        "a new snapshot into the same topics: ${COMMAND_PREFIX}SYNC_CONNECTOR_SNAPSHOT_MODE=when_needed bin/startup.sh" \
        "    rows that were deleted or moved meanwhile stay in the OLAP table, see A lost slot in docs/operations.md" \
        "or everything from the start: Starting over, with new topics, in docs/operations.md" \
        "(if the data is not needed: ${COMMAND_PREFIX}bin/shutdown.sh --wipe, then start again)"
}

show_connector() { # [remark]
    local json states reason
    json=$(connector_status)
    states=$(printf '%s' "$json" | connector_states)
    reason=$(printf '%s' "$json" | connector_reason)
    say "Connector $CONNECTOR and its task: ${1:-}${states:-none is registered}"
    [ -z "$reason" ] || printf '%s\n' "$reason" | sed 's/^/    /'
    [ "$states" = 'RUNNING RUNNING' ] || TROUBLE="$TROUBLE, the connector $CONNECTOR (bin/startup.sh starts a failed task again)"
}
