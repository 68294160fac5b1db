"""Any views on databases of their own: the same checks as of the shipped one, by their own tables."""

from contextlib import ExitStack, contextmanager
from typing import Iterator, Sequence

import past
from caches import CORE
from db import Database
from oracle import check_equal
from past import ViewSampler
from stack import PARTITIONS, Stack
from system import LIVE_SECONDS, SENTINEL, fail_with
from tables import Table, View, together
from tenant import Tenant
from viewload import ViewLoad
from wait import Failure, Stopwatch, wait_until

MANY = 64  # sentinels: of some keys it is not known here in which partition they are


class ViewTenant(Tenant):
    def __init__(self, stack: Stack, name: str, *views: View, later: Sequence[View] = ()) -> None:
        """later: views whose tables are there from the start."""
        self.folder = stack.folder / f"schemas-{name}"
        self.declared = together(*views, *later)
        oltp_file, _ = self.declared.write(self.folder)
        super().__init__(stack, name, oltp_file.parent, str(views[0].write_view(self.folder)))
        self.query = views[0].wanted
        self.passed = 0
        self.show(*views)

    def show(self, *views: View) -> None:
        """Members and commands that start from now on know these views."""
        self.views = views
        self.settings["SYNC_SCHEMAS_VIEW"] = ",".join(str(view.write_view(self.folder)) for view in views)

    def prepare(self) -> None:
        super().prepare()
        if self.declared.after_ddl:
            self.oltp.transaction(self.declared.after_ddl)
        past.keep(self.oltp, self.declared)

    def load(self, seed: int, rate: float, changes: int | None = None, weights: Sequence[int] | None = None) -> ViewLoad:
        assert weights is None
        return ViewLoad(self.oltp, self.declared, seed, changes, rate)

    def sampler(self, load: ViewLoad) -> ViewSampler:
        return ViewSampler(self.oltp, self.olap, self.views[0])

    @contextmanager
    def samplers(self) -> Iterator[list[ViewSampler]]:
        """One of each view."""
        with ExitStack() as stack:
            yield [stack.enter_context(ViewSampler(self.oltp, self.olap, view)) for view in self.views]

    def touch(self) -> None:
        """A record for a third of the rows of each table, without a change."""
        for table in self.declared.tables:
            name = next(iter(table.values))
            self.oltp.run(f"UPDATE {table.name} SET {name} = {name} WHERE hashtext({next(iter(table.key))}::text) % 3 = 0")

    def table_of(self, topic: str) -> Table:
        """By its topic, or a slot."""
        name = topic.rpartition(".")[2].removesuffix(CORE)
        return next(table for table in self.declared.tables if table.name == name)

    def partitions_of(self, topic: str) -> int:
        table = self.table_of(topic)
        return PARTITIONS if table.placed and not table.two_roles else 1

    def placed_by(self, topic: str) -> list[str]:
        table = self.table_of(topic)
        core = topic.endswith(CORE) if table.two_roles else table.placed
        return list(self.declared.placed_by) if core else []

    def unused(self, topic: str) -> tuple[str, ...]:
        return together(*self.views).unused.get(topic.rpartition(".")[2], ())

    def key_of(self, topic: str) -> list[str] | None:
        table = self.table_of(topic)
        return list(table.key) if table.two_roles and not topic.endswith(CORE) else None

    # ---- sentinels

    def pass_sentinels(self, partitions: list[int] | None = None, seconds: float = 60) -> float:
        """Changes a row of every table, after everything else: of core tables one in each partition, of lookups one that
        all of those refer to. They are through when each table shows the view's own rows of them, with their new values."""
        assert partitions is None
        self.passed += 1
        ids = [SENTINEL + number for number in range(MANY)]
        before = self.seqs()
        self.oltp.transaction(*(table.sentinel(ids if table.placed else [SENTINEL], self.passed)
                                for table in reversed(self.declared.tables)))
        watch = Stopwatch()
        for view in self.views:
            self.pass_in(view, ids, seconds)
        took = watch.seconds()
        self.check_every_task(before)
        return took

    def pass_in(self, view: View, ids: list[int], seconds: float) -> None:
        wanted = sentinels(self.oltp, view, f"({view.wanted})", ids)
        if len(wanted) != len(ids):
            raise Failure(f"{view.name}: {len(ids)} sentinels are {len(wanted)} rows of the view")
        found: list[str] = []

        def through() -> bool:
            fail_with("", self.check_alive())
            found[:] = sentinels(self.olap, view, f'"{view.name}"', ids)
            return found == wanted
        wait_until(f"the sentinels arrive in {view.name}", through, seconds, interval=0.01, detail=lambda: "still "
                   + str([row for row in found if row not in wanted][:3]) + f" ({len(found)} of {len(wanted)} are there)"
                   + f", wanted {[row for row in wanted if row not in found][:3]}")

    def seqs(self) -> dict[int, int]:
        return dict(self.olap.run("SELECT task, max(seq) FROM sync_progress WHERE view = %s GROUP BY task", self.views[0].name))

    def check_every_task(self, before: dict[int, int]) -> None:
        """Otherwise the sentinels prove nothing of a task that they have not passed."""
        now = self.seqs()
        still = [task for task in range(PARTITIONS) if now.get(task) == before.get(task)]
        if still:
            raise Failure(f"the sentinels have not passed through the tasks {still}")

    # ---- quiet and right

    def converge(self, step: str = "", seconds: float = LIVE_SECONDS) -> None:
        """O1 of every view."""
        found: list[str] = []

        def equal() -> bool:
            found[:] = [f"{view.name}: {problem}" for view in self.views
                        for problem in check_equal(self.oltp, self.olap, view.wanted, view.name)]
            return not found
        try:
            wait_until("the tables equal their views", equal, seconds, interval=0.1)
        except Failure:
            fail_with(step, found)


def sentinels(database: Database, view: View, source: str, ids: list[int]) -> list[str]:
    return [row for row, in database.run(f"SELECT ROW(q.*)::text FROM {source.replace('%', '%%')} q "
                                         f"WHERE {view.key} = ANY(%s) ORDER BY {view.key}", ids)]
