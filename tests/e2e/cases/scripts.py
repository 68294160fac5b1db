"""What the scripts of bin/ do about a connector, a slot, a part or settings that are not as they were."""

import re
import signal
import subprocess

from cases import Context, case
from db import Database
from stack import ROOT
from system import read_view
from wait import Failure, wait_until

CONNECTOR = "oltp-olap-sync"
SLOT = "oltp_olap_sync"
OTHER_OLTP = """
CREATE TABLE author (author_id int PRIMARY KEY, author_name text NOT NULL);
CREATE TABLE book (book_id int PRIMARY KEY, author_id int NOT NULL, title text NOT NULL);
ALTER TABLE author REPLICA IDENTITY FULL;
ALTER TABLE book REPLICA IDENTITY FULL;
"""
OTHER_VIEW = """
CREATE MATERIALIZED VIEW author_book AS
SELECT author.author_id AS author_id, book.book_id AS book_id, author.author_name AS author_name, book.title AS title
FROM author INNER JOIN book ON author.author_id = book.author_id;
"""


def must(step: str, said: tuple[int, str], code: int, *parts: str, never: tuple[str, ...] = ()) -> None:
    missing = [part for part in parts if part not in said[1]] + [f"not {part}" for part in never if part in said[1]]
    if said[0] != code or missing:
        raise Failure(f"{step}: code {said[0]}, expected {code}; lacks {missing}; it said:\n{said[1]}")


def startup(ctx: Context, **env: str | None) -> tuple[int, str]:
    said = ctx.stack.says("startup.sh", **env)
    ctx.system.adopt()
    return said


def a_pair(ctx: Context, partition: int) -> tuple[int, int]:
    student, contact = ctx.student_id(partition), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'one')", student)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", contact, student)
    ctx.expect("a pair", [student], [(student, contact, "one", "n")])
    return student, contact


@case("other-files")
def other_files(ctx: Context) -> None:
    """A start with other SQL files over a running stack is refused: the connector keeps its tables, their changes come."""
    student, contact = a_pair(ctx, 3)
    oltp, view = ctx.stack.folder / "other-oltp.sql", ctx.stack.folder / "other-view.sql"
    oltp.write_text(OTHER_OLTP)
    view.write_text(OTHER_VIEW)
    other = {"SYNC_SCHEMAS_OLTP": str(oltp), "SYNC_SCHEMAS_VIEW": str(view)}
    before = ctx.stack.rest("GET", f"/connectors/{CONNECTOR}/config")
    for how in ("running", "deleted"):
        if how == "deleted":  # its offsets stay: under the same prefix it would go on from them with other tables
            ctx.stack.remove_connector(CONNECTOR)
        must(f"other files, the connector {how}", startup(ctx, **other), 1, "registered for something else", "author_book", "Nothing was changed",
             never=("Ready after",))
    if ctx.sql("SELECT to_regclass('author')") != [(None,)]:
        raise Failure("a refused start made a source table")
    must("the files of then", startup(ctx), 0, "Ready after")
    if (after := ctx.stack.rest("GET", f"/connectors/{CONNECTOR}/config")) != before:
        raise Failure(f"the connector is not as it was: {after}")
    ctx.sql("UPDATE student SET name = 'two' WHERE student_id = %s", student)
    ctx.expect("its changes come", [student], [(student, contact, "two", "n")])


@case("lost-slot")
def lost_slot(ctx: Context) -> None:
    """The replication slot goes while Connect is down: the start fails and says so; each way out does what it says."""
    student, contact = a_pair(ctx, 4)
    ctx.stack.service("stop", "connect")
    ctx.sql("UPDATE student SET name = 'two' WHERE student_id = %s", student)
    gone = ctx.contact_id()
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'new')", gone, student)
    ctx.sql("DELETE FROM contact WHERE contact_id = %s", contact)
    ctx.sql("SELECT pg_drop_replication_slot(%s)", SLOT)
    must("the start", startup(ctx), 1, f"replication slot {SLOT} in the OLTP database is lost", "no longer available",
         "SNAPSHOT_MODE=when_needed", "with new topics", never=("Ready after", "first snapshot"))
    must("status", ctx.stack.says("status.sh"), 1, "RUNNING FAILED", "no longer available", f"there is no slot {SLOT}", "Not working")
    must("a new snapshot", startup(ctx, SYNC_CONNECTOR_SNAPSHOT_MODE="when_needed"), 0, "snapshot.mode: 'initial', now 'when_needed'")
    ctx.system.pass_sentinels()
    rows = ctx.system.olap.run(f"SELECT contact_id, name FROM {ctx.system.view} WHERE student_id = %s ORDER BY 1", student)
    if rows != sorted([(gone, "two"), (contact, "two")]):  # as documented: the deleted contact's row stays
        raise Failure(f"after the new snapshot: {rows}")
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", contact, student)
    ctx.sql("DELETE FROM contact WHERE contact_id = %s", contact)
    ctx.expect("deleted once more", [student], [(student, gone, "two", "new")])
    must("as before", startup(ctx, SYNC_CONNECTOR_SNAPSHOT_MODE="initial"), 0, "now 'initial'")
    ctx.system.members[1].signal(signal.SIGHUP)  # the watch saw the slot gone: acknowledged
    wait_until("the member is ready again", lambda: ctx.stack.says("status.sh")[0] == 0, 30, 0.5)
    must("status at the end", ctx.stack.says("status.sh"), 0, "RUNNING RUNNING")
    ctx.system.settle()


