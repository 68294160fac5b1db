"""Faults under the order view: five tables, three of them read by every task. Most scenarios are those of the shipped view."""

from typing import Callable

import declared
from cases import Context, f_lookups, fault
from cases.any_view import tenant_of
from cases.f_caches import damaged
from cases.f_frozen import frozen, on_its_way
from cases.f_members import kill, kill_all, phases, storm
from cases.f_network import commit_answer, kafka_network, olap_network
from cases.f_servers import broker, restart, restored, terminate
from cases.f_source import connect

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
    run.__doc__ = scenario.__doc__ if scenario.__module__ == f_lookups.__name__ else f"As {name}, of the order view."
    run.__module__ = __name__
    fault(f"{name}-orders", promise, members=0, default=default)(run)


on_orders("F1-kill", kill, "nothing lost or duplicated; others take over the tasks", 0, default=True)
on_orders("F1-phases", phases, "nothing lost or duplicated, wherever it dies", 0)
on_orders("F2-kill-all", kill_all, "continues from the progress in the OLAP database", 0, default=True)
on_orders("F3-frozen", frozen, "a zombie writes 0 rows, and rejoins automatically", 2)
on_orders("F3-on-its-way", on_its_way, "a late transaction is fenced: the zombie writes 0 rows", 0, default=True)
on_orders("F4-storm", storm, "converges; every assignment has both partitions of a task", 1)
on_orders("F5-broker", broker, "no exit; catches up", 2)
on_orders("F6-terminate", terminate, "retries without limit; nothing lost or duplicated", 2)
on_orders("F6-restart", restart, "retries without limit; nothing lost or duplicated", 2)
on_orders("F7-commit-answer", commit_answer, "no batch twice, none lost: decided by the newest progress row", 0, default=True)
on_orders("F8-olap", olap_network, "retries; everything arrives once the network works", 0)
on_orders("F8-kafka", kafka_network, "retries; everything arrives once the network works", 0)
on_orders("F9-restored", restored, "replays from the offsets of the backup; converges", 2, default=True)
on_orders("F10-duplicates", f_lookups.duplicates, "converges; every row shown was correct at some moment", 0)
on_orders("F11-compacted", f_lookups.compacted, "rebuilt; converges", 0)
on_orders("F12-damaged", damaged, "discarded and rebuilt; at most one crash per damaged cache", 1, default=True)
on_orders("F13-poison", f_lookups.poison, "each is one dead letter of each task; everything else continues", 0, default=True)
on_orders("F15-records-deleted", f_lookups.records_deleted, "every task halts and writes nothing", 1)
on_orders("F19-connect", connect, "converges, with or without duplicates", 2)
