"""One fault scenario: a loaded, sampled stack, and what was measured while the fault happened."""

import json
import platform
import statistics
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Iterator, Sequence

import caches
from load import Load
from past import ViewSampler
from sampler import Sampler
from system import System
from viewload import ViewLoad

if TYPE_CHECKING:
    from cases import Context

RATE = 400  # single-row changes a second


@dataclass
class Measured:
    """A line of the measurements' file."""
    case: str
    date: str
    machine: str
    faults: int          # how often the fault was made to happen
    changes: int         # single-row changes made from the first fault to the last recovery
    reads: int           # of the OLAP table, by the sampler
    seconds: float
    recovery: list[float] = field(default_factory=list)
    more: dict[str, float] = field(default_factory=dict)
    result: str = "pass"


class Trial:
    def __init__(self, ctx: "Context", load: Load | ViewLoad, sampler: Sampler | ViewSampler) -> None:
        self.ctx = ctx
        self.system: System = ctx.system
        self.load = load
        self.sampler = sampler
        self.begun = time.monotonic()
        self.changes_before = load.changes
        self.faults = 0
        self.recovery: list[float] = []
        self.more: dict[str, float] = {}

    def healed(self, faults: int = 1, seconds: float = 60) -> float:
        """The fault is over: how long until all that was committed before this moment is in the OLAP table."""
        self.faults += faults
        took = self.system.pass_sentinels(seconds=seconds)
        self.recovery.append(took)
        return took

    def remark(self) -> str:
        text = f"{self.faults} faults, {self.load.changes - self.changes_before} changes"
        if self.recovery:
            text += f", recovery median {statistics.median(self.recovery):.2f} s, worst {max(self.recovery):.2f} s"
        return text + "".join(f", {name} {value:g}" for name, value in self.more.items())

    def measured(self) -> Measured:
        return Measured(self.ctx.case_name, time.strftime("%Y-%m-%d"), machine(), self.faults,
                        self.load.changes - self.changes_before, self.sampler.reads,
                        round(time.monotonic() - self.begun, 1), [round(value, 3) for value in self.recovery],
                        {name: round(value, 3) for name, value in self.more.items()})


@contextmanager
def trial(ctx: "Context", rate: float = RATE, dead_letters: bool = False,
          weights: Sequence[int] | None = None, damaged_caches: bool = False) -> Iterator[Trial]:
    """Load and sampler while the block runs; after it everything must be right, the caches, too. Ends the members."""
    with ctx.load(rate, weights=weights) as load:
        with ctx.system.sampler(load) as sampler:
            ctx.system.pass_sentinels()
            one = Trial(ctx, load, sampler)
            yield one
            ctx.system.pass_sentinels()
    ctx.system.settle("the faults", dead_letters=dead_letters)
    if not dead_letters:  # a cache keeps the version before a record that was put aside
        damaged = caches.check(ctx.system, damaged_caches)
        if damaged_caches:
            one.more["caches still damaged at the end"] = damaged
    ctx.measured.append(one.measured())


def write(file: Path, measured: Measured) -> None:
    with file.open("a") as out:
        print(json.dumps(asdict(measured)), file=out)


def machine() -> str:
    cpus = Path("/proc/cpuinfo").read_text().count("\nprocessor") + 1
    return f"{cpus} cores, {platform.machine()}"


@contextmanager
def settings(system: System, **values: object) -> Iterator[None]:
    """Members that start in the block have these settings; they end with it."""
    kept = dict(system.settings)
    system.settings.update({f"SYNC_{name}": str(value) for name, value in values.items()})
    try:
        yield
    finally:
        system.end()
        system.settings = kept