@case("moved-slot")
def moved_slot(ctx: Context) -> None:
    """The slot is moved forward while the stack's Connect is stopped: Debezium would go on over it; the start says so."""
    student, contact = a_pair(ctx, 5)
    ctx.sql("UPDATE student SET name = 'moves the slot' WHERE student_id = %s", student)
    ctx.system.pass_sentinels()
    for part in ("connect", "oltp"):
        ctx.stack.service("stop", part)
    must("nothing was done to it, but it may stand further back", startup(ctx), 0, "Ready after")
    ctx.stack.service("stop", "connect")
    ctx.sql("UPDATE student SET name = 'two' WHERE student_id = %s", student)
    ctx.sql("SELECT pg_replication_slot_advance(%s, pg_current_wal_lsn())", SLOT)
    for _ in range(2):  # it stays refused
        must("the start", startup(ctx), 1, f"replication slot {SLOT} in the OLTP database is lost", "somebody moved it forward",
             "drop it first", "SNAPSHOT_MODE=when_needed", never=("Ready after", "Kafka Connect on"))
    ctx.sql("SELECT pg_drop_replication_slot(%s)", SLOT)
    must("a new snapshot", startup(ctx, SYNC_CONNECTOR_SNAPSHOT_MODE="when_needed"), 0, "now 'when_needed'")
    ctx.expect("what was changed is there", [student], [(student, contact, "two", "n")])
    must("as before", startup(ctx, SYNC_CONNECTOR_SNAPSHOT_MODE="initial"), 0, "now 'initial'")
    ctx.system.members[1].signal(signal.SIGHUP)
    wait_until("the member is ready again", lambda: ctx.stack.says("status.sh")[0] == 0, 30, 0.5)


@case("other-type")
def other_type(ctx: Context) -> None:
    """A source table that is not as the SQL file says: the start fails and says in what."""
    ctx.sql("ALTER TABLE contact REPLICA IDENTITY DEFAULT")
    try:
        must("identity", startup(ctx), 1, "not as schemas/oltp.sql says", "REPLICA IDENTITY", never=("Ready after",))
    finally:
        ctx.sql("ALTER TABLE contact REPLICA IDENTITY FULL")
    must("as it was", startup(ctx), 0, "2 tables exist")


@case("dead-part")
def dead_part(ctx: Context) -> None:
    """A part dies: status says which, with exit code 1, and bin/startup.sh starts it again."""
    ctx.system.only(0)
    must("a member of the scripts, which tell it what starts a part", startup(ctx), 0, "Ready after")
    must("all works", ctx.stack.says("status.sh"), 0, "RUNNING RUNNING", never=(" down ", "Not working"))
    for part, title, event in (("kafka", "Kafka", "event=trouble"), ("olap", "OLAP PostgreSQL", "event=lost"),
                               ("oltp", "OLTP PostgreSQL", "event=source_differs what=away"),
                               ("connect", "Kafka Connect", None), ("consumer-1", "consumer-1", None)):
        size = ctx.system.log_size()
        ctx.stack.service("kill", part)
        must(f"{part} killed", ctx.stack.says("status.sh"), 1, f"Down: {title}.", "bin/startup.sh")
        if event:
            noticed = [f" {event} ", 'hint="', f"SYNC_RUN_DIR={ctx.stack.folder} bin/startup.sh does"]
            wait_until(f"the member says that {part} is down and what starts it",
                       lambda: any(all(word in line for word in noticed)
                                   for line in ctx.system.log_since(size).splitlines()), 20, 0.1)
        must(f"{part} started again", startup(ctx), 0, "Ready after")
    must("all works again", ctx.stack.says("status.sh"), 0, never=(" down ", "Left out"))
    ctx.system.settle()


