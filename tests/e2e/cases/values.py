"""What values rest on: the connector's settings, the form of what it sends, and texts that look like its own."""

import json
import os
import subprocess

import kafka
from cases import Context, case
from cases.views import check_nothing_set_aside, write_schemas
from stack import ROOT
from system import watch_settings
from tenant import Tenant
from wait import Failure, wait_until

# Options of Debezium's connector and of Kafka Connect that change no value, key, route or row; the rest can't be set.
# A new version's option is in neither list: judge it before it is used.
HARMLESS = {
    "name", "tasks.max", "tasks.max.enforce", "header.converter", "config.action.reload", "errors.retry.timeout",
    "errors.retry.delay.max.ms", "errors.log.enable", "errors.log.include.messages", "topic.creation.groups",
    "exactly.once.support", "transaction.boundary", "transaction.boundary.interval.ms", "offsets.storage.topic",
    "connector.plugin.version", "header.converter.plugin.version",
    "database.hostname", "database.port", "database.user", "database.password", "database.dbname", "database.sslmode",
    "database.sslcert", "database.sslkey", "database.sslpassword", "database.sslrootcert", "database.sslfactory",
    "database.tcpKeepAlive", "database.initial.statements", "database.query.timeout.ms",
    "connection.validation.timeout.ms", "custom.metric.tags", "custom.sanitize.pattern", "errors.max.retries",
    "retriable.restart.connector.wait.ms", "executor.shutdown.timeout.ms", "extended.headers.enabled",
    "flush.lsn.source", "lsn.flush.mode", "lsn.flush.timeout.action", "lsn.flush.timeout.ms",
    "guardrail.collections.limit.action", "guardrail.collections.max", "heartbeat.action.query",
    "heartbeat.interval.ms", "heartbeat.topics.prefix", "include.schema.comments", "include.unknown.datatypes",
    "incremental.snapshot.chunk.size", "incremental.snapshot.watermarking.strategy", "legacy.snapshot.max.threads",
    "max.batch.size", "max.queue.size", "max.queue.size.in.bytes", "memory.management.schemas.class",
    "memory.management.tables.class", "message.prefix.exclude.list", "message.prefix.include.list",
    "notification.enabled.channels", "notification.sink.topic.name", "poll.interval.ms", "publication.name",
    "publish.via.partition.root", "query.fetch.size", "signal.data.collection", "signal.enabled.channels",
    "signal.poll.interval.ms", "slot.failover", "slot.max.retries", "slot.name", "slot.retry.delay.ms",
    "snapshot.delay.ms", "snapshot.fetch.size", "snapshot.isolation.mode", "snapshot.lock.timeout.ms",
    "snapshot.locking.mode", "snapshot.locking.mode.custom.name", "snapshot.max.threads",
    "snapshot.max.threads.multiplier", "snapshot.mode.custom.name", "snapshot.tables.order.by.row.count",
    "statistics.metrics.enabled", "status.update.interval.ms", "streaming.delay.ms", "table.ignore.builtin",
    "transaction.metadata.factory", "xmin.fetch.interval.ms", "column.propagate.source.type",
    "datatype.propagate.source.type",
    # without a snapshot.mode that reads them
    "snapshot.mode.configuration.based.snapshot.data", "snapshot.mode.configuration.based.snapshot.on.data.error",
    "snapshot.mode.configuration.based.snapshot.on.schema.error", "snapshot.mode.configuration.based.snapshot.schema",
    "snapshot.mode.configuration.based.start.stream",
}
HARMLESS_GROUPS = ("openlineage.",)


