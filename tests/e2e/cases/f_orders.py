"""Faults under the order view: five tables, three of them read by every task. The scenarios are those of the shipped view."""

from typing import Callable

import declared
from cases import Context, fault
from cases.any_view import tenant_of
from cases.f_caches import damaged
from cases.f_frozen import frozen
from cases.f_members import kill, kill_all
from cases.f_network import commit_answer
from cases.f_servers import restored, terminate

FIRST_CHANGES = 1500


def on_orders(name: str, scenario: Callable[[Context], str | None], promise: str, members: int, default: bool = False) -> None:
    """The same scenario, with the load, the sampler and the sentinels of the order view."""
    def run(ctx: Context) -> str | None:
        with tenant_of(ctx, "orders_" + name.lower().replace("-", "_"), declared.ORDER_LINE, connected=False) as tenant:
            with tenant.load(ctx.seed, 100_000, FIRST_CHANGES) as load:
                load.finish()
            tenant.connect()
            tenant.start(1)
            tenant.settle("the initial load")
            tenant.only(members)
            return scenario(ctx.of(tenant))
    run.__doc__ = f"As {name}, of the order view."
    run.__module__ = __name__
    fault(f"{name}-orders", promise, members=0, default=default)(run)


on_orders("F1-kill", kill, "nothing lost or duplicated; others take over the tasks", 0, default=True)
on_orders("F2-kill-all", kill_all, "continues from the progress in the OLAP database", 0, default=True)
on_orders("F3-frozen", frozen, "a zombie writes 0 rows, and rejoins automatically", 2, default=True)
on_orders("F6-terminate", terminate, "retries without limit; nothing lost or duplicated", 2)
on_orders("F7-commit-answer", commit_answer, "no batch twice, none lost: decided by the newest progress row", 0, default=True)
on_orders("F9-restored", restored, "replays from the offsets of the backup; converges", 2, default=True)
on_orders("F12-damaged", damaged, "discarded and rebuilt; at most one crash per damaged cache", 1, default=True)
