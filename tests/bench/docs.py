"""docs/benchmarks.md and its plots, from the results of one run or of several."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import svg
from ours import Ours
from stack import ROOT

CASES = {
    "a": ("Catch-up into an empty sink", "The records are in Kafka before the process starts. The time runs from the start "
          "of the process until the table has the expected count and checksum. The million: 250,000 student inserts, "
          "500,000 contact inserts, 125,000 renames, 125,000 contact updates. Random keys: each of these stages in random "
          "order. With moves and deletes: in addition, a quarter as many contacts as there are students move to another "
          "student, and as many are deleted."),
    "b": ("Live upserts of existing rows", "Every contact is updated twice; each record changes one row. Written while it "
          "runs: from the first record until the table is correct, with the generator on the same two cores. A backlog: "
          "the records were written while the member was down; from the start of the process."),
    "c": ("Renames that fan out", "Every student is renamed once; from the first record until the table is correct."),
    "d": ("Latency from commit to visible", "A client inserts students and contacts at a fixed rate, each statement a "
          "transaction, without waiting for earlier ones to become visible (open loop), after a warm-up of ten seconds "
          "with 12,800 changes. The path is OLTP → Debezium → Kafka → service → OLAP. The time runs from when the "
          "contact's commit has returned until a notification says that its row is visible; it is split where a consumer "
          "of the bench has read the record. During another task's work: the member returns to a backlog of one "
          "partition, or to a partition without a cache; the figures are of the changes in the other partitions "
          "meanwhile."),
    "e": ("Restart with a warm cache", "The member was stopped with SIGTERM and is started again, after some changes; from "
          "the start of the process."),
    "f": ("Rebuild of a lost cache", "The caches are deleted while the member is down; from the start of the process until "
          "every task is live again. The records are those of catch-up. Afterwards 5,000 students are renamed, and the "
          "contacts that change show whether the cache is complete."),
    "g": ("Two members against one", "The same cases with one member and with two, on the same two cores."),
    "h": ("Cost when idle", "After the initial load there are no changes for twenty seconds."),
    "i": ("Catch-up of five tables", "The view of `schemas/examples/orders`: 250,000 orders with four lines each, 50,000 "
          "customers, 10,000 products and 100 countries, so 1,310,100 records, of which every task reads those of the last "
          "three tables. As (a): the records are in Kafka, and the time runs from the start of the process. State: what the "
          "caches have on disk."),
    "j": ("A lookup row that all rows refer to", "All lines are of one product, and of orders in one partition. Its price "
          "changes, from the record until every row has the new one; meanwhile 200 changes a second in the other "
          "partitions, whose latency it is."),
    "k": ("Latency over five tables", "As (d). Each line belongs to a new order; beside it, by turns, a customer or a "
          "product is new, a price or a customer's name changes, and now and then a country's title. The time is that of "
          "the line."),
    "l": ("Changes of lookup rows that no row refers to", "2,000 customers without orders are renamed each second, for 15 "
          "seconds, and nothing else happens. Every one of the 8 tasks reads each of these records."),
    "m": ("Verify", "`oltp-olap-sync verify` over the view of students and contacts, from the start of the command to its "
          "end, with both databases on the same two cores. Where rows are missing, a second of it is `--settle 1`. VmHWM and "
          "CPU are the command's, not the databases'."),
}
COLUMNS = (  # figure, heading, digits
    ("records_per_s", "records/s", 0), ("rows_per_s", "rows/s", 0), ("seconds", "s", 2),
    ("first_applied_s", "first applied, s", 2), ("all_applied_s", "all applied, s", 2),
    ("p50_ms", "p50 ms", 1), ("p90_ms", "p90", 1), ("p99_ms", "p99", 1), ("max_ms", "max", 1),
    ("to_kafka_p50_ms", "→ Kafka p50", 1), ("to_kafka_p99_ms", "p99", 1),
    ("from_kafka_p50_ms", "Kafka → visible p50", 2), ("from_kafka_p99_ms", "p99", 1),
    ("cpu_s_per_million", "CPU s/million", 2),
    ("cpu_s_per_million_rows", "CPU s/million rows", 2), ("idle_cpu_percent", "idle, % of a core", 2),
    ("cpu_percent", "CPU, % of a core", 1), ("transactions_per_s", "transactions/s", 1), ("state_mb", "state MB", 0),
    ("rss_anon_peak_mb", "RssAnon MB", 0), ("rss_anon_growth_mb", "growth MB", 0), ("hwm_mb", "VmHWM MB", 0))
AT_LEAST, AT_MOST = "at least", "at most"
TARGETS = (  # case, variant begins with, figure, direction, target
    ("a", "sequential keys", "records_per_s", AT_LEAST, 350_000),
    ("b", "written while it runs", "records_per_s", AT_LEAST, 100_000),
    ("c", "1,000,000 contacts", "rows_per_s", AT_LEAST, 100_000),
    ("c", "1,000,000 contacts", "rss_anon_growth_mb", AT_MOST, 32),
    ("d", "20 changes", "p50_ms", AT_MOST, 6), ("d", "20 changes", "p99_ms", AT_MOST, 14),
    ("d", "200 changes a second", "p50_ms", AT_MOST, 4), ("d", "200 changes a second", "p99_ms", AT_MOST, 9),
    ("d", "200 changes a second", "from_kafka_p50_ms", AT_MOST, 1),
    ("d", "200 changes a second", "from_kafka_p99_ms", AT_MOST, 4),
    ("d", "2,000 changes", "p99_ms", AT_MOST, 50),
    ("d", "200 changes a second during a backlog", "p99_ms", AT_MOST, 50),
    ("d", "200 changes a second during a rebuild", "p99_ms", AT_MOST, 50),
    ("e", "10,000,000", "first_applied_s", AT_MOST, 1), ("f", "sequential keys", "records_per_s", AT_LEAST, 300_000),
    ("a", "sequential keys", "cpu_s_per_million", AT_MOST, 4), ("h", "idle", "idle_cpu_percent", AT_MOST, 1),
    ("i", "five tables", "records_per_s", AT_LEAST, 250_000), ("j", "", "rows_per_s", AT_LEAST, 100_000),
    ("j", "", "rss_anon_growth_mb", AT_MOST, 32), ("j", "", "p99_ms", AT_MOST, 50),
    ("k", "200 changes", "p99_ms", AT_MOST, 15), ("l", "2,000 changes", "cpu_percent", AT_MOST, 10),
    ("m", "1,000,000 rows", "seconds", AT_MOST, 5), ("m", "10,000,000 rows", "hwm_mb", AT_MOST, 64))
RSS_ANON_MAX_MB = 64
TWO = ", 2 members"
TIMES_BEST_PEER = 8
QUOTED = ROOT / "tests/bench/peers/quoted.json"


def write(document: dict[str, Any], folder: Path) -> None:
    entries = document["medians"]
    plots = folder / "benchmarks"
    plots.mkdir(exist_ok=True)
    (plots / f"{document['date']}.json").write_text(json.dumps(document, indent=1) + "\n")
    drawn = {name: text for name, text in drawings(entries).items() if text}
    for name, text in drawn.items():
        (plots / f"{name}.svg").write_text(text)
    apart = runs_apart(plots)
    found = {case: next((run for run in [document, *apart] if of_case(run, case)), None) for case in CASES}
    parts = [head(document), targets([entry for case, run in found.items() if run for entry in of_case(run, case)])]
    for case, run in found.items():
        if run:
            title, text = CASES[case]
            plot = f"![{title}](benchmarks/{case}.svg)\n\n" if case in drawn else ""
            parts.append(f"## ({case}) {title}\n\n{text}{'' if run is document else of_run(run)}\n\n{plot}"
                         f"{table(of_case(run, case))}")
    if QUOTED.exists():
        parts.append(quoted(json.loads(QUOTED.read_text())))
    (folder / "benchmarks.md").write_text("\n".join(parts))


def runs_apart(plots: Path) -> list[dict[str, Any]]:
    """Runs of some cases that are kept for the page: it has those cases of them that its own run lacks. Latest first."""
    return [json.loads(path.read_text()) for path in sorted(plots.glob("*-apart.json"), reverse=True)]


def of_case(document: dict[str, Any], case: str) -> list[dict]:
    return [entry for entry in document["medians"] if entry["case"] == case]


# ---- text


def of_run(document: dict[str, Any]) -> str:
    return (f" Not of the run above: measured on {document['date']} with {document['versions']['oltp-olap-sync']}, "
            f"{run_counts(document)} runs.{' ' + document['note'] if 'note' in document else ''}")


def head(document: dict[str, Any]) -> str:
    machine, settings = document["machine"], document["settings"]
    versions = "\n".join(f"| {name} | {value} |" for name, value in document["versions"].items())
    peers = "".join(f"| {peer['name']} {peer['version']} | "
                    f"{'; '.join(f'{case}: {text}' for case, text in peer['settings'].items())} |\n"
                    for peer in document.get("peers", []))
    changed = f" Settings changed: {', '.join(settings['changed'])}." if settings.get("changed") else ""
    return f"""# Benchmarks

