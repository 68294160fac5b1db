"""Are generated records of the shape that Debezium's have? Compared with the captured ones of tests/fixtures."""

import json
import subprocess
from pathlib import Path
from typing import Any

from stack import ROOT
from wait import Failure

CAPTURES = ROOT / "tests/fixtures/captures"


def shape(value: Any) -> Any:
    """Members in their order, with the kinds of their values."""
    if isinstance(value, dict):
        return tuple((name, shape(member)) for name, member in value.items())
    return type(value).__name__


def captured(table: str) -> set:
    found = set()
    for line in (CAPTURES / f"{table}.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record.get("value"):
            found.add((shape(record["key"]), shape(record["value"])))
    return found


def check(tools: Path) -> None:
    """Every generated record is like one that was captured, member for member; all of inserts, updates, deletes, moves."""
    done = subprocess.run([str(tools / "generate"), "-", "shape", "8", "students=8", "contacts=16", "renames=2",
                           "updates=2", "moves=2", "deletes=2"], capture_output=True, text=True, timeout=60, check=True)
    known = {table: captured(table) for table in ("student", "contact")}
    seen = set()
    for line in done.stdout.splitlines():
        topic, key, value = line.split("\t")
        table, record = topic.rpartition(".")[2], json.loads(value)
        seen.add((table, record["op"]))
        if (shape(json.loads(key)), shape(record)) not in known[table]:
            raise Failure(f"no captured record of {table} has the shape of {value}")
    if seen != {("student", "c"), ("student", "u"), ("contact", "c"), ("contact", "u"), ("contact", "d")}:
        raise Failure(f"generated were only {seen}")
