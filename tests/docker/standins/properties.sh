#!/bin/bash
# properties.sh PREFIX: the variables PREFIX_A_B of the environment as lines a.b=value; ___ is a -, __ a _.
env -0 | while IFS= read -r -d '' line; do
    name=${line%%=*}
    case $name in
        "$1"_HEAP_OPTS | "$1"_OPTS | "$1"_VERSION | "$1"_HOME) continue ;;
        "$1"_*) ;;
        *) continue ;;
    esac
    key=$(printf '%s' "${name#"$1"_}" | sed 's/___/-/g; s/__/\x01/g; s/_/./g; s/\x01/_/g' | tr '[:upper:]' '[:lower:]')
    printf '%s=%s\n' "$key" "${line#*=}"
done
