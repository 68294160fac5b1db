#!/usr/bin/env bash
# Compares the OLAP table with the view in the OLTP database, row by row, while everything runs; changes nothing.
#
#   bin/verify.sh [options of `oltp-olap-sync verify`]
#   bin/verify.sh --all --json
#   bin/verify.sh --key student_id=1
#
# Exit code: 0 equal, 3 rows differ, 1 or 2 it failed.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    --help|-h) print_help ;;
esac

remembered_mode || { say "Nothing was started here; bin/startup.sh first." >&2; exit 1; }
stack_verify "$@"
