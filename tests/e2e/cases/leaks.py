"""A member that runs for long: what it holds of memory, descriptors and threads must not grow."""

import os
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from cases import Context, fault
from member import Member
from stack import PARTITIONS
from trial import Trial, trial
from wait import Failure, wait_until

ROWS = 10_000          # students, and contacts, one each
FIRST_ID = 1_000_000
CHANGES = 2 * ROWS     # for each rebalance
REBALANCES = 50        # with a million changes, to get warm, and as many again
BETWEEN_SAMPLES = 10   # rebalances


@dataclass
class Held:
    """By one member, quiet, with all tasks."""
    rss_anon_mb: float
    vm_mb: float
    descriptors: int
    threads: int

    def more_than(self, other: "Held") -> "Held":
        return Held(*(round(mine - theirs, 1) for mine, theirs in zip(astuple(self), astuple(other))))

    def __str__(self) -> str:
        return (f"RssAnon {self.rss_anon_mb:.1f} MB, VmSize {self.vm_mb:.0f} MB, {self.descriptors} descriptors, "
                f"{self.threads} threads")


# What the last sample may have above the one after the first half. Until then memory comes to what malloc, librdkafka
# and LMDB keep for the largest batches. A cache left open would be 64 GB of VmSize. Two descriptors may be connections
# of ours, over which we have just asked; one lost at each rebalance would be 50.
BOUND = Held(rss_anon_mb=6, vm_mb=80, descriptors=2, threads=0)


def held_by(member: Member) -> Held:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{member.pid}/status").read_text().splitlines())
    return Held(member.rss_anon_mb(), int(status["VmSize"].split()[0]) / 1024,
                len(os.listdir(f"/proc/{member.pid}/fd")), int(status["Threads"]))


@fault("leaks", "memory, descriptors and threads do not grow", members=1)
def leaks(ctx: Context) -> str:
    """A member, warm after a million row changes and 50 rebalances, handles as many again."""
    system, samples = ctx.system, []
    make_rows(ctx)
    with trial(ctx) as one:
        member = system.members[1]
        before = member.assignments()
        for rebalance in range(1, 2 * REBALANCES + 1):
            change_rows(ctx, rebalance)  # on its way while the group changes
            if rebalance % 2 == 1:
                system.start(2)
            else:
                system.members.pop(2).terminate()
            wait_until("the group has changed", lambda: member.assignments() >= before + rebalance, 30)
            if rebalance % BETWEEN_SAMPLES == 0:
                samples.append(sample(one, member))
        one.faults = rebalance
        one.more["rows changed"] = rebalance * CHANGES
        report(one, samples)
    return one.remark()


def make_rows(ctx: Context) -> None:
    last = FIRST_ID + ROWS - 1
    ctx.system.oltp.transaction(
        f"INSERT INTO student SELECT id, 'new' FROM generate_series({FIRST_ID}, {last}) id ON CONFLICT DO NOTHING",
        f"INSERT INTO contact SELECT id, id, 'new' FROM generate_series({FIRST_ID}, {last}) id ON CONFLICT DO NOTHING")
    ctx.system.pass_sentinels()


def change_rows(ctx: Context, turn: int) -> None:
    where = f"BETWEEN {FIRST_ID} AND {FIRST_ID + ROWS - 1}"
    ctx.system.oltp.transaction(
        f"UPDATE student SET name = 'name {turn} of ' || student_id WHERE student_id {where}",
        f"UPDATE contact SET contact_number = '{turn}/' || contact_id WHERE contact_id {where}")


def sample(one: Trial, member: Member) -> Held:
    """When it has all tasks and nothing to do."""
    one.system.pass_sentinels(seconds=120)  # Debezium has much to tell
    wait_until("the member has all tasks and is quiet", lambda: member.total("tasks", phase="live") == PARTITIONS
               and member.readiness().ready, 30, 0.1)
    return held_by(member)


def report(one: Trial, samples: list[Held]) -> None:
    for number, held in enumerate(samples, 1):
        print(f"     {number * BETWEEN_SAMPLES} rebalances: {held}", flush=True)
    warm, last = samples[len(samples) // 2 - 1], samples[-1]
    grown = last.more_than(warm)
    one.more.update({"RssAnon warm (MB)": warm.rss_anon_mb, "RssAnon at the end (MB)": last.rss_anon_mb,
                     "VmSize grown (MB)": grown.vm_mb, "descriptors grown": grown.descriptors,
                     "threads grown": grown.threads})
    if too_much(grown):
        raise Failure(f"{', '.join(too_much(grown))} has grown: " + "; ".join(str(held) for held in samples))


def too_much(grown: Held) -> list[str]:
    return [field.name for field in fields(Held) if getattr(grown, field.name) > getattr(BOUND, field.name)]
