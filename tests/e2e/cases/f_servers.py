"""F5, F6, F9: brokers and the OLAP database that go away, refuse, stand still, are full, or go back in time."""

import os
import re
import shutil
import signal
import statistics
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from cases import Context, fault
from db import CONNECTION_LOST, Database
from member import start_time
from trial import Trial, trial
from wait import Failure, wait_until

MEMBERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'oltp-olap-sync'"


# ---- F5 ----------------------------------------------------------------------------------------------------------


@fault("F5-broker", "no exit; catches up")
def broker(ctx: Context) -> str:
    """The only broker is restarted cleanly, and killed and restarted."""
    with trial(ctx) as one:
        for how in ("stop", "kill") * ctx.times(1, 2):
            ctx.stack.service(how, "kafka")
            ctx.stack.service("start", "kafka")
            one.healed()
    return one.remark()


@fault("F5-away", "no exit, memory bounded; catches up")
def broker_away(ctx: Context) -> str:
    """All brokers are down for 15 s (--faults: a minute, --long: five)."""
    with trial(ctx) as one:
        ctx.stack.service("stop", "kafka")
        ctx.system.wait_not_ready("Kafka|consumer group")
        stay(ctx, one, 300 if ctx.long else 60 if ctx.full else 15)
        ctx.stack.service("start", "kafka")
        one.healed(seconds=120)
    return one.remark()


def stay(ctx: Context, one: Trial, seconds: float) -> None:
    """The fault lasts; meanwhile nobody ends, and memory is watched."""
    worst = max(member.rss_anon_mb() for member in ctx.system.members.values())
    one.more["RssAnon before (MB)"] = worst
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for problem in ctx.system.check_alive():
            raise Failure(problem)
        worst = max([worst] + [member.rss_anon_mb() for member in ctx.system.members.values()])
        time.sleep(0.25)
    one.more["largest RssAnon meanwhile (MB)"] = worst
    one.more["seconds away"] = seconds


# ---- F6 ----------------------------------------------------------------------------------------------------------


@fault("F6-terminate", "retries without limit; nothing lost or duplicated", default=True)
def terminate(ctx: Context) -> str:
    """pg_terminate_backend of every member's session, once a second."""
    outsider = Database(ctx.system.olap.port, ctx.system.olap.name)
    with trial(ctx) as one:
        ended = 0
        for turn in range(ctx.times(12, 60)):
            ended += len(outsider.run(MEMBERS))
            time.sleep(1)
            if turn % 30 == 29:
                one.healed(0)
        one.healed(ended)
    outsider.close()
    return one.remark()


@fault("F6-restart", "retries without limit; nothing lost or duplicated")
def restart(ctx: Context) -> str:
    """The OLAP database is restarted: fast, immediate, and by kill -9 of its postmaster."""
    with trial(ctx) as one:
        for how in ("stop", "kill", "kill -9") * ctx.times(1, 4):
            if how == "kill -9":
                kill_postmaster(ctx)
            else:
                ctx.stack.service(how, "olap")
            ctx.stack.service("start", "olap")
            ctx.system.olap.close()
            one.healed()
    return one.remark()


def data_folder(ctx: Context) -> Path:
    return Path(ctx.system.olap.run("SHOW data_directory")[0][0])


def children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return found


def kill_postmaster(ctx: Context) -> None:
    """Its children notice and end; only then another one may start."""
    file = data_folder(ctx) / "postmaster.pid"
    pid = int(file.read_text().splitlines()[0])
    children = {child: start_time(child) for child in children_of(pid)}
    os.kill(pid, signal.SIGKILL)
    wait_until("the server's processes are gone",
               lambda: start_time(pid) is None and all(start_time(child) != began for child, began in children.items()),
               30, 0.05)
    file.unlink()  # where nobody reaps the dead, PostgreSQL takes that process for alive


@fault("F6-lock", "waits, and continues when the lock is released")
def lock(ctx: Context) -> str:
    """Another session locks the sink table."""
    with trial(ctx) as one:
        for seconds in [8] + [15] * (ctx.times(1, 3) - 1):
            outsider = ctx.system.olap.connect(autocommit=False)
            with outsider.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {ctx.system.view} IN EXCLUSIVE MODE")
                stay(ctx, one, seconds)
            outsider.rollback()
            outsider.close()
            one.healed()
    return one.remark()


@fault("F6-snapshot", "commit latency at most twice that without")
def snapshot(ctx: Context) -> str:
    """A reader keeps a snapshot open during thousands of transactions."""
    with trial(ctx) as one:
        seconds = ctx.times(5, 20)
        before = commit_times(ctx, seconds)
        outsider = ctx.system.olap.connect(autocommit=False)
        with outsider.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SELECT count(*) FROM {ctx.system.view}")
            time.sleep(seconds)  # old, before it is measured
            during = commit_times(ctx, seconds)
        outsider.rollback()
        outsider.close()
        one.healed()
        one.more["median commit without (ms)"] = statistics.median(before)
        one.more["median commit with an old snapshot (ms)"] = statistics.median(during)
    if statistics.median(during) > 2 * statistics.median(before):
        raise Failure(one.remark())
    return one.remark()


