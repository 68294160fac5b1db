"""(d) from the commit in OLTP to the row visible in OLAP, through real Debezium."""

import functools
import json
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Callable

from arrival import Poll
from environment import Env, Topics
from ours import Ours
from records import CHECKSUM, Records, Truth
from runner import Bench
from stack import PARTITIONS
from usage import Usage
from wait import Failure, wait_until

TABLE = Truth.table
FIRST_ID = 1_000_000_000   # of the client's rows; the trigger tells of no others
BUSY_ID = 100_000_000      # of the rows that keep one partition busy: a multiple of the partitions
BUSY_SECONDS = 15
BASE_STUDENTS = 20_000
WARM_UP = ((200, 4, 2), (2_000, 6, 8))  # rate, seconds, connections: Debezium's JVM compiles what it runs often
PHASES = {20: (30, 1), 200: (15, 2), 2_000: (8, 8)}  # statements a second: seconds, connections

TRIGGER = f"""
CREATE FUNCTION tell_latency() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('latency', NEW.contact_id::text);
  RETURN NULL;
END $$;
CREATE TRIGGER tell_latency AFTER INSERT OR UPDATE ON {TABLE} FOR EACH ROW
  WHEN (NEW.contact_id >= {FIRST_ID}) EXECUTE FUNCTION tell_latency();
ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER tell_latency;
"""
VIEW = ("SELECT s.student_id, c.contact_id, s.name, c.contact_number FROM student s "
        "JOIN contact c ON c.student_id = s.student_id")
BASE_ROWS = (f"INSERT INTO student SELECT g, 'base ' || g FROM generate_series(1, {BASE_STUDENTS}) g",
             f"INSERT INTO contact SELECT g, 1 + g % {BASE_STUDENTS}, 'base ' || g "
             f"FROM generate_series(1, {2 * BASE_STUDENTS}) g")


@dataclass
class Sample:
    """One contact, monotonic seconds; None: has not happened."""
    contact: int
    due: float
    committed: float
    read: float | None
    visible: float | None


class Client:
    """Runs the load client; each phase has ids of its own."""

    def __init__(self, bench: Bench, env: Env, topic: str | None, *statements: str) -> None:
        """topic: of what becomes visible; statements: two others than a student's and a contact's insert, and the member
        of the topic's keys that has their id."""
        self.bench = bench
        self.env = env
        self.topic = topic
        self.statements = statements
        self.next_id = FIRST_ID

    def begin(self, rate: float, seconds: float, connections: int) -> subprocess.Popen:
        count = max(1, round(rate * seconds / 2))
        dsn = "host=127.0.0.1 port={} user=pg password=pg dbname={}"
        command = [str(self.bench.servers.tools / "latency"), dsn.format(self.env.oltp.port, self.env.oltp.name),
                   dsn.format(self.env.olap.port, self.env.olap.name),
                   self.env.bootstrap if self.env.prefix else "-", self.topic or "-",
                   str(self.next_id), str(count), str(rate), str(connections), *self.statements]
        self.next_id += count
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self, process: subprocess.Popen) -> list[Sample]:
        out, errors = process.communicate(timeout=300)
        if process.returncode != 0:
            raise Failure(f"latency ended with {process.returncode}: {errors[-300:]}")
        return [sample_of(line.split()) for line in out.splitlines()]

    def run(self, rate: float, seconds: float, connections: int) -> list[Sample]:
        return self.end(self.begin(rate, seconds, connections))


def sample_of(fields: list[str]) -> Sample:
    due, committed, read, visible = (int(value) / 1e9 if value != "0" else None for value in fields[1:])
    return Sample(int(fields[0]), due, committed, read, visible)


def percentile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def spread(prefix: str, seconds: list[float]) -> dict[str, float]:
    ordered = sorted(1000 * value for value in seconds)
    if not ordered:
        return {}
    return {f"{prefix}{name}_ms": round(percentile(ordered, share), 2)
            for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))}


