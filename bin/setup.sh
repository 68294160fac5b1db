#!/usr/bin/env bash
# Installs what the stack needs, and builds the consumer. bin/startup.sh runs it automatically; it may be run again.
#
#   bin/setup.sh [--native | --docker] [--yes]
#
# Docker mode (if a Docker daemon answers, docker compose works and the images can be pulled): pulls the images of
# PostgreSQL, Kafka and Debezium Connect and builds the consumer's image.
# Native mode (otherwise): lists the missing Debian packages and, on a terminal, asks before apt installs them (--yes:
# doesn't ask); downloads Kafka and Debezium as jars with Maven into build/jars; builds the consumer with CMake.
# It neither changes nor creates system PostgreSQL clusters.
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
