"""Records that no Debezium would send: put aside where they can't be read, halting where the setting is wrong."""

import json
import re
import shutil
import signal

import kafka
from cases import Context, case
from stack import PARTITIONS
from system import fail_with
from tenant import SHIPPED, Tenant
from wait import Failure, wait_until


def poison_tenant(ctx: Context, name: str) -> Tenant:
    tenant = Tenant(ctx.stack, name)
    tenant.prepare()
    tenant.connect()
    tenant.start(1)
    tenant.settle("an empty start")
    return tenant


def envelope(op: str, before: dict | None, after: dict | None) -> str:
    source = {"version": "3.6.1.Final", "connector": "postgresql", "name": "poison", "ts_ms": 1, "snapshot": None,
              "db": "pg", "sequence": "[null,\"1\"]", "schema": "public", "table": "student", "txId": 1, "lsn": 1}
    return json.dumps({"before": before, "after": after, "source": source, "transaction": None, "op": op, "ts_ms": 1})


@case("poison-put-aside")
def put_aside(ctx: Context) -> None:
    """Each unreadable record is one dead letter; its row keeps the version before, all else goes on."""
    tenant = poison_tenant(ctx, "poison_aside")
    try:
        ids = [kafka.student_in(partition) for partition in range(PARTITIONS)]
        tenant.oltp.run("INSERT INTO student SELECT id, 'before' FROM unnest(%s) id", ids)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM unnest(%s) id", ids)
        tenant.settle("good rows")
        topic = "poison_aside.public.student"
        values = ['{"before":null,"after":{"student_id":', "not json at all", '{"op":"u","after":"no object"}',
                  envelope("c", None, {"student_id": ids[3], "name": "NUL"}).replace("NUL", "\\u0000"),
                  envelope("c", None, {"student_id": ids[4], "name": "S"}).replace('"S"', '"\\ud800"')]
        records = [(kafka.student_key(id), value) for id, value in zip(ids, values)]
        kafka.produce(ctx.stack, topic, records)
        wait_until("each poison record is a dead letter", lambda: len(letters(tenant)) == len(records), 20,
                   detail=lambda: str(letters(tenant)))
        wanted = sorted((topic, partition, key, value) for partition, (key, value) in enumerate(records))
        found = sorted((row[0], row[1], bytes(row[2]).decode(), bytes(row[3]).decode()) for row in letters(tenant))
        if found != wanted:
            fail_with("poison", [f"wanted {wanted}", f"found  {found}"])
        tenant.settle("the poison: everything as before", dead_letters=True)
        for metric in ("dead_letters_total", "dead_letters"):
            wait_until(f"{metric} counts them", lambda name=metric: tenant.total(name) == len(records), 5,
                       detail=lambda name=metric: f"{tenant.total(name):g}, not {len(records)}")
        check_warned(tenant, records)
        tenant.olap.run("DELETE FROM sync_dead_letter WHERE partition < 3")
        wait_until("the gauge follows the table", lambda: tenant.total("dead_letters") == len(records) - 3, 20,
                   detail=lambda: f"{tenant.total('dead_letters'):g}, not {len(records) - 3}")
        tenant.oltp.run("UPDATE student SET name = 'after'")
        tenant.settle("later changes of the same rows", dead_letters=True)
    finally:
        tenant.remove()


def check_warned(tenant: Tenant, records: list[tuple[str, str]]) -> None:
    """A warning for each: which record, why, and what to do."""
    lines = [line for line in tenant.log_since(0).splitlines() if "event=dead_letter " in line]
    wrong = [f"no warning for the record of partition {partition}, key {key}: {lines}"
             for partition, (key, _) in enumerate(records)
             if not any("level=warn" in line and f" partition={partition} offset=" in line and "hint=" in line
                        and " reason=\"" in line and key.replace('"', '\\"') in line for line in lines)]
    fail_with("poison", wrong + ([] if len(lines) == len(records) else [f"{len(lines)} warnings"]))


def letters(tenant: Tenant) -> list[tuple]:
    return tenant.olap.run("SELECT topic, partition, key, value, reason FROM sync_dead_letter")


CONTACTS = 40  # of one student, more than the transactions of "torn" take


