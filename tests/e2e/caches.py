"""O4: a cache is a function of the log. What each holds, against the last record of each key up to where it stands."""

import json
import subprocess
from dataclasses import dataclass
from typing import Iterable

import kafka
from stack import PARTITIONS, ROOT
from system import System, fail_with
from wait import Failure

SHOWN = 5

CORE = ":core"  # behind the topic's name it is the slot of a table's core rows, where the table is a lookup, too

Rows = dict[tuple, dict[str, str | None]]  # a row's text by column, by (slot, the record key's fields)


@dataclass
class Cache:
    offsets: dict[str, int]  # by slot, the first that is not in it
    rows: list[tuple[str, dict[str, str | None]]]


def check(system: System, may_be_damaged: bool = False) -> int:
    """Ends the members first: the one that has a cache open has it for itself. Returns how many can't be read."""
    system.end()
    caches = {task: cache for task in range(PARTITIONS) if (cache := dump(system, task)) is not None}
    topics = {slot.removesuffix(CORE): system.partitions_of(slot) for cache in caches.values() for slot in cache.offsets}
    logs = kafka.logs_of(system.stack, topics) if topics else {}
    for task, cache in caches.items():
        if not may_be_damaged:
            verify(system, task)
        read = {slot: of[task if len(of) > 1 else 0]
                for slot, of in ((slot, logs[slot.removesuffix(CORE)]) for slot in cache.offsets)}
        fail_with(f"the end, cache of task {task} (O4)",
                  problems(cache, read, {slot: system.placed_by(slot) for slot in read},
                           {slot: system.unused(slot) for slot in read}, task,
                           {slot: system.key_of(slot) for slot in read}))
    damaged = PARTITIONS - len(caches)
    if damaged and not may_be_damaged:
        raise Failure(f"{damaged} caches can't be read")
    return damaged


def dump(system: System, task: int) -> Cache | None:
    """By the command cache; None: it says that a member would rebuild this one, or died of reading it."""
    done = subprocess.run([str(system.stack.binary), "cache", str(task)], env=system.environment("cache"), cwd=ROOT,
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode < 0 or done.returncode == 1 and "would rebuild this cache" in done.stderr:
        return None
    if done.returncode != 0:
        raise Failure(f"cache {task} ended with {done.returncode}: {done.stderr[-300:]}")
    head, *rows = (json.loads(line) for line in kafka.lines_of(done.stdout))
    if not head["complete"] or head["rows"] != len(rows):
        raise Failure(f"the cache of task {task} says {head}, and has {len(rows)} rows")
    return Cache(head["offsets"], [(row["topic"], row["row"]) for row in rows])


def verify(system: System, task: int) -> None:
    """Its indexes agree with its rows, or it is marked as torn."""
    done = subprocess.run([str(system.stack.binary), "cache", "verify", str(task)], env=system.environment("cache"),
                          cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or not json.loads(done.stdout.splitlines()[-1])["verified"]:
        raise Failure(f"cache verify {task} ended with {done.returncode}: {(done.stderr or done.stdout)[-300:]}")


def problems(cache: Cache, logs: dict[str, kafka.Log], placed_by: dict[str, list[str]],
             unused: dict[str, tuple[str, ...]] | None = None, task: int = 0,
             key_of: dict[str, list[str] | None] | None = None) -> list[str]:
    """placed_by: the columns that place a slot's rows in a partition; unused: those that the view has no use for;
    key_of: those of the records' key that are the rows' (None: all)."""
    wanted: Rows = {}
    found: list[str] = []
    for topic, log in logs.items():
        if cache.offsets[topic] > 0 and (not log or log[-1][0] + 1 < cache.offsets[topic]):
            found.append(f"{topic}: the cache stands at {cache.offsets[topic]}, the log ends before it")
        wanted.update(replay(topic, ((key, value) for offset, key, value in log if offset < cache.offsets[topic]),
                             placed_by[topic], task if topic.endswith(CORE) else None, (key_of or {}).get(topic)))
    for (topic, *_), row in wanted.items():
        for column in (unused or {}).get(topic, ()):
            row.pop(column, None)
    columns = {topic: (key_of or {}).get(topic) or json.loads(log[0][1]).keys() for topic, log in logs.items() if log}
    have = {(topic, *(row[column] for column in columns.get(topic, ()))): row for topic, row in cache.rows}
    if len(have) != len(cache.rows):
        found.append(f"{len(cache.rows) - len(have)} rows have the key of another")
    for what, keys in (("missing", wanted.keys() - have.keys()), ("too many", have.keys() - wanted.keys()),
                       ("stale", {key for key in wanted.keys() & have.keys() if wanted[key] != have[key]})):
        if keys:
            found.append(f"{len(keys)} rows {what}: " + ", ".join(
                f"{key}: {have.get(key)}, not {wanted.get(key)}" for key in sorted(keys)[:SHOWN]))
    return found


def is_of(task: int, fields: dict[str, object], placed_by: list[str]) -> bool:
    """As the connector would place it by integers; by NULL a row is nobody's."""
    values = [fields[column] for column in placed_by]
    return None not in values and sum((value ^ value >> 32) & 0xffffffff for value in values) % 2**31 % PARTITIONS == task


def replay(topic: str, records: Iterable[tuple[str, str]], placed_by: list[str], task: int | None = None,
           key_of: list[str] | None = None) -> Rows:
    """The last record of each key, unless it is a delete; a row that is placed by NULL is in no cache. Of a topic that
    every task reads: those of the task."""
    rows: Rows = {}
    for key_text, value_text in records:
        fields, value = json.loads(key_text), json.loads(value_text)
        if task is not None and not is_of(task, fields, placed_by):
            continue
        key = (topic, *(text(fields[column]) for column in key_of or fields))
        if value["op"] == "d":
            rows.pop(key, None)
        elif all(fields[column] is not None for column in placed_by):
            rows[key] = {column: text(part) for column, part in value["after"].items()}
    return rows


def text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise Failure(f"the oracle does not know what a cache makes of {value!r}")
    return str(value)
