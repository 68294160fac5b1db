"""When a table is right: the same cheap poll for everybody, then its count and checksum."""

import time
from dataclasses import dataclass
from typing import Callable, Iterator

import oracle
from db import Database, Row
from records import Truth

POLL_SECONDS = 0.01
# The last rows that are written are looked up, each by its key: no plan may read the table.
SESSION = ("SET enable_seqscan = off", "SET enable_hashjoin = off", "SET enable_mergejoin = off",
           "SET max_parallel_workers_per_gather = 0")


@dataclass
class Arrival:
    """Monotonic seconds; right is None when the time was over."""
    first: float | None
    right: float | None
    rows: int
    looks: int        # how often the checksum was taken: more than once costs the measured one
    problem: str = ""


class Poll:
    """One session of the OLAP database that looks until all is there."""

    def __init__(self, olap: Database, truth: Truth, still_alive: Callable[[], str]) -> None:
        """still_alive: why waiting has become pointless, or nothing."""
        self.database = Database(olap.port, olap.name)
        for setting in SESSION:
            self.database.run(setting)
        self.truth = truth
        self.pause = 0.0
        self.still_alive = still_alive
        step = max(1, len(truth.last) // 16)
        self.few = [list(column) for column in zip(*truth.last[::step])]
        self.all = [list(column) for column in zip(*truth.last)]

    def there(self, keys: list[list]) -> bool:
        return self.database.run(self.truth.look_up, *keys)[0][0] == len(keys[0])

    def all_there(self) -> bool:
        return self.there(self.all)

    def count_and_checksum(self) -> tuple[int, str]:
        return self.database.run(self.truth.of_table)[0]

    def difference(self) -> str:
        """For people: a few rows that are not as they must be."""
        def rows(database: Database, table: str) -> Iterator[Row]:
            return database.stream(oracle.rows_as_text(self.truth.columns, table))
        self.database.run("RESET ALL")
        return " ".join(oracle.differences(rows(self.truth.database, "truth"), rows(self.database, self.truth.table)))

    def wait(self, seconds: float) -> Arrival:
        end = time.monotonic() + seconds
        found = Arrival(None, None, 0, 0)
        while not self._look(found):
            found.problem = self.still_alive() or ("" if time.monotonic() < end else f"not right within {seconds:g} s")
            if found.problem:
                found.rows, checksum = self.count_and_checksum()
                right = (found.rows, checksum) == (self.truth.count, self.truth.checksum)
                found.problem += ", though the table is right" if right else f"; {self.difference()}"
                break
            time.sleep(POLL_SECONDS + self.pause)
        self.database.close()
        return found

    def _look(self, found: Arrival) -> bool:
        if found.first is None:
            if not self.database.run(f"SELECT 1 FROM {self.truth.table} LIMIT 1"):
                return False
            found.first = time.monotonic()
        if not self.there(self.few) or not self.all_there():
            return False
        looked = time.monotonic()
        found.looks += 1
        found.rows, checksum = self.count_and_checksum()
        if (found.rows, checksum) != (self.truth.count, self.truth.checksum):
            self.pause = time.monotonic() - looked  # a look that came too early must not take the machine
            return False
        found.right = looked
        return True
