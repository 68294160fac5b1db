"""What is done to the sink table from outside: noticed by quiet members too, and its rows come back."""

from contextlib import contextmanager
from typing import Iterator

from cases import Context, case
from stack import PARTITIONS
from tenant import Tenant
from wait import Failure, wait_until

NOTICED = 15  # seconds until a quiet member has looked
TABLE = "student_contact"


@contextmanager
def filled(ctx: Context, name: str) -> Iterator[Tenant]:
    """Two members, and rows of every task that nothing touches any more."""
    tenant = Tenant(ctx.stack, name)
    try:
        tenant.prepare()
        tenant.connect()
        tenant.start(1, 2)
        tenant.oltp.transaction(
            f"INSERT INTO student SELECT id, 'name ' || id FROM generate_series(1, {3 * PARTITIONS}) id",
            f"INSERT INTO contact SELECT id, id, 'number ' || id FROM generate_series(1, {3 * PARTITIONS}) id")
        tenant.settle("rows of every task")
        yield tenant
        for number in tenant.members:
            tenant.wait_ready(number)
        tenant.settle("everything")
    finally:
        tenant.remove()


def refilled(tenant: Tenant, what: str) -> None:
    """Without any record, and each task but once."""
    tenant.converge(what)
    for number in tenant.members:
        tenant.wait_ready(number)


def refills(tenant: Tenant) -> float:
    return tenant.total("reacquisitions_total", reason="table")


@case("table-dropped", members=0)
def dropped(ctx: Context) -> None:
    """DROP TABLE in the OLAP database, then what the message advises; and both while nobody runs."""
    with filled(ctx, "table_dropped") as tenant:
        tenant.olap.run(f"DROP TABLE {TABLE}")
        tenant.wait_not_ready("plan --apply-sink", NOTICED)
        tenant.plan("--apply-sink")
        refilled(tenant, "DROP TABLE and plan --apply-sink")
        tenant.end()
        tenant.olap.run(f"DROP TABLE {TABLE}")
        tenant.plan("--apply-sink")
        tenant.start(1, 2)
        refilled(tenant, "the same while nobody ran")


@case("table-emptied", members=0)
def emptied(ctx: Context) -> None:
    """TRUNCATE; DROP and apply with one task touched at once; SET UNLOGGED and a crash of the OLAP server."""
    with filled(ctx, "table_emptied") as tenant:
        tenant.olap.run(f"TRUNCATE {TABLE}")
        refilled(tenant, "TRUNCATE")
        tenant.olap.run(f"DROP TABLE {TABLE}")
        tenant.plan("--apply-sink")
        tenant.oltp.run("UPDATE student SET name = 'touched' WHERE student_id = 1")
        refilled(tenant, "one task touched, the others quiet")
        tenant.olap.run(f"ALTER TABLE {TABLE} SET UNLOGGED")
        tenant.wait_not_ready("UNLOGGED", NOTICED)
        ctx.stack.service("kill", "olap")
        ctx.stack.service("start", "olap")
        tenant.olap.close()
        tenant.wait_not_ready("UNLOGGED", NOTICED)
        if tenant.olap.run(f"SELECT 1 FROM {TABLE}"):
            raise Failure("the crash did not empty the unlogged table")
        tenant.olap.run(f"ALTER TABLE {TABLE} SET LOGGED")
        refilled(tenant, "SET LOGGED after a crash")


@case("table-swapped", members=0)
def swapped(ctx: Context) -> None:
    """A copy swapped in by rename under live members, put back, swapped in again and emptied; older rows in place."""
    with filled(ctx, "table_swapped") as tenant:
        tenant.olap.run(f"CREATE TABLE copy (LIKE {TABLE} INCLUDING ALL)")
        tenant.olap.run(f"INSERT INTO copy SELECT * FROM {TABLE} LIMIT 3")
        tenant.olap.transaction(f"ALTER TABLE {TABLE} RENAME TO was", f"ALTER TABLE copy RENAME TO {TABLE}")
        tenant.oltp.run("UPDATE student SET name = 'meanwhile' WHERE student_id = 2")
        tenant.wait_not_ready("not the one that was filled", NOTICED)
        tenant.olap.transaction(f"ALTER TABLE {TABLE} RENAME TO copy", f"ALTER TABLE was RENAME TO {TABLE}")
        refilled(tenant, "put back")
        if refills(tenant):
            raise Failure("the table that was put back was filled again")
        tenant.olap.transaction(f"DROP TABLE {TABLE}", f"ALTER TABLE copy RENAME TO {TABLE}")
        tenant.wait_not_ready("not the one that was filled", NOTICED)
        tenant.olap.run(f"TRUNCATE {TABLE}")
        refilled(tenant, "the copy emptied")
        tenant.plan("--apply-sink")  # the copy has no trigger: this makes it
        tenant.olap.transaction(f"CREATE TABLE older AS TABLE {TABLE} LIMIT 5", f"TRUNCATE {TABLE}",
                                f"INSERT INTO {TABLE} TABLE older")
        tenant.wait_not_ready("not the one that was filled", NOTICED)
        tenant.olap.run(f"TRUNCATE {TABLE}")
        refilled(tenant, "older rows emptied")


@case("table-rewritten", members=0)
def rewritten(ctx: Context) -> None:
    """VACUUM FULL, CLUSTER, REINDEX and ALTER TABLE under load are no reason to fill anything again."""
    with filled(ctx, "table_rewritten") as tenant:
        tenant.oltp.run("ALTER TABLE contact DROP CONSTRAINT contact_student_id_fkey")
        with ctx.of(tenant).load(200):
            rewrite(tenant)


def rewrite(tenant: Tenant) -> None:
    loads = tenant.total("initial_loads_total")
    for sql in (f"VACUUM FULL {TABLE}", f"CLUSTER {TABLE} USING {TABLE}_pkey", f"REINDEX TABLE {TABLE}",
                f"ALTER TABLE {TABLE} SET UNLOGGED; ALTER TABLE {TABLE} SET LOGGED", f"VACUUM FULL {TABLE}"):
        tenant.olap.run(sql)
        tenant.pass_sentinels()
    if refills(tenant) or tenant.total("initial_loads_total") != loads:
        raise Failure(f"{refills(tenant):g} tasks were filled again")


@case("table-of-another-kind", members=0)
def another_kind(ctx: Context) -> None:
    """A view in the table's place is refused at run time; an unlogged table, by plan."""
    with filled(ctx, "table_kind") as tenant:
        tenant.olap.transaction(f"ALTER TABLE {TABLE} RENAME TO was", f"CREATE VIEW {TABLE} AS SELECT * FROM was")
        tenant.wait_not_ready("is a view", NOTICED)
        tenant.olap.transaction(f"DROP VIEW {TABLE}", f"ALTER TABLE was RENAME TO {TABLE}")
        refilled(tenant, "the table back")
        tenant.olap.run(f"ALTER TABLE {TABLE} SET UNLOGGED")
        try:
            tenant.plan("--apply-sink")
        except Failure as failure:
            if "UNLOGGED" not in str(failure):
                raise
        else:
            raise Failure("plan --apply-sink accepts an unlogged table")
        tenant.olap.run(f"ALTER TABLE {TABLE} SET LOGGED")
        wait_until("all is well again", lambda: all(m.readiness().ready for m in tenant.members.values()), NOTICED)
