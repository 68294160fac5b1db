"""F12: what can happen to a cache."""

import os
import random
import subprocess
from pathlib import Path
from typing import Callable

from cases import Context, fault
from cases.members import flip_bytes
from system import System
from trial import Trial, trial
from wait import Failure, wait_until

PAGE = 4096
GROWTH_ID = 700_000_000  # contacts without a student, which only the caches hold
GROWTH_ROWS = 20_000


def cut_short(path: Path, rng: random.Random) -> None:
    os.truncate(path, path.stat().st_size // 2)


def cut_empty(path: Path, rng: random.Random) -> None:
    os.truncate(path, 0)


def zero_page(path: Path, rng: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(PAGE * rng.randrange(2, max(3, path.stat().st_size // PAGE)))
        file.write(bytes(PAGE))


def zero_meta(path: Path, rng: random.Random) -> None:
    with path.open("r+b") as file:
        file.write(bytes(2 * PAGE))


def delete(path: Path, rng: random.Random) -> None:
    path.unlink()


def foreign(path: Path, rng: random.Random) -> None:
    path.write_bytes(b"this is no cache\n" * 1000)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "deleted": delete, "cut short": cut_short, "emptied": cut_empty, "a page zeroed": zero_page,
    "the meta pages zeroed": zero_meta, "bytes flipped": flip_bytes, "another file": foreign}


@fault("F12-damaged", "discarded and rebuilt; at most one crash per damaged cache", members=1, default=True)
def damaged(ctx: Context) -> str:
    """Each cache is deleted, cut, zeroed, bit-flipped, replaced, while its member is down; the member is restarted."""
    rng = random.Random(ctx.seed)
    system = ctx.system
    with trial(ctx, damaged_caches=True) as one:
        crashes = 0
        for _ in range(ctx.times(1, 6)):
            system.end()
            caches = sorted(system.state_dir.rglob("data.mdb"))
            if not caches:
                raise Failure(f"there are no caches in {system.state_dir}")
            for path, damage in zip(caches, rng.sample(list(DAMAGES.values()) * 2, len(caches))):
                damage(path, rng)
            crashes += came_back(ctx, one, len(caches))
        one.more["crashes on a damaged page, all in all"] = crashes
    system.end()
    system.drop_caches()  # damage that was not met yet is not the next case's
    return one.remark()


def came_back(ctx: Context, one: Trial, caches: int) -> int:
    """Starts member 1 as a service manager would, until every row of the load has been read through its caches."""
    system, crashes = ctx.system, 0
    system.start(1, ready=False)

    def through() -> bool:
        nonlocal crashes
        if not system.members[1].alive():
            crashes += 1
            if crashes > caches:
                raise Failure(f"{crashes} crashes over {caches} caches: {system.last_line(system.members[1])}")
            system.start(1, ready=False)
        try:
            one.healed(0, seconds=2)
            return True
        except Failure:
            return False
    wait_until("the sentinels come through", through, 90, 0.05)
    system.touch()  # other pages of the caches are read
    wait_until("and again", through, 90, 0.05)
    one.faults += caches
    return crashes


@fault("F12-full", "retries without limit; continues automatically", members=0)
def full(ctx: Context) -> str:
    """The disk of the caches is full."""
    if os.geteuid() != 0:
        return "SKIPPED: only root can make a small file system"
    system = ctx.system
    system.end()
    system.drop_caches()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(system.state_dir)], check=True)
    try:
        system.start(1)
        with trial(ctx) as one:
            for turn in range(ctx.times(1, 3)):
                filler = system.state_dir / "filler"
                fill_up(filler)
                offset = system.log_size()
                ctx.sql("INSERT INTO contact SELECT id, id, repeat('long', 100) FROM generate_series(%s, %s) id",
                        GROWTH_ID + turn * GROWTH_ROWS, GROWTH_ID + (turn + 1) * GROWTH_ROWS - 1)
                wait_until("a task meets it", lambda: met_full(system, offset), 60, 0.1)
                filler.unlink()
                one.healed()
    finally:
        system.end()
        subprocess.run(["umount", "-l", str(system.state_dir)], check=True)
    return one.remark()


def met_full(system: System, offset: int) -> bool:
    for problem in system.check_alive():
        raise Failure(problem)
    return "No space left" in system.log_since(offset)


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue


@fault("F12-read-only", "says so and exits with code 2; starts when it is fixed", members=1)
def read_only(ctx: Context) -> str:
    """The folder of the caches is not writable."""
    if os.geteuid() != 0:
        return "SKIPPED: only root can make a file system read-only"
    system = ctx.system
    folder = str(system.state_dir)
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    try:
        with trial(ctx) as one:
            system.end()
            offset = system.log_size()
            subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
            system.start(1, ready=False)
            wait_until("it says so", lambda: "ead-only" in system.log_since(offset), 30, 0.05)
            subprocess.run(["mount", "-o", "remount,bind,rw", folder], check=True)
            if not system.members[1].alive():
                one.more["exit code at start"] = system.members.pop(1).exit_code()
                system.start(1)
            one.healed()
    finally:
        system.end()
        subprocess.run(["umount", "-l", folder], check=True)
    return one.remark()
