#!/usr/bin/env bash
# Sets the number of members of the consumer while everything is running.
#
#   bin/scale.sh N
#
# Members share the partitions; Kafka's consumer group reassigns them when one joins or leaves. Members beyond the number
# of partitions (8) stay idle. Views that need a second plan have as many members of their own. The number is remembered
# for the next bin/startup.sh, except 0, which stops all members until then.
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
