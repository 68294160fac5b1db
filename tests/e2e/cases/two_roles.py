"""A table that is core and lookup in one view, on the real thing: its bad records, and the topic that shares out its tasks."""

import re
import signal
import time

import declared
import kafka
from cases import Context, case
from cases.any_view import random_view, tenant_of
from cases.f_topics import COMPACT_SOON
from cases.poison import envelope, letters, progress
from stack import PARTITIONS
from trial import settings
from viewtenant import ViewTenant
from wait import Failure, Stopwatch, wait_until

TOLD_ONCE_SECONDS = 12  # what the client says once is over by then
ROWS = 64
BAD, SHORT = 5, 6  # employees, which are also the numbers of their tasks


@case("view-staff", members=0)
def staff(ctx: Context) -> str:
    """One table, core and lookup at once: employee, manager and the manager's manager. Nothing else has a partition for
    each task."""
    return random_view(ctx, declared.TWO_ROLES)


@case("view-staff-badges", members=0)
def staff_badges(ctx: Context) -> str:
    """A table in two roles beside a core table with partitions of its own, and a lookup."""
    return random_view(ctx, declared.BADGES_OF_STAFF)


@case("view-staff-moving", members=0)
def staff_moving(ctx: Context) -> str:
    """A table in two roles whose rows move from task to task, and are in none while their department is NULL."""
    return random_view(ctx, declared.BY_DEPARTMENT)


@case("two-roles-poison", members=0)
def poison(ctx: Context) -> str:
    """A record that can't be read is a dead letter of the row's task, and of every task as a lookup. One that halts does
    so in both roles, and the advice works for both."""
    with tenant_of(ctx, "roles_poison", declared.TWO_ROLES) as tenant:
        tenant.oltp.run(f"INSERT INTO employees SELECT g, 'first ' || g, 1 + g % {ROWS} FROM generate_series(1, {ROWS}) g")
        tenant.settle("good rows")
        topic = f"{tenant.name}.public.employees"
        core = topic + ":core"
        kafka.produce(ctx.stack, topic, [('{"employee_id":%d}' % BAD, "cut {")])
        expect_letters(tenant, {topic: PARTITIONS, core: 1})
        if tenant.olap.run("SELECT task FROM sync_dead_letter WHERE topic = %s", core) != [(BAD,)]:
            raise Failure("the core row's dead letter is another task's")
        kafka.produce(ctx.stack, topic, [('{"employee_id":%d}' % SHORT,
                                          envelope("c", None, {"employee_id": SHORT, "name": "short"}))])
        commands = follow_advice(tenant)
        if sorted(command[2] for command in commands) != [topic, core]:
            raise Failure(f"the advice was {commands}")
        tenant.settle("both put aside", dead_letters=True)
        expect_letters(tenant, {topic: 2 * PARTITIONS, core: 2})
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.settle("a rebuild that meets them again", dead_letters=True)
        tenant.oltp.run("UPDATE employees SET name = 'last ' || employee_id")
        tenant.settle("later versions", dead_letters=True)
        expect_letters(tenant, {topic: 2 * PARTITIONS, core: 2})
    return f"{2 * PARTITIONS + 2} dead letters of 2 records"


def expect_letters(tenant: ViewTenant, wanted: dict[str, int]) -> None:
    def counts() -> dict[str, int]:
        return {topic: sum(row[0] == topic for row in letters(tenant)) for topic in {row[0] for row in letters(tenant)}}
    wait_until(f"the dead letters are {wanted}", lambda: counts() == wanted, 20, 0.05, detail=lambda: str(counts()))


