"""Debezium's JDBC sink connector: it copies both tables, row triggers keep student_contact."""

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from environment import Env
from stack import free_ports
from wait import Failure, wait_until

from .processes import HERE, Process, fetch_jars

POM = HERE / "jdbc/pom.xml"
CONNECTOR = "student-contact"
SECONDS_TO_START = 60

# One task: two tasks' transactions don't see each other's rows, and the triggers lose some.
TUNING = {"tasks.max": "1", "batch.size": "2000", "use.reduction.buffer": "true",
          "dialect.postgres.unnest.insert.enabled": "true",
          "consumer.override.max.poll.records": "2000", "consumer.override.fetch.max.wait.ms": "5"}
DRIVER_OPTIONS = "reWriteBatchedInserts=true"
TUNED = ("one task, batch.size=2000, use.reduction.buffer, dialect.postgres.unnest.insert.enabled, max.poll.records=2000, "
         "fetch.max.wait.ms=5, " + DRIVER_OPTIONS)


def install(folder: Path) -> None:
    fetch_jars(POM, folder)


class Peer:
    name = "Debezium JDBC sink + triggers"
    version = "3.5.0.Final"
    reads = "keyed"
    settings = {"catch_up": TUNED, "live": TUNED}

    def __init__(self, folder: Path) -> None:
        self._jars = folder
        self._url = ""
        self._asked = 0.0
        self._worker: Process | None = None

    def prepare(self, env: Env) -> None:
        """The tables, and a Connect worker of its own: who has this job has one running."""
        env.olap.transaction((HERE / "triggers.sql").read_text())
        self._url = f"http://127.0.0.1:{free_ports(1)}"
        properties = env.work / "worker.properties"
        properties.write_text(worker_properties(env, self._url))
        self._worker = Process(["java", "-Xmx1500m", "-cp", f"{self._jars}/*",
                                "org.apache.kafka.connect.cli.ConnectStandalone", properties], env.log)
        wait_until("the sink's Connect worker answers", self._answers, SECONDS_TO_START)

    def start_catch_up(self, env: Env) -> None:
        self._rest("PUT", f"/connectors/{CONNECTOR}/config", connector(env))

    start_live = start_catch_up

    def pids(self) -> list[int]:
        return self._worker.pids() if self._worker else []

    def problem(self) -> str:
        """Why waiting is pointless, or nothing. Asks once a second: who asks more often would slow it."""
        if self._asked + 1 > time.monotonic():
            return ""
        self._asked = time.monotonic()
        try:
            tasks = self._rest("GET", f"/connectors/{CONNECTOR}/status")["tasks"]
        except (OSError, Failure) as error:
            return f"the Connect worker does not answer: {error}"
        return next((task["trace"][:1500] for task in tasks if task["state"] == "FAILED"), "")

    def stop(self) -> None:
        if self._worker:
            self._worker.end()
            self._worker = None

    def _answers(self) -> bool:
        ended = self._worker.problem() if self._worker else ""
        if ended:
            raise Failure(ended)
        try:
            return bool(self._rest("GET", "/"))
        except (OSError, Failure):  # it does not listen yet, or listens and knows no page yet
            return False

    def _rest(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(self._url + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            raise Failure(f"{method} {path}: {refused.code} {refused.read().decode()[:800]}") from refused


def worker_properties(env: Env, url: str) -> str:
    return "\n".join([
        f"bootstrap.servers={env.bootstrap}",
        f"listeners={url}",
        f"offset.storage.file.filename={env.work}/offsets",
        "key.converter=org.apache.kafka.connect.json.JsonConverter",
        "value.converter=org.apache.kafka.connect.json.JsonConverter",
        "plugin.discovery=service_load", ""])


def connector(env: Env) -> dict[str, str]:
    student, contact = env.student_topic, env.contact_topic
    return {
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "topics": f"{student},{contact}",
        "connection.url": f"jdbc:postgresql://127.0.0.1:{env.olap.port}/{env.olap.name}?{DRIVER_OPTIONS}",
        "connection.username": "pg", "connection.password": "pg",
        "insert.mode": "upsert", "delete.enabled": "true", "primary.key.mode": "record_key",
        "schema.evolution": "none", "collection.name.format": "public.${source.table}",
        "consumer.override.auto.offset.reset": "earliest", "consumer.override.group.id": f"sink-{env.name}",
        **schemas(student, contact), **TUNING}


def schemas(student: str | None, contact: str | None) -> dict[str, str]:
    """The connector wants a schema; the records have none (they would be five times as long). The converter adds one
    that serves both tables, and the columns that the other table has are taken out again."""
    row = [_field("student_id", "int64"), _field("contact_id", "int64"), _field("name", "string"),
           _field("contact_number", "string")]
    envelope = [{"field": "before", "type": "struct", "optional": True, "fields": row},
                {"field": "after", "type": "struct", "optional": True, "fields": row},
                {"field": "source", "type": "struct", "optional": False, "fields": [_field("table", "string")]},
                _field("op", "string"), _field("ts_ms", "int64")]
    config = {"field.exclude.list": f"{student}:contact_id,{student}:contact_number,{contact}:name",
              "predicates": "student",
              "predicates.student.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
              "predicates.student.pattern": str(student), "transforms": "student,contact"}
    for part, name, fields in (("key", "Key", row[:2]), ("value", "Envelope", envelope)):
        config[f"{part}.converter"] = "org.apache.kafka.connect.json.JsonConverter"
        config[f"{part}.converter.schemas.enable"] = "true"
        config[f"{part}.converter.schema.content"] = json.dumps(
            {"type": "struct", "name": f"oltp.{name}", "optional": False, "fields": fields})
    for table, excluded in (("student", "contact_id"), ("contact", "student_id")):
        config[f"transforms.{table}.type"] = "org.apache.kafka.connect.transforms.ReplaceField$Key"
        config[f"transforms.{table}.exclude"] = excluded
        config[f"transforms.{table}.predicate"] = "student"
        config[f"transforms.{table}.negate"] = str(table == "contact").lower()
    return config


def _field(name: str, kind: str) -> dict[str, Any]:
    return {"field": name, "type": kind, "optional": True}
