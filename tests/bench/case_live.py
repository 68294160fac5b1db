"""(b) live upserts of rows that are there, (c) renames that fan out."""

import time
from concurrent.futures import ThreadPoolExecutor

from environment import Env, Topics
from ours import Ours
from records import Records
from runner import Bench, arrival_figures, must_be_right, rate_of, until_right
from usage import Usage

# (c): contacts a student has, students; the last is one student with all contacts.
FAN_OUTS = ((1, 200_000), (10, 50_000), (1_000, 500), (1_000_000, 1))


def loaded(bench: Bench, topics: Topics, rows: Records, members: int = 1) -> tuple[Ours, Env]:
    """A member whose table and cache hold all rows."""
    subject = Ours()
    env = bench.prepared(subject, topics)
    try:
        bench.servers.write(topics, rows)
        subject.start(*range(1, members + 1))
        must_be_right(until_right(env, bench.servers.truth(topics.history), subject,
                                              bench.args.patience), "the initial load")
        subject.wait_ready(60, *range(1, members + 1))
    except BaseException:
        subject.stop()
        raise
    return subject, env


def upserts(bench: Bench) -> None:
    for run in bench.runs():
        one_upserts(bench, "b", run)


def one_upserts(bench: Bench, case: str, run: int, members: int = 1, suffix: str = "") -> None:
    """Updates of every contact, twice: while the member runs, then as a backlog that it finds when it starts."""
    servers = bench.servers
    students = bench.size(250_000, 5_000)
    rows = Records(students=students, contacts=2 * students, seed=bench.args.seed)
    topics = servers.topics("routed")
    subject, env = loaded(bench, topics, rows, members)
    try:
        updates = rows.changes_only(updates=2 * students, update_step=1, rounds=2, version=10)
        written_live(bench, case, f"written while it runs{suffix}", run, subject, env, topics, updates)
        if case == "b":
            later = rows.changes_only(updates=2 * students, update_step=1, rounds=2, version=20)
            backlog(bench, case, run, subject, env, topics, later)
    finally:
        subject.stop()
        servers.remove_env(env)
        servers.remove_topics(topics)


def written_live(bench: Bench, case: str, variant: str, run: int, subject: Ours, env: Env, topics: Topics,
                 changes: Records, rows: int | None = None) -> None:
    """From the first record until the table is right; rows: sink rows that change, where not one a record."""
    servers = bench.servers
    truth = servers.truth(topics.history + changes)
    servers.rest_of_writing()
    with Usage(subject.pids, from_start=False) as usage, ThreadPoolExecutor(1) as other:
        writing = other.submit(servers.write, topics, changes)
        arrival = until_right(env, truth, subject, bench.args.patience)
        written = writing.result()
    figures = arrival_figures(arrival, written["first"], written["records"], usage)
    if rows:
        del figures["cpu_s_per_million"]
        figures.update(rows=rows, rows_per_s=rate_of(rows, figures["seconds"]),
                       cpu_s_per_million_rows=round(usage.cpu * 1e6 / rows, 2))
    del figures["first_row_s"]  # rows were there before
    bench.record(case, variant, subject, run, **figures, written_s=round(written["last"] - written["first"], 3),
                 rss_anon_growth_mb=round(usage.rss_anon_mb - usage.first_rss_anon_mb, 1))


def backlog(bench: Bench, case: str, run: int, subject: Ours, env: Env, topics: Topics, changes: Records) -> None:
    servers = bench.servers
    subject.end_members()
    count = servers.write(topics, changes)["records"]
    truth = servers.truth(topics.history)
    servers.rest_of_writing()
    with Usage(subject.pids, from_start=True) as usage:
        start = time.monotonic()
        subject.start(1)
        arrival = until_right(env, truth, subject, bench.args.patience)
    figures = arrival_figures(arrival, start, count, usage)
    ready = subject.wait_ready(30, 1)
    del figures["first_row_s"]
    bench.record(case, "a backlog, from process start", subject, run, **figures, ready_s=round(ready - start, 3))


# ---- (c)


def renames(bench: Bench) -> None:
    for run in bench.runs():
        for contacts_each, students in FAN_OUTS[1::2] if bench.smoke else FAN_OUTS:
            one_rename(bench, run, *sizes(bench, contacts_each, students))


def sizes(bench: Bench, contacts_each: int, students: int) -> tuple[int, int]:
    if students > 500:
        return contacts_each, bench.size(students, students // 50)
    return (bench.size(contacts_each, 20_000), 1) if students == 1 else (contacts_each, bench.size(students, 20))


def one_rename(bench: Bench, run: int, contacts_each: int, students: int) -> None:
    """Every student is renamed once."""
    rows = Records(students=students, contacts=students * contacts_each, seed=bench.args.seed)
    topics = bench.servers.topics("routed")
    subject, env = loaded(bench, topics, rows)
    try:
        time.sleep(2)  # the member is at rest: its cache commits after a second
        written_live(bench, "c", f"{contacts_each:,} contacts a student", run, subject, env, topics,
                     rows.changes_only(renames=students, rename_step=1, version=2), rows=rows.contacts)
    finally:
        subject.stop()
        bench.servers.remove_env(env)
        bench.servers.remove_topics(topics)
