"""Many random changes with one member killed in between; and how fast single rows come through."""

import select
import statistics
import time

from cases import Context, case
from sampler import Sampler
from wait import Failure, Stopwatch

LATENCY_TRIGGER = """
CREATE OR REPLACE FUNCTION e2e.tell() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN PERFORM pg_notify('e2e', NEW.contact_id::text); RETURN NULL; END$$;
CREATE OR REPLACE TRIGGER e2e_tell AFTER INSERT ON student_contact FOR EACH ROW EXECUTE FUNCTION e2e.tell()
"""


@case("random", foreign_key=False, members=2)
def random_changes(ctx: Context) -> str:
    """--changes single-row changes by --seed, two members, one killed and restarted in between, all of it sampled."""
    watch = Stopwatch()
    with ctx.load(rate=4000, changes=ctx.changes) as load:
        with Sampler(ctx.system.olap, ctx.system.view, load) as sampler:
            while load.changes < ctx.changes // 3 and not load.errors:
                time.sleep(0.05)
            ctx.system.members.pop(2).kill()
            ctx.system.start(2)
            load.finish()
            ctx.system.pass_sentinels()
    seconds = watch.seconds()
    ctx.system.settle()
    rows = ctx.system.olap.run(f"SELECT count(*) FROM {ctx.system.view}")[0][0]
    return (f"{load.changes} changes in {seconds:.0f} s to the last row, {sampler.reads} reads of {sampler.rows} rows, "
            f"{rows} rows at the end")


@case("latency")
def latency(ctx: Context) -> str:
    """Single inserts, 20 a second for 10 seconds: from the commit's answer to the notification of the sink's commit."""
    student = ctx.student_id(3)
    ctx.sql("INSERT INTO student VALUES (%s, 's')", student)
    ctx.system.pass_sentinels()
    ctx.system.olap.transaction(LATENCY_TRIGGER)
    try:
        samples = [one_insert(ctx, student, listener) for listener in [listen(ctx)] for _ in range(200)]
    finally:
        ctx.system.olap.run("DROP TRIGGER e2e_tell ON student_contact")
    ctx.system.settle()
    median, p99 = statistics.median(samples), statistics.quantiles(samples, n=100)[98]
    memory = [member.rss_anon_mb() for member in ctx.system.members.values()]
    if median > 1000:
        raise Failure(f"the median is {median:.0f} ms")
    return f"median {median:.1f} ms, p99 {p99:.1f} ms; RssAnon of the member {max(memory):.1f} MB"


def listen(ctx: Context):
    listener = ctx.system.olap.connect()
    with listener.cursor() as cursor:
        cursor.execute("LISTEN e2e")
    return listener


def one_insert(ctx: Context, student: int, listener) -> float:
    """In milliseconds; then waits for the rest of the 50 ms."""
    contact, begin = ctx.contact_id(), time.monotonic()
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", contact, student)
    committed = time.monotonic()
    while True:
        if not select.select([listener], [], [], 10)[0]:
            raise Failure(f"contact {contact} was not visible within 10 s")
        seen = time.monotonic()
        listener.poll()
        told = [notice.payload for notice in listener.notifies]
        listener.notifies.clear()
        if str(contact) in told:
            break
    time.sleep(max(0.0, begin + 0.05 - time.monotonic()))
    return (seen - committed) * 1000
