#!/usr/bin/env bash
# Starts everything: the OLTP and the OLAP PostgreSQL, Kafka, Kafka Connect with Debezium, and the consumer.
#
#   bin/startup.sh [--native | --docker] [--yes]
#
# In this order: what bin/setup.sh does (packages or images, the build); both databases and Kafka; the source tables
# (schemas/oltp.sql, once), the sink tables and the topics; the Debezium connector; the consumer's members. Each step
# waits until the thing really answers. What runs already is left running, so starting twice does no harm, and after
# Ctrl-C this goes on where it was.
# The mode of the first start (Docker or native) is remembered in run/mode until bin/shutdown.sh --wipe.
# Ports and versions are in .env; a variable in the environment wins:  OLTP_PORT=15432 bin/startup.sh
# A second stack beside the first: SYNC_RUN_DIR=/some/folder with every port of .env changed.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

wanted=''
while [ $# -gt 0 ]; do
    case $1 in
        --native) wanted=native ;;
        --docker) wanted=docker ;;
        --yes|-y) ASSUME_YES=1 ;;
        --help|-h) print_help ;;
        *) usage_error "Unknown argument: $1" ;;
    esac
    shift
done
export ASSUME_YES=${ASSUME_YES:-}

STARTING='' # jobs that must come to their end, or a second start would meet them half-way
interrupted() {
    local text='Interrupted. What has started goes on running: bin/startup.sh continues, bin/shutdown.sh stops it.'
    trap '' INT TERM
    # shellcheck disable=SC2086
    [ -z "$STARTING" ] || wait $STARTING || true
    # Standard error may point into a log at this moment.
    printf '\n\n%s\n' "$text" 2>/dev/null >/dev/tty || printf '\n\n%s\n' "$text" >&2
    exit 130
}
trap interrupted INT TERM

choose_mode "$wanted"
say "Starting in $MODE mode."
remember_mode
stack_setup
stack_start
print_next_steps
