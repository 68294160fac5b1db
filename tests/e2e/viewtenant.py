"""Any view on databases of its own: the same checks as of the shipped one, by its own tables."""

from typing import Sequence

import past
from past import ViewSampler
from stack import PARTITIONS, Stack
from system import SENTINEL, fail_with
from tables import Table, View
from tenant import Tenant
from viewload import ViewLoad
from wait import Failure, Stopwatch, wait_until

MANY = 64  # sentinels: of some keys it is not known here in which partition they are


class ViewTenant(Tenant):
    def __init__(self, stack: Stack, name: str, view: View) -> None:
        oltp_file, view_file = view.write(stack.folder / f"schemas-{name}")
        super().__init__(stack, name, oltp_file.parent, view_file.name)
        self.declared = view
        self.query = view.wanted
        self.passed = 0

    def prepare(self) -> None:
        super().prepare()
        if self.declared.after_ddl:
            self.oltp.transaction(self.declared.after_ddl)
        past.keep(self.oltp, self.declared)

    def load(self, seed: int, rate: float, changes: int | None = None, weights: Sequence[int] | None = None) -> ViewLoad:
        assert weights is None
        return ViewLoad(self.oltp, self.declared, seed, changes, rate)

    def sampler(self, load: ViewLoad) -> ViewSampler:
        return ViewSampler(self.oltp, self.olap, self.declared)

    def touch(self) -> None:
        """A record for a third of the rows of each table, without a change."""
        for table in self.declared.tables:
            name = next(iter(table.values))
            self.oltp.run(f"UPDATE {table.name} SET {name} = {name} WHERE hashtext({next(iter(table.key))}::text) % 3 = 0")

    def table_of(self, topic: str) -> Table:
        return next(table for table in self.declared.tables if table.name == topic.rpartition(".")[2])

    def partitions_of(self, topic: str) -> int:
        return PARTITIONS if self.table_of(topic).placed else 1

    def placed_by(self, topic: str) -> list[str]:
        return list(self.declared.placed_by) if self.table_of(topic).placed else []

    def unused(self, topic: str) -> tuple[str, ...]:
        return self.declared.unused.get(self.table_of(topic).name, ())

    # ---- sentinels

    def pass_sentinels(self, partitions: list[int] | None = None, seconds: float = 60) -> float:
        """Changes a row of every table, after everything else: of core tables one in each partition, of lookups one that
        all of those refer to. They are through when the table shows the view's own rows of them, with their new values."""
        assert partitions is None
        self.passed += 1
        ids = [SENTINEL + number for number in range(MANY)]
        before = self.seqs()
        self.oltp.transaction(*(table.sentinel(ids if table.placed else [SENTINEL], self.passed)
                                for table in reversed(self.declared.tables)))
        watch = Stopwatch()
        wanted = self.sentinels(self.oltp, f"({self.query})", ids)
        if len(wanted) != len(ids):
            raise Failure(f"{self.declared.name}: {len(ids)} sentinels are {len(wanted)} rows of the view")
        found: list[str] = []

        def through() -> bool:
            fail_with("", self.check_alive())
            found[:] = self.sentinels(self.olap, f'"{self.declared.name}"', ids)
            return found == wanted
        wait_until("the sentinels arrive", through, seconds, interval=0.01, detail=lambda: "still "
                   + str([row for row in found if row not in wanted][:3]) + f" ({len(found)} of {len(wanted)} are there)"
                   + f", wanted {[row for row in wanted if row not in found][:3]}")
        took = watch.seconds()
        self.check_every_task(before)
        return took

    def sentinels(self, database, source: str, ids: list[int]) -> list[str]:
        key = self.declared.key
        return [row for row, in database.run(
            f"SELECT ROW(q.*)::text FROM {source.replace('%', '%%')} q WHERE {key} = ANY(%s) ORDER BY {key}", ids)]

    def seqs(self) -> dict[int, int]:
        return dict(self.olap.run("SELECT task, max(seq) FROM sync_progress GROUP BY task"))

    def check_every_task(self, before: dict[int, int]) -> None:
        """Otherwise the sentinels prove nothing of a task that they have not passed."""
        now = self.seqs()
        still = [task for task in range(PARTITIONS) if now.get(task) == before.get(task)]
        if still:
            raise Failure(f"the sentinels have not passed through the tasks {still}")
