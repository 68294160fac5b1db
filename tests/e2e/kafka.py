"""Records of our own making, straight into a topic; and what an administrator does, with Kafka's own tools."""

import json
import re
import subprocess
from pathlib import Path
from typing import Mapping

from stack import PARTITIONS, ROOT, Stack
from wait import Failure

NULL = "<null>"
Log = list[tuple[int, str, str]]  # of a partition: offset, key, value
Logs = dict[str, dict[int, Log]]  # by topic and partition
DUMPED = re.compile(r"^\| offset: (\d+) .*? key: (.*?) payload: (.*)$")
MASK = 0xFFFFFFFF


def java(stack: Stack, tool: str, *args: str, text: str = "", errors_end: bool = True, broker: bool = True) -> str:
    """Runs one of Kafka's own tools against the stack's broker; returns what it prints. Some log errors and go on."""
    server = ["--bootstrap-server", stack.broker] if broker else []
    command = ["java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
               "-cp", f"{ROOT}/build/jars/*", tool, *server, *args]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0 or errors_end and "ERROR" in done.stderr:
        raise Failure(f"{tool} failed: {done.stdout[-300:]}{done.stderr[-600:]}")
    return done.stdout


def lines_of(out: str) -> list[str]:
    """str.splitlines would also part a line at U+2028 and the like, which values may hold."""
    return [line for line in out.split("\n") if line]


def produce(stack: Stack, topic: str, records: list[tuple[str, str]]) -> None:
    """The producer takes the partition from the key's bytes: see key_partition."""
    java(stack, "org.apache.kafka.tools.ConsoleProducer", "--topic", topic,
         "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t",
         "--reader-property", f"null.marker={NULL}", text="".join(f"{key}\t{value}\n" for key, value in records))


def records_of(stack: Stack, topic: str) -> list[tuple[int, str, str]]:
    """(partition, key, value) of all that is in a topic now, each partition's in order."""
    out = java(stack, "org.apache.kafka.tools.consumer.ConsoleConsumer", "--topic", topic, "--from-beginning",
               "--timeout-ms", "4000", "--formatter-property", "print.partition=true",
               "--formatter-property", "print.key=true", "--formatter-property", "key.separator=\t",
               errors_end=False)  # the time-out at the end of the topic is one
    found = []
    for line in lines_of(out):
        partition, key, value = line.split("\t", 2)
        found.append((int(partition.removeprefix("Partition:")), key, value))
    return found


def logs_of(stack: Stack, topics: Mapping[str, int]) -> Logs:
    """All that is in topics of so many partitions, from the broker's files: no record is too late to be seen."""
    for _ in range(5):
        files = segments(stack, topics)
        if not files:
            break
        try:
            out = java(stack, "org.apache.kafka.tools.DumpLogSegments", "--print-data-log", "--files",
                       ",".join(str(file) for file in files), broker=False)
        except Failure as failure:
            if segments(stack, topics) == files:
                raise failure
            continue
        if segments(stack, topics) == files:  # the broker has not compacted them meanwhile
            return parse_logs(out, topics)
    raise Failure(f"the files of {', '.join(topics)} are not there, or change all the time")


def segments(stack: Stack, topics: Mapping[str, int]) -> list[Path]:
    return [file for topic, partitions in topics.items() for partition in range(partitions)
            for file in sorted((stack.folder / f"kafka/{topic}-{partition}").glob("*.log"))]


def parse_logs(out: str, topics: Mapping[str, int]) -> Logs:
    logs: Logs = {topic: {partition: [] for partition in range(partitions)} for topic, partitions in topics.items()}
    log: Log = []
    for line in lines_of(out):
        if line.startswith("Dumping "):
            topic, _, partition = Path(line.removeprefix("Dumping ")).parent.name.rpartition("-")
            log = logs[topic][int(partition)]
        elif line.startswith("| offset: "):
            match = DUMPED.match(line)
            if match is None:
                raise Failure(f"a record of {topic} partition {partition} can't be read: {line[:200]}")
            log.append((int(match[1]), match[2], match[3]))
    return logs


def delete_topic(stack: Stack, topic: str) -> None:
    java(stack, "org.apache.kafka.tools.TopicCommand", "--delete", "--topic", topic)


def add_partitions(stack: Stack, topic: str, count: int) -> None:
    java(stack, "org.apache.kafka.tools.TopicCommand", "--alter", "--topic", topic, "--partitions", str(count))


def configure(stack: Stack, kind: str, name: str | None, settings: str) -> None:
    """kind is topics or brokers; without a name, all brokers'."""
    entity = ["--entity-name", name] if name else ["--entity-default"]
    java(stack, "kafka.admin.ConfigCommand", "--alter", "--entity-type", kind, *entity, "--add-config", settings)


def delete_records(stack: Stack, topic: str, partition: int, before: int) -> None:
    """All records of a partition below an offset; -1: all there are."""
    file = stack.folder / "delete-records.json"
    file.write_text(json.dumps({"version": 1, "partitions": [
        {"topic": topic, "partition": partition, "offset": before}]}))
    java(stack, "org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", str(file))


def cleaned(stack: Stack, topic: str) -> dict[int, int]:
    """Up to which offset each partition has been compacted, by the broker's own note."""
    file = stack.folder / "kafka/cleaner-offset-checkpoint"
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return {int(line[1]): int(line[2]) for line in lines if len(line) == 3 and line[0] == topic}


def key_partition(key: str) -> int:
    """Where a record with this key goes without a routing of its own (murmur2)."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % PARTITIONS


def murmur2(data: bytes) -> int:
    m = 0x5BD1E995
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i:i + 4], "little") * m & MASK
        k = (k ^ k >> 24) * m & MASK
        h = (h * m & MASK) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & MASK
    h = (h ^ h >> 13) * m & MASK
    return h ^ h >> 15


def student_key(id: int) -> str:
    """As Debezium's JSON converter writes it."""
    return '{"student_id":%d}' % id


def student_in(partition: int, right: bool = True, after: int = 5000) -> int:
    """A student id whose key goes to partition, and that belongs there (or does not)."""
    return next(id for id in range(after, after + 100_000)
                if key_partition(student_key(id)) == partition and (id % PARTITIONS == partition) == right)
