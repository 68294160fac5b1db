"""Members that come, leave, die, freeze; caches that are lost or damaged. Always under load, sampled."""

import os
import random
import socket
from pathlib import Path

import oracle
from cases import Context, case
from member import Member
from sampler import Sampler
from stack import SESSION_TIMEOUT_MS
from wait import Failure, Stopwatch, wait_until

LEAVE_SECONDS = 3                                  # SIGTERM to exit
TAKEOVER_SECONDS = SESSION_TIMEOUT_MS / 1000 + 3   # kill -9 to the next row; 2 s of it for a lock that a dead holds


def sampled(ctx: Context, load: object) -> Sampler:
    return Sampler(ctx.system.olap, ctx.system.view, load)


@case("scale", foreign_key=False)
def scale(ctx: Context) -> None:
    """bin/scale.sh, live."""
    with ctx.load() as load, sampled(ctx, load):
        for members in (2, 3, 1, 2):
            ctx.system.scale(members)
            if len(ctx.system.members) != members:
                raise Failure(f"bin/scale.sh {members} left {len(ctx.system.members)} members")
            ctx.system.pass_sentinels()
    ctx.system.settle()


@case("leave", foreign_key=False)
def leave(ctx: Context) -> str:
    """Of two members and of three, one leaves when asked to."""
    took, gaps = [], []
    with ctx.load() as load, sampled(ctx, load):
        ctx.system.start(2, 3)
        ctx.system.pass_sentinels()
        for number in (3, 2):
            member = ctx.system.members.pop(number)
            took.append(member.terminate())
            gaps.append(ctx.system.pass_sentinels())
            check_left(member, took[-1])
    ctx.system.settle()
    return f"left within {max(took):.2f} s, others had its tasks after {max(gaps):.2f} s"


def check_left(member: Member, seconds: float) -> None:
    if seconds > LEAVE_SECONDS:
        raise Failure(f"{member.name} needed {seconds:.1f} s to end after SIGTERM, promised are {LEAVE_SECONDS}")
    code = member.exit_code()
    if code != 0:
        raise Failure(f"{member.name} ended with {code} after SIGTERM, promised is 0")


@case("kill-one", foreign_key=False, members=3)
def kill_one(ctx: Context) -> str:
    """Of three members and of two, one is killed."""
    takeover = []
    with ctx.load() as load, sampled(ctx, load):
        for number in (2, 3):
            ctx.system.members.pop(number).kill()
            takeover.append(ctx.system.pass_sentinels())
    ctx.system.settle()
    if max(takeover) > TAKEOVER_SECONDS:
        raise Failure(f"takeover after kill -9 took {max(takeover):.1f} s, promised are {TAKEOVER_SECONDS:g}")
    return f"takeover within {max(takeover):.1f} s"


def kill_all_and_restart(ctx: Context, cold: bool) -> str:
    with ctx.load() as load, sampled(ctx, load):
        ctx.system.pass_sentinels()
        ctx.system.kill_all()
        if cold:
            ctx.system.drop_caches()
        watch = Stopwatch()
        ctx.system.start(1, 2)
        took = watch.seconds()
        ctx.system.pass_sentinels()
    ctx.system.settle()
    return f"ready again after {took:.1f} s (the dead members' session: {SESSION_TIMEOUT_MS / 1000:g} s)"


@case("kill-all-warm", foreign_key=False, members=2)
def kill_all_warm(ctx: Context) -> str:
    return kill_all_and_restart(ctx, cold=False)


@case("kill-all-cold", foreign_key=False, members=2)
def kill_all_cold(ctx: Context) -> str:
    """And all caches deleted."""
    return kill_all_and_restart(ctx, cold=True)


@case("port-taken", foreign_key=False, members=1)
def port_taken(ctx: Context) -> None:
    """A member whose port somebody else has works without it, and serves there as soon as it is free."""
    ctx.system.only(0)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", ctx.system.port(1)))
        other.listen()
        start = ctx.system.log_size()
        ctx.system.start(1, ready=False)
        ctx.system.pass_sentinels()
        if "event=not_served" not in ctx.system.log_since(start):
            raise Failure("the log does not say that the port is taken")
    ctx.system.wait_ready(1)


@case("cache-damaged", foreign_key=False, members=1)
def cache_damaged(ctx: Context) -> str:
    """Bytes flipped in one cache, another one cut short. A crash on a damaged page is allowed once each, no loop."""
    with ctx.load(changes=4000, rate=2000) as load:
        load.finish()
    ctx.system.settle("filling the caches")
    ctx.system.only(0)
    caches = sorted(ctx.system.state_dir.rglob("data.mdb"))
    if len(caches) < 2:
        raise Failure(f"there are no caches in {ctx.system.state_dir}")
    flip_bytes(caches[0], random.Random(ctx.seed))
    os.truncate(caches[1], caches[1].stat().st_size // 2)
    crashes = 0

    def all_live() -> bool:
        nonlocal crashes
        if not ctx.system.members[1].alive():
            crashes += 1
            if crashes > 2:
                raise Failure(f"{crashes} crashes over two damaged caches: {ctx.system.last_line(ctx.system.members[1])}")
            ctx.system.start(1, ready=False)
        return live(ctx)
    with ctx.load(rate=500) as load, sampled(ctx, load):
        ctx.system.start(1, ready=False)
        wait_until("all tasks are live", all_live, 60, 0.1)
    ctx.sql("UPDATE student SET name = name || '!'")  # every page of the caches is read
    ctx.sql("UPDATE contact SET contact_number = contact_number || '!'")
    wait_until("all tasks are live again", all_live, 60, 0.1)
    ctx.system.settle()
    ctx.system.only(0)
    ctx.system.drop_caches()  # damage that was not met yet is not the next case's
    return f"{crashes} crashes"


def live(ctx: Context) -> bool:
    try:
        ctx.system.pass_sentinels(seconds=1)
        return True
    except Failure:
        return False


def flip_bytes(path: Path, rng: random.Random) -> None:
    """In every page behind the two that LMDB begins with."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(2 * 4096, size, 4096):
            for _ in range(8):
                file.seek(page + rng.randrange(4096))
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 0xFF]))


@case("frozen", foreign_key=False, members=2)
def frozen(ctx: Context) -> str:
    """A member stands still until others have its tasks, then goes on: it must write nothing with its old turn.

    That it writes nothing is O3: an owner that has lost a task never comes back to its log."""
    with ctx.load() as load, sampled(ctx, load):
        fenced = ctx.system.fenced()
        for number in (1, 2):
            member = ctx.system.members[number]
            before, assigned = oracle.owners(ctx.system.olap), member.assignments()
            member.freeze()
            takeover = taken_over(ctx, before)
            member.thaw_and_wait(assigned)
            ctx.system.pass_sentinels()
        fenced = ctx.system.fenced() - fenced
    ctx.system.settle()
    return f"takeover within {takeover:.1f} s, {fenced:g} transactions fenced"


def taken_over(ctx: Context, before: dict[int, str]) -> float:
    """Until every task has another owner than before the freeze, and is live."""
    watch = Stopwatch()

    def all_new() -> bool:
        now = oracle.owners(ctx.system.olap)
        return all(now[task] != owner for task, owner in before.items())
    wait_until("all tasks have a new owner", all_new, SESSION_TIMEOUT_MS / 1000 + 15, 0.1)
    ctx.system.pass_sentinels()
    return watch.seconds()
