"""Consumer groups that are not what they must be: two views in one, two databases, two groups over one view."""

import re
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import kafka
import oracle
from cases import Context, case
from db import Database
from stack import MEMBERS_MAX, PARTITIONS, ROOT, free_ports
from system import System
from tenant import Tenant
from wait import Failure, wait_until

REFUSED = 2            # the exit code
REFUSE_SECONDS = 15    # another view
MOVED_SECONDS = 50     # another database: it may be one that has just moved, for 30 s
FORMER_GROUP = "oltp-olap-sync"

OTHER_VIEW = """CREATE MATERIALIZED VIEW contact_student AS
SELECT
  student.student_id AS student_id,
  contact.contact_id AS contact_id,
  contact.contact_number AS contact_number
FROM student
INNER JOIN contact
  ON student.student_id = contact.student_id;
"""


class Beside(System):
    """Members on a tenant's topics, with another view, another OLAP database, or both."""

    def __init__(self, tenant: Tenant, name: str, view_file: Path, database: str, group: str | None) -> None:
        state_dir = tenant.stack.folder / f"state-{name}"
        state_dir.mkdir()
        settings = tenant.settings | {"SYNC_OLAP_DBNAME": database, "SYNC_SCHEMAS_VIEW": str(view_file)}
        settings.pop("SYNC_KAFKA_GROUP_ID")
        if group is not None:
            settings["SYNC_KAFKA_GROUP_ID"] = group
        super().__init__(tenant.stack, tenant.oltp, Database(tenant.stack.olap.port, database), view_file, state_dir,
                         tenant.stack.log_dir / f"consumer-{name}.out", name, settings, free_ports(MEMBERS_MAX))

    def make_tables(self) -> None:
        done = subprocess.run([str(self.stack.binary), "plan", "--apply-sink"], env=self.environment("plan"), cwd=ROOT,
                              capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"plan --apply-sink ended with {done.returncode}: {done.stderr[-600:]}")

    def wait_refused(self, number: int, pattern: str, seconds: float) -> None:
        """It ends with the code for what the operator must change, and says why."""
        member = self.members.pop(number)
        wait_until(f"{member.name} refuses to work", lambda: not member.alive(), seconds, 0.05,
                   detail=lambda: f"{member.readiness()}")
        if member.exit_code() != REFUSED:
            raise Failure(f"{member.name} ended with {member.exit_code()}, expected {REFUSED}: {self.last_line(member)}")
        if not re.search(pattern, self.last_line(member)):
            raise Failure(f"the last line of {member.name} does not say {pattern}: {self.last_line(member)}")


def offsets_of(ctx: Context, group: str) -> int:
    """Partitions for which the group has committed an offset."""
    out = kafka.java(ctx.stack, "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--describe", "--group", group)
    return sum(line.split()[0] == group and line.split()[3].isdigit() for line in kafka.lines_of(out) if len(line.split()) > 3)


def tasks(system: System) -> float:
    return system.total("tasks", phase="live")


@contextmanager
def tenant_with_rows(ctx: Context, name: str) -> Iterator[Tenant]:
    tenant = Tenant(ctx.stack, name)
    try:
        tenant.prepare()
        tenant.oltp.run("INSERT INTO student SELECT g, 'name ' || g FROM generate_series(1, 100) g")
        tenant.oltp.run("INSERT INTO contact SELECT g, g % 100 + 1, 'number ' || g FROM generate_series(1, 300) g")
        tenant.connect()
        yield tenant
    finally:
        tenant.remove()


@case("two-views-one-group")
def two_views(ctx: Context) -> str:
    """Another view, or another database, under a group that is taken; then both at once."""
    view_file = ctx.stack.folder / "contact_student.sql"
    view_file.write_text(OTHER_VIEW)
    with tenant_with_rows(ctx, "grp") as tenant:
        Database(tenant.olap.port, "grp_other").create()
        view = Beside(tenant, "grp-view", view_file, "grp_other", "grp")
        sink = Beside(tenant, "grp-sink", ROOT / "schemas/student_contact.sql", "grp_other", "grp")
        try:
            view.make_tables()
            sink.make_tables()
            tenant.start(1)
            tenant.settle("before")
            assigned = tenant.members[1].assignments()
            # Beside its offsets stands what it keeps; one that joins before that is seen only in the group.
            wait_until("its offsets are with Kafka", lambda: offsets_of(ctx, "grp") == 2 * PARTITIONS, 30, 0.1)
            view.start(1, ready=False)
            view.wait_refused(1, r"group grp belongs to one view, and member tenant-grp-1 .*student_contact", REFUSE_SECONDS)
            sink.start(1, ready=False)
            sink.wait_refused(1, r"group grp belongs to one OLAP database, and member tenant-grp-1", MOVED_SECONDS)
            if tenant.members[1].assignments() != assigned or tasks(tenant) != PARTITIONS:
                raise Failure("the member that was there first was disturbed")
            tenant.start(2)  # one of its own may come
            tenant.only(1)
            tenant.settle("after both were refused")
            tenant.only(0)
            at_once(tenant, view)
        finally:
            view.end()
            sink.end()
    return "refused before they joined; of two at once, one goes on with every task"


