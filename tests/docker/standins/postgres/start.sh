#!/bin/bash
# As the real image does it, in the order that matters to the half-made volume: initdb, the line that lets the network in,
# a server on the socket only while the database is made, then the server.
set -eu
[ "$1" = postgres ] || exec "$@"
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA" && chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    pw=$(mktemp)
    printf '%s\n' "$POSTGRES_PASSWORD" >"$pw"
    # shellcheck disable=SC2086  # several options
    initdb -D "$PGDATA" -U "$POSTGRES_USER" --pwfile="$pw" ${POSTGRES_INITDB_ARGS:-}
    rm "$pw"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -w start -o "-c listen_addresses=''"
    if ! psql -U "$POSTGRES_USER" -d postgres -Atc 'SELECT datname FROM pg_database' | grep -qxF "$POSTGRES_DB"; then
        createdb -U "$POSTGRES_USER" "$POSTGRES_DB"
    fi
    pg_ctl -D "$PGDATA" -m fast -w stop
fi
exec "$@"
