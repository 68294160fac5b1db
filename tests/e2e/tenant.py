"""A second view on the same servers: its own databases, topics, connector, caches and members."""

import json
import subprocess
from pathlib import Path

import oracle
from db import Database
from stack import MEMBERS_MAX, ROOT, Stack, free_ports
from system import System, fail_with, watch_settings
from wait import Failure, wait_until

SHIPPED = ROOT / "schemas"


class Tenant(System):
    def __init__(self, stack: Stack, name: str, schemas: Path = SHIPPED, view_file: str = "student_contact.sql") -> None:
        self.name = name
        self.oltp_file = schemas / "oltp.sql"
        state_dir = stack.folder / f"state-{name}"
        state_dir.mkdir()
        settings = {
            "SYNC_OLAP_DBNAME": name, "SYNC_CONNECTOR_DATABASE_DBNAME": name, "SYNC_TOPIC_PREFIX": name,
            "SYNC_CONNECTOR_SLOT_NAME": name, "SYNC_CONNECTOR_PUBLICATION_NAME": name,
            "SYNC_KAFKA_GROUP_ID": name, "SYNC_SCHEMAS_OLTP": str(self.oltp_file),
            "SYNC_SCHEMAS_VIEW": str(schemas / view_file)}
        super().__init__(stack, Database(stack.oltp.port, name), Database(stack.olap.port, name), schemas / view_file,
                         state_dir, stack.log_dir / f"consumer-{name}.out", f"tenant-{name}", settings,
                         free_ports(MEMBERS_MAX))

    def prepare(self) -> None:
        """Databases, source tables, sink tables, topics; no connector yet."""
        self.oltp.create()
        self.olap.create()
        self.oltp.transaction(self.oltp_file.read_text())
        self.plan("--apply-sink")
        self.plan("--apply-topics")
        oracle.keep_whole_progress_log(self.olap)

    def connect(self) -> None:
        self.stack.add_connector(self.name, json.loads(self.plan("--connector")))

    def plan(self, *args: str) -> str:
        done = self.command("plan", *args)
        if done.returncode != 0:
            raise Failure(f"plan {' '.join(args)} ended with {done.returncode}: {done.stderr[-600:]}")
        return done.stdout

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(self.stack.binary), *args], env=self.environment("command"), cwd=ROOT,
                              capture_output=True, text=True, timeout=60, check=False)

    def verify(self, *args: str) -> tuple[int, list[dict], list[dict]]:
        """The command's exit code, the rows that differ, and a summary of each view."""
        done = subprocess.run([str(self.stack.binary), "verify", "--json", *args], cwd=ROOT, capture_output=True, text=True,
                              env=self.environment("command") | watch_settings(self.oltp.port, self.name), timeout=120,
                              check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode not in (0, 3):
            raise Failure(f"verify ended with {done.returncode}: {done.stderr[-600:]}")
        return (done.returncode, [line for line in lines if "summary" not in line],
                [line for line in lines if "summary" in line])

    def check_verify(self, step: str) -> None:
        """Of a table that the oracle has found equal, at rest: verify sees the same, and nothing that it had to look at
        again."""
        code, rows, summaries = self.verify("--settle", "1")
        fail_with(step, [f"verify: {row}" for row in rows if not row["known"]]
                  + [f"verify: {summary}" for summary in summaries
                     if code or not summary["equal"] or summary["arrived"] or not summary["olap_rows"]])

    def drop_slot(self) -> None:
        """Once its connector is gone; not there is well, too."""
        wait_until(f"nobody reads the slot of {self.name}", lambda: not self.oltp.run(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND active", self.name), 30)
        self.oltp.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s",
                      self.name)

    def remove(self) -> None:
        """Members, connector and slot: the next case has the machine for itself."""
        self.end()
        if self.stack.connector_states(self.name):
            self.stack.remove_connector(self.name)
        self.drop_slot()
        self.oltp.close()
        self.olap.close()
