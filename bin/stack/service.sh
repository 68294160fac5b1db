#!/usr/bin/env bash
# Starts, stops or kills one component of the native stack, for tests and for trying out failures.
#
#   bin/stack/service.sh start|stop|kill|pid NAME     NAME: oltp olap kafka connect consumer-N
#   bin/stack/service.sh servers                      both databases, Kafka and Connect, nothing else
#   bin/stack/service.sh prepare                      source tables, sink tables, topics
#   bin/stack/service.sh connector                    the Debezium connector; waits until it runs
#
# bin/startup.sh does servers, prepare, connector, then starts the members. stop sends SIGTERM and waits; kill is kill -9,
# for PostgreSQL an immediate shutdown (which also ends its children). start does not wait for Kafka and Connect.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/common.sh"

MODE=native
load_mode
mkdir -p "$RUN_DIR" "$LOG_DIR" "$STATE_DIR"

service_start() {
    case $1 in
        oltp|olap) pg_start "$1" ;;
        kafka) kafka_start ;;
        connect) connect_start ;;
        consumer-*) alive "$1" || member_start "${1#consumer-}" ;;
    esac
}
service_stop() {
    case $1 in
        oltp|olap) pg_stop "$1" ;;
        *)
            end_process "$1" 30 || say "$1 had to be killed"
            if [ "$1" = connect ] && pg_alive oltp; then remember_slot; fi ;;
    esac
}
service_kill() {
    case $1 in
        oltp|olap) pg_stop "$1" immediate ;;
        *) kill -KILL "$(pid_of "$1")" && wait_for 5 not_alive "$1" && rm -f "$(pid_file "$1")" ;;
    esac
}
service_pid() {
    case $1 in
        oltp|olap) pg_pid "$1" ;;
        *) pid_of "$1" ;;
    esac
}

case ${1:-} in
    --help|-h|'') print_help ;;
    servers) remember_mode; check_ports; start_servers ;;
    prepare) prepare_databases_and_topics ;;
    connector) start_connector ;;
    start|stop|kill|pid)
        case ${2:-} in
            oltp|olap|kafka|connect|consumer-[0-9]*) "service_$1" "$2" ;;
            *) usage_error "Which one: oltp, olap, kafka, connect or consumer-N?" ;;
        esac ;;
    *) usage_error "Unknown command: $1" ;;
esac