def follow_advice(tenant: ViewTenant) -> list[list[str]]:
    """What the halts say, one after the other, until the member is ready."""
    commands: list[list[str]] = []

    def advice() -> list[str] | None:
        advised = (re.search(r"oltp-olap-sync (dead-letters add (\S+) (\d+) (\d+)), then SIGHUP", reason)
                   for reason in tenant.members[1].readiness().reasons)
        return next((found[1].split() for found in advised if found and found[1].split() not in commands), None)
    wait_until("a task halts", advice, 20, 0.05)
    while (command := advice()) is not None:
        done = tenant.command(*command)
        if done.returncode != 0:
            raise Failure(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
        commands.append(command)
        tenant.members[1].signal(signal.SIGHUP)
        wait_until("it is ready, or halts again", lambda: tenant.members[1].readiness().ready or advice(), 20, 0.05,
                   detail=lambda: str(tenant.members[1].readiness().reasons))
    tenant.wait_ready(1)
    return commands


@case("two-roles-tasks-topic", members=0)
def tasks_topic(ctx: Context) -> str:
    """The topic that shares out the tasks is deleted: no member is ready, and each says why. It is created again by the
    advice, and all goes on, with what was changed meanwhile."""
    with tenant_of(ctx, "roles_tasks", declared.TWO_ROLES, connected=False) as tenant, \
            settings(tenant, KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS=1000):
        tenant.connect()
        tenant.start(1)
        tenant.start(2)
        tenant.oltp.run(f"INSERT INTO employees SELECT g, 'first ' || g, 1 + g % {ROWS} FROM generate_series(1, {ROWS}) g")
        tenant.settle("two members")
        kafka.delete_topic(ctx.stack, f"{tenant.name}.{tenant.view}-tasks")
        for number in (1, 2):
            wait_until(f"member {number} says it",
                       lambda n=number: any("-tasks is gone" in reason for reason in tenant.members[n].readiness().reasons),
                       30, 0.05, detail=lambda n=number: str(tenant.members[n].readiness().reasons))
        gone = Stopwatch()
        while gone.seconds() < TOLD_ONCE_SECONDS:
            for number in (1, 2):
                if tenant.members[number].readiness().ready:
                    raise Failure(f"member {number} is ready without tasks")
            time.sleep(0.05)
        tenant.oltp.run("UPDATE employees SET name = 'second ' || employee_id")
        tenant.plan("--apply-topics")
        for number in (1, 2):
            tenant.wait_ready(number)
        tenant.settle("the topic is there again")
    return "not ready meanwhile"


@case("two-roles-compacted", members=0)
def compacted(ctx: Context) -> str:
    """Rows move from task to task, twice, while nobody reads, and the log is compacted past that: the task that has lost a
    row takes it out of the OLAP table all the same."""
    kafka.configure(ctx.stack, "brokers", None, "log.cleaner.backoff.ms=200")
    with tenant_of(ctx, "roles_compacted", declared.BY_DEPARTMENT, connected=False) as tenant:
        topic = f"{tenant.name}.public.employees"
        kafka.configure(ctx.stack, "topics", topic, COMPACT_SOON)
        tenant.connect()
        tenant.start(1)
        tenant.oltp.run("INSERT INTO departments SELECT g, 'department ' || g FROM generate_series(0, 15) g")
        tenant.oltp.run(f"INSERT INTO employees SELECT g, 'first ' || g, g % {ROWS}, g % 16 FROM generate_series(1, {ROWS}) g")
        tenant.settle("good rows")
        tenant.only(0)
        applied = max(max(offsets) for _, offsets in progress(tenant))
        for _ in range(2):
            tenant.oltp.run("UPDATE employees SET department_id = (department_id + 3) % 16 WHERE department_id < 16")

        def is_compacted() -> bool:
            tenant.oltp.run("UPDATE employees SET name = name || '.' WHERE employee_id = 1")
            return kafka.cleaned(ctx.stack, topic).get(0, 0) > applied + 4 * ROWS
        wait_until("the moves are compacted", is_compacted, 60, 0.5, lambda: str(kafka.cleaned(ctx.stack, topic)))
        tenant.drop_caches()
        tenant.start(1)
        tenant.settle("a rebuild behind the moves")
    return f"{2 * ROWS} moves"