def commit_times(ctx: Context, seconds: float) -> list[float]:
    offset = ctx.system.log_size()
    time.sleep(seconds)
    found = [float(text) for text in re.findall(r"event=batch.*? commit_ms=([\d.]+)", ctx.system.log_since(offset))]
    if not found:
        raise Failure("no batch was logged")
    return found


@fault("F6-read-only", "retries without limit; continues automatically")
def read_only(ctx: Context) -> str:
    """The OLAP database is made read-only for every new transaction, and writable again."""
    with trial(ctx) as one:
        for _ in range(ctx.times(1, 5)):
            ctx.system.olap.run("ALTER SYSTEM SET default_transaction_read_only = on")
            ctx.system.olap.run("SELECT pg_reload_conf()")
            stay(ctx, one, 5)
            ctx.system.olap.run("ALTER SYSTEM RESET default_transaction_read_only")
            ctx.system.olap.run("SELECT pg_reload_conf()")
            one.healed()
    return one.remark()


@fault("F6-connections", "retries without limit; continues automatically")
def connections(ctx: Context) -> str:
    """All connections of the OLAP database are in use; the members' own are terminated."""
    with trial(ctx) as one:
        for _ in range(ctx.times(1, 4)):
            taken = take_all(ctx)
            end = time.monotonic() + 6
            while time.monotonic() < end:
                with taken[0].cursor() as cursor:
                    cursor.execute(MEMBERS)
                taken += take_all(ctx)
                time.sleep(0.02)
            for connection in taken:
                connection.close()
            one.healed()
    return one.remark()


def take_all(ctx: Context) -> list:
    taken = []
    while True:
        try:
            taken.append(ctx.system.olap.connect())
        except CONNECTION_LOST:
            return taken


@contextmanager
def small_disk(ctx: Context, megabytes: int) -> Iterator[Path]:
    """A file system in memory, which only root can make."""
    folder = data_folder(ctx).parent / "small-disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=777", "tmpfs", str(folder)], check=True)
    try:
        space = folder / "space"
        space.mkdir()
        shutil.chown(space, data_folder(ctx).owner(), data_folder(ctx).group())
        yield space
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@fault("F6-disk", "retries without limit; no dead letter for it; continues automatically")
def disk(ctx: Context) -> str:
    """The disk of the sink table is full."""
    if os.geteuid() != 0:
        return "SKIPPED: only root can make a small file system"
    system = ctx.system
    system.olap.run(f"VACUUM FULL {system.view}")  # or the room of deleted rows is used before any of the disk
    taken = system.olap.run(f"SELECT pg_table_size('{system.view}') >> 20")[0][0]  # by the scenarios before this one
    with small_disk(ctx, 48 + taken) as space:
        try:
            system.olap.run(f"CREATE TABLESPACE small LOCATION '{space}'")
            system.olap.run(f"ALTER TABLE {system.view} SET TABLESPACE small")
            with trial(ctx) as one:
                for _ in range(ctx.times(1, 3)):
                    filler = space / "filler"
                    fill(filler)
                    wait_until("PostgreSQL says that the disk is full", lambda: "53100" in system.log_since(0), 60, 0.1)
                    stay(ctx, one, 5)
                    filler.unlink()
                    one.healed()
        finally:
            system.olap.run(f"ALTER TABLE {system.view} SET TABLESPACE pg_default")
            system.olap.run("DROP TABLESPACE small")
            system.olap.run("CHECKPOINT")
    return one.remark()


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@fault("F6-away", "memory bounded, no exit; catches up automatically")
def olap_away(ctx: Context) -> str:
    """The OLAP database is down for 10 s (--faults: 3 minutes, --long: 10) under load."""
    with trial(ctx) as one:
        ctx.stack.service("stop", "olap")
        ctx.system.olap.close()
        ctx.system.wait_not_ready("OLAP database: not connected since")
        stay(ctx, one, 600 if ctx.long else 180 if ctx.full else 10)
        ctx.system.wait_not_ready("OLAP database: not connected since", seconds=2)  # for as long as it lasts
        ctx.stack.service("start", "olap")
        one.healed(seconds=600 if ctx.long else 180)
        for number in ctx.system.members:
            ctx.system.wait_ready(number)
        one.more["RssAnon after it has caught up (MB)"] = max(m.rss_anon_mb() for m in ctx.system.members.values())
    return one.remark()


# ---- F9 ----------------------------------------------------------------------------------------------------------


@fault("F9-restored", "replays from the offsets of the backup; converges")
def restored(ctx: Context) -> str:
    """The OLAP database's folder is replaced by an older copy, while members run."""
    data = data_folder(ctx)
    copy = data.with_name("olap-backup")
    with trial(ctx) as one:
        for _ in range(ctx.times(1, 4)):
            ctx.stack.service("stop", "olap")
            ctx.system.olap.close()
            subprocess.run(["cp", "-a", data, copy], check=True)
            ctx.stack.service("start", "olap")
            made = one.load.changes
            wait_until("changes after the backup", lambda: one.load.changes > made + 2000, 60, 0.05)
            ctx.system.pass_sentinels()
            ctx.stack.service("stop", "olap")
            ctx.system.olap.close()
            shutil.rmtree(data)
            copy.rename(data)
            ctx.stack.service("start", "olap")
            one.healed()
    return one.remark()
