"""What somebody put on the OLAP table refuses: a CHECK leaves rows out, a unique index lets moves pass in the end, a
trigger halts one task; no record is ever blamed for it."""

import signal

import kafka
import oracle
from cases import Context, case
from system import fail_with
from tenant import Tenant
from stack import PARTITIONS
from wait import Failure, wait_until

STUDENTS = 40
MOVES = 400


def refused_tenant(ctx: Context, name: str, **settings: str) -> Tenant:
    tenant = Tenant(ctx.stack, name)
    tenant.settings.update(settings)
    tenant.prepare()
    tenant.connect()
    tenant.start(1)
    tenant.settle("an empty start")
    return tenant


def entries(tenant: Tenant) -> list[tuple]:
    return tenant.olap.run("SELECT key, sqlstate, constraint_name FROM sync_refused ORDER BY key")


def rows(tenant: Tenant) -> list[tuple]:
    return tenant.olap.run("SELECT student_id, contact_id, name, contact_number FROM student_contact "
                           "WHERE student_id < 900000000 ORDER BY 1, 2")


def expect(tenant: Tenant, step: str, wanted_rows: list[tuple], wanted_entries: list[tuple], put_aside: int = 0) -> None:
    tenant.pass_sentinels()
    try:
        wait_until(step, lambda: rows(tenant) == wanted_rows and entries(tenant) == wanted_entries, 20, 0.05)
    except Failure:
        fail_with(step, [f"rows    {rows(tenant)}", f"wanted  {wanted_rows}", f"entries {entries(tenant)}",
                         f"wanted  {wanted_entries}"])
    aside = oracle.check_dead_letters(tenant.olap) if put_aside == 0 else []
    if put_aside and letters(tenant) != put_aside:
        aside = [f"{letters(tenant)} dead letters, not {put_aside}"]
    fail_with(step, aside + tenant.check_alive())


def entry(student: int, contact: int, sqlstate: str = "23514", constraint: str | None = "short") -> tuple:
    return f"student_id={student} contact_id={contact}", sqlstate, constraint


@case("refused-rows")
def refused_rows(ctx: Context) -> None:
    """A CHECK on the OLAP table: rows that break it are left out and noted, whatever came last; nobody is blamed."""
    tenant = refused_tenant(ctx, "refused_rows")
    try:
        tenant.olap.run("ALTER TABLE student_contact ADD CONSTRAINT short CHECK (length(contact_number) < 5 "
                        "OR student_id >= 900000000)")  # but for sentinels
        tenant.plan("--apply-sink")  # accepts it
        tenant.oltp.run("INSERT INTO student VALUES (1, 'Ada'), (2, 'Bob')")
        tenant.oltp.run("INSERT INTO contact VALUES (1, 1, '111'), (2, 1, 'too long'), (3, 2, '333')")
        good = [(1, 1, "Ada", "111"), (2, 3, "Bob", "333")]
        expect(tenant, "a contact that the CHECK refuses", good, [entry(1, 2)])
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = 2")
        tenant.oltp.run("DELETE FROM student WHERE student_id = 1")  # with its contacts' foreign key
        expect(tenant, "both gone", good[1:], [])
        tenant.oltp.transaction("ALTER TABLE contact DROP CONSTRAINT IF EXISTS contact_student_id_fkey")
        tenant.oltp.run("INSERT INTO contact VALUES (2, 1, 'too long')")  # the bad contact first ...
        tenant.oltp.run("INSERT INTO contact VALUES (1, 1, '111') ON CONFLICT (contact_id) DO NOTHING")
        tenant.pass_sentinels()
        tenant.oltp.run("INSERT INTO student VALUES (1, 'Ada')")          # ... then its good student
        expect(tenant, "the student came last", good, [entry(1, 2)])
        if tenant.total("refused_rows") != 1:
            wait_until("refused_rows counts it", lambda: tenant.total("refused_rows") == 1, 5)
        if "event=row_refused" not in tenant.log_since(0):
            raise Failure("no warning of a refused row in the log")
        tenant.kill_all()
        tenant.drop_caches()
        tenant.oltp.run("UPDATE contact SET contact_number = 'as long' WHERE contact_id = 1")
        tenant.start(1)  # a rebuild meets it, too
        expect(tenant, "a lost cache", good[1:], [entry(1, 1), entry(1, 2)])
        tenant.kill_all()
        tenant.olap.transaction("TRUNCATE student_contact, sync_progress, e2e.progress_log")
        tenant.start(1)  # and an initial load
        expect(tenant, "an initial load", good[1:], [entry(1, 1), entry(1, 2)])
        tenant.oltp.run("UPDATE contact SET contact_number = '11' WHERE student_id = 1")
        expect(tenant, "versions that pass", [(1, 1, "Ada", "11"), (1, 2, "Ada", "11"), good[1]], [])
    finally:
        tenant.remove()


