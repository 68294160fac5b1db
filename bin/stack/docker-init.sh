#!/bin/sh
# The one-shot service `init` of docker-compose.yml, in the consumer's image: source tables, sink tables, topics,
# connector. Doing it again changes nothing. With the argument `tables` the connector is left to the caller.
set -eu
# shellcheck source=bin/stack/connector.sh
. "$(dirname "$0")/connector.sh"

oltp_psql() {
    PGPASSWORD=$OLTP_PASSWORD PGCONNECT_TIMEOUT=5 psql -X -q -v ON_ERROR_STOP=1 \
        -h "$SYNC_CONNECTOR_DATABASE_HOSTNAME" -p "$SYNC_CONNECTOR_DATABASE_PORT" -U "$PG_USER" -d "$PG_DATABASE" "$@"
}
# Made from the file, in one transaction, if none of the view's tables is there; one that is there is never changed.
source_tables() {
    file=${SYNC_SCHEMAS_OLTP:-schemas/oltp.sql}
    oltp-olap-sync plan >/tmp/plan
    sed -n 's/^-- Source \(.*\): topic .*/\1/p' /tmp/plan | sort -u >/tmp/wanted
    oltp_psql -Atc "SELECT schemaname || '.' || tablename FROM pg_tables" | sort >/tmp/there
    comm -13 /tmp/there /tmp/wanted >/tmp/missing
    if [ ! -s /tmp/missing ]; then
        echo "Source tables: they exist and are left unchanged"
    elif cmp -s /tmp/missing /tmp/wanted; then
        echo "Source tables: created from $file"
        oltp_psql -1 -f "$file"
    else
        echo "Some of the view's source tables exist, and some are missing: $(paste -s -d ' ' /tmp/missing)." >&2
        echo "Create them as $file declares them, then start again." >&2
        exit 1
    fi
}

# A connector that exists keeps what it captures (see connector-steps.sh); it is told what may be changed, and where
# nothing differs it is left alone, since an update restarts its task.
connector() {
    oltp-olap-sync plan --connector >/tmp/wanted.json
    differs=new
    if connect_rest GET "/connectors/$CONNECTOR/config" >/tmp/runs.json 2>/dev/null; then
        status=0
        oltp-olap-sync plan --check-connector </tmp/runs.json >/tmp/report || status=$?
        # Connect adds the name.
        differs=$(sed -n -e '/^harmless: name:/d' -e 's/^harmless: //p' /tmp/report)
        if [ "$status" -eq 3 ]; then
            echo "The connector $CONNECTOR was registered for something else, and changing it would lose changes:" >&2
            sed -n 's/^different: /    /p' /tmp/report >&2
            echo "It was not changed. Start with the SQL files and settings it was registered with, or start over with new topics" >&2
            echo "(docs/operations.md, Starting over)." >&2
        fi
        [ "$status" -eq 0 ] || exit 1
    fi
    [ -z "$differs" ] || put_connector
    await_connector
    echo "Connector $CONNECTOR runs"
}
connect_rest() { # method path [file]; prints the answer; fails on an HTTP error
    curl -sS --fail-with-body --max-time 30 -X "$1" -H 'Content-Type: application/json' ${3:+--data-binary "@$3"} "$CONNECT_URL$2"
}
# 409: the worker's group settles. Any other refusal is told at once.
put_connector() {
    tries=0
    while :; do
        code=$(curl -sS -o /tmp/answer -w '%{http_code}' --max-time 30 -X PUT -H 'Content-Type: application/json' \
            --data-binary @/tmp/wanted.json "$CONNECT_URL/connectors/$CONNECTOR/config" || true)
        case $code in
            2??) break ;;
            400|401|403|422) echo "Kafka Connect refused the connector: $(cat /tmp/answer)" >&2; exit 1 ;;
        esac
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || { echo "Kafka Connect answers $code: $(cat /tmp/answer)" >&2; exit 1; }
        sleep 0.5
    done
}
# Failed while its database was away: started once more; failing again ends it.
await_connector() {
    tries=0 restarted=''
    while :; do
        states=$(connector_status | connector_states)
        case $states in
            *FAILED*)
                [ -z "$restarted" ] || break
                restarted=1
                connect_rest POST "/connectors/$CONNECTOR/restart?includeTasks=true&onlyFailed=true" >/dev/null 2>&1 || true
                sleep 1 ;;
            'RUNNING RUNNING') return 0 ;;
        esac
        tries=$((tries + 1))
        [ "$tries" -lt 120 ] || break
        sleep 0.5
    done
    echo "The connector does not run (it and its task: ${states:-no answer})." >&2
    connector_status | connector_reason | sed 's/^/    /' >&2
    exit 1
}

# Of each plan; the first one's connector has the name that the environment says.
each_plan() {
    first='' base=$CONNECTOR
    while IFS="$(printf '\t')" read -r name prefix _; do
        [ "$(wc -l </tmp/plans)" -eq 1 ] || { SYNC_SCHEMAS_PLAN=$name; export SYNC_SCHEMAS_PLAN; }
        [ -z "$first" ] || CONNECTOR=$base-${prefix#"$first".}
        first=${first:-$prefix}
        echo "Sink tables"
        oltp-olap-sync plan --apply-sink </dev/null
        echo "Topics"
        oltp-olap-sync plan --apply-topics </dev/null
        [ "${1:-}" = tables ] || connector </dev/null
    done </tmp/plans
}

source_tables
oltp-olap-sync plan --list >/tmp/plans
each_plan "${1:-}"
