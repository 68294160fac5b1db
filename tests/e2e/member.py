"""One consumer process: started here or by the scripts, known by its pid and start time."""

import os
import signal
import subprocess
from pathlib import Path

from status import Readiness, readiness, total
from wait import Failure, Stopwatch, wait_until


def start_time(pid: int) -> str | None:
    """Field 22 of /proc/PID/stat; None once the process is gone or a zombie, with all of its threads."""
    process = Path(f"/proc/{pid}")
    try:
        fields = (process / "stat").read_text().rpartition(") ")[2].split()
        if fields[0] == "Z" and len(list((process / "task").iterdir())) <= 1:
            return None  # while another thread is left, so are the files and ports
    except OSError:
        return None
    return fields[19]


class Member:
    def __init__(self, name: str, pid: int, port: int, process: subprocess.Popen | None = None) -> None:
        self.name = name
        self.pid = pid
        self.port = port  # where it says how it is
        self.process = process
        self.started = start_time(pid)

    @staticmethod
    def start(name: str, binary: Path, env: dict[str, str], cwd: Path, log: Path, pid_file: Path,
              port: int) -> "Member":
        """The pid file is the scripts' own form: shutdown.sh ends this member too."""
        with log.open("a") as out:
            process = subprocess.Popen([str(binary), "run"], env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, start_new_session=True)
        member = Member(name, process.pid, port, process)
        pid_file.write_text(f"{member.pid} {member.started}\n")
        return member

    @staticmethod
    def of_pid_file(path: Path, port: int) -> "Member":
        return Member(path.stem, int(path.read_text().split()[0]), port)

    def alive(self) -> bool:
        return self.started is not None and start_time(self.pid) == self.started

    def signal(self, number: int) -> None:
        if self.alive():
            os.kill(self.pid, number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait_gone(5)

    def terminate(self, seconds: float = 10) -> float:
        """SIGTERM; returns how long the end took."""
        watch = Stopwatch()
        self.signal(signal.SIGTERM)
        self.wait_gone(seconds)
        return watch.seconds()

    def wait_gone(self, seconds: float) -> None:
        wait_until(f"{self.name} (process {self.pid}) ends", lambda: not self.alive(), seconds, interval=0.005)

    def exit_code(self) -> int:
        if self.process is None:
            raise Failure(f"{self.name} was started by a script: its exit code is not known")
        return self.process.wait(timeout=5)

    def readiness(self) -> Readiness:
        return readiness(self.port)

    def total(self, metric: str, **labels: str) -> float:
        """Of its own count, which begins with the process."""
        return total(self.port, metric, **labels)

    def assignments(self) -> float:
        return self.total("rebalances_total", event="assigned")

    def thaw_and_wait(self, assignments: float) -> None:
        """Until the group has given it tasks once more than it had counted before, and they are live."""
        self.thaw()
        wait_until(f"{self.name}, revived, has tasks again", lambda: self.assignments() > assignments
                   and self.total("tasks", phase="live") and self.readiness().ready, 30, 0.05,
                   detail=lambda: str(self.readiness()))

    def rss_anon_mb(self) -> float:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
        raise Failure("there is no RssAnon in /proc/PID/status")

    def memory_peak(self) -> int:
        """Bytes that were resident at most."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise Failure("there is no VmHWM in /proc/PID/status")
