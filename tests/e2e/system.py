"""One view that members keep: its databases, its members, and what must be true of it once it is quiet."""

import itertools
import re
import shutil
from pathlib import Path
from typing import Sequence

import oracle
from db import Database
from load import Load
from member import Member
from sampler import Sampler
from stack import PARTITIONS, ROOT, Stack
from wait import Failure, Stopwatch, wait_until

SENTINEL = 900_000_000  # the sentinels' ids: the hash of such an id is the id, so SENTINEL + p is in partition p
LIVE_SECONDS = 30       # a member is ready, a quiet system is converged, within this
_token = itertools.count(1)


def watch_settings(port: int, dbname: str = "pg", user: str = "pg", interval_ms: int = 10_000) -> dict[str, str]:
    """Members with these compare the source database with the SQL files."""
    return {"SYNC_OLTP_HOST": "127.0.0.1", "SYNC_OLTP_PORT": str(port), "SYNC_OLTP_USER": user,
            "SYNC_OLTP_PASSWORD": "pg", "SYNC_OLTP_DBNAME": dbname, "SYNC_SOURCE_WATCH_MS": str(interval_ms)}


class System:
    def __init__(self, stack: Stack, oltp: Database, olap: Database, view_file: Path, state_dir: Path,
                 log: Path, member_prefix: str, settings: dict[str, str], first_port: int) -> None:
        self.stack = stack
        self.oltp = oltp
        self.olap = olap
        self.state_dir = state_dir
        self.log = log
        self.member_prefix = member_prefix
        self.settings = settings
        self.first_port = first_port  # of member 1; the others have those above it
        self.view, self.query = read_view(view_file)
        self.members: dict[int, Member] = {}

    # ---- members

    def port(self, number: int) -> int:
        return self.first_port + number - 1

    def environment(self, member: str) -> dict[str, str]:
        env = {name: value for name, value in self.stack.env.items()
               if name not in ("SYNC_RUN_DIR", "SYNC_LOG_DIR")}
        env.update(SYNC_KAFKA_BOOTSTRAP_SERVERS=self.stack.broker,
                   SYNC_OLAP_HOST="127.0.0.1", SYNC_OLAP_PORT=str(self.olap.port), SYNC_OLAP_USER="pg",
                   SYNC_OLAP_PASSWORD="pg", SYNC_OLAP_DBNAME=self.olap.name,
                   SYNC_CONNECTOR_DATABASE_HOSTNAME="127.0.0.1",
                   SYNC_CONNECTOR_DATABASE_PORT=str(self.oltp.port),
                   SYNC_STATE_DIR=str(self.state_dir), SYNC_MEMBER=member)
        env.update(self.settings)
        return env

    def start(self, *numbers: int, ready: bool = True, serve: bool = True) -> None:
        """Starts members and waits until each says that all its tasks are live."""
        for number in numbers:
            name = f"{self.member_prefix}-{number}"
            env = self.environment(name) | ({"SYNC_SERVE_PORT": str(self.port(number))} if serve else {})
            self.members[number] = Member.start(name, self.stack.binary, env, ROOT, self.log,
                                                self.stack.folder / f"{name}.pid", self.port(number))
        for number in numbers if ready else ():
            self.wait_ready(number)

    def wait_ready(self, number: int) -> None:
        member = self.members[number]

        def is_ready() -> bool:
            if not member.alive():
                raise Failure(f"{member.name} ended while starting: {self.last_line(member)}")
            return member.readiness().ready
        wait_until(f"{member.name} is ready", is_ready, LIVE_SECONDS, interval=0.02,
                   detail=lambda: "; ".join(member.readiness().reasons))

    def wait_not_ready(self, pattern: str, seconds: float = 20) -> None:
        """Every member says that it is not ready, and gives this reason."""
        def all_say() -> bool:
            fail_with("", self.check_alive())
            return all(not (said := member.readiness()).ready and any(re.search(pattern, line) for line in said.reasons)
                       for member in self.members.values())
        wait_until(f"/readyz of every member names {pattern}", all_say, seconds, interval=0.05,
                   detail=lambda: str({member.name: member.readiness() for member in self.members.values()}))

    def wait_halted(self, task: int, pattern: str, seconds: float = 20) -> None:
        """A member says that this task has halted, and why; it is not ready, and counts the halt."""
        halted = re.compile(rf"^task {task} halted\b.*({pattern})")

        def said() -> bool:
            return any(halted.search(line) for member in self.members.values() for line in member.readiness().reasons)
        wait_until(f"/readyz says that task {task} has halted, and {pattern}", said, seconds, interval=0.05,
                   detail=lambda: str([member.readiness().reasons for member in self.members.values()]))
        if not self.total("halts_total", task=str(task)):
            raise Failure(f"task {task} has halted, and halts_total does not count it")

    def total(self, metric: str, **labels: str) -> float:
        """Of all members that run and answer; a killed one takes its count with it."""
        return sum(member.total(metric, **labels) for member in self.members.values())

    def fenced(self) -> float:
        """Transactions that the fence refused."""
        return self.total("transactions_total", outcome="fenced")

    def scale(self, members: int) -> None:
        """By bin/scale.sh; only the shipped view has that."""
        self.stack.scale(members)
        self.adopt()

    def adopt(self) -> None:
        """Takes over the members that the scripts run."""
        for path in self.stack.folder.glob(f"{self.member_prefix}-*.pid"):
            number = int(path.stem.rpartition("-")[2])
            member = Member.of_pid_file(path, self.port(number))
            known = self.members.get(number)
            if known is None or known.pid != member.pid:
                self.members[number] = member
        self.members = {number: member for number, member in self.members.items() if member.alive()}

    def only(self, wanted: int) -> None:
        """Exactly the members 1 to wanted run."""
        for number, member in list(self.members.items()):
            if number > wanted or not member.alive():
                member.thaw()
                member.terminate()
                del self.members[number]
        self.start(*(number for number in range(1, wanted + 1) if number not in self.members))

    def kill_all(self) -> None:
        for member in self.members.values():
            member.kill()
        self.members.clear()

    def end(self) -> None:
        """Whatever state they are in."""
        for member in self.members.values():
            member.thaw()
            try:
                member.terminate(5)
            except Failure:
                member.kill()
        self.members.clear()

    def check_alive(self) -> list[str]:
        return [f"{member.name} has ended by itself: {self.last_line(member)}"
                for member in self.members.values() if not member.alive()]

    def last_line(self, member: Member) -> str:
        lines = [line for line in self.log_since(0).splitlines() if f"member={member.name} " in line]
        return lines[-1] if lines else "its log is empty"

    def drop_caches(self) -> None:
        shutil.rmtree(self.state_dir, ignore_errors=True)
        self.state_dir.mkdir(parents=True)

    # ---- random changes, and what is seen meanwhile

    def load(self, seed: int, rate: float, changes: int | None = None, weights: Sequence[int] | None = None) -> Load:
        return Load(self.oltp, seed, changes, rate, weights)

    def sampler(self, load: Load) -> Sampler:
        return Sampler(self.olap, self.view, load)

    def touch(self) -> None:
        """A record for many rows, without a change."""
        self.oltp.run("UPDATE student SET name = name WHERE student_id % 3 = 0")

    # ---- what its topics hold

    def partitions_of(self, topic: str) -> int:
        return PARTITIONS

    def placed_by(self, topic: str) -> list[str]:
        """The columns that place a row in a partition; one with NULL there is in no cache."""
        return ["student_id"]

    def key_of(self, topic: str) -> list[str] | None:
        """Which columns of its records' key are the key of its rows in a cache; None: all."""
        return None

    def unused(self, topic: str) -> tuple[str, ...]:
        """The columns that the view has no use for: no cache has them."""
        return ()

    # ---- the log

    def log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def log_since(self, offset: int) -> str:
        with self.log.open("rb") as log:
            log.seek(offset)
            return log.read().decode(errors="replace")

    # ---- quiet and right

    def pass_sentinels(self, partitions: list[int] | None = None, seconds: float = 60) -> float:
        """Writes a row into each partition of both topics, after everything else, and waits for it in the sink."""
        partitions = list(range(PARTITIONS)) if partitions is None else partitions
        token = f"sentinel {next(_token)}"
        ids = [SENTINEL + partition for partition in partitions]
        values = ", ".join(f"({id}, '{token}')" for id in ids)
        contacts = ", ".join(f"({id}, {id}, '{token}')" for id in ids)
        self.oltp.transaction(
            f"INSERT INTO student VALUES {values} ON CONFLICT (student_id) DO UPDATE SET name = excluded.name",
            f"INSERT INTO contact VALUES {contacts} ON CONFLICT (contact_id) "
            "DO UPDATE SET contact_number = excluded.contact_number")
        watch = Stopwatch()

        def seen() -> set[int]:
            fail_with("", self.check_alive())
            return {row[0] for row in self.olap.run(
                f"SELECT student_id FROM {self.view} WHERE student_id = ANY(%s) AND contact_id = student_id "
                "AND name = %s AND contact_number = %s", ids, token, token)}
        wait_until("the sentinels arrive", lambda: len(seen()) == len(ids), seconds, interval=0.005,
                   detail=lambda: f"still not in partitions {sorted(set(partitions) - {i % PARTITIONS for i in seen()})}")
        return watch.seconds()

    def settle(self, step: str = "", dead_letters: bool = False, partitions: list[int] | None = None) -> None:
        """Everything has arrived; then O1 and O3 hold, nobody died, and nothing was put aside."""
        self.pass_sentinels(partitions)
        self.converge(step)
        problems = oracle.check_progress(self.olap) + self.check_alive()
        if not dead_letters:
            problems += oracle.check_dead_letters(self.olap)
        fail_with(step, problems)

    def converge(self, step: str = "", seconds: float = LIVE_SECONDS) -> None:
        """O1 holds, at once or soon: a rebuild writes in the order of keys, past the sentinels."""
        found: list[str] = []

        def equal() -> bool:
            found[:] = oracle.check_equal(self.oltp, self.olap, self.query, self.view)
            return not found
        try:
            wait_until("the table equals the join", equal, seconds, interval=0.1)
        except Failure:
            fail_with(step, found)


def read_view(path: Path) -> tuple[str, str]:
    """The view's name and its select, from the SQL file that the service reads."""
    text = re.sub(r"--[^\n]*", "", path.read_text())
    match = re.search(r"CREATE\s+MATERIALIZED\s+VIEW\s+(\w+)\s+(?:WITH\s*\([^)]*\)\s*)?AS\s+(.*?);", text, re.DOTALL | re.IGNORECASE)
    if match is None:
        raise Failure(f"{path} holds no materialized view")
    return match[1], match[2].strip()


def fail_with(step: str, problems: list[str]) -> None:
    if problems:
        raise Failure("\n".join([f"after {step}:" if step else "wrong:"] + problems))