def contact_key(contact: int, student: int) -> str:
    return '{"student_id":%d,"contact_id":%d}' % (student, contact)


def torn_tenant(ctx: Context) -> Tenant:
    """The shipped view with a short text in it, which PostgreSQL can refuse, and small transactions."""
    folder = ctx.stack.folder / "schemas-torn"
    shutil.copytree(SHIPPED, folder)
    for file, old, new in (("oltp.sql", "contact_number text NOT NULL", "contact_number text NOT NULL, level varchar(5)"),
                           ("student_contact.sql", "contact.contact_number AS contact_number",
                            "contact.contact_number AS contact_number, contact.level AS level")):
        text = (folder / file).read_text()
        if text.count(old) != 1:
            raise Failure(f"{file} has not one '{old}'")
        (folder / file).write_text(text.replace(old, new))
    tenant = Tenant(ctx.stack, "poison_torn", folder)
    tenant.settings["SYNC_BATCH_MAX_ROWS"] = "10"
    tenant.prepare()
    tenant.connect()
    tenant.start(1)
    return tenant


def produce_torn(ctx: Context, student: int, contact: int) -> None:
    """A version that PostgreSQL refuses, then one that nobody can read, of the same row."""
    row = {"student_id": student, "contact_id": contact, "contact_number": "bad", "level": "far too long"}
    kafka.produce(ctx.stack, "poison_torn.public.contact", [
        (contact_key(contact, student), envelope("c", None, row)), (contact_key(contact, student), "cut {")])


@case("poison-torn")
def torn(ctx: Context) -> str:
    """A refused version before an unreadable one, in a batch and in a rebuild of many transactions: only they are
    dead letters, nothing else is blamed or left behind, and one rebuild is enough."""
    tenant = torn_tenant(ctx)
    try:
        student = kafka.student_in(3)
        last = next(id for id in range(10_000, 20_000)
                    if kafka.key_partition(contact_key(id, student)) == student % PARTITIONS)
        tenant.oltp.transaction(f"INSERT INTO student VALUES ({student}, 'before')",
                                "INSERT INTO contact SELECT id, %d, 'n', '1' FROM generate_series(%d, %d) id"
                                % (student, last - CONTACTS + 1, last))
        tenant.settle("good rows")
        tenant.only(0)
        produce_torn(ctx, student, last)
        tenant.oltp.run("UPDATE student SET name = 'in a batch'")
        tenant.start(1)
        tenant.settle("a batch of several transactions", dead_letters=True)
        tenant.only(0)
        tenant.drop_caches()
        tenant.oltp.run("UPDATE student SET name = 'behind a lost cache'")
        tenant.start(1)
        tenant.settle("a lost cache", dead_letters=True)
        tenant.only(0)
        tenant.drop_caches()
        produce_torn(ctx, student, last)
        tenant.oltp.run("UPDATE student SET name = 'in a rebuild'")
        tenant.start(1)
        tenant.pass_sentinels()
        rebuilds = tenant.total("cache_discards_total", reason="rows_refused")
        tenant.oltp.run("UPDATE contact SET level = '2' WHERE contact_id = %s", last)  # put aside with nothing kept
        tenant.settle("a rebuild", dead_letters=True)
        offsets = sorted((row[0], bytes(row[1]).decode()) for row in tenant.olap.run(
            'SELECT "offset", value FROM sync_dead_letter'))
        if len(offsets) != 4 or sum(value == "cut {" for _, value in offsets) != 2:
            raise Failure(f"the dead letters are {offsets}")
        if rebuilds > 1:
            raise Failure(f"the rebuild began anew {rebuilds:g} times")
    finally:
        tenant.remove()
    return "4 dead letters, 1 rebuild begun anew"


HALTS = {  # what the operator must be told about, by partition
    0: r"PartitionRouting|partition\.payload\.fields|partition\.hash\.function|message\.key\.columns",
    1: r"[Tt][Rr][Uu][Nn][Cc][Aa][Tt][Ee]|skipped\.operations",
    2: r"REPLICA IDENTITY",
    3: r"[Cc]olumn",
}


