"""oltp-olap-sync as a subject of the bench: what a peer has (peers/README.md), and more."""

import re
import shutil
import subprocess
import time
from datetime import datetime
from pathlib import Path

from environment import STUDENTS, Env
from member import Member
from stack import ROOT
from tenant import Tenant
from wait import Failure

READY = re.compile(r"\bevent=ready\b")


class Ours:
    name = "oltp-olap-sync"
    reads = "routed"
    settings = {"catch_up": "as shipped", "live": "as shipped"}
    version = ""
    example = STUDENTS
    changed: dict[str, str] = {}  # settings of this run of the bench, as environment variables

    def __init__(self, folder: Path | None = None) -> None:
        self.tenant: Tenant | None = None
        self.started: dict[int, float] = {}

    # ---- what the runner asks of every subject

    def adopt(self, env: Env) -> "Ours":
        self.tenant = Tenant(env.stack, env.name, self.example.schemas, self.example.view_file)
        self.tenant.settings.update(self.changed, SYNC_TOPIC_PREFIX=env.prefix or env.name)
        return self

    def prepare(self, env: Env) -> None:
        self.adopt(env)
        self.tenant.plan("--apply-sink")
        self.tenant.plan("--apply-topics")

    def start_catch_up(self, env: Env) -> None:
        self.start(1)

    def start_live(self, env: Env) -> None:
        self.start(1)
        self.wait_ready(60, 1)

    def pids(self) -> list[int]:
        return [member.pid for member in self.tenant.members.values() if member.alive()] if self.tenant else []

    def stop(self) -> None:
        if self.tenant is not None:
            self.tenant.end()
            shutil.rmtree(self.tenant.state_dir, ignore_errors=True)

    # ---- members

    def start(self, *numbers: int) -> None:
        for number in numbers:
            self.offset = self.tenant.log_size()
            self.started[number] = time.monotonic()
            self.tenant.start(number, ready=False)

    def seen_ready(self, number: int) -> bool:
        member = re.escape(self.tenant.members[number].name)
        return any(READY.search(line) and re.search(rf'\bmember="?{member}"?(\s|$)', line)
                   for line in self.tenant.log_since(self.offset).splitlines())

    def wait_ready(self, seconds: float, *numbers: int) -> float:
        """Until each of the members started last has all its tasks live; returns that moment."""
        end = time.monotonic() + seconds
        while not all(self.seen_ready(number) for number in numbers):
            problem = self.problem()
            if problem or time.monotonic() > end:
                raise Failure(problem or f"not ready within {seconds:g} s: {self.log_tail()}")
            time.sleep(0.005)
        return time.monotonic()

    def seconds_to(self, event: str, number: int) -> float | None:
        """From the start of a member to the line of its log that tells of an event."""
        for line in self.tenant.log_since(self.offset).splitlines():
            if f"event={event} " in line:
                return round(line_time(line) - self.started[number], 3)
        return None

    def problem(self) -> str:
        gone = [member.name for member in self.tenant.members.values() if not member.alive()]
        return f"{', '.join(gone)} ended: {self.log_tail()}" if gone else ""

    def log_tail(self) -> str:
        return " | ".join(self.tenant.log_since(0).splitlines()[-3:])

    def end_members(self) -> None:
        """As an operator does; the caches stay."""
        self.tenant.end()

    def drop_caches(self) -> None:
        self.tenant.drop_caches()

    def drop_cache(self, task: int) -> None:
        shutil.rmtree(self.tenant.state_dir / str(task))


def as_environment(setting: str) -> tuple[str, str]:
    """NAME=VALUE as the service reads it from its environment."""
    name, _, value = setting.partition("=")
    return "SYNC_" + name.replace("_", "__").replace(".", "_").upper(), value


def line_time(line: str) -> float:
    """When a line was logged, on the monotonic clock."""
    wall = datetime.fromisoformat(line.split(" ", 1)[0].removeprefix("ts=").replace("Z", "+00:00")).timestamp()
    return wall - time.time() + time.monotonic()


def version() -> str:
    """The commit, marked when the tree has changes."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"
