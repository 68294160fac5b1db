"""F3: members that stand still while the world goes on."""

import os
import threading
import time
from pathlib import Path

import oracle
from cases import Context, fault
from db import Connection, Database
from member import Member
from proxy import Proxy
from stack import PARTITIONS, SESSION_TIMEOUT_MS
from trial import Trial, settings, trial
from wait import Failure, wait_until

FULL_BYTES = 500_000
WAIT_SECONDS = SESSION_TIMEOUT_MS / 1000 + 20
HELD_LOCKS = ("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted "
              "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
BIG_NAME = "SELECT string_agg(md5(g::text), '') FROM generate_series(%s, %s) g"


def wait_new_owners(ctx: Context, before: dict[int, str], tasks: list[int]) -> None:
    wait_until("its tasks have a new owner", lambda: all(oracle.owners(ctx.system.olap)[task] != before[task]
                                                         for task in tasks), WAIT_SECONDS, 0.05)


@fault("F3-frozen", "a zombie writes 0 rows, and rejoins automatically")
def frozen(ctx: Context) -> str:
    """SIGSTOP until others have the tasks, then SIGCONT."""
    with trial(ctx) as one:
        fenced = ctx.system.fenced()
        for turn in range(ctx.times(2, 8)):
            member = ctx.system.members[1 + turn % 2]
            before, assigned = oracle.owners(ctx.system.olap), member.assignments()
            member.freeze()
            wait_new_owners(ctx, before, list(before))
            one.healed()
            member.thaw_and_wait(assigned)
            one.healed(0)
        one.more["transactions fenced"] = ctx.system.fenced() - fenced
    return one.remark()


@fault("F3-on-its-way", "a late transaction is fenced: the zombie writes 0 rows", members=0, default=True)
def on_its_way(ctx: Context) -> str:
    """The network holds a transaction of a frozen member back until others have its tasks."""
    system = ctx.system
    system.end()
    with Proxy(system.olap.port) as olap, settings(system):
        system.start(1)
        system.settings["SYNC_OLAP_PORT"] = str(olap.port)
        system.start(2)
        member = system.members[2]
        with trial(ctx) as one:
            fenced = system.fenced()
            for _ in range(ctx.times(2, 8)):
                before, assigned = oracle.owners(system.olap), member.assignments()
                olap.holding = True
                wait_until("a whole transaction is on its way", lambda: any(map(is_whole, olap.held())), 30, 0.005)
                member.freeze()
                wait_new_owners(ctx, before, list(before))
                olap.release()
                one.healed()
                member.thaw_and_wait(assigned)
                one.healed(0)
            one.more["transactions fenced"] = system.fenced() - fenced
    if one.more["transactions fenced"] < one.faults:
        raise Failure("not every late transaction was fenced: the case has proven nothing")
    return one.remark()


def is_whole(held: bytes) -> bool:
    """A transaction from BEGIN to COMMIT: the names of its prepared statements."""
    _, begin, rest = held.partition(b"sync_begin")
    return bool(begin) and b"sync_commit" in rest.partition(b"sync_fence")[2]


@fault("F3-in-bind", "the lock holder's session is terminated; the zombie writes 0 rows", default=True)
def in_bind(ctx: Context) -> str:
    """Frozen while the server reads a Bind of many megabytes, with the tasks' locks held."""
    contacts = 60
    ended = 0
    with trial(ctx) as one:
        fenced = ctx.system.fenced()
        for turn in range(ctx.times(1, 4)):
            student = ctx.student_id(turn % PARTITIONS)
            ctx.sql("INSERT INTO student VALUES (%s, 'small')", student)
            for _ in range(contacts):
                ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", ctx.contact_id(), student)
            one.healed(0)
            offset = ctx.system.log_size()
            frozen_in_bind(ctx, one, student, turn)
            ended += ctx.system.log_since(offset).count("event=lock_holder_terminated")
        one.more.update({"locks taken from frozen sessions": ended, "transactions fenced": ctx.system.fenced() - fenced})
    if ended == 0:
        raise Failure("no member has met a lock that a frozen one held: the case has proven nothing")
    return one.remark()


def frozen_in_bind(ctx: Context, one: Trial, student: int, turn: int) -> None:
    """An outsider's lock stops the server at the fence, with the task's lock held; then the member freezes."""
    system = ctx.system
    before = oracle.owners(system.olap)
    outsiders = Turnstile(system.olap)
    try:
        # 400 kB in a record; 60 rows of it are more than the sockets take in.
        ctx.sql(f"UPDATE student SET name = ({BIG_NAME}) WHERE student_id = %s", turn, turn + 12_500, student)
        counts = {member.name: member.assignments() for member in system.members.values()}
        member = wait_until("a large batch waits at the fence", lambda: next_full_member(ctx, outsiders), 60, 0)
        member.freeze()
    finally:
        outsiders.close()
    wait_new_owners(ctx, before, [student % PARTITIONS])
    one.healed()
    member.thaw_and_wait(counts[member.name])
    one.healed(0)


def next_full_member(ctx: Context, outsiders: "Turnstile") -> Member | None:
    """Of the batches that wait now; else those pass, and the next ones come."""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        member = full_member(ctx)
        if member is not None:
            return member
        time.sleep(0.01)
    outsiders.let_one_pass()
    return None


class Turnstile:
    """Stops transactions at their insert into sync_progress, and lets those that wait there pass on demand."""

    def __init__(self, olap: Database) -> None:
        self.olap = olap
        self.holder = self._connection()
        self._lock(self.holder)

    def _connection(self) -> Connection:
        return self.olap.connect(autocommit=False)

    @staticmethod
    def _lock(connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE sync_progress IN SHARE MODE")

    def let_one_pass(self) -> None:
        """The next holder waits behind those that are to pass, and before those that come."""
        following = self._connection()
        thread = threading.Thread(target=self._lock, args=(following,))
        thread.start()
        wait_until("the next one waits", lambda: self.olap.run(
            "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ShareLock'") or not thread.is_alive(), 10, 0.005)
        self.holder.rollback()
        self.holder.close()
        self.holder = following
        thread.join()

    def close(self) -> None:
        self.holder.rollback()
        self.holder.close()


def full_member(ctx: Context) -> Member | None:
    """Whose connection to the OLAP database takes no more: bytes in the kernel's send queue."""
    full = {}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (int(fields[2].rpartition(":")[2], 16) == ctx.system.olap.port
                and int(fields[4].partition(":")[0], 16) > FULL_BYTES):
            full[f"socket:[{fields[9]}]"] = True
    for member in ctx.system.members.values() if full else ():
        for link in Path(f"/proc/{member.pid}/fd").iterdir():
            try:
                if os.readlink(link) in full:
                    return member
            except OSError:
                continue
    return None


@fault("F3-in-transaction", "the zombie's transaction is committed whole or not at all")
def in_transaction(ctx: Context) -> str:
    """Frozen at a moment when its session holds the tasks' locks."""
    with trial(ctx, rate=800) as one:
        hits = 0
        for turn in range(ctx.times(2, 8)):
            member = ctx.system.members[1 + turn % 2]
            before, assigned = oracle.owners(ctx.system.olap), member.assignments()
            hits += freeze_inside(ctx, member)
            wait_new_owners(ctx, before, list(before))
            one.healed()
            member.thaw_and_wait(assigned)
            one.healed(0)
        one.more["freezes that met the lock held"] = hits
    return one.remark()


def freeze_inside(ctx: Context, member: Member) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if ctx.system.olap.run(HELD_LOCKS)[0][0]:
            member.freeze()
            return True
    member.freeze()
    return False
