#!/usr/bin/env bash
# Which room includes and links what: arrows go one way (docs/architecture.md), and a library stays in its room, or in a
# folder of its room. A folder in a room stands on the room, never the other way round.
# Which files of pipeline/ call each other: no circle.
# Also compiles every header alone. Prints what is wrong; exits with 1 if anything is.
set -euo pipefail
cd "$(dirname "$0")/.."

# room: the rooms it may include
allowed() {
    case $1 in
        base) echo base ;;
        config) echo base config ;;
        plan) echo base plan ;;
        view) echo base plan view ;;
        consume) echo base consume ;;
        decode) echo base plan consume decode ;;
        state) echo base state ;;
        join) echo base plan join ;;
        sink) echo base plan sink ;;
        pipeline) echo base plan consume decode state join sink pipeline ;;
        oltp) echo base plan oltp ;;
        verify) echo base plan decode verify ;;
        serve) echo base serve ;;
        cli) echo base config plan view consume state sink oltp verify serve pipeline cli ;;
        *) echo "no such room: $1" >&2; return 1 ;;
    esac
}
# a library's header: the rooms or folders that may include it; its target: the rooms that may link it
only_in() {
    case $1 in
        pg_query.h | pg_query_imported) echo view ;;
        librdkafka/* | PkgConfig::RDKAFKA) echo consume ;;
        lmdb.h) echo state/lmdb ;;
        PkgConfig::LMDB) echo state ;;
        libpq-fe.h | PkgConfig::LIBPQ) echo sink oltp verify ;;
        microhttpd.h | PkgConfig::MICROHTTPD) echo serve ;;
        jansson.h | PkgConfig::JANSSON) echo decode view config serve ;;
        *) echo any ;;
    esac
}
has() { case " $2 " in *" $1 "*) return 0 ;; *) return 1 ;; esac }

wrong=0
complain() { printf '%s\n' "$1"; wrong=1; }
for file in consumer/*/*.[ch] consumer/*/*/*.[ch]; do
    folder=${file#consumer/} folder=${folder%/*} room=${folder%%/*}
    rooms=$(allowed "$room")
    while read -r included; do
        has "${included%%/*}" "$rooms" || complain "$file includes $included: $room may include only: $rooms"
        case $included in
            "$room"/*/*) [ "${included%/*}" = "$folder" ] || complain "$file includes $included: that is below it" ;;
        esac
    done < <(sed -n 's/^#include "\([a-z]*\/.*\)"/\1/p' "$file")
    while read -r library; do
        rooms_of=$(only_in "$library")
        [ "$rooms_of" = any ] || has "$room" "$rooms_of" || has "$folder" "$rooms_of" ||
            complain "$file includes <$library>: that stays in $rooms_of"
    done < <(sed -n 's/^#include <\(.*\)>/\1/p' "$file")
    case $file in
        *.h) gcc -std=gnu17 -D_GNU_SOURCE -fsyntax-only -x c -Iconsumer -I/usr/include/postgresql "$file" 2>&1 ||
            complain "$file does not compile alone" ;;
    esac
done

# The links, as consumer/CMakeLists.txt says them: one line a room, and nothing is linked to a room elsewhere.
for folder in consumer/*/; do
    room=$(basename "$folder") rooms=$(allowed "$(basename "$folder")")
    line=$(sed -n "s/^room($room\\([ )].*\\)$/\\1/p" consumer/CMakeLists.txt)
    case $line in *\)) ;; *) complain "consumer/CMakeLists.txt has no line room($room ...)" ;; esac
    for linked in ${line%)}; do
        rooms_of=$(only_in "$linked")
        if [ "$rooms_of" != any ]; then
            has "$room" "$rooms_of" || complain "$room links $linked: that stays in $rooms_of"
        elif [ "$linked" = "$room" ] || ! has "$linked" "$rooms"; then
            complain "$room links $linked: it may link only: $rooms"
        fi
    done
done
# shellcheck disable=SC2016  # CMake's variables
while read -r elsewhere; do
    complain "consumer/CMakeLists.txt: $elsewhere: what a room links stands in its line room(...)"
done < <(grep -nE '(target_)?link_libraries\(' consumer/CMakeLists.txt |
    grep -vF -e '${name} PUBLIC ${dep}' -e '(pg_query_imported INTERFACE' -e '(oltp-olap-sync PRIVATE cli)')

# Within a room no files call each other in a circle (but those of sink/ that drive the connection; cli/ needs what
# CMake defines); and one would be found.
tests/circles.py consumer/{base,config,plan,view,consume,decode,state,state/lmdb,join,oltp,verify,serve,pipeline} || wrong=1
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
printf 'int b(int i);\nint a(int i);\nint a(int i) { return i ? b(i - 1) : 0; }\n' >"$folder/a.c"
printf 'int a(int i);\nint b(int i);\nint b(int i) { return a(i); }\n' >"$folder/b.c"
[ "$(tests/circles.py "$folder")" = "$folder: a circle: a.c calls b of b.c, b.c calls a of a.c" ] ||
    complain "tests/circles.py does not find a circle of two files"
exit $wrong
