"""docs/example: its files and its commands, as they are written there; only hosts, ports and paths are this stack's."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from cases import Context, case
from db import Database
from member import Member
from stack import MEMBERS_MAX, ROOT, free_ports
from system import System, fail_with
from wait import Failure, wait_until

FOLDER = ROOT / "docs/example"
NAME = "shop"
PASSWORD = "pg"  # what the stack's Connect worker has as OLTP_PASSWORD


class Example(System):
    """The example's view on databases of its own."""

    def __init__(self, ctx: Context) -> None:
        stack = ctx.stack
        super().__init__(stack, Database(stack.oltp.port, NAME), Database(stack.olap.port, NAME), FOLDER / "view.sql",
                         stack.folder / "state-example", stack.log_dir / "consumer-example.out", "example", {},
                         free_ports(MEMBERS_MAX))
        self.folder = stack.folder / "example"
        self.certificate = self.folder / "ca.crt"
        self.state_dir.mkdir()
        self.folder.mkdir()
        for path in FOLDER.iterdir():
            (self.folder / path.name).write_text(self.here(path.read_text()))
        (self.folder / "password").write_text(PASSWORD + "\n")

    def here(self, text: str) -> str:
        """The document's hosts, ports and paths replaced by this stack's."""
        ports = self.stack.ports
        for there, here in (("/etc/ssl/example-ca.crt", str(self.certificate)),
                            ("/var/lib/oltp-olap-sync", str(self.state_dir)), ("user=postgres", "user=pg"),
                            ("kafka.example.com:9092", self.stack.broker),
                            ("connect.example.com:8083", f"127.0.0.1:{ports['CONNECT_PORT']}"),
                            ("oltp.example.com", "localhost"), ("olap.example.com", "localhost")):
            text = text.replace(there, here)
        numbers = {"5432": self.oltp.port, "5433": self.olap.port, "9464": self.port(1)}
        return re.sub(r"\b(5432|5433|9464)\b", lambda match: str(numbers[match[1]]), text)

    def environment_of_commands(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith(("SYNC_", "PG"))}
        tools = self.folder / "bin"
        if not tools.exists():
            tools.mkdir()
            (tools / "oltp-olap-sync").symlink_to(self.stack.binary)
        return env | {"PATH": f"{tools}:{env['PATH']}", "PGPASSWORD": PASSWORD}

    def run(self, block: str) -> None:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=self.folder, capture_output=True, text=True,
                              env=self.environment_of_commands(), timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"ended with {done.returncode}: {block}\n{done.stdout[-400:]}\n{done.stderr[-600:]}")

    def run_member(self, block: str) -> None:
        with self.log.open("a") as out:
            process = subprocess.Popen(["bash", "-c", f"exec {block}"], cwd=self.folder, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, env=self.environment_of_commands(), start_new_session=True)
        self.members[1] = Member("example-1", process.pid, self.port(1), process)
        wait_until("the member is ready", lambda: self.members[1].readiness().ready, 60, 0.05,
                   detail=lambda: f"{self.members[1].readiness()} {self.log_since(0)[-400:]}")


def blocks() -> list[str]:
    return [block.strip() for block in re.findall(r"^```sh\n(.*?)^```", (FOLDER / "README.md").read_text(), re.M | re.S)]


def shown_rows() -> list[tuple[str, ...]]:
    """The table that the document shows."""
    shown = re.search(r"^```\nshop=# (SELECT .*?);\n(.*?)\(\d+ rows\)", (FOLDER / "README.md").read_text(), re.M | re.S)
    lines = [line for line in shown[2].splitlines() if "|" in line]
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines[1:]]


def shown_query() -> str:
    return re.search(r"^shop=# (SELECT .*?);", (FOLDER / "README.md").read_text(), re.M)[1]


class Tls:
    """Both servers speak TLS while this lasts, with a certificate that is its own authority."""

    def __init__(self, ctx: Context, certificate: Path) -> None:
        self.databases = (ctx.stack.oltp, ctx.stack.olap)
        self.certificate = certificate

    def __enter__(self) -> None:
        key = self.certificate.with_suffix(".key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", self.certificate],
                       check=True, capture_output=True)
        for database in self.databases:
            data = Path(database.run("SHOW data_directory")[0][0])
            for source, name, mode in ((self.certificate, "example.crt", 0o644), (key, "example.key", 0o600)):
                shutil.copy(source, data / name)
                (data / name).chmod(mode)
                shutil.chown(data / name, data.owner(), data.group())
            self.set(database, "on", "example.crt", "example.key")
            wait_until("the server speaks TLS", lambda d=database: d.run("SHOW ssl")[0][0] == "on", 10, 0.05)

    def __exit__(self, *_: object) -> None:
        for database in self.databases:
            for name in ("ssl", "ssl_cert_file", "ssl_key_file"):
                database.run(f"ALTER SYSTEM RESET {name}")
            database.run("SELECT pg_reload_conf()")

    @staticmethod
    def set(database: Database, ssl: str, certificate: str, key: str) -> None:
        for name, value in (("ssl", ssl), ("ssl_cert_file", certificate), ("ssl_key_file", key)):
            database.run(f"ALTER SYSTEM SET {name} = '{value}'")
        database.run("SELECT pg_reload_conf()")


@case("example")
def example(ctx: Context) -> str:
    """The document's commands one after the other; then its table is there, and TLS was used."""
    system = Example(ctx)
    with Tls(ctx, system.certificate):
        try:
            system.oltp.create()
            system.olap.create()
            commands = blocks()
            for block in commands:
                if block.startswith("oltp-olap-sync run"):
                    ctx.stack.wait_connector(NAME)
                    system.run_member(system.here(block))
                else:
                    system.run(system.here(block))
            system.converge("the example")
            columns = [tuple(str(value) for value in row) for row in system.olap.run(shown_query())]
            if columns != shown_rows():
                fail_with("the example", [f"the document shows {shown_rows()}", f"the table has {columns}"])
            for database, who in ((system.olap, "the member"), (system.oltp, "the connector")):
                plain = database.run("SELECT count(*), count(*) FILTER (WHERE NOT s.ssl) FROM pg_stat_activity a "
                                     "JOIN pg_stat_ssl s USING (pid) WHERE a.usename = 'shop_sync'")[0]
                if plain[0] == 0 or plain[1] > 0:
                    raise Failure(f"{who} has {plain[0]} connections, {plain[1]} of them without TLS")
        finally:
            system.end()
            if ctx.stack.connector_states(NAME):
                ctx.stack.remove_connector(NAME)
            system.oltp.close()
            system.olap.close()
    return f"{len(commands)} blocks of commands"
