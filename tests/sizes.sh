#!/usr/bin/env bash
# A file has one subject: none of the sources and tests in C may have more than 500 lines. (clang-tidy sees to the
# length of functions.) Prints those that have; exits with 1 if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."

wrong=0
while read -r lines file; do
    if [ "$lines" -gt 500 ] && [ "$file" != total ]; then
        printf '%s has %d lines, more than 500: split it by subject\n' "$file" "$lines"
        wrong=1
    fi
done < <(find consumer tests -name '*.[ch]' -exec wc -l {} +)
exit $wrong
