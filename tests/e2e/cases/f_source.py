"""F10, F14, F16, F19: what Debezium and the source do: duplicates, storms of moves, new snapshots, a killed Connect."""

import json
import time

import kafka
import oracle
from cases import Context, fault
from load import STORM_WEIGHTS
from tenant import Tenant
from trial import trial
from wait import Failure, wait_until

FOREIGN_KEY = "ALTER TABLE contact DROP CONSTRAINT contact_student_id_fkey"


def loaded_tenant(ctx: Context, name: str, **settings: object) -> Tenant:
    """Live, without the foreign key, as the load wants it."""
    tenant = Tenant(ctx.stack, name)
    tenant.settings.update({f"SYNC_{key}": str(value) for key, value in settings.items()})
    tenant.prepare()
    tenant.oltp.run(FOREIGN_KEY)
    tenant.connect()
    tenant.start(1)
    return tenant


@fault("F10-duplicates", "converges; every row shown was correct at some moment", members=0)
def duplicates(ctx: Context) -> str:
    """The latest records of many keys are sent again repeatedly, while other rows change."""
    tenant = loaded_tenant(ctx, "dups")
    inner = ctx.of(tenant)
    try:
        with inner.load(rate=2000, changes=ctx.times(6000, 30_000)) as first:
            first.finish()
        tenant.settle("the changes")
        topics = [f"dups.public.{table}" for table in ("student", "contact")]
        stretches = {topic: last_stretch(ctx, topic, first.first_id, first.end_id) for topic in topics}
        with trial(inner) as one:
            # O2 must know the versions that come again.
            one.load.history.students |= first.history.students
            one.load.history.contacts |= first.history.contacts
            for turn in range(ctx.times(1, 3)):
                for topic, records in stretches.items():
                    kafka.produce(ctx.stack, topic, records)
                one.healed()
                one.more["records sent again"] = (turn + 1) * sum(map(len, stretches.values()))
    finally:
        tenant.remove()
    return one.remark()


def last_stretch(ctx: Context, topic: str, first: int, end: int) -> list[tuple[str, str]]:
    """The second half of what there is of the load's keys, of those that the producer puts into the right partition."""
    records = [(key, value) for partition, key, value in kafka.records_of(ctx.stack, topic)
               if kafka.key_partition(key) == partition and first <= (json.loads(key)["student_id"] or 0) < end]
    half = records[len(records) // 2:]
    if not half:
        raise Failure(f"nothing to send again in {topic}")
    return half


@fault("F14-moves", "converges; every row shown was correct at some moment")
def moves(ctx: Context) -> str:
    """Contacts move between students of all partitions, to none and back; keys change; rows are deleted and inserted again."""
    with trial(ctx, rate=1000, weights=STORM_WEIGHTS) as one:
        for _ in range(ctx.times(1, 6)):
            time.sleep(ctx.times(5, 10))
            one.healed()
    return one.remark()


@fault("F16-snapshot", "rows deleted meanwhile stay, and no others, as documented", members=0)
def snapshot(ctx: Context) -> str:
    """The connector loses its offsets and takes a new snapshot; it has missed deletes before."""
    tenant = loaded_tenant(ctx, "resnap")
    try:
        ids = [8 * n + n % 8 for n in range(1, 201)]
        tenant.oltp.run("INSERT INTO student SELECT id, 's' || id FROM unnest(%s) id", ids)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM unnest(%s) id", ids)
        tenant.settle("the rows")
        ctx.stack.rest("PUT", "/connectors/resnap/stop")
        wait_until("the connector stops", lambda: ctx.stack.connector_states("resnap") == ["STOPPED"], 30, 0.1)
        gone = ids[:20]
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = ANY(%s)", gone)
        ctx.stack.rest("DELETE", "/connectors/resnap/offsets")
        tenant.drop_slot()
        ctx.stack.rest("PUT", "/connectors/resnap/resume")
        ctx.stack.wait_connector("resnap")
        tenant.pass_sentinels()
        wrong = oracle.check_equal(tenant.oltp, tenant.olap, tenant.query, tenant.view)
        left = tenant.olap.run(f"SELECT contact_id FROM {tenant.view} WHERE contact_id = ANY(%s)", gone)
        if len(left) != len(gone) or not wrong or not wrong[0].startswith(f"{len(gone)} rows too many"):
            raise Failure(f"{len(left)} of {len(gone)} deleted rows are left; the differences: {wrong}")
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM unnest(%s) id", gone)
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = ANY(%s)", gone)
        tenant.settle("the rows made and deleted again")
    finally:
        tenant.remove()
    return f"{len(gone)} rows deleted unseen stayed, as documented; gone after they were deleted again"


@fault("F19-connect", "converges, with or without duplicates")
def connect(ctx: Context) -> str:
    """Kafka Connect is killed and restarted, during single-row changes."""
    with trial(ctx) as one:
        for _ in range(ctx.times(1, 4)):
            ctx.stack.service("kill", "connect")
            ctx.stack.service("start", "connect")
            one.healed(seconds=120)
    return one.remark()