<!-- Generated by bin/bench.sh --write-docs; the texts are in tests/bench/docs.py. Changes made here are lost. -->

Measured on {document['date']}: {machine['cpus']} cores ({machine['cpu']}), {machine['memory_gib']:g} GiB, {machine['system']}, kernel {machine['kernel']}. Everything runs on this machine: both databases, Kafka, Connect with Debezium, the service, the load clients. Medians of {run_counts(document)} runs, with minimum and maximum in brackets. All settings are the defaults.{changed} A table is correct if its row count and checksum equal those that SQL computes from the definition of the records, or those of the join in the OLTP database.

To repeat it, on an otherwise idle machine:

    bin/bench.sh --full --peers --write-docs

`--cases a,d` selects cases, `--runs N` and `--records N` change their number and size. All figures are in `build/bench/DATE.json`, those of this page in [benchmarks/{document["date"]}.json](benchmarks/{document["date"]}.json).

| | version |
|---|---|
{versions}
""" + (f"\n| other systems in this run | settings |\n|---|---|\n{peers}" if peers else "")


def run_counts(document: dict[str, Any]) -> str:
    counts = Counter((result["case"], result["variant"], result["subject"]) for result in document["results"])
    least, most = min(counts.values()), max(counts.values())
    return str(most) if least == most else f"{least} to {most}"


def find(entries: list[dict], case: str, variant: str, subject: str = Ours.name) -> dict | None:
    """The variant of this name, else the first that begins so."""
    mine = [entry for entry in entries if entry["case"] == case and entry["subject"] == subject]
    exact = [entry for entry in mine if entry["variant"] == variant]
    return next(iter(exact or [entry for entry in mine if entry["variant"].startswith(variant)]), None)


def targets(entries: list[dict]) -> str:
    headings = {figure: heading for figure, heading, _ in COLUMNS} | {
        "p99_ms": "p99 ms", "to_kafka_p99_ms": "→ Kafka p99 ms", "from_kafka_p50_ms": "Kafka → visible p50 ms",
        "from_kafka_p99_ms": "Kafka → visible p99 ms", "rss_anon_growth_mb": "RssAnon growth MB"}
    lines = ["## Targets", "", "| case | figure | target | measured | met |", "|---|---|---|---|---|"]
    for case, variant, figure, direction, target in TARGETS:
        entry = find(entries, case, variant)
        if entry is None or figure not in entry:
            continue
        value = entry[figure][0]
        met = value >= target if direction == AT_LEAST else value <= target
        lines.append(f"| ({case}) {entry['variant']} | {headings[figure]} | {direction} {target:,} | "
                     f"{plain(value)} | {'yes' if met and entry['right'] else 'no'} |")
    peers = [entry for entry in entries if entry["case"] == "a" and entry["subject"] != Ours.name
             and entry["right"] and "records_per_s" in entry]
    ours = find(entries, "a", "sequential keys")
    if peers and ours:
        best = max(peers, key=lambda entry: entry["records_per_s"][0])
        times = ours["records_per_s"][0] / best["records_per_s"][0]
        lines.append(f"| (a) against the best other system, {best['subject']} | times | at least {TIMES_BEST_PEER} | "
                     f"{times:.1f} | {'yes' if times >= TIMES_BEST_PEER else 'no'} |")
    lines += two_members(entries)
    memory = [entry for entry in entries if entry["subject"] == Ours.name and "rss_anon_peak_mb" in entry
              and "2 members" not in entry["variant"]]
    if memory:
        worst = max(memory, key=lambda entry: entry["rss_anon_peak_mb"][2])
        most = worst["rss_anon_peak_mb"][2]
        lines.append(f"| every case; most in ({worst['case']}) {worst['variant']} | RssAnon MB | at most "
                     f"{RSS_ANON_MAX_MB} | {plain(most)} | {'yes' if most <= RSS_ANON_MAX_MB else 'no'} |")
    return "\n".join(lines) + "\n"


def two_members(entries: list[dict]) -> list[str]:
    """(g): each figure with two members as a share of the same with one."""
    lines = []
    for two in (entry for entry in entries if entry["case"] == "g" and entry["variant"].endswith(TWO)):
        name = two["variant"].removesuffix(TWO)
        one = find(entries, "g", f"{name}, 1 member")
        for figure, heading, better in (("records_per_s", "records/s", True), ("p50_ms", "p50", False),
                                        ("p99_ms", "p99", False)):
            if one is None or figure not in two or figure not in one:
                continue
            share = two[figure][0] / max(one[figure][0], 1e-9)
            met = share >= 1 if better else share <= 1.1
            lines.append(f"| (g) {name}, two members | {heading}, share of one member's | "
                         f"{AT_LEAST if better else AT_MOST} {1 if better else 1.1} | {share:.2f} | "
                         f"{'yes' if met else 'no'} |")
    return lines


def plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(entry: dict, figure: str, digits: int) -> str:
    if figure not in entry:
        return ""
    middle, least, most = (f"{value:,.{digits}f}" for value in entry[figure])
    return middle if least == most else f"{middle} ({least}–{most})"


def table(entries: list[dict]) -> str:
    columns = [column for column in COLUMNS if any(column[0] in entry for entry in entries)]
    lines = ["| " + " | ".join(["", *(heading for _, heading, _ in columns)]) + " |", "|---" * (len(columns) + 1) + "|"]
    for entry in entries:
        name = entry["variant"] + ("" if entry["subject"] == Ours.name else f", **{entry['subject']}**")
        wrong = "" if entry["right"] else " **wrong**"
        lines.append("| " + " | ".join([name + wrong, *(cell(entry, figure, digits) for figure, _, digits in columns)])
                     + " |")
    return "\n".join(lines) + "\n"


def quoted(earlier: dict[str, Any]) -> str:
    """What was measured once, elsewhere, and is not part of the run."""
    lines = ["## Other systems, measured earlier", "",
             f"On {earlier['date']}: {earlier['machine']}; "
             f"{', '.join(f'{name} {version}' for name, version in earlier['versions'].items())}. {earlier['how']}", "",
             "| | settings | catch-up, records/s | peak resident MB | CPU s | poll.interval.ms | 20/s p50 / p99 ms | "
             "200/s p50 / p99 ms |", "|---" * 8 + "|"]
    for peer in earlier["peers"]:
        catch_up, latency = peer.get("catch_up", {}), peer.get("latency", {})
        rates = [f"{latency[rate]['p50_ms']:,} / {latency[rate]['p99_ms']:,}" if rate in latency else ""
                 for rate in ("20", "200")]
        figures = [f"{catch_up[name]:,}" if name in catch_up else "" for name in ("records_per_s", "rss_peak_mb", "cpu_s")]
        lines.append("| " + " | ".join([f"{peer['name']} {peer['version']}", peer["settings"], *figures,
                                        str(latency.get("debezium_poll_ms", "")), *rates]) + " |")
    return "\n".join(lines) + "\n"


# ---- plots


def bar(entry: dict, figure: str, group: str = "") -> svg.Bar:
    ours = entry["subject"] == Ours.name
    return svg.Bar(entry["variant"] if ours else entry["subject"], tuple(entry[figure]), ours, not entry["right"], group)


def drawings(entries: list[dict]) -> dict[str, str]:
    def of(cases: str, figure: str) -> list[dict]:
        return [entry for entry in entries if entry["case"] in cases and figure in entry]

    def plot(title: str, rows: list[dict], figure: str, target: tuple[float, str] | None = None) -> str:
        return svg.bars(title, [bar(entry, figure) for entry in rows], target) if rows else ""
    drawn = {
        "a": plot("Catch-up, records a second", of("a", "records_per_s"), "records_per_s"),
        "b": plot("Live upserts, records a second", of("b", "records_per_s"), "records_per_s"),
        "c": plot("Renames, rows a second", of("c", "rows_per_s"), "rows_per_s"),
        "f": plot("Rebuild, records a second", of("f", "records_per_s"), "records_per_s"),
        "d": latencies(of("d", "p99_ms")),
    }
    return drawn


def latencies(entries: list[dict]) -> str:
    rows = []
    for variant in dict.fromkeys(entry["variant"] for entry in entries):
        for entry in (entry for entry in entries if entry["variant"] == variant):
            ours = entry["subject"] == Ours.name
            parts = [(Ours.name, "")] + ([("of it commit → Kafka", "to_kafka_"),
                                                   ("of it Kafka → visible", "from_kafka_")] if ours else [])
            for label, prefix in parts:
                points = [(name, max(0.1, entry[f"{prefix}{name}_ms"][0])) for name in ("p50", "p90", "p99", "max")
                          if f"{prefix}{name}_ms" in entry]
                if points:
                    rows.append(svg.Range(label if ours else entry["subject"], points, ours, variant))
    return svg.ranges("Milliseconds: p50, p90, p99, max (numbers: p50 / p99)", rows) if rows else ""
