"""One real stack of its own: started and ended by the scripts of bin/, on free ports, in its own folder."""

import json
import os
import random
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from db import Database
from wait import Failure, wait_until

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("OLTP_PORT", "OLAP_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT")
MEMBERS_MAX = 9  # of the shipped view: so many ports from METRICS_PORT on are theirs
PARTITIONS = 8
SESSION_TIMEOUT_MS = 4000  # shorter than the default: a killed member's tasks move sooner

SELF_TEST = 0
LANES = {1: range(20000, 24000), 2: range(24000, 28000), 3: range(28000, 32000), SELF_TEST: range(10000, 12000)}
_taken: set[int] = set()  # by this run, whether or not somebody listens there now
_ports = range(20000, 32000)  # below the ephemeral ones: a client's port can't take a server's


def take_ports_of_lane(lane: int) -> None:
    """Runs beside each other don't look for ports in one place."""
    global _ports
    _ports = LANES[lane]


def is_free(port: int) -> bool:
    if port in _taken:
        return False
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> int:
    """The first of so many in a row."""
    while True:
        first = random.choice(_ports[:-count])
        ports = range(first, first + count)
        if all(is_free(port) for port in ports):
            _taken.update(ports)
            return first


class Stack:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log_dir = folder / "logs"
        self.state_dir = folder / "state"
        self.consumer_log = self.log_dir / "kafka-consumer.out"
        self.log_dir.mkdir(parents=True)
        (folder / "mode").write_text("native\n")  # shutdown.sh finds what service.sh alone has started
        self.ports = {name: free_ports(1) for name in PORTS} | {"METRICS_PORT": free_ports(MEMBERS_MAX)}
        self.binary = Path(os.environ.get("CONSUMER_BIN", ROOT / "build/release/oltp-olap-sync"))
        self.env = self._environment()
        self.oltp = Database(self.ports["OLTP_PORT"])
        self.olap = Database(self.ports["OLAP_PORT"])

    def _environment(self) -> dict[str, str]:
        # bin/test.sh exports some of .env: they would win over what a start has remembered.
        own = re.findall(r"^(\w+)=", (ROOT / ".env").read_text(), re.M)
        env = {name: value for name, value in os.environ.items() if not name.startswith("SYNC_") and name not in own}
        env.update({name: str(port) for name, port in self.ports.items()})
        # Servers that live for minutes spend as much time on optimizing themselves as on their work.
        env.update(SYNC_RUN_DIR=str(self.folder), CONSUMERS="1", ASSUME_YES="1", NATIVE_JAVA_OPTIONS="-XX:TieredStopAtLevel=1",
                   SYNC_KAFKA_SESSION_TIMEOUT_MS=str(SESSION_TIMEOUT_MS),
                   SYNC_KAFKA_HEARTBEAT_INTERVAL_MS="500")
        return env

    # ---- the scripts

    def script(self, path: str, *args: str, seconds: float = 300) -> None:
        command = [str(ROOT / "bin" / path), *args]
        log = self.log_dir / "scripts.log"
        with log.open("a") as out:
            print("\n$", path, *args, file=out, flush=True)
            try:
                code = subprocess.run(command, env=self.env, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                      timeout=seconds, check=False).returncode
            except subprocess.TimeoutExpired as expired:
                raise Failure(f"bin/{path} {' '.join(args)} took more than {seconds:g} s") from expired
        if code != 0:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            raise Failure(f"bin/{path} {' '.join(args)} ended with {code}:\n{tail}")

    def says(self, path: str, *args: str, seconds: float = 300, **env: str | None) -> tuple[int, str]:
        """Exit code and output of a script that may fail; a variable of None is taken out of the environment."""
        merged = {name: value for name, value in (self.env | env).items() if value is not None}
        done = subprocess.run([str(ROOT / "bin" / path), *args], env=merged, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, check=False)
        with (self.log_dir / "scripts.log").open("a") as out:
            print("\n$", path, *args, env or "", f"\n{done.stdout}\n(code {done.returncode})", file=out, flush=True)
        return done.returncode, done.stdout

    def startup(self) -> None:
        self.script("startup.sh", "--native", "--yes")

    def shutdown(self) -> None:
        self.script("shutdown.sh")

    def wipe(self) -> None:
        self.script("shutdown.sh", "--wipe")

    def scale(self, members: int) -> None:
        self.script("scale.sh", str(members))

    def service(self, action: str, name: str) -> None:
        """start, stop or kill one of oltp, olap, kafka, connect."""
        self.script("stack/service.sh", action, name)

    def leftovers(self) -> list[str]:
        """Processes that still run with this folder in their command line or as working directory."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self.folder) in command or str(self.folder) in os.readlink(entry / "cwd"):
                    found.append(f"process {entry.name}: {command[:120]}")
            except OSError:
                continue
        return found

    def remove_folder(self) -> None:
        shutil.rmtree(self.folder)

    # ---- Kafka Connect

    def rest(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['CONNECT_PORT']}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")

    def connector_states(self, name: str) -> list[str]:
        try:
            status = self.rest("GET", f"/connectors/{name}/status")
        except (urllib.error.URLError, OSError):
            return []
        return [status["connector"]["state"]] + [task["state"] for task in status["tasks"]]

    def wait_connector(self, name: str) -> None:
        wait_until(f"connector {name} runs", lambda: self.connector_states(name) == ["RUNNING"] * 2, 60,
                   interval=0.1, detail=lambda: str(self.connector_states(name)))

    def add_connector(self, name: str, config: dict) -> None:
        self.rest("PUT", f"/connectors/{name}/config", config)
        self.wait_connector(name)

    def remove_connector(self, name: str) -> None:
        self.rest("DELETE", f"/connectors/{name}")

    @property
    def broker(self) -> str:
        return f"127.0.0.1:{self.ports['KAFKA_PORT']}"
