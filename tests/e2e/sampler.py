"""O2: reads the OLAP table all the time; every row must have been true at some time."""

import threading

from db import CONNECTION_LOST, Database
from load import Load
from wait import Failure

PAUSE_SECONDS = 0.1  # leaves the machine to those who are measured


class Sampler:
    def __init__(self, olap: Database, view: str, load: Load) -> None:
        self.olap = Database(olap.port, olap.name)
        self.load = load
        self.sql = (f"SELECT student_id, contact_id, name, contact_number FROM {view} "
                    f"WHERE student_id >= {load.first_id} AND student_id < {load.end_id}")
        self.reads = 0
        self.rows = 0
        self.problems: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Sampler":
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stopping.set()
        self.thread.join()
        self.sample()
        if kind is None and self.problems:
            raise Failure("\n".join([f"{len(self.problems)} rows that never were true:"] + self.problems[:5]))
        if kind is None and self.rows == 0:
            raise Failure("the sampler never saw a row")

    def _work(self) -> None:
        while not self.stopping.is_set():
            self.sample()
            self.stopping.wait(PAUSE_SECONDS)

    def sample(self) -> None:
        """One snapshot. While the database is away there is nothing to see."""
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
