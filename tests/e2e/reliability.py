#!/usr/bin/python3
"""Turns what the fault scenarios measured into the table of docs/reliability.md.

    tests/e2e/reliability.py FILE...            prints the table
    tests/e2e/reliability.py --write FILE...    puts it into docs/reliability.md
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True

from cases import CASES, Case  # noqa: E402
from cases import f_members, f_frozen, f_servers, f_network, f_caches, f_topics, f_source  # noqa: E402,F401
from cases import f_orders, leaks, controls  # noqa: E402,F401
from stack import ROOT  # noqa: E402

PAGE = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- measurements begin -->", "<!-- measurements end -->"


def order(case: Case) -> tuple:
    name, _, rest = case.name.partition("-")
    return (int(name[1:]), rest) if name[1:].isdigit() else (1000, rest)


def seconds(value: float) -> str:
    return f"{value:.2f} s"


def line(case: Case, runs: list[dict]) -> str:
    passed = [run for run in runs if run["result"] != "fail"]
    recovery = [value for run in runs for value in run["recovery"]]
    more: dict[str, float] = {}
    for run in runs:
        for name, value in run["more"].items():
            more[name] = max(value, more.get(name, value))
    cells = [case.name, case.text.rstrip("."), case.promise,
             str(len(runs)), str(sum(run["faults"] for run in runs)), f"{sum(run['changes'] for run in runs):,}",
             runs[-1]["result"] if len(passed) == len(runs) else f"**{len(runs) - len(passed)} failed**",
             seconds(statistics.median(recovery)) if recovery else "", seconds(max(recovery)) if recovery else "",
             "; ".join(f"{name}: {value:.10g}" for name, value in more.items())]
    return "| " + " | ".join(cells) + " |"


def table(runs: list[dict]) -> str:
    by_case: dict[str, list[dict]] = defaultdict(list)
    for run in runs:
        by_case[run["case"]].append(run)
    lines = ["| scenario | what happens | promised | runs | faults | changes meanwhile | result | recovery, median "
             "| worst | besides |", "|---|---|---|---|---|---|---|---|---|---|"]
    lines += [line(case, by_case[case.name]) for case in sorted(CASES, key=order) if case.name in by_case]
    dates = sorted({run["date"] for run in runs})
    machines = sorted({run["machine"] for run in runs})
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    total, faults = sum(run["changes"] for run in runs), sum(run["faults"] for run in runs)
    return (f"Measured {when} on {', '.join(machines)}, everything on it: {len(runs)} runs, {faults:,} faults, "
            f"{total:,} single-row changes meanwhile.\n\n" + "\n".join(lines))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    runs = [json.loads(text) for file in args.files for text in file.read_text().splitlines()]
    text = table(runs)
    if not args.write:
        print(text)
        return 0
    head, _, rest = PAGE.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
