"""Views of every kind over tables of their own, under random changes of all of them. The oracle of each is its own
SELECT in the OLTP database; what is seen meanwhile must have been true of committed versions."""

import time
from contextlib import contextmanager
from typing import Iterator, Sequence

import caches
import declared
from cases import Context, case
from system import fail_with
from tables import View
from trial import settings
from viewtenant import ViewTenant
from wait import Failure, Stopwatch, wait_until

FIRST_CHANGES = 600
RATE = 400
SECONDS = 1


@contextmanager
def tenant_of(ctx: Context, name: str, *views: View, connected: bool = True, later: Sequence[View] = ()) -> Iterator[ViewTenant]:
    tenant = ViewTenant(ctx.stack, name, *views, later=later)
    try:
        tenant.prepare()
        if connected:
            tenant.connect()
            tenant.start(1)
        yield tenant
    finally:
        tenant.remove()


def rows_of(tenant: ViewTenant) -> int:
    return sum(tenant.olap.run(f'SELECT count(*) FROM "{view.name}"')[0][0] for view in tenant.views)


def random_view(ctx: Context, *views: View) -> str:
    """Rows that are there first; changes while members come, die and stand still; a lost cache; all of it sampled."""
    name = "_".join(["any", *(view.name for view in views)])
    with tenant_of(ctx, name, *views, connected=False) as tenant, \
            settings(tenant, REFUSED_ROW_MAX=10_000, KAFKA_SESSION_TIMEOUT_MS=1500, KAFKA_HEARTBEAT_INTERVAL_MS=300):
        for statement in (statement for view in views for statement in view.fails):
            tenant.oltp.run(statement)
        with tenant.load(ctx.seed, 100_000, FIRST_CHANGES) as load:
            load.finish()
        tenant.connect()
        tenant.start(1)
        tenant.settle("the initial load")
        changes = load.changes
        with tenant.load(ctx.seed + 1, RATE) as load, tenant.samplers() as samplers:
            tenant.start(2)
            time.sleep(SECONDS)
            tenant.pass_sentinels()
            tenant.members.pop(1).kill()
            time.sleep(SECONDS)
            tenant.pass_sentinels()
            tenant.kill_all()
            tenant.start(1)
            tenant.pass_sentinels()
        changes += load.changes
        tenant.settle("changes and killed members")
        tenant.only(0)
        with tenant.load(ctx.seed + 2, 100_000, FIRST_CHANGES) as load:
            load.finish()
        changes += load.changes
        tenant.drop_caches()
        tenant.start(1)
        tenant.settle("a rebuild after changes")
        check_refused(tenant)
        tenant.check_verify("all of it")
        rows = rows_of(tenant)
        caches.check(tenant)
    return (f"{changes} changes, {sum(s.reads for s in samplers)} reads of {sum(s.rows for s in samplers)} different rows, "
            f"{rows} rows at the end")


def check_refused(tenant: ViewTenant) -> None:
    """Each row that can't be computed is recorded, and nothing else is."""
    wanted = sum(tenant.oltp.run(view.refused)[0][0] for view in tenant.views)
    if not wanted and any(view.computable for view in tenant.views):
        raise Failure("every row can be computed: the case has proven nothing")
    wait_until(f"{wanted} rows are refused", lambda: tenant.olap.run("SELECT count(*) FROM sync_refused") == [(wanted,)], 20,
               0.05, detail=lambda: str(tenant.olap.run("SELECT count(*) FROM sync_refused")[0][0]))


@case("view-one-table", members=0)
def one_table(ctx: Context) -> str:
    """A view of one table."""
    return random_view(ctx, declared.ONE_TABLE)


@case("view-three-cores", members=0)
def three_cores(ctx: Context) -> str:
    """Three tables joined on the same two columns, a text and an integer."""
    return random_view(ctx, declared.THREE_CORES)
