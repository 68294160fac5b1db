#!/bin/sh
# The one-shot service `init` of docker-compose.yml, in the consumer's image: sink tables, topics, connector.
# Doing it again changes nothing.
set -eu

echo "Sink tables"
oltp-olap-sync plan --apply-sink
echo "Topics"
oltp-olap-sync plan --apply-topics
echo "Connector $CONNECTOR"
oltp-olap-sync plan --connector >/tmp/connector.json

url=$CONNECT_URL/connectors/$CONNECTOR
tries=0
# 409: the worker's group settles. Any other refusal is told at once.
while :; do
    code=$(curl -sS -o /tmp/answer -w '%{http_code}' --max-time 30 -X PUT -H 'Content-Type: application/json' \
        --data-binary @/tmp/connector.json "$url/config" || true)
    case $code in
        2??) break ;;
        400|401|403|422) echo "Kafka Connect refused the connector: $(cat /tmp/answer)" >&2; exit 1 ;;
    esac
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] || { echo "Kafka Connect answers $code: $(cat /tmp/answer)" >&2; exit 1; }
    sleep 0.5
done

tries=0
while :; do
    status=$(curl -sS --max-time 10 "$url/status" || true)
    case $status in
        *'"tasks":[]'*) ;;
        *FAILED*)
            # Failed while its database was away: once more, then tell.
            [ "$tries" -lt 60 ] || { echo "The connector does not run: $status" >&2; exit 1; }
            curl -sS -X POST "$url/restart?includeTasks=true&onlyFailed=true" >/dev/null || true
            tries=$((tries + 20))
            sleep 1 ;;
        *'"tasks":[{'*'"state":"RUNNING"'*) break ;;
    esac
    tries=$((tries + 1))
    [ "$tries" -lt 120 ] || { echo "The connector does not run: $status" >&2; exit 1; }
    sleep 0.5
done
echo "Connector $CONNECTOR runs"