def figures_of(samples: list[Sample]) -> dict[str, Any]:
    """From commit to visible, split at the moment when a consumer beside the subject has read the record."""
    seen = [sample for sample in samples if sample.visible is not None]
    split = [sample for sample in seen if sample.read is not None]
    whole = sorted(1000 * (sample.visible - sample.committed) for sample in seen)
    return {"contacts": len(samples), "lost": len(samples) - len(seen),
            **spread("", [sample.visible - sample.committed for sample in seen]),
            **spread("to_kafka_", [sample.read - sample.committed for sample in split]),
            **spread("from_kafka_", [sample.visible - sample.read for sample in split]),
            "behind_schedule_max_ms": round(max(1000 * (s.committed - s.due) for s in samples), 2),
            "percentiles_ms": [round(percentile(whole, n / 100), 2) for n in range(100)] if whole else []}


# ---- the connector


def connector_config(subject: Any, env: Env) -> dict[str, str]:
    """The shipped configuration; for other layouts without what makes the shipped one."""
    planner = subject if isinstance(subject, Ours) else Ours().adopt(env)
    config, reads = json.loads(planner.tenant.plan("--connector")), subject.reads
    if reads != "routed":
        config = {key: value for key, value in config.items()
                  if key != "message.key.columns" and not key.startswith(("transforms", "predicates"))}
    if reads == "hoisted":
        config["transforms"] = "key,value"
        for part in ("Key", "Value"):
            config[f"transforms.{part.lower()}.type"] = f"org.apache.kafka.connect.transforms.HoistField${part}"
            config[f"transforms.{part.lower()}.field"] = "payload"
    return config


def connect_answers(env: Env) -> bool:
    try:
        env.stack.rest("GET", "/connectors")
        return True
    except OSError:  # refused, or 404 while it starts
        return False


def connect(subject: Any, env: Env) -> None:
    if subject.reads == "oltp":
        return
    wait_until("Kafka Connect answers", lambda: connect_answers(env), 60, 0.1)
    env.stack.add_connector(env.name, connector_config(subject, env))
    wait_until("the connector streams", lambda: env.oltp.run(
        "SELECT 1 FROM pg_replication_slots WHERE database = current_database() AND active"), 60, 0.05)


