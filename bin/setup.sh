#!/usr/bin/env bash
# Gets what the stack needs, and builds the consumer. bin/startup.sh runs this by itself; running it again does no harm.
#
#   bin/setup.sh [--native | --docker] [--yes]
#
# Docker mode (a Docker daemon answers, docker compose works, the images can be had): pulls the images of PostgreSQL,
# Kafka and Debezium Connect and builds the consumer's image.
# Native mode (else): lists the Debian packages that are missing and, on a terminal, asks before apt installs them
# (--yes: don't ask); fetches Kafka and Debezium as jars with Maven into build/jars; builds the consumer with CMake.
# Debian's own PostgreSQL clusters are not touched, and none is made.
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

choose_mode "$wanted"
stack_setup
