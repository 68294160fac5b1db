#!/usr/bin/env bash
# Which room includes what: arrows go one way (docs/architecture.md), and a library's header stays in its room.
# Also compiles every header alone. Prints what is wrong; exits with 1 if anything is.
set -euo pipefail
cd "$(dirname "$0")/.."

# room: the rooms it may include
allowed() {
    case $1 in
        base) echo base ;;
        config) echo base config ;;
        view) echo base view ;;
        consume) echo base consume ;;
        decode) echo base view consume decode ;;
        state) echo base state ;;
        join) echo base view join ;;
        sink) echo base view sink ;;
        pipeline) echo base view consume decode state join sink pipeline ;;
        oltp) echo base view oltp ;;
        serve) echo base serve ;;
        cli) echo base config view consume state sink oltp serve pipeline cli ;;
        *) echo "no such room: $1" >&2; return 1 ;;
    esac
}
# header of a library: the rooms that may include it
only_in() {
    case $1 in
        pg_query.h) echo view ;;
        librdkafka/*) echo consume ;;
        lmdb.h) echo state ;;
        libpq-fe.h) echo sink oltp ;;
        microhttpd.h) echo serve ;;
        jansson.h) echo decode view config ;;
        *) echo any ;;
    esac
}
has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

wrong=0
complain() { printf '%s\n' "$1"; wrong=1; }
for file in consumer/*/*.[ch]; do
    room=${file#consumer/} room=${room%%/*}
    rooms=$(allowed "$room")
    while read -r included; do
        has "${included%%/*}" "$rooms" || complain "$file includes $included: $room may include only: $rooms"
    done < <(sed -n 's/^#include "\([a-z]*\/.*\)"/\1/p' "$file")
    while read -r library; do
        rooms_of=$(only_in "$library")
        [ "$rooms_of" = any ] || has "$room" "$rooms_of" || complain "$file includes <$library>: that stays in $rooms_of"
    done < <(sed -n 's/^#include <\(.*\)>/\1/p' "$file")
    case $file in
        *.h) gcc -std=gnu17 -D_GNU_SOURCE -fsyntax-only -x c -Iconsumer -I/usr/include/postgresql "$file" 2>&1 ||
            complain "$file does not compile alone" ;;
    esac
done
exit $wrong
