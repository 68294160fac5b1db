#!/usr/bin/env bash
# Opens psql in one of the two databases; further arguments go to psql.
#
#   bin/psql.sh oltp|olap [psql arguments]
#   bin/psql.sh olap -c 'SELECT * FROM student_contact'
#
# In Docker mode it uses the container's psql; the host needs none.
# shellcheck source=bin/stack/common.sh
. "$(dirname "$0")/stack/common.sh"

case ${1:-} in
    oltp|olap) ;;
    --help|-h) print_help ;;
    *) usage_error "Which database: oltp or olap?" ;;
esac

remembered_mode || { say "Nothing was started here; bin/startup.sh first." >&2; exit 1; }
stack_psql "$@"
