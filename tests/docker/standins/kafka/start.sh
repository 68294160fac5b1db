#!/bin/bash
# The broker with KAFKA_A_B as a.b; its log folder is formatted at the first start. The JVM is process 1.
set -eu
file=/opt/kafka/config/server.properties
/opt/kafka/properties.sh KAFKA >"$file"
java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$file"
# shellcheck disable=SC2086  # several options
exec java ${KAFKA_HEAP_OPTS:--Xmx1G} -cp '/opt/kafka/libs/*' kafka.Kafka "$file"
