"""F11, F13, F15: what can happen to the topics: compaction, poison, records and topics that are gone or new."""

import re
import signal
import threading
import time

import declared
import kafka
from cases import Context, fault
from cases.any_view import tenant_of
from cases.f_source import loaded_tenant
from cases.poison import envelope, letters, progress
from db import CONNECTION_LOST, Database
from stack import PARTITIONS
from tenant import Tenant
from trial import trial
from wait import Failure, wait_until

# ---- F11 ---------------------------------------------------------------------------------------------------------


class Steady:
    """O6: rows that nobody deletes are there at every moment."""

    def __init__(self, tenant: Tenant, ids: list[int]) -> None:
        self.olap = Database(tenant.olap.port, tenant.olap.name)
        self.sql = f"SELECT count(*) FROM {tenant.view} WHERE contact_id = ANY(%s)"
        self.ids = ids
        self.reads = 0
        self.fewest = len(ids)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "Steady":
        self.thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stopping.set()
        self.thread.join()
        if kind is None and self.fewest < len(self.ids):
            raise Failure(f"of {len(self.ids)} rows that nobody touched only {self.fewest} were there at a moment")

    def _work(self) -> None:
        while not self.stopping.wait(0.01):
            try:
                self.fewest = min(self.fewest, self.olap.run(self.sql, self.ids)[0][0])
                self.reads += 1
            except CONNECTION_LOST:
                continue
        self.olap.close()


COMPACT_SOON = ("segment.ms=1000,max.compaction.lag.ms=3000,min.cleanable.dirty.ratio=0.01,"
                "delete.retention.ms=100,min.compaction.lag.ms=2000")


@fault("F11-compacted", "rebuilt; no valid row disappears meanwhile", members=0)
def compacted(ctx: Context) -> str:
    """The topics are compacted past the members' offsets while they are down; then they start, with and without caches."""
    kafka.configure(ctx.stack, "brokers", None, "log.cleaner.backoff.ms=200")
    tenant = loaded_tenant(ctx, "compact", TOPIC_MIN_COMPACTION_LAG_MS=2000)
    topics = [f"compact.public.{table}" for table in ("student", "contact")]
    try:
        for topic in topics:
            kafka.configure(ctx.stack, "topics", topic, COMPACT_SOON)
        ids = [8 * n + n % 8 for n in range(1, 401)]
        tenant.oltp.run("INSERT INTO student SELECT id, 's' || id FROM unnest(%s) id", ids)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM unnest(%s) id", ids)
        tenant.settle("the steady rows")
        with Steady(tenant, ids), trial(ctx.of(tenant)) as one:
            for turn in range(ctx.times(2, 6)):
                tenant.only(0)
                stands = {task: offsets for task, offsets in progress(tenant)}
                tenant.oltp.run("UPDATE contact SET contact_number = %s WHERE contact_id = ANY(%s)", f"n{turn}", ids[::2])
                wait_until("the topics are compacted past the members", lambda: all(
                    kafka.cleaned(ctx.stack, topic).get(task, 0) > offsets[index]
                    for task, offsets in stands.items() for index, topic in enumerate(topics)), 60, 0.2,
                    lambda: str([kafka.cleaned(ctx.stack, topic) for topic in topics]))
                if turn % 2 == 0:
                    tenant.drop_caches()
                tenant.start(1, ready=False)
                one.healed()
    finally:
        tenant.remove()
        kafka.configure(ctx.stack, "brokers", None, "log.cleaner.backoff.ms=15000")
    return one.remark()


# ---- F13 ---------------------------------------------------------------------------------------------------------


