"""(m) verify over a large table: how long it takes, and in how much memory. No records: both databases are filled by SQL."""

import json
import os
import subprocess
import time
from typing import Iterator

from environment import Env
from ours import Ours
from runner import Bench
from stack import ROOT
from system import watch_settings
from usage import Usage
from wait import Failure

CONTACTS_A_STUDENT = 4
SETTLE = "1"

STUDENTS = "SELECT g, 'name of student ' || g FROM generate_series(1, {students}) g"
# Each contact's student is another one than its neighbours'.
CONTACTS = "SELECT g, 1 + g::bigint * 7919 % {students}, 'number ' || g FROM generate_series(1, {contacts}) g"
ROWS = ("SELECT 1 + g::bigint * 7919 % {students}, g, 'name of student ' || 1 + g::bigint * 7919 % {students}, 'number ' || g "
        "FROM generate_series(1, {contacts}) g")
PLANTED = "DELETE FROM student_contact WHERE contact_id % 1000 = 0"


def verify(bench: Bench) -> None:
    """A million rows; ten with --full; and a table in which a thousandth is missing."""
    for contacts in sizes(bench):
        topics = bench.servers.topics("routed")
        try:
            one_size(bench, bench.prepared(subject := Ours(), topics), subject, contacts)
        finally:
            bench.servers.remove_topics(topics)


def sizes(bench: Bench) -> Iterator[int]:
    yield bench.size(1_000_000, 20_000)
    if bench.args.full:
        yield 10 * bench.size(1_000_000, 20_000)


def one_size(bench: Bench, env: Env, subject: Ours, contacts: int) -> None:
    try:
        fill(env, contacts)
        bench.servers.rest_of_writing()
        for run in bench.runs():
            measure(bench, env, subject, run, f"{contacts:,} rows", contacts, 0)
        env.olap.run(PLANTED)
        for run in bench.runs():
            measure(bench, env, subject, run, f"{contacts:,} rows, every 1,000th missing", contacts, contacts // 1000)
    finally:
        subject.stop()
        bench.servers.remove_env(env)


def fill(env: Env, contacts: int) -> None:
    numbers = {"contacts": contacts, "students": contacts // CONTACTS_A_STUDENT}
    env.oltp.run("INSERT INTO student " + STUDENTS.format(**numbers))
    env.oltp.run("INSERT INTO contact (contact_id, student_id, contact_number) " + CONTACTS.format(**numbers))
    env.oltp.run("VACUUM ANALYZE")
    env.olap.run("INSERT INTO student_contact " + ROWS.format(**numbers))
    env.olap.run("VACUUM ANALYZE")


def measure(bench: Bench, env: Env, subject: Ours, run: int, variant: str, rows: int, missing: int) -> None:
    """The time is the command's own, less what it waits for a difference to go, which is chosen."""
    tenant = subject.tenant
    start = time.monotonic()
    with subprocess.Popen([str(tenant.stack.binary), "verify", "--json", "--settle", SETTLE], cwd=ROOT, text=True,
                          env=tenant.environment("verify") | watch_settings(env.oltp.port, env.oltp.name),
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        with Usage(lambda: [process.pid], from_start=True) as usage:  # wait4's memory would be this program's, at the fork
            said = process.stdout.read()
        _, status, spent = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - start
    summary = json.loads(said.splitlines()[-1])
    if process.returncode not in (0, 3):
        raise Failure(f"verify ended with {process.returncode}")
    bench.record("m", variant, subject, run, right=(summary["missing"], summary["extra"], summary["different"],
                                                    summary["oltp_rows"]) == (missing, 0, 0, rows),
                 seconds=round(seconds, 3), rows_per_s=round(rows / seconds), hwm_mb=round(usage.hwm_mb, 1),
                 cpu_s_per_million_rows=round((spent.ru_utime + spent.ru_stime) * 1e6 / rows, 3))
