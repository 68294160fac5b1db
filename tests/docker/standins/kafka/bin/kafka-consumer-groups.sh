#!/bin/bash
exec java -Xmx256m -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp '/opt/kafka/libs/*' \
    org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"