def poison_records() -> list[tuple[str, str]]:
    """Each in the right partition, as far as its key can be read; the rows are the load's neighbours."""
    ids = [kafka.student_in(n % PARTITIONS, after=50_000 + 1000 * n) for n in range(9)]
    keys = [kafka.student_key(id) for id in ids]

    def row(n: int) -> dict:
        return {"student_id": ids[n], "name": "NAME"}
    return [
        (keys[0], '{"before":null,"after":{"student_id":'),
        (keys[1], "\x01\x02\x03 binary"),
        (keys[2], envelope("c", None, row(2)).replace("NAME", "\\u0000")),
        (keys[3], envelope("c", None, row(3)).replace('"NAME"', '"\\udfff"')),
        (keys[4], envelope("c", None, row(4)).replace(f'"student_id": {ids[4]}', '"student_id": 9' + "9" * 30)),
        (keys[5], "true"),
        (keys[6], "[" * 5000),
        (keys[7], '"' + "x" * 900_000 + '"'),
        (keys[0], "[1, 2]"),
    ]


@fault("F13-poison", "each is one dead letter; everything else continues", members=0, default=True)
def poison(ctx: Context) -> str:
    """Unreadable records, under load: truncated, binary, NUL, lone surrogate, overflow, deep, 900 kB of nothing."""
    tenant = loaded_tenant(ctx, "poison_load", DEAD_LETTER_MAX=1000)
    topic = "poison_load.public.student"
    try:
        with trial(ctx.of(tenant), dead_letters=True) as one:
            for turn in range(1, ctx.times(1, 5) + 1):
                records = poison_records()
                kafka.produce(ctx.stack, topic, records)
                wait_until("each poison record is a dead letter", lambda: len(letters(tenant)) == turn * len(records),
                           20, 0.05, lambda: f"{len(letters(tenant))} of {turn * len(records)}: "
                           + "; ".join(sorted({row[4] for row in letters(tenant)})))
                one.healed(len(records))
                tenant.members.pop(1).kill()
                tenant.drop_caches()
                tenant.start(1, ready=False)
                one.healed(0)  # the rebuild meets them again
                if len(letters(tenant)) != turn * len(records):
                    raise Failure(f"{len(letters(tenant))} dead letters after a rebuild, {turn * len(records)} before")
    finally:
        tenant.remove()
    return one.remark()


# ---- F15 ---------------------------------------------------------------------------------------------------------


def filled_tenant(ctx: Context, name: str) -> Tenant:
    tenant = loaded_tenant(ctx, name)
    with ctx.of(tenant).load(rate=2000, changes=3000) as load:
        load.finish()
    tenant.settle("the changes")
    return tenant


def stop_connector(ctx: Context, name: str) -> None:
    ctx.stack.rest("PUT", f"/connectors/{name}/stop")
    wait_until("the connector stops", lambda: ctx.stack.connector_states(name) == ["STOPPED"], 30, 0.1)


def rows(tenant: Tenant) -> list[tuple]:
    return tenant.olap.run(f"SELECT * FROM {tenant.view} ORDER BY 1, 2")


def check_untouched(tenant: Tenant, before: list[tuple], offsets: list[tuple]) -> None:
    if rows(tenant) != before:
        raise Failure("rows were written after the halt")
    if progress(tenant) != offsets:
        raise Failure("offsets were moved after the halt")


@fault("F15-recreated", "halts, names the topic, writes nothing; new topics repair it", members=0, default=True)
def recreated(ctx: Context) -> str:
    """A topic is deleted and created again, shorter than before; then started over as docs/operations.md says."""
    tenant = filled_tenant(ctx, "recreated")
    try:
        stop_connector(ctx, "recreated")
        before, offsets = rows(tenant), progress(tenant)
        kafka.delete_topic(ctx.stack, "recreated.public.student")
        tenant.plan("--apply-topics")
        for partition in range(PARTITIONS):
            tenant.wait_halted(partition, r"outside the log|the log ends at")
        check_untouched(tenant, before, offsets)
        tenant.only(0)
        tenant.start(1, ready=False)
        for partition in range(PARTITIONS):
            tenant.wait_halted(partition, r"outside the log|the log ends at")
        check_untouched(tenant, before, offsets)
        start_anew_with_new_topics(ctx, tenant)
    finally:
        tenant.remove()
    return f"{PARTITIONS} tasks halted, running and after a restart"


