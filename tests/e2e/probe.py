"""How late each partition's changes are, while something happens: a row a partition, changed all the time."""

import itertools
import threading
import time

from db import CONNECTION_LOST, Database
from stack import PARTITIONS
from system import System
from wait import wait_until

FIRST_ID = 800_000_000  # ids whose hash is themselves, so FIRST_ID + p is in partition p
PAUSE_SECONDS = 0.02
_runs = itertools.count(1)


class Probes:
    """Latencies in seconds, by partition, from the source's commit to the row seen in the sink."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.ids = [FIRST_ID + partition for partition in range(PARTITIONS)]
        self.run = next(_runs)
        self.sent: list[tuple[float, int]] = []
        self.latencies: list[list[tuple[float, float]]] = [[] for _ in self.ids]  # when seen, how late
        self.done = [0] * PARTITIONS  # how many of those sent are seen
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._write, self._read)]

    def __enter__(self) -> "Probes":
        values = ", ".join(f"({id}, '')" for id in self.ids)
        contacts = ", ".join(f"({id}, {id}, 'probe')" for id in self.ids)
        self.system.oltp.transaction(
            f"INSERT INTO student VALUES {values} ON CONFLICT DO NOTHING",
            f"INSERT INTO contact VALUES {contacts} ON CONFLICT DO NOTHING")
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def catch_up(self) -> None:
        """Until all that is sent by now is seen."""
        sent = len(self.sent)
        wait_until("the probes come through", lambda: min(self.done) >= max(1, sent), 60)

    def worst(self, partitions: list[int], since: float) -> float:
        """Of what was seen after a moment of time.monotonic()."""
        return max((late for partition in partitions for seen, late in self.latencies[partition] if seen >= since),
                   default=0.0)

    def _write(self) -> None:
        oltp = Database(self.system.oltp.port, self.system.oltp.name)
        for number in itertools.count(1):
            if self.stopping.is_set():
                break
            oltp.run(f"UPDATE student SET name = %s WHERE student_id >= {FIRST_ID} "
                     f"AND student_id < {FIRST_ID + PARTITIONS}", f"{self.run} {number}")
            self.sent.append((time.monotonic(), number))
            self.stopping.wait(PAUSE_SECONDS)
        oltp.close()

    def _read(self) -> None:
        olap = Database(self.system.olap.port, self.system.olap.name)
        done = self.done
        while not self.stopping.wait(PAUSE_SECONDS / 2):
            try:
                rows = olap.run(f"SELECT student_id, name FROM {self.system.view} WHERE student_id = ANY(%s)", self.ids)
            except CONNECTION_LOST:
                continue
            now = time.monotonic()
            for id, name in rows:
                run, _, number = name.partition(" ")
                partition = id - FIRST_ID
                while (run == str(self.run) and done[partition] < len(self.sent)
                       and self.sent[done[partition]][1] <= int(number)):
                    self.latencies[partition].append((now, now - self.sent[done[partition]][0]))
                    done[partition] += 1
        olap.close()
