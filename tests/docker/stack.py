"""A copy of the project in a folder of its own, and its Docker stack on free ports under a project name of its own."""

import os
import random
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("OLTP_PORT", "OLAP_PORT", "KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "CONNECT_PORT", "METRICS_PORT")
SECONDS = int(os.environ.get("DOCKER_TEST_SECONDS", "600"))  # for one start, on a machine that may be busy


class Failure(Exception):
    """What was promised did not happen."""


def wait_until(what: str, condition: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    """In a row, below the ephemeral range, so that a client's port can't take a server's."""
    while True:
        first = random.randrange(20000, 32000)
        sockets = [socket.socket() for _ in range(count)]
        try:
            for port, one in enumerate(sockets, first):
                one.bind(("127.0.0.1", port))
            return list(range(first, first + count))
        except OSError:
            pass
        finally:
            for one in sockets:
                one.close()


def docker(*args: str) -> str:
    run = subprocess.run(["docker", *args], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if run.returncode != 0:
        raise Failure(f"docker {' '.join(args)}: {run.stderr.strip()}")
    return run.stdout.strip()


class Run:
    """What a script printed, and its exit code."""

    def __init__(self, args: tuple[str, ...], code: int, output: str, seconds: float) -> None:
        self.args, self.code, self.output, self.seconds = args, code, output, seconds

    def must(self, code: int = 0, says: str = "", not_says: str = "") -> "Run":
        name = " ".join(self.args)
        if self.code != code:
            raise Failure(f"{name} ended with {self.code}, not {code}:\n{self.output}")
        if says and not re.search(says, self.output):
            raise Failure(f"{name} does not say {says!r}:\n{self.output}")
        if not_says and re.search(not_says, self.output):
            raise Failure(f"{name} says {not_says!r}:\n{self.output}")
        return self


class Stack:
    """`folder`: the copy; its .env has the ports and the project's name, as README tells users to change them."""

    def __init__(self, folder: Path, project: str, origin: Path = ROOT) -> None:
        self.folder, self.project = folder, project
        self.env = {key: value for key, value in os.environ.items()
                    if not key.startswith("SYNC_") and key not in PORTS and key not in ("COMPOSE_PROJECT_NAME", "CONSUMERS")}
        self.ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._copy(origin)
        self.set_env(COMPOSE_PROJECT_NAME=project, **{name: str(port) for name, port in self.ports.items()})

    def _copy(self, origin: Path) -> None:
        """As a clone made with umask 077: nobody but the owner may read it."""
        names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=origin, capture_output=True, text=True,
                               check=True).stdout.splitlines()
        for name in names:
            if name.startswith(("tests/", "docs/")) or not (origin / name).is_file():
                continue
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(origin / name, target)
            target.chmod(0o700 if os.access(origin / name, os.X_OK) else 0o600)
        for path in [self.folder, *self.folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)

    def set_env(self, **values: str) -> None:
        file = self.folder / ".env"
        text = file.read_text()
        for name, value in values.items():
            text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        file.write_text(text)

    # ---- commands

    def run(self, *args: str, seconds: float = SECONDS, stdin: Path | None = None, **env: str) -> Run:
        start = time.monotonic()
        print("\n$", *[f"{key}={value}" for key, value in env.items()], *args, flush=True)
        with open(stdin or os.devnull, encoding="utf-8") as given:
            process = subprocess.run(args, cwd=self.folder, env=self.env | env, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, stdin=given, text=True, timeout=seconds, check=False)
        print(process.stdout, flush=True)
        return Run(args, process.returncode, process.stdout, time.monotonic() - start)

    def script(self, name: str, *args: str, stdin: Path | None = None, **env: str) -> Run:
        return self.run(f"bin/{name}.sh", *args, stdin=stdin, **env)

    def start(self, **env: str) -> Run:
        return self.script("startup", "--docker", **env).must(says="Ready after")

    def sql(self, database: str, text: str, **env: str) -> str:
        return self.script("psql", database, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", text, **env).must().output.strip()

    # ---- what is there

    def container(self, service: str, number: int = 1) -> str:
        ids = docker("ps", "-aq", "--no-trunc", "--filter", f"label=com.docker.compose.project={self.project}",
                     "--filter", f"label=com.docker.compose.service={service}",
                     "--filter", "label=com.docker.compose.oneoff=False").split()
        return ids[number - 1]

    def ids(self) -> list[str]:
        return sorted(docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.project}").split())

    def volumes(self) -> list[str]:
        return sorted(docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={self.project}").split())

    @property
    def log(self) -> Path:
        return self.folder / "logs/kafka-consumer.out"

    # ---- rows

    def change(self, name: str, **env: str) -> None:
        """A student with two contacts, of whom one moves to the first student of all and one goes."""
        self.sql("oltp", f"INSERT INTO student (name) VALUES ('{name}')", **env)
        student = f"(SELECT max(student_id) FROM student WHERE name = '{name}')"
        self.sql("oltp", f"INSERT INTO contact (student_id, contact_number) SELECT {student}, n FROM unnest('{{1,2,3}}'::text[]) n", **env)
        self.sql("oltp", f"DELETE FROM contact WHERE contact_number = '2' AND student_id = {student}", **env)
        self.sql("oltp", f"UPDATE contact SET student_id = 1 WHERE contact_number = '3' AND student_id = {student}", **env)
        self.equal(**env)

    def equal(self, seconds: float = 120, **env: str) -> None:
        """The OLAP table equals the join in the OLTP database."""
        join = ("SELECT s.student_id, c.contact_id, s.name, c.contact_number FROM student s JOIN contact c USING (student_id)"
                " ORDER BY 1, 2")
        table = "SELECT student_id, contact_id, name, contact_number FROM student_contact ORDER BY 1, 2"
        wanted = self.sql("oltp", join, **env)
        if not wanted:
            raise Failure("the OLTP database has no rows to compare")
        wait_until("the OLAP table equals the join", lambda: self.sql("olap", table, **env) == wanted, seconds)

    def show(self) -> None:
        """For the log, after a failure."""
        for container in self.ids():
            for command in (("inspect", "-f", "{{.Name}} {{json .State}} restarts {{.RestartCount}}"), ("logs", "--tail", "20")):
                subprocess.run(["docker", *command, container], stderr=subprocess.STDOUT, check=False)

    def remove(self) -> None:
        """Whatever is left of it."""
        for project in {self.project, *self._projects()}:
            containers = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={project}").split()
            if containers:
                docker("rm", "-fv", *containers)
            volumes = docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={project}").split()
            if volumes:
                docker("volume", "rm", *volumes)
            networks = docker("network", "ls", "-q", "--filter", f"label=com.docker.compose.project={project}").split()
            if networks:
                docker("network", "rm", *networks)
        for image in docker("image", "ls", "--format", "{{.Repository}}").split():
            if image.startswith(self.project + "-"):
                docker("image", "rm", image)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _projects(self) -> list[str]:
        return [name for name in docker("ps", "-a", "--format", '{{.Label "com.docker.compose.project"}}').split()
                if name.startswith(self.project + "-")]