@case("other-password")
def other_password(ctx: Context) -> None:
    """The OLTP password is changed, and a start is told so: Connect takes it. A wrong one is refused, and not remembered."""
    student, contact = a_pair(ctx, 2)
    try:
        ctx.sql("ALTER ROLE pg PASSWORD 'other'")
        ctx.system.oltp.password = "other"
        must("the old one", startup(ctx), 1, "refuses the password in OLTP_PASSWORD", "ALTER ROLE", never=("Stopping Kafka Connect",))
        must("the new one", startup(ctx, OLTP_PASSWORD="other"), 0, "Stopping Kafka Connect", "it has other settings: OLTP_PASSWORD")
        ctx.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", SLOT)
        ctx.sql("UPDATE student SET name = 'two' WHERE student_id = %s", student)
        ctx.expect("the connector comes back with it", [student], [(student, contact, "two", "n")])
        must("a wrong one", startup(ctx, OLTP_PASSWORD="wrong"), 1, "refuses the password in OLTP_PASSWORD", never=("Stopping Kafka Connect",))
        must("the new one is remembered", startup(ctx), 0, never=("Stopping", "so far"))
    finally:
        ctx.sql("ALTER ROLE pg PASSWORD 'pg'")
        ctx.system.oltp.password = "pg"
    must("as before", startup(ctx, OLTP_PASSWORD="pg"), 0, "it has other settings: OLTP_PASSWORD")
    ctx.system.settle()


@case("left-out")
def left_out(ctx: Context) -> None:
    """Rows and records that are left out are shown by status, though all works."""
    ctx.system.olap.run("INSERT INTO sync_refused(view, task, row_key, key, sqlstate, message)"
                        " VALUES ('left_out', 0, 'k', 'k', '23514', 'a test')")
    try:
        must("a refused row", ctx.stack.says("status.sh"), 0, "refused rows: 1", never=("dead letters:",))
    finally:
        ctx.system.olap.run("DELETE FROM sync_refused WHERE view = 'left_out'")


@case("remembered")
def remembered(ctx: Context) -> None:
    """The number of members and SYNC_ variables are remembered; a member whose settings changed is started again."""
    ctx.stack.scale(2)
    must("two members stay two", startup(ctx, CONSUMERS=None), 0, never=("Stopping member",))
    must("another log level", startup(ctx, CONSUMERS=None, SYNC_LOG_LEVEL="debug"), 0, "SYNC_LOG_LEVEL=debug (so far: not set)",
         "Stopping member consumer-1", "Stopping member consumer-2", "SYNC_LOG_LEVEL")
    must("it is remembered", startup(ctx, CONSUMERS=None), 0, never=("Stopping member", "so far"))
    must("and shown", ctx.stack.says("status.sh", CONSUMERS=None), 0, "SYNC_LOG_LEVEL=debug", "CONSUMERS=2", "consumer-2")
    must("back", startup(ctx, SYNC_LOG_LEVEL="info"), 0, "SYNC_LOG_LEVEL=info (so far: debug)", "Stopping member consumer-2")
    ctx.system.settle()


@case("missing-table")
def missing_table(ctx: Context) -> None:
    """One of the source tables is missing: the start says which, under the name of the file that it really reads."""
    contact_sql = "contact_away"
    ctx.sql(f"ALTER TABLE contact RENAME TO {contact_sql}")
    try:
        must("a table is missing", startup(ctx), 1, "some are missing: public.contact", "schemas/oltp.sql", never=("Ready after",))
    finally:
        ctx.sql(f"ALTER TABLE {contact_sql} RENAME TO contact")
    must("it is back", startup(ctx), 0, "2 tables exist")
    ctx.system.settle()


@case("next-steps")
def next_steps(ctx: Context) -> None:
    """The lines that a start prints to try it with, for other tables than the shipped ones: they work as they are."""
    files = {"SYNC_SCHEMAS_OLTP": "docs/example/oltp.sql", "SYNC_SCHEMAS_VIEW": "docs/example/view.sql"}
    oltp = Database(ctx.stack.oltp.port, "nextsteps")
    oltp.create()
    oltp.transaction((ROOT / files["SYNC_SCHEMAS_OLTP"]).read_text())
    try:
        said = subprocess.run(["bash", "-c", ". bin/stack/common.sh; MODE=native; load_mode; print_next_steps"], cwd=ROOT,
                              env=ctx.stack.env | files | {"PG_DATABASE": oltp.name}, capture_output=True, text=True,
                              timeout=60, check=False)
        inserts = re.findall(r"^ +(INSERT INTO .*;)$", said.stdout, re.MULTILINE)
        view, query = read_view(ROOT / files["SYNC_SCHEMAS_VIEW"])
        if said.returncode != 0 or f"SELECT * FROM {view};" not in said.stdout:
            raise Failure(f"it ended with {said.returncode} and said:\n{said.stdout}{said.stderr}")
        for insert in inserts:
            oltp.run(insert)
        if (rows := oltp.run(f"SELECT count(*) FROM ({query}) v")) != [(1,)]:
            raise Failure(f"{inserts} make {rows} rows of the view")
    finally:
        oltp.close()
