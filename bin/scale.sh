#!/usr/bin/env bash
# Sets how many members the consumer has, while everything runs.
#
#   bin/scale.sh N
#
# Members share the partitions among themselves; Kafka's consumer group assigns them again when one joins or leaves.
# More members than partitions (8) leave some without work. The number is remembered for the next bin/startup.sh; 0 is
# not: it stops the members until then.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    --help|-h) print_help ;;
    ''|*[!0-9]*) usage_error "How many members? A whole number." ;;
esac

remembered_mode || { say "Nothing was started here; bin/startup.sh first." >&2; exit 1; }
stack_scale "$1"
if [ "$1" -gt 0 ]; then
    CONSUMERS=$1
    keep_settings
fi