@case("refused-moves")
def refused_moves(ctx: Context) -> str:
    """UNIQUE (contact_id) on the OLAP table and many moves: each waits for the other task's delete and passes."""
    tenant = refused_tenant(ctx, "refused_moves", SYNC_CONFLICT_HALT_MS="20000")  # a task behind rebuilds after half of it
    try:
        tenant.olap.run("CREATE UNIQUE INDEX one_contact ON student_contact (contact_id)")
        tenant.oltp.run("INSERT INTO student SELECT id, 'S' || id FROM generate_series(1, %s) id", STUDENTS)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM generate_series(1, %s) id", STUDENTS)
        tenant.settle("good rows")
        for move in range(MOVES):
            tenant.oltp.run("UPDATE contact SET student_id = %s WHERE contact_id = %s",
                            (move * 7 + move // STUDENTS) % STUDENTS + 1, move % STUDENTS + 1)
        tenant.pass_sentinels(seconds=180)  # several such waits, one after the other
        tenant.settle("the moves")
        conflicts = sum("event=conflict" in line for line in tenant.log_since(0).splitlines())
        tenant.kill_all()
        tenant.drop_caches()
        tenant.oltp.run("UPDATE contact SET student_id = student_id %% %s + 1 WHERE contact_id <= %s", STUDENTS, STUDENTS)
        tenant.start(1)
        tenant.pass_sentinels(seconds=180)  # several such waits, one after the other
        tenant.settle("moves behind lost caches")
        if tenant.total("halts_total"):
            raise Failure("a task halted")
    finally:
        tenant.remove()
    return f"{conflicts} conflicts passed"


TRIGGER = """
CREATE FUNCTION not_seven() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF new.student_id = 7 THEN RAISE 'nobody may be seven'; END IF; RETURN new; END $$;
CREATE TRIGGER audit BEFORE INSERT ON student_contact FOR EACH ROW EXECUTE FUNCTION not_seven();
"""


@case("refused-trigger")
def refused_trigger(ctx: Context) -> None:
    """A trigger's exception halts the one task whose row it is, names row, record and trigger; the others go on."""
    tenant = refused_tenant(ctx, "refused_trigger", SYNC_CONFLICT_HALT_MS="1500")
    task = 7 % PARTITIONS
    others = [partition for partition in range(PARTITIONS) if partition != task]
    try:
        tenant.olap.transaction(TRIGGER)
        tenant.oltp.run("INSERT INTO student SELECT id, 'S' || id FROM generate_series(1, %s) id", STUDENTS)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM generate_series(1, %s) id", STUDENTS)
        tenant.wait_halted(task, r"topic refused_trigger\.public\.\w+ partition \d+ offset \d+: .*"
                                 r"student_id=7 contact_id=7.*nobody may be seven.*the trigger audit")
        tenant.pass_sentinels(others)
        missing = {student for student, in tenant.olap.run("SELECT student_id FROM student_contact")}
        missing = set(range(1, STUDENTS + 1)) - missing
        if 7 not in missing or any(student % PARTITIONS != task for student in missing):
            raise Failure(f"the rows of {sorted(missing)} are missing")
        for partition in others:
            if tenant.total("halts_total", task=str(partition)):
                raise Failure(f"task {partition} halted, too")
        fail_with("the halt", oracle.check_dead_letters(tenant.olap))
        tenant.olap.run("DROP TRIGGER audit ON student_contact")
        for member in tenant.members.values():
            member.signal(signal.SIGHUP)
        tenant.wait_ready(1)
        tenant.settle("without the trigger")
    finally:
        tenant.remove()


NARROW = "ALTER TABLE student_contact ALTER COLUMN name TYPE varchar(12) USING left(name, 12)"  # sentinels fit


@case("refused-narrowed")
def refused_narrowed(ctx: Context) -> None:
    """A column of the OLAP table is made narrower: rows that no longer fit are left out and noted, also those of a
    version that a dead letter keeps: live, in a rebuild, in an initial load; made wide again, they come back."""
    tenant = refused_tenant(ctx, "refused_narrowed", SYNC_DEAD_LETTER_MAX="3")
    kept = kafka.student_in(3)
    try:
        tenant.oltp.run(f"INSERT INTO student VALUES (1, 'Ada'), (2, 'Bartholomew Long'), ({kept}, 'Cornelius Longer')")
        tenant.oltp.run(f"INSERT INTO contact VALUES (1, 1, '111'), (2, 2, '222'), (3, {kept}, '333'), (4, {kept}, '444')")
        tenant.settle("good rows")
        kafka.produce(ctx.stack, "refused_narrowed.public.student", [(kafka.student_key(kept), "cut {")])
        wait_until("it is a dead letter", lambda: letters(tenant) == 1, 20)
        tenant.olap.run(NARROW)
        tenant.oltp.run("UPDATE contact SET contact_number = '22' WHERE contact_id = 2")
        tenant.oltp.run("UPDATE contact SET contact_number = '33' WHERE contact_id = 3")
        short, left_out = (1, 1, "Ada", "111"), [entry(2, 2, "22001", None), entry(kept, 3, "22001", None)]
        untouched = (kept, 4, "Cornelius Lo", "444")  # as ALTER TABLE left it
        expect(tenant, "live", [short, untouched], left_out, put_aside=1)
        tenant.only(0)
        tenant.drop_caches()
        tenant.oltp.run("UPDATE contact SET contact_number = '2' WHERE contact_id = 2")
        tenant.start(1)
        expect(tenant, "a rebuild", [short, untouched], left_out, put_aside=1)
        tenant.only(0)
        tenant.olap.transaction("TRUNCATE student_contact, sync_progress, e2e.progress_log, sync_dead_letter")
        tenant.start(1)
        expect(tenant, "an initial load", [short], [*left_out, entry(kept, 4, "22001", None)], put_aside=1)
        if tenant.total("cache_discards_total", reason="rows_refused"):
            raise Failure("a rebuild was begun again")
        tenant.olap.run("ALTER TABLE student_contact ALTER COLUMN name TYPE text")
        tenant.oltp.run("UPDATE student SET name = name")
        wide = [short, (2, 2, "Bartholomew Long", "2"), (kept, 3, "Cornelius Longer", "33"), (kept, 4, "Cornelius Longer", "444")]
        expect(tenant, "wide again", wide, [], put_aside=1)
    finally:
        tenant.remove()


def letters(tenant: Tenant) -> int:
    return tenant.olap.run("SELECT count(*) FROM sync_dead_letter")[0][0]
