#!/usr/bin/env bash
# Starts everything: the OLTP and the OLAP PostgreSQL, Kafka, Kafka Connect with Debezium, and the consumer.
#
#   bin/startup.sh [--native | --docker] [--yes] [--example NAME]
#
# In this order: what bin/setup.sh does (packages or images, the build); both databases and Kafka; the source tables
# (schemas/oltp.sql, once), the sink tables and the topics; the Debezium connector; the consumer's members. Each step
# waits until the component answers. Views are all *.sql in schemas/ but that file; those that can't share a connector and
# members have some of their own (docs/views.md, Several views). What is already running is left running, so it may be
# run twice, and after Ctrl-C it continues where it stopped.
# The mode of the first start (Docker or native), ports, the number of members and all SYNC_ variables are remembered
# in run/ until bin/shutdown.sh --wipe. Ports and versions are in .env; a variable in the environment overrides them:
#   OLTP_PORT=15432 bin/startup.sh
# --example NAME: the tables and the view of schemas/examples/NAME instead of student and contact. It is remembered too,
# and a folder with data keeps its view: for another one, bin/shutdown.sh --wipe first, or a second stack.
# A second stack beside the first: SYNC_RUN_DIR=/some/folder with every port of .env changed.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

wanted='' example=''
while [ $# -gt 0 ]; do
    case $1 in
        --native) wanted=native ;;
        --docker) wanted=docker ;;
        --yes|-y) ASSUME_YES=1 ;;
        --example) [ $# -gt 1 ] || usage_error "--example needs a name: $(example_names)"; example=$2; shift ;;
        --example=*) example=${1#*=} ;;
        --help|-h) print_help ;;
        *) usage_error "Unknown argument: $1" ;;
    esac
    shift
done
export ASSUME_YES=${ASSUME_YES:-}

STARTING='' # jobs that must come to their end, or a second start would meet them half-way
interrupted() {
    local text='Interrupted. What was started keeps running: bin/startup.sh continues, bin/shutdown.sh stops it.'
    trap '' INT TERM
    # shellcheck disable=SC2086
    [ -z "$STARTING" ] || wait $STARTING || true
    # Standard error may point into a log at this moment.
    printf '\n\n%s\n' "$text" 2>/dev/null >/dev/tty || printf '\n\n%s\n' "$text" >&2
    exit 130
}
trap interrupted INT TERM

[ -z "$example" ] || choose_example "$example"
choose_mode "$wanted"
say "Starting in $MODE mode."
[ -s "$RUN_DIR/mode" ] || remember_mode # the first start: bin/shutdown.sh must find it, however far it comes
make_folders "$LOG_DIR" "$STATE_DIR"
stack_setup
stack_check
[ -z "$CHANGED_SETTINGS" ] || say "Changed, and remembered from now on:" "$(say "$CHANGED_SETTINGS" | sed 's/^/    /')"
[ ! -e "$KEPT_SETTINGS" ] || cp -p "$KEPT_SETTINGS" "$KEPT_SETTINGS.before"
remember_mode
stack_start
rm -f "$KEPT_SETTINGS.before"
print_next_steps