def halting_records() -> list[tuple[str, str]]:
    """For the partitions of HALTS, in their order."""
    wrong, truncated, bare, short = (kafka.student_in(partition, right=partition != 0) for partition in range(4))
    row = {"student_id": bare, "name": "x"}
    return [(kafka.student_key(wrong), envelope("c", None, {"student_id": wrong, "name": "x"})),
            (kafka.student_key(truncated), envelope("t", None, None)),
            (kafka.student_key(bare), envelope("u", None, row)),
            (kafka.student_key(short), envelope("c", None, {"student_id": short}))]


@case("poison-halts")
def halts(ctx: Context) -> None:
    """Wrong partition, op t, missing before, missing column: that task stops and says why, the others go on."""
    tenant = poison_tenant(ctx, "poison_halts")
    others = [partition for partition in range(PARTITIONS) if partition not in HALTS]
    try:
        kafka.produce(ctx.stack, "poison_halts.public.student", halting_records())
        for partition, pattern in HALTS.items():
            tenant.wait_halted(partition, pattern)
        written = {row[0]: row[1] for row in progress(tenant)}
        tenant.settle("the halts, other partitions", partitions=others)
        if any(written[task] != offsets for task, offsets in progress(tenant) if task in HALTS):
            raise Failure("a halted task has moved its offsets")
        tenant.members.pop(1).kill()
        tenant.start(1, ready=False)
        tenant.settle("a restart, other partitions", partitions=others)
        for partition, pattern in HALTS.items():
            tenant.wait_halted(partition, pattern)
        decide(tenant)
    finally:
        tenant.remove()


def decide(tenant: Tenant) -> None:
    """What the halts advise: the operator puts the records aside, while the member runs. Then all goes on."""
    commands = []
    for reason in tenant.members[1].readiness().reasons:
        advised = re.search(r"oltp-olap-sync (dead-letters add (\S+) (\d+) (\d+)), then SIGHUP", reason)
        if advised:
            commands.append(advised[1].split())
    if len(commands) != len(HALTS):
        raise Failure(f"{len(HALTS)} tasks halt, the advice is {commands}")
    for command in commands:
        done = tenant.command(*command)
        if done.returncode != 0 or "key {" not in done.stdout:
            raise Failure(f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}")
    expect(tenant, commands[0], "decided before")
    expect(tenant, commands[0][:-1] + ["7000"], "no record at offset 7000")
    pending = 'SELECT count(*) FILTER (WHERE pending), count(*) FILTER (WHERE row_key IS NOT NULL) FROM sync_dead_letter'
    if tenant.olap.run(pending)[0] != (len(HALTS), 0):
        raise Failure(f"the decisions are {tenant.olap.run('SELECT * FROM sync_dead_letter')}")
    tenant.members[1].signal(signal.SIGHUP)
    tenant.wait_ready(1)
    tenant.settle("the decisions", dead_letters=True)
    if tenant.olap.run(pending)[0][0] or len(letters(tenant)) != len(HALTS):
        raise Failure(f"the dead letters are {tenant.olap.run('SELECT * FROM sync_dead_letter')}")
    expect(tenant, commands[0], "gone past this record")
    tenant.only(0)
    tenant.drop_caches()
    tenant.start(1)
    tenant.settle("a rebuild that meets them again", dead_letters=True)


def expect(tenant: Tenant, command: list[str], text: str) -> None:
    done = tenant.command(*command)
    if done.returncode != 1 or text not in done.stderr:
        raise Failure(f"{command} ended with {done.returncode}, not with '{text}': {done.stdout}{done.stderr}")


