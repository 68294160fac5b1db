#!/usr/bin/python3
"""test_statements.py BUILD_DIR [TEST]: the statements of view/ against a real PostgreSQL.

Starts a PostgreSQL of its own in a temporary folder on a free port, and checks every type with the values
that Debezium really sends (captured.json: SQL literal, JSON scalar's text), change detection, refusals,
deletes by key and by range, and that deletes use the primary key's index. Prints PASS or FAIL a line.
"""
import json, os, sys

sys.dont_write_bytecode = True

import harness
import of_types
import of_views

TESTS = (of_types.test_refusals, of_types.test_changes, of_views.test_delete, of_views.test_left, of_views.test_expressions,
         of_views.test_own_checks, of_views.test_immutable, of_views.test_constants, of_views.test_collations,
         of_views.test_names, of_views.test_shipped, of_views.test_index_use)


def main(only):
    with open(os.path.join(harness.HERE, 'captured.json')) as f:
        captured = json.load(f)
    harness.run(of_types.DECLARED + of_types.EXTENSIONS)
    for declared, pairs in captured.items() if only is None else ():
        of_types.test_type(declared, [tuple(p) for p in pairs])
    for test in TESTS:
        if only in (None, test.__name__):
            test()
    print(f'{harness.failures} failures')
    return 1 if harness.failures else 0


if __name__ == '__main__':
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    harness.begin(os.path.abspath(sys.argv[1]))
    try:
        code = main(sys.argv[2] if len(sys.argv) == 3 else None)
    finally:
        harness.end()
    sys.exit(code)
