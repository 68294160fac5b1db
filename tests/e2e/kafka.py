"""Records of our own making, straight into a topic, with Kafka's console producer."""

import subprocess

from stack import PARTITIONS, ROOT, Stack
from wait import Failure

NULL = "<null>"
MASK = 0xFFFFFFFF


def produce(stack: Stack, topic: str, records: list[tuple[str, str]]) -> None:
    """The producer takes the partition from the key's bytes: see key_partition."""
    command = ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
               "-cp", f"{ROOT}/build/jars/*", "org.apache.kafka.tools.ConsoleProducer",
               "--bootstrap-server", stack.broker, "--topic", topic,
               "--reader-property", "parse.key=true", "--reader-property", "key.separator=\t",
               "--reader-property", f"null.marker={NULL}"]
    text = "".join(f"{key}\t{value}\n" for key, value in records)
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise Failure(f"the console producer failed: {done.stdout[-300:]}{done.stderr[-600:]}")


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
