"""The servers of one bench run, and what each measurement is given on them: databases, topics, folders."""

import itertools
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kafka
from db import Database
from records import History, Records, Truth
from stack import PARTITIONS, ROOT, Stack
from wait import Failure

SINK_TABLE = ("CREATE TABLE student_contact (student_id bigint, contact_id bigint, name text, contact_number text, "
              "PRIMARY KEY (student_id, contact_id))")
GENERATE_SECONDS = 1800


@dataclass(frozen=True)
class Example:
    """Whose tables and view are measured."""
    schemas: Path
    view_file: str
    generate: str  # the program that writes its records


STUDENTS = Example(ROOT / "schemas", "student_contact.sql", "generate")


@dataclass
class Env:
    """What a subject is given; peers/README.md says it to those who write one."""
    name: str
    bootstrap: str
    prefix: str | None
    oltp: Database
    olap: Database
    connect_url: str
    jars: Path
    work: Path
    log: Path
    stack: Stack

    @property
    def student_topic(self) -> str | None:
        return self.prefix and f"{self.prefix}.public.student"

    @property
    def contact_topic(self) -> str | None:
        return self.prefix and f"{self.prefix}.public.contact"


@dataclass
class Topics:
    """The topics of one set of tables, and all that was written to them."""
    prefix: str
    reads: str
    history: History
    records: int = 0
    example: Example = STUDENTS


class Servers:
    """Both databases, Kafka and Connect, and the tools of tests/bench."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.stack = Stack(folder)
        for name in ("SYNC_KAFKA_SESSION_TIMEOUT_MS", "SYNC_KAFKA_HEARTBEAT_INTERVAL_MS"):
            del self.stack.env[name]  # the tests' own; here as shipped
        self.tools = tools
        self.numbers = itertools.count(1)
        self.truths: dict[str, Truth] = {}
        self.truth_database = Database(self.stack.oltp.port, "truth")

    def start(self) -> None:
        self.stack.script("stack/service.sh", "servers")
        self.truth_database.create()

    def end(self, keep_logs: bool) -> None:
        self.stack.wipe()
        if not keep_logs:
            self.stack.remove_folder()

    # ---- topics

    def topics(self, reads: str, example: Example = STUDENTS, history: Any = None) -> Topics:
        """New, empty ones, made as the service makes them."""
        prefix = f"bench{next(self.numbers)}"
        if reads != "oltp":
            settings = {"SYNC_KAFKA_BOOTSTRAP_SERVERS": self.stack.broker, "SYNC_TOPIC_PREFIX": prefix,
                        "SYNC_TOPIC_PARTITIONS": str(PARTITIONS),
                        "SYNC_SCHEMAS_OLTP": str(example.schemas / "oltp.sql"),
                        "SYNC_SCHEMAS_VIEW": str(example.schemas / example.view_file)}
            done = subprocess.run([str(self.stack.binary), "plan", "--apply-topics"], cwd=ROOT, text=True, timeout=60,
                                  env={"PATH": os.environ["PATH"], **settings}, capture_output=True, check=False)
            if done.returncode != 0:
                raise Failure(f"plan --apply-topics ended with {done.returncode}: {done.stderr[-400:]}")
        return Topics(prefix, reads, history or History(), example=example)

    def write(self, topics: Topics, records: Records) -> dict:
        """Writes records; returns how many, and the monotonic seconds of the first and after the last."""
        layout = [f"layout={topics.reads}"] if topics.example == STUDENTS else []
        done = subprocess.run([str(self.tools / topics.example.generate), self.stack.broker, topics.prefix,
                               str(PARTITIONS), *layout, *records.options()],
                              capture_output=True, text=True, timeout=GENERATE_SECONDS, check=False)
        if done.returncode != 0:
            raise Failure(f"{topics.example.generate} ended with {done.returncode}: {done.stderr[-400:]}")
        topics.history += records
        said = json.loads(done.stdout)
        topics.records += said["records"]
        return {"records": said["records"], "first": said["first_ns"] / 1e9, "last": said["last_ns"] / 1e9}

    def remove_topics(self, topics: Topics) -> None:
        if topics.reads != "oltp":
            kafka.delete_topic(self.stack, f"{topics.prefix}[.]public[.].*")

    # ---- databases

    def env(self, topics: Topics) -> Env:
        """New databases and folders for one measurement."""
        name = f"run{next(self.numbers)}"
        env = Env(name, self.stack.broker, topics.prefix if topics.reads != "oltp" else None,
                  Database(self.stack.oltp.port, name), Database(self.stack.olap.port, name),
                  f"http://127.0.0.1:{self.stack.ports['CONNECT_PORT']}",
                  Path(os.environ.get("JARS", ROOT / "build/jars")), self.stack.folder / name,
                  self.stack.log_dir / f"{name}.log", self.stack)
        env.work.mkdir()
        env.oltp.create()
        env.olap.create()
        env.oltp.transaction((topics.example.schemas / "oltp.sql").read_text())
        return env

    def remove_env(self, env: Env) -> None:
        for database in (env.oltp, env.olap):
            database.close()
            maintenance = Database(database.port, "postgres")
            maintenance.run(f'DROP DATABASE "{database.name}" WITH (FORCE)')
            maintenance.close()
        shutil.rmtree(env.work, ignore_errors=True)

    def rest_of_writing(self) -> None:
        """What was written before must not be paid for by what is measured next."""
        for port in (self.stack.oltp.port, self.stack.olap.port):
            maintenance = Database(port, "postgres")
            maintenance.run("CHECKPOINT")
            maintenance.close()
        os.sync()

    def truth(self, history: History) -> Truth:
        """Made once for each history; the table in the database is the latest's."""
        key = repr(history)
        if key not in self.truths:
            self.truths[key] = history.truth(self.truth_database)
        return self.truths[key]
