"""O2: reads the OLAP table all the time; every row must have been true at some time."""

import threading
from typing import Self

from db import CONNECTION_LOST, Database
from load import Load
from wait import Failure

PAUSE_SECONDS = 0.1  # leaves the machine to those who are measured


class Reader:
    """Calls sample() all the time, beside what the case does, and once more at its end."""

    def __init__(self, olap: Database) -> None:
        self.olap = Database(olap.port, olap.name)
        self.reads = 0
        self.problems: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stopping.set()
        self.thread.join()
        self.sample()
        if kind is None:
            self.judge()

    def _work(self) -> None:
        while not self.stopping.is_set():
            self.sample()
            self.stopping.wait(PAUSE_SECONDS)

    def sample(self) -> None:
        """One snapshot. While the database is away there is nothing to see."""
        raise NotImplementedError

    def judge(self) -> None:
        """Fails where something was read that can't be."""
        raise NotImplementedError


class Sampler(Reader):
    def __init__(self, olap: Database, view: str, load: Load) -> None:
        super().__init__(olap)
        self.load = load
        self.sql = (f"SELECT student_id, contact_id, name, contact_number FROM {view} "
                    f"WHERE student_id >= {load.first_id} AND student_id < {load.end_id}")
        self.rows = 0

    def judge(self) -> None:
        if self.problems:
            raise Failure("\n".join([f"{len(self.problems)} rows that never were true:"] + self.problems[:5]))
        if self.rows == 0:
            raise Failure("the sampler never saw a row")

    def sample(self) -> None:
        try:
            rows = self.olap.run(self.sql)
        except CONNECTION_LOST:
            return
        self.reads += 1
        self.rows += len(rows)
        for row in rows:
            problem = self.load.history.problem(*row)
            if problem is not None:
                self.problems.append(f"read {self.reads}: {row}: {problem}")
