"""One run of the bench: which cases, how often, on which servers; and every figure it brings."""

import argparse
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Iterator

from arrival import Arrival, Poll
from environment import SINK_TABLE, Env, Servers, Topics
from ours import Ours
from records import Truth
from usage import Usage
from wait import Failure

ARRIVAL_SECONDS = 600


@dataclass
class Bench:
    servers: Servers
    args: argparse.Namespace
    peers: list[type] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)

    @property
    def smoke(self) -> bool:
        return self.args.smoke

    def size(self, usual: int, smoke: int) -> int:
        """A number of rows: for --records, of the million that is usual; for --smoke, another."""
        return smoke if self.smoke else max(8, usual * self.args.records // 1_000_000)

    def runs(self) -> range:
        return range(1, self.args.runs + 1)

    def subjects(self, wanted: str) -> Iterator[Callable[[], Any]]:
        """Ours first, then the peers that do this: catch_up or live."""
        yield Ours
        for peer in self.peers:
            if wanted in peer.settings:
                yield peer

    def record(self, case: str, variant: str, subject: Any, run: int, **figures: Any) -> None:
        result = {"case": case, "variant": variant, "subject": subject.name, "run": run,
                  "at": time.strftime("%H:%M:%S"), **figures}
        self.results.append(result)
        shown = " ".join(f"{key}={value:g}" if isinstance(value, float) else f"{key}={value}"
                         for key, value in figures.items() if not isinstance(value, (dict, list)))
        print(f"  {result['at']} {case} {variant}, {subject.name}, run {run}: {shown}", flush=True)

    def attempt(self, case: str, variant: str, run: int, subject_class: Any, measure: Callable[[], None]) -> None:
        """A peer that fails is shown so, and the run goes on; when it is ours that fails, the case ends."""
        try:
            measure()
        except Exception as error:  # whatever it is
            if subject_class is Ours:
                raise
            self.record(case, variant, subject_class, run, right=False, problem=f"{type(error).__name__}: {error}")

    def made(self, subject_class: type) -> Any:
        return subject_class(self.args.artifacts / subject_class.__module__.rpartition(".")[2])

    def prepared(self, subject: Any, topics: Topics) -> Env:
        env = self.servers.env(topics)
        try:
            if not isinstance(subject, Ours):
                env.olap.run(SINK_TABLE)
            subject.prepare(env)
        except BaseException:
            subject.stop()
            self.servers.remove_env(env)
            raise
        return env


def problem_of(subject: Any) -> str:
    return subject.problem() if hasattr(subject, "problem") else ""


def until_right(env: Env, truth: Truth, subject: Any, seconds: float = ARRIVAL_SECONDS) -> Arrival:
    return Poll(env.olap, truth, lambda: problem_of(subject)).wait(seconds)


def rate_of(count: int, seconds: float | None) -> int | None:
    return None if not seconds or seconds <= 0 else round(count / seconds)


def arrival_figures(arrival: Arrival, start: float, count: int, usage: Usage) -> dict[str, Any]:
    """What every case with an arrival has: right or not, how long, how fast, at what cost."""
    seconds = None if arrival.right is None else arrival.right - start
    return {"right": arrival.right is not None, "problem": arrival.problem, "records": count,
            "seconds": seconds and round(seconds, 3), "records_per_s": rate_of(count, seconds),
            "first_row_s": arrival.first and round(arrival.first - start, 3), "looks": arrival.looks,
            "cpu_s_per_million": round(usage.cpu * 1e6 / count, 2), **usage.figures()}


def must_be_right(arrival: Arrival, what: str) -> None:
    """For what is only the preparation of a case."""
    if arrival.right is None:
        raise Failure(f"{what}: {arrival.problem}, {arrival.rows} rows")
