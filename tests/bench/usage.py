"""What processes cost: CPU seconds and memory, sampled while they run."""

import os
import threading
from pathlib import Path
from typing import Callable

TICKS = os.sysconf("SC_CLK_TCK")
INTERVAL_SECONDS = 0.05


def cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid: int) -> dict[str, float]:
    """VmRSS, RssAnon and VmHWM; empty once the process is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return {}
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name in ("VmRSS", "RssAnon", "VmHWM"):
            found[name] = int(value.split()[0]) / 1024
    return found


def machine_cpu_seconds() -> float:
    """Of all processes since the machine was started, waiting not counted."""
    fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICKS


class Usage:
    """Samples a changing set of processes until stop(); a process's CPU from before its first sample is not counted."""

    def __init__(self, pids: Callable[[], list[int]], from_start: bool) -> None:
        """from_start: the processes begin with what is measured, so all their CPU counts."""
        self.pids = pids
        self.from_start = from_start
        self.first: dict[int, float] = {}
        self.last: dict[int, float] = {}
        self.rss_anon_mb = self.rss_mb = self.hwm_mb = self.first_rss_anon_mb = 0.0
        self.machine = machine_cpu_seconds()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Usage":
        self.sample()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        if not self.stopping.is_set():
            self.stopping.set()
            self.thread.join()
            self.sample()
            self.machine = machine_cpu_seconds() - self.machine

    def _work(self) -> None:
        while not self.stopping.wait(INTERVAL_SECONDS):
            self.sample()

    def sample(self) -> None:
        anon = rss = hwm = 0.0
        for pid in self.pids():
            cpu, memory = cpu_seconds(pid), memory_mb(pid)
            if cpu is None or not memory:
                continue
            self.first.setdefault(pid, 0.0 if self.from_start else cpu)
            self.last[pid] = cpu
            anon, rss, hwm = anon + memory["RssAnon"], rss + memory["VmRSS"], hwm + memory["VmHWM"]
        self.first_rss_anon_mb = self.first_rss_anon_mb or anon
        self.rss_anon_mb, self.rss_mb = max(self.rss_anon_mb, anon), max(self.rss_mb, rss)
        self.hwm_mb = max(self.hwm_mb, hwm)

    @property
    def cpu(self) -> float:
        return sum(last - self.first[pid] for pid, last in self.last.items())

    def figures(self) -> dict[str, float]:
        return {"cpu_s": round(self.cpu, 2), "machine_cpu_s": round(self.machine, 2),
                "rss_anon_peak_mb": round(self.rss_anon_mb, 1), "rss_peak_mb": round(self.rss_mb, 1),
                "hwm_mb": round(self.hwm_mb, 1), "rss_anon_first_mb": round(self.first_rss_anon_mb, 1)}
