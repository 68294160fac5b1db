#!/usr/bin/env bash
# Shows what runs, how the Debezium connector is, and how far the consumer is behind.
#
#   bin/status.sh
#
# Exit code: 0 when all of it works, 1 when something does not (it says what), 3 when nothing runs.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    '') ;;
    --help|-h) print_help ;;
    *) usage_error "Unknown argument: $1" ;;
esac

remembered_mode || { say "Nothing was started here."; exit 3; }
stack_status
