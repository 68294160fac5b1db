"""Views that read a table in two ways: two plans side by side, each with topics, connector, progress and members of its
own, over the same databases."""

from contextlib import contextmanager
from typing import Iterator

import caches
import declared
from cases import Context, case
from cases.any_view import tenant_of
from db import Database
from viewtenant import ViewTenant
from wait import Failure

FIRST_CHANGES = 1000
RATE = 400
LINES, PRICES = declared.ORDER_LINE, declared.ONE_TABLE  # products are a lookup there, and core here


@contextmanager
def second_plan(first: ViewTenant) -> Iterator[ViewTenant]:
    """Of the other view, with the settings of the first but for the plan's name."""
    first.settings["SYNC_SCHEMAS_VIEW"] += f",{PRICES.write_view(first.folder)}"
    plan = ViewTenant(first.stack, f"{first.name}_{PRICES.name}", PRICES)
    plan.oltp, plan.olap = (Database(database.port, database.name) for database in (first.oltp, first.olap))
    plan.settings = first.settings | {"SYNC_SCHEMAS_PLAN": PRICES.name}
    first.settings["SYNC_SCHEMAS_PLAN"] = LINES.name
    try:
        yield plan
    finally:
        plan.remove()


def must_ask(tenant: ViewTenant) -> None:
    """Whoever does not say which plan is told their names."""
    chosen = tenant.settings.pop("SYNC_SCHEMAS_PLAN")
    done = tenant.command("plan", "--apply-sink")
    tenant.settings["SYNC_SCHEMAS_PLAN"] = chosen
    if done.returncode != 2 or not all(name in done.stderr for name in ("schemas.plan", LINES.name, PRICES.name)):
        raise Failure(f"plan --apply-sink without a plan ended with {done.returncode}: {done.stderr}")


@case("two-plans", members=0)
def two_plans(ctx: Context) -> str:
    """A table is a lookup of one view and core of another: two plans under random changes, while members of each die."""
    with tenant_of(ctx, "two_plans", LINES, connected=False, later=[PRICES]) as lines, second_plan(lines) as prices:
        plans = (lines, prices)
        must_ask(lines)
        prices.plan("--apply-sink")
        prices.plan("--apply-topics")
        for plan in plans:
            with plan.load(ctx.seed, 100_000, FIRST_CHANGES) as load:
                load.finish()
            plan.connect()
            plan.start(1)
        for plan in plans:
            plan.settle("the initial load")
        with lines.load(ctx.seed + 1, RATE) as load, lines.samplers(), prices.samplers():
            for dies, lives in (plans, reversed(plans)):
                dies.kill_all()
                lives.pass_sentinels()
                dies.start(1)
                dies.pass_sentinels()
        for plan in plans:
            plan.settle("changes and killed members")
        for plan in plans:
            plan.only(0)
            plan.drop_caches()
            plan.start(1)
            plan.settle("a lost cache")
            caches.check(plan)
    return f"{load.changes} changes meanwhile"
