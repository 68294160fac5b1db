"""(e) restart with a warm cache, (g) two members against one."""

import time

from arrival import Poll
from case_catch_up import million, one_catch_up
from case_latency import PHASES, live, rates
from case_live import loaded, one_upserts
from db import Database
from environment import Env, Topics
from ours import Ours
from records import MULTIPLIER, Records, Truth
from runner import Bench
from usage import Usage
from wait import Failure, wait_until

PENDING = 64  # changes that wait when the member starts, some in every partition


def restart(bench: Bench) -> None:
    sizes = [bench.size(1_000_000, 12_000)] + ([10_000_000] if bench.args.full else [])
    for rows in sizes:
        state = Records(students=rows // 3, contacts=rows - rows // 3, seed=bench.args.seed)
        topics = bench.servers.topics("routed")
        subject, env = loaded(bench, topics, state)
        try:
            for run in bench.runs():
                one_restart(bench, run, subject, env, topics, state)
            check(bench, env, topics)
        finally:
            subject.stop()
            bench.servers.remove_env(env)
            bench.servers.remove_topics(topics)


def one_restart(bench: Bench, run: int, subject: Ours, env: Env, topics: Topics, state: Records) -> None:
    """Ended as an operator ends it, and started again; a few changes have come meanwhile."""
    subject.end_members()
    changes = state.changes_only(updates=PENDING, update_step=1, version=1 + run)
    bench.servers.write(topics, changes)
    wanted = rows_after(state, changes)
    bench.servers.rest_of_writing()
    with Usage(subject.pids, from_start=True) as usage:
        start = time.monotonic()
        subject.start(1)
        wait_until("the first change is applied", lambda: there(env.olap, wanted) > 0, 60, 0.005)
        first = time.monotonic() - start
        wait_until("all changes are applied", lambda: there(env.olap, wanted) == PENDING, 60, 0.005)
        last = time.monotonic() - start
        ready = subject.wait_ready(60, 1) - start
    bench.record("e", f"{state.students + state.contacts:,} rows of state", subject, run, right=True,
                 first_applied_s=round(first, 3), all_applied_s=round(last, 3), ready_s=round(ready, 3),
                 assigned_s=subject.seconds_to("assigned", 1), **usage.figures())


def there(olap: Database, rows: list[tuple]) -> int:
    """How many of these rows are as they must be."""
    return olap.run(Truth.look_up, *(list(column) for column in zip(*rows)))[0][0]


def rows_after(state: Records, changes: Records) -> list[tuple]:
    """The rows of the contacts 1 to PENDING."""
    rows = []
    for contact in range(1, PENDING + 1):
        student = 1 + contact * MULTIPLIER % state.students
        rows.append((student, contact, f"student {student} v{state.version}", f"+50-{contact}-{changes.version}"))
    return rows


def check(bench: Bench, env: Env, topics: Topics) -> None:
    truth = bench.servers.truth(topics.history)
    if Poll(env.olap, truth, str).count_and_checksum() != (truth.count, truth.checksum):
        raise Failure("after the restarts the table is wrong")


# ---- (g)


def two_members(bench: Bench) -> None:
    catch_ups(bench)
    for run in bench.runs():
        for members in (1, 2):
            one_upserts(bench, "g", run, members, named(members))
        for members in (1, 2):
            live(bench, Ours, lambda subject, env, client, _: rates(
                bench, run, subject, env, client, "g", {200: PHASES[200]}, named(members)), members)


def catch_ups(bench: Bench) -> None:
    written: dict[str, Topics] = {}
    try:
        for run in bench.runs():
            for members in (1, 2):
                one_catch_up(bench, f"catch-up{named(members)}", run, Ours, million(bench), written, "g", members)
    finally:
        for topics in written.values():
            bench.servers.remove_topics(topics)


def named(members: int) -> str:
    return f", {members} member{'s' if members > 1 else ''}"
