"""Pathway: a Python program over a Rust dataflow engine, in one process."""

import json
from pathlib import Path

from environment import Env

from .processes import HERE, Process, fetch_wheels

REQUIREMENTS = HERE / "pathway/requirements.txt"
KAFKA = {"auto.offset.reset": "earliest"}


def install(folder: Path) -> None:
    fetch_wheels(REQUIREMENTS, folder)


class Peer:
    name = "Pathway"
    version = "0.33.0"
    reads = "hoisted"
    settings = {"catch_up": "defaults",
                "live": "autocommit_duration_ms=5, fetch.wait.max.ms=5"}

    def __init__(self, folder: Path) -> None:
        self._python = folder / "venv/bin/python"
        self._process: Process | None = None

    def prepare(self, env: Env) -> None:
        """Its table is all it needs."""

    def start_catch_up(self, env: Env) -> None:
        self._start(env, reader={}, kafka=KAFKA)

    def start_live(self, env: Env) -> None:
        self._start(env, reader={"autocommit_duration_ms": 5}, kafka={**KAFKA, "fetch.wait.max.ms": "5"})

    def _start(self, env: Env, reader: dict[str, int], kafka: dict[str, str]) -> None:
        settings = {"kafka": {"bootstrap.servers": env.bootstrap, "group.id": f"pathway-{env.name}", **kafka}, "reader": reader,
                    "student_topic": env.student_topic, "contact_topic": env.contact_topic,
                    "postgres": {"host": "127.0.0.1", "port": str(env.olap.port), "dbname": env.olap.name,
                                 "user": "pg", "password": "pg"}}
        self._process = Process([self._python, HERE / "pathway/join.py", json.dumps(settings)], env.log,
                                folder=env.work)

    def pids(self) -> list[int]:
        return self._process.pids() if self._process else []

    def problem(self) -> str:
        """Why waiting is pointless, or nothing."""
        return self._process.problem() if self._process else ""

    def stop(self) -> None:
        if self._process:
            self._process.end()
            self._process = None