@case("lost-deletes")
def lost_deletes(ctx: Context) -> str:
    """Deletes that come without their old row halt their task; the steps of Lost deletes in docs/operations.md, as they
    are written, make the table right."""
    tenant = poison_tenant(ctx, "lost_deletes")
    lost = [3, 4, 11]
    try:
        tenant.oltp.run("INSERT INTO student SELECT n, 'S' FROM generate_series(1, 16) n")
        tenant.oltp.run("INSERT INTO contact SELECT n, n, 'n' FROM generate_series(1, 16) n")
        tenant.settle("good rows")
        tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY DEFAULT")
        tenant.oltp.run("DELETE FROM contact WHERE contact_id = ANY(%s)", lost)
        wait_until("a task halts", lambda: halted_at(tenant), 20, 0.05)
        tenant.oltp.run("ALTER TABLE contact REPLICA IDENTITY FULL")                        # step 1
        there = {contact for contact, in tenant.oltp.run("SELECT contact_id FROM contact")}
        gone = [(contact, student) for contact, student in tenant.olap.run(
            f"SELECT contact_id, student_id FROM {tenant.view} ORDER BY 1") if contact not in there]
        if [contact for contact, _ in gone] != lost:
            raise Failure(f"the rows that the OLTP table no longer has are {gone}")
        for contact, student in gone:                                                       # step 2
            tenant.oltp.run("INSERT INTO contact VALUES (%s, %s, '')", contact, student)
            tenant.oltp.run("DELETE FROM contact WHERE contact_id = %s", contact)
        passed: set[tuple[str, str, str]] = set()
        while len(passed) < len(lost):                                                      # step 3
            for place in wait_until("the next halt", lambda: halted_at(tenant) - passed, 30, 0.05):
                done = tenant.command("dead-letters", "add", *place)
                if done.returncode != 0:
                    raise Failure(f"dead-letters add {place} ended with {done.returncode}: {done.stdout}{done.stderr}")
                passed.add(place)
            tenant.members[1].signal(signal.SIGHUP)
        tenant.wait_ready(1)
        tenant.settle("the lost deletes", dead_letters=True)
    finally:
        tenant.remove()
    return f"{len(passed)} deletes passed"


def halted_at(tenant: Tenant) -> set[tuple[str, str, str]]:
    found = (re.match(r"task \d+ halted at topic (\S+) partition (\d+) offset (\d+): ", reason)
             for reason in tenant.members[1].readiness().reasons)
    return {(place[1], place[2], place[3]) for place in found if place}


@case("poison-strangers")
def strangers(ctx: Context) -> None:
    """Dead letters without progress, then one at another record's offset: halts, whose advice works."""
    tenant = poison_tenant(ctx, "poison_strange")
    topic = "poison_strange.public.student"
    try:
        ids = [kafka.student_in(partition) for partition in range(PARTITIONS)]
        tenant.oltp.run("INSERT INTO student SELECT id, 'good' FROM unnest(%s) id", ids)
        tenant.oltp.run("INSERT INTO contact SELECT id, id, 'n' FROM unnest(%s) id", ids)
        tenant.settle("good rows")
        kafka.produce(ctx.stack, topic, [(kafka.student_key(ids[2]), "cut {")])
        wait_until("it is a dead letter", lambda: len(letters(tenant)) == 1, 20)
        tenant.only(0)
        tenant.olap.transaction(f"TRUNCATE {tenant.view}, e2e.progress_log", "DELETE FROM sync_progress")
        tenant.start(1, ready=False)
        tenant.wait_halted(2, "sync_progress was emptied")
        take_advice(tenant)
        tenant.settle("letters without progress", dead_letters=True)
        if len(letters(tenant)) != 1:
            raise Failure(f"the load has found {letters(tenant)}")
        tenant.only(0)
        tenant.drop_caches()
        tenant.olap.run('UPDATE sync_dead_letter SET "offset" = "offset" - 1')
        tenant.start(1, ready=False)
        tenant.wait_halted(2, "of another record")
        take_advice(tenant)
        tenant.settle("a letter of another record", dead_letters=True)
        tenant.oltp.run("UPDATE student SET name = 'later'")
        tenant.settle("later changes", dead_letters=True)
    finally:
        tenant.remove()


def take_advice(tenant: Tenant) -> None:
    advised = [found[1] for found in (re.search(r"(DELETE FROM sync_dead_letter WHERE .*?);", reason)
                                      for reason in tenant.members[1].readiness().reasons) if found]
    if len(advised) != 1:
        raise Failure(f"the advice is {advised}")
    tenant.olap.run(advised[0])
    tenant.members[1].signal(signal.SIGHUP)
    tenant.wait_ready(1)


def progress(tenant: Tenant) -> list[tuple]:
    return tenant.olap.run("SELECT DISTINCT ON (task) task, offsets FROM sync_progress ORDER BY task, seq DESC")