def plan_code(ctx: Context, *args: str) -> tuple[int, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SYNC_")}
    done = subprocess.run([str(ctx.stack.binary), "plan", "--connector", *args], env=env, cwd=ROOT,
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@case("connector-options")
def connector_options(ctx: Context) -> str:
    """Every option that the real connector has can't be set, or is known to change nothing that decoding rests on."""
    plugin = "io.debezium.connector.postgresql.PostgresConnector"
    options = [option["name"] for option in ctx.stack.rest("GET", f"/connector-plugins/{plugin}/config")]
    open_ones, refused = [], 0
    for name in options:
        name = name.replace("([^.]+)", "x").replace("(.+)", "x").replace("(d+)", "5")
        if name in HARMLESS or name.startswith(HARMLESS_GROUPS):
            continue
        code, error = plan_code(ctx, "--set", f"connector.{name}=x")
        if code != 2 or "can't be set: " not in error and "can only be " not in error:
            open_ones.append(name)
        refused += 1
    if open_ones or refused < 40:
        raise Failure(f"{refused} of {len(options)} are refused; nobody judged {open_ones}")
    return f"{refused} of {len(options)} can't be set"


def reconnect(tenant: Tenant, settings: dict) -> None:
    """The same connector, which goes on where it was, set otherwise: what is written from now on is read so."""
    def reads(active: bool) -> bool:
        return tenant.oltp.run("SELECT active FROM pg_replication_slots WHERE slot_name = %s", tenant.name) == [(active,)]
    tenant.stack.remove_connector(tenant.name)
    wait_until("the slot is left", lambda: reads(False), 30)
    tenant.stack.add_connector(tenant.name, settings)
    wait_until("the slot is read again", lambda: reads(True), 60)


@case("distrust")
def distrust(ctx: Context) -> None:
    """A connector set otherwise, a column of another precision: a halt that says so, not a wrong value."""
    folder = ctx.stack.folder / "schemas-distrust"
    write_schemas(folder, "bigint", {"amount": "numeric(20,2)", "at": "timestamp", "old": "timestamp", "code": "uuid"})
    tenant = Tenant(ctx.stack, "distrust", folder, "view.sql")
    try:
        tenant.prepare()
        tenant.connect()
        tenant.start(1)
        tenant.oltp.run("INSERT INTO owner SELECT g, 'owner ' || g FROM generate_series(0, 7) g")
        insert = "INSERT INTO thing (thing_id, owner_id, amount, at, old) VALUES (%s, %s, %s, {}, {})"
        now, true_1970 = "now()", "'1970-01-20 18:46:50.096789'"
        for owner in range(8):
            tenant.oltp.run(insert.format(now, true_1970), owner, owner, "-26588.24")
        tenant.converge("good values")

        settings = json.loads(tenant.plan("--connector"))
        reconnect(tenant, settings | {"decimal.handling.mode": "precise"})
        tenant.oltp.run(insert.format(now, true_1970), 101, 1, "-26588.24")
        tenant.wait_halted(1, r"column amount.*decimal\.handling\.mode")
        reconnect(tenant, settings | {"time.precision.mode": "connect"})
        tenant.oltp.run(insert.format(now, "NULL"), 102, 2, "1")
        tenant.wait_halted(2, r"column at.*time\.precision\.mode")
        reconnect(tenant, settings)
        tenant.oltp.run("ALTER TABLE thing ALTER at TYPE timestamp(3)")
        tenant.oltp.run(insert.format(now, true_1970), 103, 3, "1")
        tenant.wait_halted(3, r"column at.*another type")
        tenant.oltp.run("ALTER TABLE thing ALTER code TYPE text")
        tenant.oltp.run("INSERT INTO thing (thing_id, owner_id, code) VALUES (104, 4, 'no uuid')")
        tenant.wait_halted(4, r"column code.*another type")
        wrong = tenant.olap.run("SELECT thing_id FROM owner_thing WHERE thing_id > 100")
        if wrong:
            raise Failure(f"rows {wrong} were written")
    finally:
        tenant.remove()


@case("own-texts")
def own_texts(ctx: Context) -> None:
    """Debezium's word for a value that it does not have is a text like any other, short or long."""
    word = "__debezium_unavailable_value"
    tenant = Tenant(ctx.stack, "owntexts")
    try:
        tenant.prepare()
        tenant.oltp.transaction(f"INSERT INTO student VALUES (1, '{word}')",
                                f"INSERT INTO contact VALUES (1, 1, '{word}')")
        tenant.connect()
        tenant.start(1)
        tenant.settle("a snapshot of it")
        tenant.oltp.run("INSERT INTO student VALUES (2, repeat(md5('x'), 4000))")
        tenant.oltp.run("INSERT INTO contact VALUES (2, 2, 'n')")
        tenant.oltp.run(f"UPDATE contact SET contact_number = '{word}' WHERE contact_id = 2")
        tenant.oltp.run("UPDATE contact SET student_id = 1 WHERE contact_id = 2")
        tenant.settle("changes to it")
        found = tenant.olap.run("SELECT count(*) FROM student_contact WHERE contact_number = %s", word)
        if found != [(2,)]:
            raise Failure(f"{found} rows have the text")
        check_nothing_set_aside(tenant)
        tenant.oltp.run("ALTER TABLE student REPLICA IDENTITY DEFAULT")
        tenant.oltp.run("ALTER TABLE student ALTER name SET STORAGE EXTERNAL")
        tenant.oltp.run("UPDATE student SET name = repeat(md5('y'), 4000) WHERE student_id = 2")
        tenant.wait_halted(2, "REPLICA IDENTITY")
    finally:
        tenant.remove()


def orphan_partition(contact: int) -> int:
    return kafka.key_partition('{"student_id":null,"contact_id":%d}' % contact)


@case("identity-default")
def identity_default(ctx: Context) -> None:
    """While contact is not REPLICA IDENTITY FULL a delete does not say whose contact it was: a halt, and no false one."""
    tenant = Tenant(ctx.stack, "identity")
    try:
        tenant.prepare()
        tenant.connect()
        tenant.start(1)
        lost = next(id for id in range(100, 200) if orphan_partition(id) == 5)
        tenant.oltp.run("INSERT INTO student SELECT g, 'student ' || g FROM generate_series(0, 7) g")
        tenant.oltp.run("INSERT INTO contact VALUES (1, NULL, ''), (2, 0, ''), (3, 0, 'x'), (4, NULL, ''), (5, 1, '')")
        tenant.oltp.run("INSERT INTO contact VALUES (%s, 1, 'one'), (%s, 2, 'two')", lost, lost + 1000)
        tenant.settle("rows without content, some of them without a student")
        tenant.oltp.run("DELETE FROM contact WHERE contact_id IN (1, 2)")
        tenant.oltp.run("UPDATE contact SET student_id = NULL WHERE contact_id = 5")
        tenant.settle("their deletes")
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.oltp.run("DELETE FROM contact WHERE contact_id IN (3, 4, 5)")
        tenant.settle("the others', after a rebuild")

        tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY DEFAULT")
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = %s", lost)
        tenant.wait_halted(5, r"REPLICA IDENTITY of public\.contact was not FULL")
        tenant.oltp.run("DELETE FROM contact WHERE student_id IS NULL")
        tenant.oltp.run("ALTER TABLE contact ALTER student_id SET NOT NULL")
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = %s", lost + 1000)
        tenant.wait_halted(0, r"REPLICA IDENTITY of public\.contact was not FULL")

        # docs/operations.md, Lost deletes
        tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY FULL")
        for contact, student in (lost, 1), (lost + 1000, 2):
            tenant.oltp.run("INSERT INTO contact VALUES (%s, %s, '')", contact, student)
            tenant.oltp.run("DELETE FROM contact WHERE contact_id = %s", contact)
        wait_until("the rows are gone", lambda: not tenant.olap.run(
            "SELECT 1 FROM student_contact WHERE contact_id = ANY(%s)", [lost, lost + 1000]), 20)
    finally:
        tenant.remove()


# ---- sizes

MB = 1_000_000
RANDOM_TEXT = "(SELECT string_agg(md5(g::text || %s), '') FROM generate_series(1, %s) g)"  # nothing compresses it much


def topic_settings(ctx: Context, topic: str) -> dict[str, str]:
    out = kafka.java(ctx.stack, "kafka.admin.ConfigCommand", "--describe", "--entity-type", "topics",
                     "--entity-name", topic)
    return dict(word.split("=", 1) for word in out.split() if "=" in word and not word.startswith("{"))


@case("large-rows")
def large_rows(ctx: Context) -> str:
    """Rows of 1, 5 and 40 MB go all the way; a larger record fails the connector and says why, members turn
    red, and one setting mends it."""
    tenant = Tenant(ctx.stack, "large")
    topic = "large.public.student"
    tenant.settings.update(watch_settings(tenant.oltp.port, tenant.name, interval_ms=1000))
    try:
        tenant.prepare()
        kafka.configure(ctx.stack, "topics", topic, "max.message.bytes=1048588,segment.ms=86400000")  # an older version's
        tenant.plan("--apply-topics")
        found = topic_settings(ctx, topic)
        if (found["max.message.bytes"], found["segment.ms"], found["cleanup.policy"]) != ("68157440", "86400000", "compact"):
            raise Failure(f"the topic's settings are {found}")
        tenant.oltp.run(f"INSERT INTO student VALUES (1, {RANDOM_TEXT})", "snapshot", 5 * MB // 32)
        tenant.connect()
        tenant.start(1)
        tenant.oltp.run("INSERT INTO contact VALUES (1, 1, 'a')")
        tenant.settle("a snapshot of 5 MB")
        small = tenant.members[1].memory_peak()
        for id, megabytes in (2, 1), (3, 5), (4, 40):
            tenant.oltp.run(f"INSERT INTO student VALUES (%s, {RANDOM_TEXT})", id, "insert", megabytes * MB // 32)
            tenant.oltp.run("INSERT INTO contact VALUES (%s, %s, 'a'), (%s, %s, 'b')", id, id, id + 100, id)
            tenant.settle(f"an insert of {megabytes} MB")
        tenant.oltp.run("UPDATE student SET name = upper(name) WHERE student_id IN (2, 3)")
        tenant.oltp.run("UPDATE contact SET student_id = 2 WHERE contact_id = 4")
        tenant.settle("updates of 1 and 5 MB, and a move from 40 MB")
        peak = tenant.members[1].memory_peak()
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.settle("a rebuild")

        tenant.oltp.run("UPDATE student SET name = upper(name) WHERE student_id = 4")
        wait_until("the connector fails", lambda: "FAILED" in ctx.stack.connector_states("large"), 120)
        trace = ctx.stack.rest("GET", "/connectors/large/status")["tasks"][0]["trace"]
        if "max.request.size" not in trace:
            raise Failure(f"the connector's reason does not name the size: {trace[:600]}")
        tenant.wait_not_ready("^source database: nobody reads the replication slot large", 60)
        tenant.settings["SYNC_RECORD_MAX_BYTES"] = str(128 << 20)
        tenant.plan("--apply-topics")
        tenant.connect()
        tenant.only(0)
        tenant.start(1)
        tenant.settle("an update of 40 MB with twice the size")
        tenant.wait_ready(1)
        doubled = tenant.members[1].memory_peak()
        tenant.oltp.run("DELETE FROM student WHERE student_id IN (3, 4)")
        tenant.settle("deletes")
    finally:
        tenant.remove()
    return f"peak resident memory {small / MB:.0f} MB before, {peak / MB:.0f} after 40 MB, {doubled / MB:.0f} after 2 x 40 MB"
