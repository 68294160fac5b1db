"""What is done to the source tables, and what the watch on the source says of it."""

import json
import re
import signal
from typing import Callable, Iterator
from contextlib import contextmanager

from cases import Context, case
from proxy import Proxy
from system import System, fail_with, watch_settings
from tenant import Tenant
from wait import Failure, wait_until

ROLE = "watcher"  # may connect, and nothing else
NOTICED_SECONDS = 10
LOOKS_MS = 500
STUDENT, CONTACT = 8, 80


@contextmanager
def watched(ctx: Context, name: str) -> Iterator[Tenant]:
    tenant = Tenant(ctx.stack, name)
    tenant.settings.update(watch_settings(tenant.oltp.port, name, ROLE, LOOKS_MS))
    try:
        tenant.prepare()
        if not tenant.oltp.run("SELECT 1 FROM pg_roles WHERE rolname = %s", ROLE):
            tenant.oltp.run(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'pg'")
        tenant.oltp.run("INSERT INTO student VALUES (%s, 'Dan')", STUDENT)
        tenant.oltp.run("INSERT INTO contact VALUES (%s, %s, '123')", CONTACT, STUDENT)
        tenant.connect()
        tenant.start(1)
        yield tenant
    finally:
        tenant.remove()


def resume(system: System) -> None:
    for member in system.members.values():
        member.signal(signal.SIGHUP)


def acknowledge(system: System) -> None:
    """All is mended: the operator says so, and the member is ready and right."""
    resume(system)
    for number in system.members:
        system.wait_ready(number)
    system.settle("the mending")


def lose(system: System, table: str, number: str) -> None:
    system.oltp.run(f"UPDATE {table} SET contact_number = %s WHERE contact_id = %s", number, CONTACT)


def is_lost(system: System, number: str) -> None:
    """The change really did not come: what the watch says is true."""
    system.pass_sentinels()
    if system.olap.run(f"SELECT 1 FROM {system.view} WHERE contact_number = %s", number):
        raise Failure(f"{number}: the change came all the same, and the watch speaks of a loss")


def looked(tenant: Tenant) -> None:
    """The watch has seen what there is now: a look began after it, and another one after that."""
    since = tenant.oltp.run("SELECT clock_timestamp()::text")[0][0]
    for _ in range(2):
        since = wait_until("the watch looks", lambda: tenant.oltp.run(
            "SELECT max(query_start)::text FROM pg_stat_activity WHERE usename = %s AND datname = %s "
            "AND query_start > %s::timestamptz + %s * interval '1 ms'", ROLE, tenant.name, since, LOOKS_MS // 2)[0][0],
            NOTICED_SECONDS)


# ---- each leaves the source as it was, and the table right

def renamed_and_back(tenant: Tenant) -> None:
    tenant.oltp.run("ALTER TABLE contact RENAME TO contact_away")
    lose(tenant, "contact_away", "while renamed")
    tenant.oltp.run("ALTER TABLE contact_away RENAME TO contact")
    tenant.wait_not_ready(r"source database: public\.contact (was renamed|does not exist)", NOTICED_SECONDS)
    is_lost(tenant, "while renamed")
    tenant.oltp.run("UPDATE contact SET contact_number = contact_number")
    acknowledge(tenant)


def swapped(tenant: Tenant) -> None:
    tenant.oltp.transaction(
        "CREATE TABLE contact_new (LIKE contact INCLUDING ALL)", "INSERT INTO contact_new SELECT * FROM contact",
        "ALTER TABLE contact_new REPLICA IDENTITY FULL", "ALTER TABLE contact RENAME TO contact_old",
        "ALTER TABLE contact_new RENAME TO contact")
    lose(tenant, "contact", "while swapped")
    written = tenant.oltp.run("SELECT pg_current_wal_lsn()::text")[0][0]
    tenant.wait_not_ready(r"source database: public\.contact is (another table than before|not in the publication)",
                          NOTICED_SECONDS)
    wait_until("the connector has read it", lambda: tenant.oltp.run(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND confirmed_flush_lsn >= %s::pg_lsn",
        tenant.name, written), 30)
    if tenant.olap.run(f"SELECT 1 FROM {tenant.view} WHERE contact_number = 'while swapped'"):
        raise Failure("the change came all the same, and the watch speaks of a loss")
    tenant.oltp.transaction("ALTER TABLE contact RENAME TO contact_new", "ALTER TABLE contact_old RENAME TO contact",
                            "DROP TABLE contact_new")
    acknowledge(tenant)


def truncated(tenant: Tenant) -> None:
    rows = tenant.oltp.run("SELECT contact_id, student_id, contact_number FROM contact")
    tenant.oltp.transaction("ALTER TABLE contact DISABLE TRIGGER contact_refuse_truncate", "TRUNCATE contact",
                            "ALTER TABLE contact ENABLE TRIGGER contact_refuse_truncate")
    tenant.wait_not_ready(r"source database: public\.contact was emptied by TRUNCATE", NOTICED_SECONDS)
    if not tenant.olap.run(f"SELECT 1 FROM {tenant.view}"):
        raise Failure("the OLAP table is empty: TRUNCATE came, and the watch speaks of a loss")
    for row in rows:
        tenant.oltp.run("INSERT INTO contact VALUES (%s, %s, %s)", *row)
    acknowledge(tenant)


def without_identity(tenant: Tenant) -> None:
    tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY DEFAULT")
    for task in (0, 7):
        tenant.wait_halted(task, r"public\.contact: REPLICA IDENTITY is DEFAULT", NOTICED_SECONDS)
    halts = tenant.total("halts_total", task="3")
    resume(tenant)  # not mended: it halts again
    wait_until("it halts again", lambda: tenant.total("halts_total", task="3") > halts, NOTICED_SECONDS)
    tenant.wait_halted(3, r"public\.contact: REPLICA IDENTITY is DEFAULT", NOTICED_SECONDS)
    tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY FULL")
    wait_until("the watch sees that it is over", lambda: any(
        "over now" in reason for reason in tenant.members[1].readiness().reasons), NOTICED_SECONDS)
    tenant.wait_halted(3, r"public\.contact: REPLICA IDENTITY is DEFAULT", NOTICED_SECONDS)  # records may lack it
    acknowledge(tenant)


def retyped(tenant: Tenant) -> None:
    tenant.oltp.run("ALTER TABLE student ALTER name TYPE varchar(100)")
    tenant.wait_not_ready(r"public\.student: column name is character varying\(100\), the SQL file says text",
                          NOTICED_SECONDS)
    tenant.oltp.run("ALTER TABLE student ALTER name TYPE text")
    acknowledge(tenant)


def unpublished(tenant: Tenant) -> None:
    tenant.oltp.run(f"ALTER PUBLICATION {tenant.name} DROP TABLE contact")
    lose(tenant, "contact", "while unpublished")
    tenant.oltp.run(f"ALTER PUBLICATION {tenant.name} ADD TABLE contact")
    tenant.wait_not_ready(r"public\.contact (was taken out of|is not in) the publication", NOTICED_SECONDS)
    is_lost(tenant, "while unpublished")
    tenant.oltp.run("UPDATE contact SET contact_number = contact_number")
    acknowledge(tenant)


def unread(tenant: Tenant) -> None:
    """Nothing is lost while the connector is stopped: it is red for as long as that lasts."""
    tenant.stack.rest("PUT", f"/connectors/{tenant.name}/stop")
    tenant.wait_not_ready(f"nobody reads the replication slot {tenant.name}", 60)
    tenant.stack.rest("PUT", f"/connectors/{tenant.name}/resume")
    tenant.stack.wait_connector(tenant.name)
    tenant.wait_ready(1)
    tenant.settle("the connector's rest")


def moved_slot(tenant: Tenant) -> None:
    """The connector goes on over it, RUNNING, without what was changed in between."""
    tenant.stack.rest("PUT", f"/connectors/{tenant.name}/stop")
    wait_until("nobody reads the slot", lambda: tenant.oltp.run(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = %s AND NOT active", tenant.name), 30)
    looked(tenant)
    lose(tenant, "contact", "while moved")
    tenant.oltp.run("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", tenant.name)
    tenant.wait_not_ready(f"source database: the replication slot {tenant.name} was moved forward", NOTICED_SECONDS)
    tenant.stack.rest("PUT", f"/connectors/{tenant.name}/resume")
    tenant.stack.wait_connector(tenant.name)
    is_lost(tenant, "while moved")
    tenant.wait_not_ready(f"source database: the replication slot {tenant.name} was moved forward", NOTICED_SECONDS)
    tenant.oltp.run("UPDATE contact SET contact_number = contact_number")
    acknowledge(tenant)


def dropped(tenant: Tenant) -> None:
    tenant.oltp.run("DROP TABLE contact")
    tenant.wait_not_ready(r"source database: public\.contact does not exist", NOTICED_SECONDS)


CHANGES: list[Callable[[Tenant], None]] = [renamed_and_back, swapped, truncated, without_identity, retyped,
                                           unpublished, unread, moved_slot, dropped]


@case("source", members=0)
def source(ctx: Context) -> str:
    """Source tables renamed, swapped, emptied, without identity, retyped, unpublished, unread, its slot moved, dropped: each is noticed."""
    problems = []
    with watched(ctx, "srcwatch") as tenant:
        for change in CHANGES:
            try:
                change(tenant)
            except Failure as failure:  # the others are tried all the same
                problems.append(f"{change.__name__}: {failure}")
        found = tenant.total("source_findings_total")
    fail_with("changes of the source", problems)
    return f"{len(CHANGES)} changes, {found:g} findings"


@case("source-away", members=0)
def source_away(ctx: Context) -> str:
    """The source can't be reached by the watch: said and counted, not red, and over when it is back."""
    with watched(ctx, "srcaway") as tenant, Proxy(tenant.oltp.port) as oltp:
        tenant.end()
        tenant.settings.update(watch_settings(oltp.port, "srcaway", ROLE, LOOKS_MS))
        tenant.start(1)
        member = tenant.members[1]
        wait_until("the source answers", lambda: member.total("source_answers") == 1, NOTICED_SECONDS)
        offset = tenant.log_size()
        oltp.cut(refuse=True)
        wait_until("the source is away", lambda: member.total("source_answers") == 0, NOTICED_SECONDS)
        if not member.readiness().ready:
            raise Failure(f"not ready at once: {member.readiness()}")
        tenant.settle("the source is away for the watch")  # rows come all the same
        oltp.heal()
        wait_until("the source answers again", lambda: member.total("source_answers") == 1, NOTICED_SECONDS)
        said = re.findall(r"level=(\w+) .*event=source_differs what=away", tenant.log_since(offset))
        if said != ["warn"]:
            raise Failure(f"said {said}, not one warning")
        tenant.end()
        tenant.settings = {key: value for key, value in tenant.settings.items() if not key.startswith("SYNC_OLTP")}
        offset = tenant.log_size()
        tenant.start(1)
        if tenant.log_since(offset).count("event=source_not_watched") != 1:
            raise Failure("a member without oltp.* does not say once that nobody watches")
    return "away and back, and never watched"


@case("initial-copy", members=0)
def initial_copy(ctx: Context) -> str:
    """The connector's first snapshot comes to a live member: it is ready again when every row is there, not before."""
    students, contacts = 2_000, 100_000
    tenant = Tenant(ctx.stack, "firstcopy")
    try:
        tenant.prepare()
        tenant.oltp.run("INSERT INTO student SELECT n, 'n' FROM generate_series(1001, 1000 + %s) n", students)
        tenant.oltp.run("INSERT INTO contact SELECT n, 1001 + n %% %s, '1' FROM generate_series(1, %s) n",
                        students, contacts)
        tenant.start(1)
        ctx.stack.rest("PUT", f"/connectors/{tenant.name}/config", json.loads(tenant.plan("--connector")))
        tenant.wait_not_ready(r"^initial copy running: \d+ source rows so far$", 60)
        member = tenant.members[1]
        wait_until("the snapshot is applied", lambda: member.readiness().ready, 120, 0.02)
        rows = tenant.olap.run(f"SELECT count(*) FROM {tenant.view}")[0][0]
        if rows != contacts:
            raise Failure(f"ready with {rows} of {contacts} rows")
        ctx.stack.wait_connector(tenant.name)
        tenant.settle("the snapshot")
        log = tenant.log_since(0)
        if tenant.total("late_snapshot_records_total") or log.count("event=initial_copy_done") != 1:
            raise Failure("the snapshot counts as late, or its end was not said once")
    finally:
        tenant.remove()
    return f"{contacts} rows, none missing when ready"
