#!/usr/bin/env bash
# Shows what runs, how the Debezium connector is, and how far the consumer is behind.
#
#   bin/status.sh
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    '') ;;
    --help|-h) print_help ;;
    *) usage_error "Unknown argument: $1" ;;
esac

remembered_mode || { say "Nothing was started here."; exit 0; }
stack_status
