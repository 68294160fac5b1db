"""The cases, in the order in which they run."""

import itertools
from dataclasses import dataclass
from typing import Callable

from db import Row
from load import Load
from stack import PARTITIONS, Stack
from system import System, fail_with


@dataclass
class Context:
    """What a case works with: the running stack, the shipped view on it, and fresh ids."""
    stack: Stack
    system: System
    seed: int
    changes: int

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

    def load(self, rate: float = 800, changes: int | None = None) -> Load:
        return Load(self.system.oltp, self.seed, changes, rate)


@dataclass
class Case:
    name: str
    run: Callable[[Context], str | None]
    foreign_key: bool
    members: int


CASES: list[Case] = []


def case(name: str, foreign_key: bool = True, members: int = 1) -> Callable:
    """A case: with or without contact's foreign key, started with this many members. It may return a remark."""
    def add(function: Callable[[Context], str | None]) -> Callable[[Context], str | None]:
        CASES.append(Case(name, function, foreign_key, members))
        return function
    return add
