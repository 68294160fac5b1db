"""Connections to the two PostgreSQLs."""

import select
from typing import Any, Iterator, Sequence

import psycopg2
import psycopg2.extensions

USER = PASSWORD = "pg"
Row = tuple[Any, ...]
Connection = psycopg2.extensions.connection

# What a server that goes away or comes up shows to its clients.
CONNECTION_LOST = (psycopg2.OperationalError, psycopg2.InterfaceError)


class Database:
    """One database; its own connection is for the thread that made it and comes back after a restart."""

    def __init__(self, port: int, name: str = "pg") -> None:
        self.port = port
        self.name = name
        self.password = PASSWORD
        self._connection: Connection | None = None

    def connect(self, autocommit: bool = True) -> Connection:
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, dbname=self.name, user=USER,
                                      password=self.password, connect_timeout=5)
        connection.autocommit = autocommit
        return connection

    def run(self, sql: str, *args: Any) -> list[Row]:
        """Runs one statement, committed at once. Without arguments a % is a %."""
        if self._connection is None or self._connection.closed or self._hears_something():
            self.close()
            self._connection = self.connect()
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, args or None)
                return cursor.fetchall() if cursor.description else []
        except CONNECTION_LOST:
            self.close()
            raise

    def _hears_something(self) -> bool:
        """An idle connection has nothing to read, unless its server has gone (or has to tell of a reload)."""
        return bool(select.select([self._connection], [], [], 0)[0])

    def transaction(self, *statements: str) -> None:
        """Runs the statements as one transaction."""
        connection = self.connect(autocommit=False)
        try:
            with connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def stream(self, sql: str) -> Iterator[Row]:
        """All rows in one snapshot, a few thousand in memory at a time."""
        connection = self.connect(autocommit=False)
        try:
            with connection.cursor("e2e_stream") as cursor:
                cursor.itersize = 5000
                cursor.execute(sql)
                yield from cursor
        finally:
            connection.close()

    def answers(self) -> bool:
        try:
            self.run("SELECT 1")
            return True
        except CONNECTION_LOST:
            return False

    def create(self) -> None:
        """Creates this database anew."""
        self.close()
        maintenance = Database(self.port, "postgres")
        maintenance.run(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
        maintenance.run(f'CREATE DATABASE "{self.name}"')
        maintenance.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def columns_of(database: Database, query: str) -> Sequence[str]:
    connection = database.connect()
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({query}) q LIMIT 0")
            return [column.name for column in cursor.description or ()]
    finally:
        connection.close()
