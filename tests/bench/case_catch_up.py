"""(a) catch-up into an empty sink, (f) rebuild of a lost cache, (h) what it costs."""

import functools
import time
from typing import Any

from environment import Topics
from ours import Ours
from records import Records
from runner import Bench, arrival_figures, must_be_right, rate_of, until_right
from usage import Usage, cpu_seconds

IDLE_SECONDS = 20
RENAMED_AFTER = 5_000  # students, after a rebuild
WARM_UP = "not measured"
KEYS = {"sequential keys": 0, "random keys": 1}


def million(bench: Bench, random: int = 0) -> Records:
    """250,000 student inserts, 500,000 contact inserts, 125,000 renames, 125,000 contact updates."""
    students = bench.size(250_000, 5_000)
    return Records(students=students, contacts=2 * students, renames=students // 2, updates=students // 2,
                   random=random, seed=bench.args.seed)


def mixed(bench: Bench) -> Records:
    """Inserts, updates, and contacts that move or are deleted."""
    students = bench.size(200_000, 4_000)
    return Records(students=students, contacts=2 * students, renames=students // 4, updates=students // 4,
                   moves=students // 4, deletes=students // 4, seed=bench.args.seed)


def catch_up(bench: Bench) -> None:
    works = {name: million(bench, random) for name, random in KEYS.items()}
    works["with moves and deletes"] = mixed(bench)
    if bench.smoke:
        del works["random keys"]
    for variant, records in works.items():
        peers_too = variant == "sequential keys"
        subjects = list(bench.subjects("catch_up")) if peers_too else [Ours]
        written: dict[str, Topics] = {}
        try:
            if peers_too and not bench.smoke:
                warm_up(bench, records, written)
            for run in bench.runs():
                for subject_class in subjects:
                    bench.attempt("a", variant, run, subject_class, functools.partial(
                        one_catch_up, bench, variant, run, subject_class, records, written))
        finally:
            for topics in written.values():
                bench.servers.remove_topics(topics)


def warm_up(bench: Bench, records: Records, written: dict[str, Topics]) -> None:
    """The broker has just been started: its JVM compiles what it runs, which the first to read would pay for (an
    eighth of the machine's time, seen by perf). So somebody has read all of it before who is not measured."""
    one_catch_up(bench, WARM_UP, 0, Ours, records, written)


def one_catch_up(bench: Bench, variant: str, run: int, subject_class: Any, records: Records,
                 written: dict[str, Topics], case: str = "a", members: int = 1) -> None:
    """All records lie there; from the start of the process until the table is right."""
    servers = bench.servers
    subject = bench.made(subject_class)
    topics = written.get(subject.reads)
    fresh = topics is None or subject.reads == "oltp"
    topics = servers.topics(subject.reads) if fresh else topics
    env = bench.prepared(subject, topics)
    try:
        if fresh:
            write(bench, topics, records, env)
            written[subject.reads] = topics
        truth = servers.truth(topics.history)
        servers.rest_of_writing()
        with Usage(subject.pids, from_start=True) as usage:
            start = time.monotonic()
            if members > 1:
                subject.start(*range(1, members + 1))
            else:
                subject.start_catch_up(env)
            arrival = until_right(env, truth, subject, bench.args.patience)
        figures = arrival_figures(arrival, start, topics.records, usage)
        if isinstance(subject, Ours):
            figures["ready_s"] = round(subject.wait_ready(30, *range(1, members + 1)) - start, 3)
        if variant != WARM_UP:
            bench.record(case, variant, subject, run, **figures)
    finally:
        subject.stop()
        servers.remove_env(env)


def write(bench: Bench, topics: Topics, records: Records, env: Any) -> None:
    if topics.reads != "oltp":
        bench.servers.write(topics, records)
        return
    topics.history += records
    connection = env.oltp.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # the making of them is not measured
        for block in topics.history.statements():
            cursor.execute(block)
    connection.close()
    topics.records = (records.students + records.contacts) * records.inserts + records.moves + records.deletes \
        + records.rounds * (records.renames + records.updates)


# ---- (f)


def rebuild(bench: Bench) -> None:
    for variant, random in KEYS.items():
        topics = bench.servers.topics("routed")
        try:
            records = million(bench, random)
            bench.servers.write(topics, records)
            for run in bench.runs():
                one_rebuild(bench, variant, run, topics, records)
        finally:
            bench.servers.remove_topics(topics)


def one_rebuild(bench: Bench, variant: str, run: int, topics: Topics, records: Records) -> None:
    """The cache is deleted and built again; then renames show, by the contacts they find, that it is whole."""
    servers, subject = bench.servers, Ours()
    env = bench.prepared(subject, topics)
    try:
        truth = servers.truth(topics.history)
        subject.start_live(env)
        must_be_right(until_right(env, truth, subject, bench.args.patience), "the initial load")
        subject.end_members()
        subject.drop_caches()
        servers.rest_of_writing()
        with Usage(subject.pids, from_start=True) as usage:
            start = time.monotonic()
            subject.start(1)
            ready = subject.wait_ready(bench.args.patience, 1) - start
        count = topics.records
        step = max(1, records.students // RENAMED_AFTER)
        servers.write(topics, records.changes_only(renames=records.students // step, rename_step=step, version=1 + run))
        arrival = until_right(env, servers.truth(topics.history), subject, 60)
        bench.record("f", variant, subject, run, right=arrival.right is not None, problem=arrival.problem,
                     records=count, seconds=round(ready, 3), records_per_s=rate_of(count, ready),
                     cpu_s_per_million=round(usage.cpu * 1e6 / count, 2), **usage.figures())
    finally:
        subject.stop()
        servers.remove_env(env)


# ---- (h)


def cost(bench: Bench) -> None:
    """The cost per million records is measured in every case; here what a member costs that has nothing to do."""
    topics = bench.servers.topics("routed")
    records = million(bench)
    seconds = 3 if bench.smoke else IDLE_SECONDS
    try:
        bench.servers.write(topics, records)
        for run in bench.runs():
            subject = Ours()
            env = bench.prepared(subject, topics)
            try:
                with Usage(subject.pids, from_start=True) as usage:
                    subject.start_live(env)
                    must_be_right(until_right(env, bench.servers.truth(topics.history), subject,
                                              bench.args.patience), "the initial load")
                pid = subject.pids()[0]
                time.sleep(2)  # the cache commits after a second of rest
                before = cpu_seconds(pid)
                time.sleep(seconds)
                idle = (cpu_seconds(pid) - before) / seconds
                bench.record("h", "idle after the initial load", subject, run, right=True,
                             idle_cpu_percent=round(100 * idle, 2),
                             cpu_s_per_million=round(usage.cpu * 1e6 / topics.records, 2), **usage.figures())
            finally:
                subject.stop()
                bench.servers.remove_env(env)
    finally:
        bench.servers.remove_topics(topics)