def start_anew_with_new_topics(ctx: Context, tenant: Tenant) -> None:
    """The steps of docs/operations.md."""
    tenant.only(0)
    ctx.stack.remove_connector(tenant.name)
    tenant.drop_slot()
    tenant.settings["SYNC_TOPIC_PREFIX"] = f"{tenant.name}2"
    tenant.olap.transaction(f"TRUNCATE {tenant.view}, e2e.progress_log", "DELETE FROM sync_progress",
                            "DELETE FROM sync_identity", "DELETE FROM sync_dead_letter")
    tenant.plan("--apply-sink")
    tenant.plan("--apply-topics")
    tenant.connect()
    tenant.start(1)
    tenant.settle("starting over with new topics")


@fault("F15-longer", "halts, names the topic, writes nothing", members=0, default=True)
def longer(ctx: Context) -> str:
    """While the members are down a topic is deleted, created again, and filled with more records than before."""
    tenant = filled_tenant(ctx, "longer")
    topic = "longer.public.student"
    try:
        stop_connector(ctx, "longer")
        tenant.only(0)
        before, offsets = rows(tenant), progress(tenant)
        kafka.delete_topic(ctx.stack, topic)
        tenant.plan("--apply-topics")
        most = max(position[0] for _, position in offsets) + 10
        ids = [kafka.student_in(partition, after=70_000) for partition in range(PARTITIONS)]
        kafka.produce(ctx.stack, topic, [(kafka.student_key(id), envelope("c", None, {"student_id": id, "name": "new"}))
                                         for id in ids for _ in range(most)])
        for caches in ("with its caches", "without"):
            if caches == "without":
                tenant.only(0)
                tenant.drop_caches()
            tenant.start(1, ready=False)
            for partition in range(PARTITIONS):
                tenant.wait_halted(partition, r"is not the one that was applied")
            check_untouched(tenant, before, offsets)
    finally:
        tenant.remove()
    return f"{PARTITIONS} tasks halted, with their caches and without"


@fault("F15-lookup", "red until they halt, names the topic, writes nothing", members=0, default=True)
def lookup_recreated(ctx: Context) -> str:
    """While members read it a lookup topic is deleted, created again, and filled with more records than before: other
    rows, which no group tells them of."""
    name = "lookup_anew"
    topic = f"{name}.public.addresses"
    with tenant_of(ctx, name, declared.TWO_ADDRESSES, connected=False) as tenant:
        tenant.oltp.run("INSERT INTO addresses SELECT g, 'first ' || g FROM generate_series(1, 10) g")
        tenant.oltp.run("INSERT INTO parcels SELECT g, 'parcel ' || g, NULL, 1 + g % 10 FROM generate_series(1, 64) g")
        tenant.connect()
        tenant.start(2)
        tenant.settle("the initial load")
        stop_connector(ctx, name)
        shown = f"SELECT * FROM {tenant.view} ORDER BY 1"
        before, offsets = tenant.olap.run(shown), progress(tenant)
        most = max(position[1] for _, position in offsets) + 10
        kafka.delete_topic(ctx.stack, topic)
        for member in tenant.members.values():
            wait_until("it says that the topic is gone", lambda: any(
                f"topic {topic} is gone" in reason for reason in member.readiness().reasons), 60, 0.02)
        for member in tenant.members.values():
            member.freeze()  # else they would see that it has fewer records, which F15-recreated is about
        tenant.plan("--apply-topics")
        kafka.produce(ctx.stack, topic, [('{"address_id":1}', envelope("c", None, {"address_id": 1, "street": "new"}))
                                         for _ in range(most)])
        for member in tenant.members.values():
            member.thaw()

        def all_halted() -> bool:
            said = [member.readiness() for member in tenant.members.values()]
            if any(one.ready for one in said):
                raise Failure("a member is ready though the topic is another one")
            return sum("is not the one that was applied" in reason for one in said for reason in one.reasons) == PARTITIONS
        wait_until("all tasks halt", all_halted, 60, 0.02,
                   detail=lambda: str([member.readiness().reasons for member in tenant.members.values()]))
        if tenant.olap.run(shown) != before or progress(tenant) != offsets:
            raise Failure("something was written of the new log")
    return f"{PARTITIONS} tasks of two members halted"


