"""Several views over the same tables in one process: kept together, added, emptied. The oracle of each is its own
SELECT."""

import random
import time

from psycopg2.errors import DeadlockDetected

import declared
from cases import Context, case
from cases.any_view import random_view, tenant_of
from past import ViewSampler
from stack import PARTITIONS
from system import fail_with
from trial import settings
from viewtenant import ViewTenant
from wait import Failure, wait_until

FIRST_CHANGES = 1500
RATE = 300
LINES, HEADS = declared.ORDER_LINE, declared.ORDER_HEAD


@case("views-together", members=0)
def views_together(ctx: Context) -> str:
    """Three views in one plan: two share tables, core and lookup, one is of other tables."""
    return random_view(ctx, LINES, HEADS, declared.NOTES)


@case("views-core-and-lookup", members=0)
def views_of_three(ctx: Context) -> str:
    """Three views over five tables: no two of them use the same ones."""
    return random_view(ctx, LINES, declared.ITEM_LIST, HEADS)


def change(tenant: ViewTenant, seed: int) -> None:
    with tenant.load(seed, 100_000, FIRST_CHANGES) as load:
        load.finish()


def empty(tenant: ViewTenant, table: str) -> None:
    """By hand. A member that acquires a task just then may lock sync_identity first, and the server ends either of us."""
    def done() -> bool:
        try:
            tenant.olap.run(f"TRUNCATE {table}")
            return True
        except DeadlockDetected:
            return False
    wait_until(f"{table} is emptied", done, 20)


def fills(tenant: ViewTenant) -> float:
    return tenant.total("fills_total")


@case("view-added-rolling", members=0)
def added_rolling(ctx: Context) -> None:
    """A view is added without a pause: members that know one view and members that know both, in one group. In the end all know
    both."""
    with tenant_of(ctx, "view_rolling", LINES, later=[HEADS]) as tenant:
        change(tenant, ctx.seed)
        tenant.start(2)
        tenant.settle("one view")
        with tenant.load(ctx.seed + 1, RATE), ViewSampler(tenant.oltp, tenant.olap, LINES):
            tenant.show(LINES, HEADS)
            tenant.plan("--apply-sink")
            for number in (1, 2):
                tenant.members.pop(number).terminate()
                tenant.start(number, ready=False)
                member = tenant.members[number]
                wait_until("it works, or has ended beside the other kind",
                           lambda: not member.alive() or member.total("tasks", phase="live"), 30, 0.05)
            tenant.only(2)  # one that has ended comes back
            for number in (1, 2):
                tenant.wait_ready(number)
            tenant.pass_sentinels()
        tenant.settle("two views")


@case("view-emptied", members=0)
def emptied(ctx: Context) -> None:
    """One of two tables is emptied by hand while rows change: it is filled again, the other one goes on."""
    with tenant_of(ctx, "view_emptied", LINES, HEADS) as tenant:
        change(tenant, ctx.seed)
        tenant.start(2)
        tenant.settle("two views")
        loads = tenant.total("initial_loads_total")
        with tenant.load(ctx.seed + 1, RATE), ViewSampler(tenant.oltp, tenant.olap, LINES):
            for _ in range(2):
                before = fills(tenant)
                empty(tenant, "order_head")
                wait_until("every task fills it", lambda: fills(tenant) >= before + PARTITIONS, 60, 0.05,
                           lambda: str([member.readiness() for member in tenant.members.values()]))
                for number in (1, 2):
                    tenant.wait_ready(number)
                tenant.pass_sentinels()
        tenant.settle("both")
        if tenant.total("initial_loads_total") != loads:
            raise Failure("the other table was loaded again, too")


@case("view-fill-killed", members=0)
def fill_killed(ctx: Context) -> str:
    """Members are killed in the middle of a fill of many transactions: it begins anew, and is whole in the end."""
    rng, kills = random.Random(ctx.seed), 4
    with tenant_of(ctx, "fill_killed", LINES, later=[HEADS]) as tenant, \
            settings(tenant, BATCH_MAX_ROWS=50, KAFKA_SESSION_TIMEOUT_MS=1500, KAFKA_HEARTBEAT_INTERVAL_MS=300):
        tenant.oltp.run("INSERT INTO customers SELECT g, 'c' || g, NULL FROM generate_series(1001, 1010) g")
        tenant.oltp.run("INSERT INTO orders SELECT g, 1001 + g % 10, 'paid', now() FROM generate_series(1001, 11000) g")
        change(tenant, ctx.seed)
        tenant.end()
        tenant.start(1)
        tenant.settle("one view")
        tenant.only(0)
        tenant.show(LINES, HEADS)
        tenant.plan("--apply-sink")
        caught = 0
        with tenant.load(ctx.seed + 1, RATE):
            for _ in range(kills):
                offset = tenant.log_size()
                tenant.start(1, ready=False)
                wait_until("a fill begins", lambda: "event=fill_begins" in tenant.log_since(offset), 30, 0.002)
                time.sleep(0.3 * rng.random())
                tenant.members.pop(1).kill()
                caught += tenant.log_since(offset).count("event=filled") < PARTITIONS
            tenant.start(1)
            tenant.pass_sentinels()
        tenant.settle("two views")
        fail_with("", [] if caught else ["no fill was cut short: the case has proven nothing"])
    return f"{caught} of {kills} fills were cut short"
