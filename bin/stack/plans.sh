# shellcheck shell=bash
# The plans of the views (docs/views.md): most often one. Each has a connector, a slot, topics and members of its own.
# shellcheck disable=SC2034  # most of what use_plan sets is for the other files
# The mode has plan OPTIONS... and oltp_query PSQL-OPTIONS... bash 3.2 and POSIX tools only.

# A line for each plan as `oltp-olap-sync plan --list` prints it: name, what its topics begin with, slot. Kept between starts.
PLANS_FILE=$RUN_DIR/plans
TAB=$(printf '\t')

plan_count() {
    local n=0
    [ ! -s "$PLANS_FILE" ] || n=$(wc -l <"$PLANS_FILE")
    [ "$n" -gt 0 ] || n=1
    echo $((n))
}
plan_field() { [ ! -s "$PLANS_FILE" ] || sed -n "$1p" "$PLANS_FILE" | cut -f "$2"; } # number field
# What the names of a plan's parts end with: nothing for the first one, or for one alone.
plan_part() { # number
    local prefix
    [ "$1" -gt 1 ] || return 0
    prefix=$(plan_field 1 2)
    plan_field "$1" 2 | cut -c $((${#prefix} + 2))-
}

# From here on the plan of this number is meant: by plan, by the members and by all that asks for its connector.
use_plan() { # number
    local part
    part=$(plan_part "$1")
    part=${part:+-$part}
    PLAN_CHOSEN=''
    [ "$(plan_count)" -eq 1 ] || PLAN_CHOSEN=$(plan_field "$1" 1)
    CONNECTOR=oltp-olap-sync$part
    CONNECTOR_FILE=$RUN_DIR/connector$part.json
    SLOT_FILE=$RUN_DIR/slot$part
    MEMBER=consumer$part
    MEMBER_PORTS=$(($1 - 1))
    CONSUMER_LOG=$LOG_DIR/kafka-consumer$part.out
    SLOT=$(plan_field "$1" 3)
    [ -n "$SLOT" ] || SLOT=${SYNC_CONNECTOR_SLOT_NAME:-oltp_olap_sync}
    set_slot_queries
}
each_plan() { # command...
    local number=1 count
    count=$(plan_count)
    while [ "$number" -le "$count" ]; do
        use_plan "$number"
        "$@"
        number=$((number + 1))
    done
    use_plan 1
}

# Before anything is touched. The first view's name is that of the group and of the progress: another one in its place
# would begin with nothing, and find tables that have rows.
read_plans() {
    local first was
    (PLAN_CHOSEN='' && plan --list) >"$PLANS_FILE.new" 2>"$LOG_DIR/plan.log" </dev/null ||
        plan_failed "The plan could not be generated."
    first=$(sed -n 1p "$PLANS_FILE.new" | cut -f 1)
    was=$(plan_field 1 1)
    if [ -n "$was" ] && [ "$was" != "$first" ] && [ -s "$RUN_DIR/mode" ]; then
        rm -f "$PLANS_FILE.new"
        restore_settings
        if (PLAN_CHOSEN='' && plan 2>/dev/null </dev/null) | grep -q "^-- View $was: fingerprint "; then
            step_failed "The first view is $first now, and was $was, whose name the progress of this stack has. Nothing was changed." '' \
                "name the file of $was first: SYNC_SCHEMAS_VIEW=FILE-OF-$was,$(view_sql) bin/startup.sh," \
                "    or give the file of $first a name that comes behind it"
        fi
        step_failed "This stack was registered for something else: its first view was $was, whose name the progress has, and is $first now.
Nothing was changed." '' \
            "keep it: ${COMMAND_PREFIX}bin/startup.sh, with the SQL files and settings it was started with" \
            "or run this beside it: SYNC_RUN_DIR=/some/folder, with every port of .env changed" \
            "if other views of it stay and $was is to go: docs/views.md, Adding and removing views" \
            "or abandon it: docs/operations.md, Starting over, with new topics" \
            "(if the data is not needed: ${COMMAND_PREFIX}bin/shutdown.sh --wipe, then start again)"
    fi
    # Until a start has come to its end.
    [ ! -s "$PLANS_FILE" ] || [ -s "$PLANS_FILE.before" ] || cp "$PLANS_FILE" "$PLANS_FILE.before"
    mv "$PLANS_FILE.new" "$PLANS_FILE"
}
# What the last start had and this one has not: its members end, and its connector is left to whoever is sure of it.
gone_plans() { # prints a line of PLANS_FILE each
    local line
    [ -s "$PLANS_FILE.before" ] || return 0
    while IFS= read -r line; do
        grep -qxF "$line" "$PLANS_FILE" || printf '%s\n' "$line"
    done <"$PLANS_FILE.before"
}
say_gone_plans() {
    local name prefix slot first
    first=$(plan_field 1 2)
    gone_plans | while IFS=$TAB read -r name prefix slot; do
        say "The plan $name is in no view any more, and its members have ended. Its connector still reads, and its slot keeps" \
            "the OLTP database's log. If you don't want it back:" \
            "    curl -X DELETE http://127.0.0.1:$CONNECT_PORT/connectors/oltp-olap-sync-${prefix#"$first".}" \
            "    ${COMMAND_PREFIX}bin/psql.sh oltp -c \"SELECT pg_drop_replication_slot('$slot')\"" \
            "    ${COMMAND_PREFIX}bin/psql.sh oltp -c 'DROP PUBLICATION $slot'"
    done
    rm -f "$PLANS_FILE.before"
}

use_plan 1