@fault("F15-records-deleted", "halts, names the partition, writes nothing; others continue", members=0)
def records_deleted(ctx: Context) -> str:
    """Records of one partition are deleted past the offset from which its task would continue."""
    tenant = filled_tenant(ctx, "removed")
    topic = "removed.public.contact"
    gone, others = 3, [p for p in range(PARTITIONS) if p != 3]
    try:
        tenant.only(0)
        with ctx.of(tenant).load(rate=2000, changes=2000) as load:
            load.finish()
        stop = {task: offsets for task, offsets in progress(tenant)}
        wait_until("the changes are in the topic", lambda: len(
            [1 for partition, *_ in kafka.records_of(ctx.stack, topic) if partition == gone])
            > stop[gone][1] + 10, 30, 0.1)
        kafka.configure(ctx.stack, "topics", topic, "cleanup.policy=[compact,delete]")  # else Kafka refuses it
        kafka.delete_records(ctx.stack, topic, gone, stop[gone][1] + 5)
        kafka.configure(ctx.stack, "topics", topic, "cleanup.policy=compact")
        tenant.start(1, ready=False)
        tenant.wait_halted(gone, r"outside the log")
        tenant.pass_sentinels(others)
        if dict(progress(tenant))[gone] != stop[gone]:
            raise Failure("the halted task has moved its offsets")
    finally:
        tenant.remove()
    return f"task {gone} halted, {len(others)} others went on"


@fault("F15-partitions", "exits or halts, names the topic, writes nothing", members=0)
def partitions_added(ctx: Context) -> str:
    """A partition is added to a topic while members run, and before a start."""
    tenant = filled_tenant(ctx, "widened")
    try:
        stop_connector(ctx, "widened")
        before, offsets = rows(tenant), progress(tenant)
        offset = tenant.log_size()
        kafka.add_partitions(ctx.stack, "widened.public.student", PARTITIONS + 1)
        said = re.compile(r"topic has a partition 8|has 9 partitions")
        wait_until("it says so", lambda: said.search(tenant.log_since(offset)), 60, 0.1)
        check_untouched(tenant, before, offsets)
        tenant.end()
        offset = tenant.log_size()
        tenant.start(1, ready=False)
        code = tenant.members.pop(1).exit_code()
        if code != 2 or not said.search(tenant.log_since(offset)):
            raise Failure(f"started with a partition too many it ended with {code}: {tenant.log_since(offset)[-300:]}")
        check_untouched(tenant, before, offsets)
    finally:
        tenant.remove()
    return "exit code 2 at the start"


@fault("F15-mended", "halts; continues after SIGHUP, others never stop", members=0, default=True)
def mended(ctx: Context) -> str:
    """What is stored with the progress differs; it is corrected; SIGHUP."""
    tenant = filled_tenant(ctx, "mended")
    try:
        with trial(ctx.of(tenant)) as one:
            for how in ("SIGHUP", "restart") * ctx.times(1, 3):
                tenant.only(0)
                kept = tenant.olap.run("UPDATE sync_identity i SET cluster_id = 'another' FROM sync_identity o "
                                       "WHERE i.view = o.view RETURNING o.cluster_id")[0][0]
                stands = progress(tenant)
                tenant.start(1, ready=False)
                for task in range(PARTITIONS):
                    tenant.wait_halted(task, r"records of the Kafka cluster another, and this member has")
                if progress(tenant) != stands:
                    raise Failure("a halted task has moved its offsets")
                tenant.olap.run("UPDATE sync_identity SET cluster_id = %s", kept)
                if how == "SIGHUP":
                    tenant.members[1].signal(signal.SIGHUP)
                else:
                    tenant.members.pop(1).terminate()
                    tenant.start(1, ready=False)
                one.healed()
                tenant.wait_ready(1)
    finally:
        tenant.remove()
    return one.remark()