def disconnect(env: Env, reads: str) -> None:
    if reads == "oltp" or not env.stack.connector_states(env.name):
        return
    env.stack.remove_connector(env.name)
    wait_until("the slot is left", lambda: not env.oltp.run(
        "SELECT 1 FROM pg_replication_slots WHERE database = current_database() AND active"), 30, 0.05)
    env.oltp.run("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                 "WHERE database = current_database()")


def equal(env: Env) -> bool:
    return env.oltp.run(CHECKSUM.format(VIEW)) == env.olap.run(CHECKSUM.format(f"SELECT * FROM {TABLE}"))


def wait_equal(env: Env, seconds: float) -> bool:
    try:
        return wait_until("the table equals the join", lambda: equal(env), seconds, 0.5)
    except Failure:
        return False


# ---- the case


def live(bench: Bench, subject_class: Any, measure: Callable[[Any, Env, Client, Topics], None], members: int = 1) -> None:
    """Everything around the phases: databases, connector, subject, base rows, warm-up; and its end."""
    servers = bench.servers
    subject = bench.made(subject_class)
    topics = servers.topics(subject.reads)
    env = bench.prepared(subject, topics)
    try:
        connect(subject, env)
        subject.start_live(env)
        if members > 1:
            subject.start(*range(2, members + 1))
            subject.wait_ready(60, *range(2, members + 1))
        env.olap.transaction(TRIGGER)
        env.oltp.transaction(*BASE_ROWS)
        wait_until("the base rows arrive", lambda: env.olap.run(
            f"SELECT count(*) FROM {TABLE}")[0][0] == 2 * BASE_STUDENTS, bench.args.patience, 0.1)
        client = Client(bench, env, env.contact_topic)
        for rate, seconds, connections in WARM_UP[:1] if bench.smoke else WARM_UP:
            client.run(rate, seconds, connections)
        measure(subject, env, client, topics)
    finally:
        subject.stop()
        disconnect(env, subject.reads)
        servers.remove_env(env)
        servers.remove_topics(topics)


def latency(bench: Bench) -> None:
    for run in bench.runs():
        for subject_class in bench.subjects("live"):
            bench.attempt("d", "all rates", run, subject_class, functools.partial(
                live, bench, subject_class, lambda subject, env, client, _: rates(bench, run, subject, env, client)))
        live(bench, Ours, lambda subject, env, client, topics: during_catch_up(bench, run, subject, env, client,
                                                                               topics))


def rates(bench: Bench, run: int, subject: Any, env: Env, client: Client, case: str = "d",
          phases: dict[int, tuple] | None = None, suffix: str = "") -> None:
    found = {}
    for rate, (seconds, connections) in ({200: (3, 2)} if bench.smoke else phases or PHASES).items():
        with Usage(subject.pids, from_start=False) as usage:
            found[rate] = figures_of(client.run(rate, seconds, connections))
        found[rate].update(usage.figures())
    right = wait_equal(env, 60)
    for rate, figures in found.items():
        bench.record(case, f"{rate:,} changes a second{suffix}", subject, run,
                     right=right and figures["lost"] == 0, **figures)


def during_catch_up(bench: Bench, run: int, subject: Ours, env: Env, client: Client, topics: Topics) -> None:
    """One task has much to do, the others' changes are measured meanwhile: first a backlog that came while the member
    was away, then the rebuild of that task's cache. The client's rows are in all partitions; the busy one's are left out.
    """
    servers = bench.servers
    students = bench.size(250_000, 5_000)
    work = Records(students=students, contacts=2 * students, renames=students // 2, updates=students // 2,
                   base=BUSY_ID, stride=PARTITIONS, seed=bench.args.seed)
    subject.end_members()
    count = servers.write(topics, work)["records"]
    truth = servers.truth(topics.history)
    for variant in ("a backlog", "a rebuild"):
        if variant == "a rebuild":
            subject.end_members()
            subject.drop_cache(BUSY_ID % PARTITIONS)
        servers.rest_of_writing()
        figures = watched(bench, subject, env, client, truth, variant)
        bench.record("d", f"200 changes a second during {variant} of another task", subject, run, records=count, **figures)


def watched(bench: Bench, subject: Ours, env: Env, client: Client, truth: Truth, variant: str) -> dict[str, Any]:
    process = client.begin(200, 3 if bench.smoke else BUSY_SECONDS, 2)
    with Usage(subject.pids, from_start=True) as usage:
        start = time.monotonic()
        subject.start(1)
        subject.wait_ready(bench.args.patience, 1)
        poll = Poll(env.olap, truth, subject.problem)
        wait_until(f"{variant} is worked off", poll.all_there, bench.args.patience)
        done = time.monotonic()
    samples = [sample for sample in client.end(process) if sample.contact % PARTITIONS != BUSY_ID % PARTITIONS]
    live_at = min((sample.visible for sample in samples if sample.visible), default=done)
    meanwhile = [sample for sample in samples if live_at <= sample.committed <= done]
    right = wait_right(env, truth)
    figures = figures_of(meanwhile) if meanwhile else {"contacts": 0}
    return {"right": right and figures.get("lost", 1) == 0, "busy_s": round(done - start, 2), **figures,
            **usage.figures()}


def wait_right(env: Env, truth: Truth) -> bool:
    """The client's rows are the join's, the generated ones are the truth's."""
    try:
        return wait_until("the table is right", lambda: parts_right(env, truth), 60, 0.5)
    except Failure:
        return False


def parts_right(env: Env, truth: Truth) -> bool:
    busy = f"contact_id >= {BUSY_ID} AND contact_id < {FIRST_ID}"
    made = env.olap.run(CHECKSUM.format(f"SELECT * FROM {TABLE} WHERE {busy}"))[0]
    real = env.olap.run(CHECKSUM.format(f"SELECT * FROM {TABLE} WHERE NOT ({busy})"))
    return made == (truth.count, truth.checksum) and real == env.oltp.run(CHECKSUM.format(VIEW))
