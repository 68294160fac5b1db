"""A view that joins a plan whose other tables go on, that is taken out, and comes back. The oracle of each is its own
SELECT."""

import declared
from cases import Context, case
from cases.any_view import FIRST_CHANGES, RATE, tenant_of
from stack import PARTITIONS
from tables import View
from viewtenant import ViewTenant
from wait import Failure, wait_until

FIRST, SECOND = declared.ITEM_LIST, declared.ORDER_LINE
NOTICED = 15  # seconds until a quiet member has looked


def replan(tenant: ViewTenant, *views: View) -> None:
    """No member runs; the next ones know these views. Their progress has another length from here on."""
    tenant.only(0)
    tenant.show(*views)
    tenant.olap.run("TRUNCATE e2e.progress_log")


def change(ctx: Context, tenant: ViewTenant, seed: int) -> None:
    with tenant.load(ctx.seed + seed, 100_000, FIRST_CHANGES) as load:
        load.finish()


def filled(tenant: ViewTenant, loads: float) -> float:
    """All tables are whole, and no task has begun anew."""
    if tenant.total("tables_to_fill"):
        raise Failure("ready, but tables are to be filled")
    if tenant.total("initial_loads_total") != loads:
        raise Failure("a task with progress has loaded all tables")
    fills = tenant.total("fills_total")
    if not fills:
        raise Failure("no task has filled a table")
    return fills


@case("view-added", members=0)
def added(ctx: Context) -> str:
    """A second view, which reads three tables more: added under load, emptied, taken out, and back with its old rows."""
    with tenant_of(ctx, "view_added", FIRST, connected=False, later=[SECOND]) as tenant:
        tenant.show(FIRST, SECOND)  # the connector sends all tables from the start
        tenant.plan("--apply-topics")
        tenant.connect()
        tenant.show(FIRST)
        tenant.start(1)
        change(ctx, tenant, 0)
        tenant.settle("one view")
        with tenant.load(ctx.seed + 1, RATE):
            replan(tenant, FIRST, SECOND)
            tenant.plan("--apply-sink")
            tenant.start(1, 2)
            tenant.pass_sentinels()
        tenant.settle("a view was added")
        fills = filled(tenant, 0)
        tenant.olap.run(f"TRUNCATE {SECOND.name}")
        wait_until("every task has filled it again", lambda: tenant.total("fills_total") == fills + PARTITIONS, NOTICED)
        for number in tenant.members:
            tenant.wait_ready(number)
        tenant.settle("its table was emptied")
        fills = filled(tenant, 0)
        replan(tenant, FIRST)
        tenant.plan("--apply-sink")
        tenant.start(1)
        change(ctx, tenant, 2)
        tenant.settle("it was taken out")
        replan(tenant, FIRST, SECOND)
        refused = tenant.command("plan", "--apply-sink")
        if refused.returncode == 0 or f"TRUNCATE {SECOND.name}" not in refused.stderr:
            raise Failure(f"plan --apply-sink took a table that nobody kept: {refused.stderr[-300:]}")
        tenant.start(1, ready=False)
        tenant.wait_not_ready(f"TRUNCATE {SECOND.name}", NOTICED)
        tenant.olap.run(f"TRUNCATE {SECOND.name}")
        tenant.wait_ready(1)
        tenant.settle("it is back")
        return f"{fills:.0f} fills by two members, {filled(tenant, 0):.0f} in the end"
