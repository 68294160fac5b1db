#!/bin/bash
# The Connect worker with the variables of the real image: some by name, the rest as CONNECT_A_B. The JVM is process 1.
set -eu
export CONNECT_BOOTSTRAP_SERVERS=${BOOTSTRAP_SERVERS:?} CONNECT_GROUP_ID=${GROUP_ID:?} CONNECT_PLUGIN_PATH=/kafka/connect
export CONNECT_CONFIG_STORAGE_TOPIC=${CONFIG_STORAGE_TOPIC:?} CONNECT_OFFSET_STORAGE_TOPIC=${OFFSET_STORAGE_TOPIC:?}
export CONNECT_STATUS_STORAGE_TOPIC=${STATUS_STORAGE_TOPIC:?} CONNECT_LISTENERS=http://0.0.0.0:8083
export CONNECT_OFFSET_FLUSH_INTERVAL_MS=${OFFSET_FLUSH_INTERVAL_MS:-60000}
CONNECT_REST_ADVERTISED_HOST_NAME=$(hostname -i | cut -d' ' -f1)
export CONNECT_REST_ADVERTISED_HOST_NAME
for name in CONNECT_KEY_CONVERTER CONNECT_VALUE_CONVERTER; do
    export "$name=${!name:-org.apache.kafka.connect.json.JsonConverter}"
done
file=/kafka/config/connect-distributed.properties
/kafka/properties.sh CONNECT >"$file"
# shellcheck disable=SC2086  # several options
exec java ${HEAP_OPTS:--Xmx1G} -cp '/kafka/libs/*' org.apache.kafka.connect.cli.ConnectDistributed "$file"
