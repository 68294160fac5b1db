"""PostgreSQL's own logical replication: it copies both tables, row triggers keep student_contact. No Kafka."""

from pathlib import Path

from db import Database
from environment import Env

from .processes import HERE

SUBSCRIPTION = "peer"
OPTIONS = "copy_data = false, enabled = false, binary = true, streaming = true"
WORKERS = f"SELECT pid FROM pg_stat_subscription WHERE subname = '{SUBSCRIPTION}' AND pid IS NOT NULL"


def install(folder: Path) -> None:
    """It is in PostgreSQL."""


class Peer:
    name = "PostgreSQL logical replication + triggers"
    version = "(the stack's)"
    reads = "oltp"
    settings = {"catch_up": "binary, streaming, no initial copy", "live": "binary, streaming, no initial copy"}

    def __init__(self, folder: Path) -> None:
        self._olap: Database | None = None
        self._for_pids: Database | None = None
        self._pids: list[int] = []

    def prepare(self, env: Env) -> None:
        """The subscription is made while the tables are empty and then keeps all changes in its slot: the initial
        copy has two workers, which don't see each other's rows, and the triggers lose some."""
        self._olap, self._for_pids = Database(env.olap.port, env.olap.name), Database(env.olap.port, env.olap.name)
        env.olap.transaction((HERE / "triggers.sql").read_text())
        # FULL is for Debezium; here the primary key does, and less log is written.
        env.oltp.transaction("ALTER TABLE student REPLICA IDENTITY DEFAULT",
                             "ALTER TABLE contact REPLICA IDENTITY DEFAULT",
                             "CREATE PUBLICATION peer FOR TABLE student, contact")
        self._olap.run(f"CREATE SUBSCRIPTION {SUBSCRIPTION} CONNECTION 'host=127.0.0.1 port={env.oltp.port} "
                       f"dbname={env.oltp.name} user=pg password=pg' PUBLICATION peer "
                       f"WITH ({OPTIONS}, slot_name = 'peer_{env.name}')")

    def start_catch_up(self, env: Env) -> None:
        env.olap.run(f"ALTER SUBSCRIPTION {SUBSCRIPTION} ENABLE")

    start_live = start_catch_up

    def pids(self) -> list[int]:
        """The apply worker, which runs the triggers too. A thread that measures asks, on a connection of its own."""
        if self._for_pids and not any(Path(f"/proc/{pid}").exists() for pid in self._pids):
            self._pids = [pid for (pid,) in self._for_pids.run(WORKERS)]
        return self._pids

    def stop(self) -> None:
        if self._for_pids:
            self._for_pids.close()
            self._for_pids = None
        if self._olap:
            self._olap.run(f"DROP SUBSCRIPTION IF EXISTS {SUBSCRIPTION}")  # with its slot
            self._olap.close()
            self._olap = None
