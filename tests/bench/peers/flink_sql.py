"""Flink SQL: the SQL client with a mini-cluster in the same JVM."""

import shutil
from pathlib import Path
from string import Template

from environment import Env

from .processes import HERE, Process, fetch_jars

POM = HERE / "flink/pom.xml"
# What Flink's own start script opens for Java 17.
OPENED = ("java.lang", "java.util", "java.nio", "java.time", "java.util.concurrent", "sun.nio.ch", "java.math",
          "java.net", "java.text")
FLUSH = {"flush_rows": "1000", "flush_interval": "1ms"}
TUNED = ("-Xmx3g, heap state, no checkpoints, parallelism 1, object reuse, buffer timeout 0, sink flush 1000 rows or "
         "1 ms, reWriteBatchedInserts, fetch.max.wait.ms=5")


def install(folder: Path) -> None:
    fetch_jars(POM, folder)


class Peer:
    name = "Flink SQL"
    version = "1.20.3"
    reads = "keyed"
    settings = {"catch_up": TUNED, "live": TUNED}

    def __init__(self, folder: Path) -> None:
        self._jars = folder
        self._process: Process | None = None

    def prepare(self, env: Env) -> None:
        shutil.copy(HERE / "flink/config.yaml", env.work)
        job = Template((HERE / "flink/join.sql").read_text())
        (env.work / "join.sql").write_text(job.substitute(
            FLUSH, student_topic=env.student_topic, contact_topic=env.contact_topic, bootstrap=env.bootstrap,
            olap_port=env.olap.port, olap_name=env.olap.name))

    def start_catch_up(self, env: Env) -> None:
        opened = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        self._process = Process(["java", "-Xmx3g", *opened, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                 "-cp", f"{self._jars}/*", "org.apache.flink.table.client.SqlClient", "embedded",
                                 "-f", env.work / "join.sql"],
                                env.log, {"FLINK_CONF_DIR": str(env.work)})

    start_live = start_catch_up  # these settings are the fastest known in both cases

    def pids(self) -> list[int]:
        return self._process.pids() if self._process else []

    def problem(self) -> str:
        """Why waiting is pointless, or nothing."""
        return self._process.problem() if self._process else ""

    def stop(self) -> None:
        if self._process:
            self._process.end()
            self._process = None
