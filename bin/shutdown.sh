#!/usr/bin/env bash
# Stops everything that bin/startup.sh started: members, Kafka Connect, Kafka, both databases.
#
#   bin/shutdown.sh [--wipe]
#
# The data is kept for the next bin/startup.sh. --wipe removes it: both databases, the topics, the consumer's caches, and
# the remembered settings, the mode (Docker or native) included.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

wipe=''
while [ $# -gt 0 ]; do
    case $1 in
        --wipe) wipe=1 ;;
        --help|-h) print_help ;;
        *) usage_error "Unknown argument: $1" ;;
    esac
    shift
done

if ! remembered_mode; then
    say "Nothing was started here."
    exit 0
fi
stack_stop
if [ -n "$wipe" ]; then
    stack_wipe
    say "Stopped, and the data is gone."
else
    say "Stopped. The data is kept; bin/shutdown.sh --wipe removes it."
fi
