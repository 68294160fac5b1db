"""What peers share: artifacts fetched once, and processes that end with the run."""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Mapping, Sequence

from wait import Failure

HERE = Path(__file__).parent
SECONDS_TO_FETCH = 900
SECONDS_TO_END = 20


def _run(command: Sequence[str | Path], log: Path) -> None:
    with log.open("w") as out:
        try:
            code = subprocess.run(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, check=False,
                                  timeout=SECONDS_TO_FETCH).returncode
        except FileNotFoundError as missing:
            raise Failure(f"there is no command {missing.filename}") from missing
        except subprocess.TimeoutExpired as expired:
            raise Failure(f"{command[0]} took more than {SECONDS_TO_FETCH} s; see {log}") from expired
    if code != 0:
        raise Failure(f"{command[0]} ended with {code}; see {log}:\n{log.read_text(errors='replace')[-800:]}")


def _is_complete(folder: Path, description: Path) -> bool:
    """What was fetched is what the description (a POM, a list of wheels) says now."""
    mark = folder / "complete"
    return mark.exists() and mark.read_text() == description.read_text()


def fetch_jars(pom: Path, folder: Path) -> None:
    """All jars that the POM names, with what they need, in one folder."""
    if _is_complete(folder, pom):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _run(["mvn", "-B", "-q", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime",
          f"-DoutputDirectory={folder}"], folder / "maven.log")
    shutil.copy(pom, folder / "complete")


def fetch_wheels(requirements: Path, folder: Path) -> None:
    """A virtual environment with exactly the wheels of the list."""
    if _is_complete(folder, requirements):
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Debian keeps venv apart from Python; the interpreter that runs the bench may be another one.
    _run(["/usr/bin/python3", "-m", "venv", folder / "venv"], folder / "venv.log")
    _run([folder / "venv/bin/pip", "install", "--no-deps", "-r", requirements], folder / "pip.log")
    shutil.copy(requirements, folder / "complete")


class Process:
    """A program in a session of its own, so that its whole tree can be counted and ended."""

    def __init__(self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None,
                 folder: Path | None = None) -> None:
        with log.open("a") as out:
            self._child = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                           env={**os.environ, **(env or {})}, cwd=folder, start_new_session=True)
        self._log = log
        self._program = command[0]

    def problem(self) -> str:
        """Says that it has ended, or nothing: none of these programs ends by itself."""
        if self._child.poll() is None:
            return ""
        return (f"{self._program} ended with {self._child.returncode}:\n"
                f"{self._log.read_text(errors='replace')[-1500:]}")

    def pids(self) -> list[int]:
        """The processes of its session that run now."""
        return [pid for pid in _all_pids() if _session_of(pid) == self._child.pid]

    def end(self) -> None:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._child.pid, sign)
                self._child.wait(SECONDS_TO_END)
            except ProcessLookupError:
                self._child.wait()
                return
            except subprocess.TimeoutExpired:
                continue


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None
