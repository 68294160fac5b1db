"""The cases, in the order in which they run."""

import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Sequence

from db import Row
from load import Load
from stack import PARTITIONS, Stack
from system import System, fail_with
from trial import Measured
from viewload import ViewLoad


@dataclass
class Context:
    """What a case works with: the running stack, the shipped view on it, and fresh ids."""
    stack: Stack
    system: System
    seed: int
    changes: int
    measurements: Path = Path("/dev/null")  # what the fault scenarios measure, a line of JSON each
    full: bool = False                      # many repetitions (--faults)
    long: bool = False                      # outages of minutes, too (--long)
    case_name: str = ""
    verdict: str = "pass"                   # what the table says of a case that does not fail
    measured: list[Measured] = field(default_factory=list)  # by the case that runs

    def __post_init__(self) -> None:
        self.numbers = itertools.count(1001)

    def student_id(self, partition: int) -> int:
        """A new student id of this partition."""
        return next(self.numbers) * PARTITIONS + partition

    def contact_id(self) -> int:
        return next(self.numbers)

    def sql(self, sql: str, *args: object) -> list[Row]:
        return self.system.oltp.run(sql, *args)

    def expect(self, step: str, students: list[int], rows: list[Row]) -> None:
        """Everything has arrived and is right, and these students' rows are exactly these."""
        self.system.settle(step)
        found = self.system.olap.run(f"SELECT student_id, contact_id, name, contact_number FROM {self.system.view} "
                                     "WHERE student_id = ANY(%s) ORDER BY 1, 2", students)
        if found != sorted(rows):
            fail_with(step, [f"expected {sorted(rows)}", f"found    {found}"])

    def times(self, short: int, full: int) -> int:
        return full if self.full else short

    def load(self, rate: float = 800, changes: int | None = None, weights: Sequence[int] | None = None) -> Load | ViewLoad:
        return self.system.load(self.seed, rate, changes, weights)

    def of(self, system: System) -> "Context":
        """The same for another view's members."""
        return replace(self, system=system)


@dataclass
class Case:
    name: str
    run: Callable[[Context], str | None]
    foreign_key: bool
    members: int
    default: bool      # else only with --faults, or by name
    promise: str = ""  # of a fault scenario, for docs/reliability.md

    @property
    def lane(self) -> int:
        """Which of the stacks of a whole run; a lane's time is mostly spent waiting."""
        module = self.run.__module__.removeprefix("cases.")
        return next((lane for lane, modules in OTHER_LANES.items() if module in modules), 1)

    @property
    def text(self) -> str:
        lines = (self.run.__doc__ or "").strip().splitlines()
        return lines[0] if lines else ""


# Each of their cases makes databases and members of its own; all lanes take about as long.
OTHER_LANES = {
    2: ("any_view", "lookups", "lookup_topics", "left_views", "where", "refusals", "orders", "several_views", "added_views",
        "two_plans", "f_orders", "f_topics", "two_roles"),
    3: ("watch", "client", "groups", "sink_table", "example", "refused", "values", "versions", "orders_example", "types",
        "names", "partitioned", "verify")}
LANES = (1, *OTHER_LANES)
CASES: list[Case] = []


def case(name: str, foreign_key: bool = True, members: int = 1) -> Callable:
    """A case: with or without contact's foreign key, started with this many members. It may return a remark."""
    def add(function: Callable[[Context], str | None]) -> Callable[[Context], str | None]:
        CASES.append(Case(name, function, foreign_key, members, True))
        return function
    return add


def fault(name: str, promise: str, members: int = 2, default: bool = False) -> Callable:
    """A fault scenario, named after its line in the fault matrix (F1 to F19) or control-…; under load, so without the
    foreign key."""
    def add(function: Callable[[Context], str | None]) -> Callable[[Context], str | None]:
        CASES.append(Case(name, function, False, members, default, promise))
        return function
    return add
