"""Figures as JSON, and medians as text."""

import json
import os
import platform
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any, Iterator

from ours import version
from stack import ROOT
from wait import Failure

KEYS = ("case", "variant", "subject")
NOT_FIGURES = KEYS + ("run", "at", "problem")


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return "unknown"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def machine() -> dict[str, Any]:
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1024**2
    system = next((line.partition("=")[2].strip('"') for line in Path("/etc/os-release").read_text().splitlines()
                   if line.startswith("PRETTY_NAME=")), "")
    return {"cpus": os.cpu_count(), "cpu": model or platform.machine(), "memory_gib": round(memory, 1),
            "system": system, "kernel": platform.release()}


def library_version(package: str) -> str:
    return first_line("pkg-config", "--modversion", package)


def versions(stack: Any) -> dict[str, str]:
    settings = dict(line.split("=", 1) for line in (ROOT / ".env").read_text().splitlines()
                    if "=" in line and not line.startswith("#"))
    return {"oltp-olap-sync": version(), "PostgreSQL": stack.olap.run("SHOW server_version")[0][0],
            "Kafka": settings["KAFKA_VERSION"], "Debezium": settings["DEBEZIUM_VERSION"],
            "Java": first_line("java", "-version"), "librdkafka": library_version("rdkafka"),
            "LMDB": library_version("lmdb"), "libpq": library_version("libpq"), "compiler": first_line("cc", "--version")}


def groups(results: list[dict]) -> Iterator[tuple[tuple, list[dict]]]:
    """Results of one case, variant and subject together, in the order they came."""
    found: dict[tuple, list[dict]] = {}
    for result in results:
        found.setdefault(tuple(result[key] for key in KEYS), []).append(result)
    yield from found.items()


def medians(results: list[dict]) -> list[dict[str, Any]]:
    """One entry a group: [median, min, max] of each figure."""
    merged = []
    for key, runs in groups(results):
        entry = dict(zip(KEYS, key), runs=len(runs), right=all(run["right"] for run in runs))
        for name in dict.fromkeys(name for run in runs for name in run if name not in NOT_FIGURES):
            values = [run[name] for run in runs if isinstance(run.get(name), (int, float))
                      and not isinstance(run.get(name), bool)]
            if values:
                entry[name] = [statistics.median(values), min(values), max(values)]
        merged.append(entry)
    return merged


def document(results: list[dict], facts: dict[str, Any]) -> dict[str, Any]:
    return {"date": time.strftime("%Y-%m-%d"), **facts, "medians": medians(results), "results": results}


def merged(paths: list[Path]) -> dict[str, Any]:
    """Several documents as one: the facts of the last, all results. Only what one version measured goes together."""
    documents = [json.loads(path.read_text()) for path in paths]
    for name in ("machine", "versions"):
        if any(one[name] != documents[0][name] for one in documents):
            raise Failure(f"the results are not of the same {name}")
    last = dict(documents[-1])
    last["peers"] = list({peer["name"]: peer for one in documents for peer in one["peers"]}.values())
    last["results"] = [result for one in documents for result in one["results"]]
    last["medians"] = medians(last["results"])
    return last


def summary(entries: list[dict]) -> str:
    """Medians, with least and most, one line a group."""
    lines = []
    for entry in entries:
        figures = [f"{name} {number(entry[name][0])} ({number(entry[name][1])}–{number(entry[name][2])})"
                   for name in SHOWN if name in entry]
        lines.append(f"{entry['case']}  {entry['variant']}, {entry['subject']}: "
                     f"{'' if entry['right'] else 'WRONG '}{', '.join(figures)}")
    return "\n".join(lines)


SHOWN = ("records_per_s", "rows_per_s", "seconds", "p50_ms", "p90_ms", "p99_ms", "max_ms", "to_kafka_p50_ms",
         "to_kafka_p99_ms", "from_kafka_p50_ms", "from_kafka_p99_ms", "first_applied_s", "cpu_s_per_million",
         "rss_anon_peak_mb", "rss_anon_growth_mb", "hwm_mb", "idle_cpu_percent", "cpu_percent", "transactions_per_s",
         "state_mb")


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
