#!/usr/bin/env bash
# Shows what is running, the state of the Debezium connector, and how far the consumer is behind.
#
#   bin/status.sh
#
# Exit code: 0 if everything works, 1 if something does not (it says what), 3 if nothing is running.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    '') ;;
    --help|-h) print_help ;;
    *) usage_error "Unknown argument: $1" ;;
esac

remembered_mode || { say "Nothing was started here."; exit 3; }
stack_status