def at_once(tenant: Tenant, view: Beside) -> None:
    """Both start on an empty group: the later one ends, the other has every task."""
    tenant.start(1, ready=False)
    view.start(1, ready=False)
    members = {system.members[1]: system for system in (tenant, view)}
    wait_until("one of the two has ended", lambda: sum(member.alive() for member in members) == 1, 30, 0.05,
               detail=lambda: str([member.readiness() for member in members]))
    gone = next(member for member in members if not member.alive())
    left = next(system for member, system in members.items() if member is not gone)
    del members[gone].members[1]
    if gone.exit_code() != REFUSED:
        raise Failure(f"{gone.name} ended with {gone.exit_code()}")
    wait_until("the other has every task", lambda: left.members[1].readiness().ready and tasks(left) == PARTITIONS, 30, 0.05,
               detail=lambda: str(left.members[1].readiness()))
    left.converge("the other alone")


@case("two-groups-one-view")
def two_groups(ctx: Context) -> str:
    """Members of two groups keep one view: they must not take the tasks from each other for ever."""
    with tenant_with_rows(ctx, "fight") as tenant:
        other = Beside(tenant, "fight-other", ROOT / "schemas/student_contact.sql", "fight", "fight-other")
        try:
            tenant.start(1)
            other.start(1, ready=False)

            def contested() -> bool:
                tenant.oltp.run("UPDATE student SET name = name || '.'")
                return any("outside this consumer group" in reason for system in (tenant, other)
                           for reason in system.members[1].readiness().reasons)
            wait_until("one of them says that somebody else writes its tasks", contested, 40, 0.3)
            owners = [oracle.owners(tenant.olap)]

            def forty() -> bool:
                tenant.oltp.run("UPDATE student SET name = left(name, 20) || '!'")
                owners.append(oracle.owners(tenant.olap))
                return len(owners) > 40
            wait_until("forty more changes", forty, 60, 0.2)
            if changes(owners) > 25:
                raise Failure(f"the owners changed between {changes(owners)} of {len(owners)} looks")
            other.only(0)
            tenant.settle("one group alone", partitions=list(range(PARTITIONS)))
        finally:
            other.end()
    return f"{changes(owners)} changes of ownership in {len(owners)} looks under load"


def changes(owners: list[dict[int, str]]) -> int:
    return sum(a != b for a, b in zip(owners, owners[1:]))


@case("former-group")
def former_group(ctx: Context) -> None:
    """A member with the default group comes while members are in the default group of earlier versions: it waits."""
    view_file = ctx.stack.folder / "contact_student.sql"  # the default group of the shipped view is taken
    view_file.write_text(OTHER_VIEW)
    with tenant_with_rows(ctx, "former") as tenant:
        old = Beside(tenant, "former-old", view_file, "former", FORMER_GROUP)
        new = Beside(tenant, "former-new", view_file, "former", None)
        try:
            old.make_tables()
            old.start(1)
            old.converge("the old group")
            before = oracle.owners(tenant.olap)
            new.start(1, ready=False)
            new.wait_not_ready(rf"consumer group {FORMER_GROUP}, the default of earlier versions.*former-old-1")
            tenant.oltp.run("UPDATE contact SET contact_number = contact_number || '!'")
            old.converge("beside one that waits")
            if oracle.owners(tenant.olap) != before:
                raise Failure("the new member took tasks from the old group's")
            old.only(0)
            new.wait_ready(1)
            tenant.oltp.run("UPDATE contact SET contact_number = contact_number || '?'")
            new.converge("the new group alone")
        finally:
            old.end()
            new.end()
