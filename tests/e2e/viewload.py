"""Seeded random single-row changes of the tables of any view, at a steady rate, in the background."""

import random
import threading
import time
from typing import Iterator

from db import Database
from tables import Table, View
from wait import Failure, Stopwatch, wait_until

PROCEDURE = """
CREATE SCHEMA IF NOT EXISTS e2e;
CREATE OR REPLACE PROCEDURE e2e.run_some(statements text[], INOUT changed bigint) LANGUAGE plpgsql AS $$
DECLARE statement text; rows bigint;
BEGIN
  changed := 0;
  FOREACH statement IN ARRAY statements LOOP
    EXECUTE statement;
    GET DIAGNOSTICS rows = ROW_COUNT;
    changed := changed + rows;
    COMMIT;
  END LOOP;
END $$;
"""
UNDER_WAY = 300
FIRST_TURNS = 100  # of one table, until something of it has changed


class ViewLoad:
    """Each statement is a transaction; many find nothing to change, and are not counted. Whatever the weights and however
    short the load, it changes something in every table."""

    def __init__(self, oltp: Database, view: View, seed: int, changes: int | None, rate: float) -> None:
        oltp.run(PROCEDURE)
        self.oltp = oltp
        self.view = view
        self.random = random.Random(f"{seed}/{view.name}")
        self.quota = changes
        self.rate = rate
        self.changes = 0
        self.by_table: dict[str, int] = {table.name: 0 for table in view.tables}
        self.errors: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "ViewLoad":
        self.thread.start()
        wait_until("the load is under way", lambda: self.errors or not self.thread.is_alive()
                   or self.changes >= UNDER_WAY and not self.idle(), 30)
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stopping.set()
        self._join(kind is None)

    def finish(self) -> None:
        """Until the wanted number of changes is made."""
        self._join(True)

    def _join(self, check: bool) -> None:
        self.thread.join()
        if check and self.errors:
            raise Failure("the load failed: " + self.errors[0])
        if check and self.idle():
            raise Failure(f"the load has changed nothing in {', '.join(self.idle())}")

    def idle(self) -> list[str]:
        """Tables in which it has changed nothing yet."""
        return [name for name, count in self.by_table.items() if not count]

    def _work(self) -> None:
        try:
            self._change()
        except Exception as error:  # whatever it is, the case must say it
            self.errors.append(f"{type(error).__name__}: {error}")

    def _change(self) -> None:
        connection = self.oltp.connect()
        watch = Stopwatch()
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            for table in self._turns():
                statements: list[str] = []
                while len(statements) < min(30, 1 + self.rate / 40):
                    statements += table.changes(self.random)
                cursor.execute("CALL e2e.run_some(%s, NULL)", (statements,))
                changed = cursor.fetchone()[0]
                self.changes += changed
                self.by_table[table.name] += changed
                time.sleep(max(0.0, self.changes / self.rate - watch.seconds()))
        connection.close()

    def _turns(self) -> Iterator[Table]:
        """First each table until something of it has changed, then by their weights until it is enough."""
        for table in self.view.tables:
            for _ in range(FIRST_TURNS):
                if self.by_table[table.name]:
                    break
                yield table
        weights = [table.weight for table in self.view.tables]
        while not self.stopping.is_set() and (self.quota is None or self.changes < self.quota):
            yield self.random.choices(self.view.tables, weights)[0]
