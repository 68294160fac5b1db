#!/usr/bin/python3
"""Measures the service on a real stack of its own. See docs/benchmarks.md and bin/bench.sh --help."""

import argparse
import importlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent / "e2e"))

import case_catch_up  # noqa: E402
import case_latency  # noqa: E402
import case_live  # noqa: E402
import case_members  # noqa: E402
import case_orders  # noqa: E402
import case_verify  # noqa: E402
import docs  # noqa: E402
import report  # noqa: E402
from environment import Servers  # noqa: E402
from ours import Ours, as_environment  # noqa: E402
import shapes  # noqa: E402
from runner import Bench  # noqa: E402
from stack import ROOT  # noqa: E402
from wait import Failure, Stopwatch  # noqa: E402

CASES = {
    "a": ("catch-up into an empty sink", case_catch_up.catch_up),
    "b": ("live upserts of rows that are there", case_live.upserts),
    "c": ("renames that fan out", case_live.renames),
    "d": ("latency from commit to visible", case_latency.latency),
    "e": ("restart with a warm cache", case_members.restart),
    "f": ("rebuild of a lost cache", case_catch_up.rebuild),
    "g": ("two members against one", case_members.two_members),
    "h": ("cost at rest", case_catch_up.cost),
    "i": ("catch-up of five tables", case_orders.catch_up),
    "j": ("a lookup row that all rows refer to", case_orders.one_product),
    "k": ("latency over five tables", case_orders.latency),
    "l": ("changes of lookup rows that no row refers to", case_orders.lookups),
    "m": ("verify over a large table", case_verify.verify),
}
SMOKE = "a,b,c,d"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", metavar="a,b", help=f"some of {''.join(CASES)}; default all")
    parser.add_argument("--list", action="store_true", help="print the cases")
    parser.add_argument("--runs", type=int, default=3, help="of each measurement")
    parser.add_argument("--records", type=int, default=1_000_000, help="size of the cases (a), (b), (f) and (h)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--peers", metavar="NAME,...", nargs="?", const="all", help="other systems, in the same run")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="another setting of the service")
    parser.add_argument("--full", action="store_true", help="restart with 10 million rows of state, and verify as many, too")
    parser.add_argument("--smoke", action="store_true", help="everything small, once: does the bench work?")
    parser.add_argument("--keep-logs", action="store_true", help="leave the folder with the logs")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md and its plots")
    parser.add_argument("--merge", type=Path, nargs="+", metavar="FILE", help="no run: results of earlier ones")
    parser.add_argument("--patience", type=float, default=600, metavar="SECONDS", help="for one measurement")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench", metavar="FOLDER", help="for the results")
    parser.add_argument("--tools", type=Path, default=ROOT / "build/release", metavar="FOLDER",
                        help="where generate and latency have been built")
    args = parser.parse_args()
    if args.smoke:
        args.runs, args.records = 1, 20_000
    args.artifacts = ROOT / "build/peers"
    return args


def chosen(args: argparse.Namespace) -> list[str]:
    names = (args.cases or (SMOKE if args.smoke else ",".join(CASES))).split(",")
    unknown = [name for name in names if name not in CASES]
    if unknown:
        sys.exit(f"No such case: {', '.join(unknown)}. Try --list.")
    return names


def peers_of(args: argparse.Namespace) -> list[type]:
    """Their classes, with all they need in place."""
    if not args.peers:
        return []
    import peers
    names = peers.PEERS if args.peers == "all" else args.peers.split(",")
    found = []
    for name in names:
        module = importlib.import_module(f"peers.{name}")
        folder = args.artifacts / name
        folder.mkdir(parents=True, exist_ok=True)
        watch = Stopwatch()
        module.install(folder)
        print(f"{module.Peer.name} {module.Peer.version} is there ({watch.seconds():.0f} s)", flush=True)
        found.append(module.Peer)
    return found


def run(bench: Bench, names: list[str]) -> list[str]:
    """Returns the cases that failed; the others' figures are kept."""
    shapes.check(bench.args.tools)
    failed = []
    for name in names:
        text, case = CASES[name]
        watch = Stopwatch()
        print(f"({name}) {text}", flush=True)
        try:
            case(bench)
        except Failure as failure:
            print(f"FAIL ({name}): {failure}", flush=True)
            failed.append(name)
        except Exception:  # a fault of the bench or something unforeseen: with where it happened
            print(f"FAIL ({name}): {traceback.format_exc()}", flush=True)
            failed.append(name)
        print(f"  ({watch.seconds():.0f} s)", flush=True)
    return failed


def main() -> int:
    args = arguments()
    if args.list:
        for name, (text, _) in CASES.items():
            print(f"{name}  {text}")
        return 0
    if args.merge:
        return finish(report.merged(args.merge), args, [])
    names = chosen(args)
    Ours.changed.update(as_environment(setting) for setting in args.set)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args.out.mkdir(parents=True, exist_ok=True)
    folder = args.out / f"stack-{time.strftime('%Y-%m-%d-%H%M%S')}-{os.getpid()}"
    bench = Bench(Servers(folder, args.tools), args, peers_of(args))
    watch, failed, facts = Stopwatch(), names, {}
    try:
        bench.servers.start()
        print(f"The servers are up after {watch.seconds():.1f} s, in {bench.servers.stack.folder}", flush=True)
        facts = {"machine": report.machine(), "versions": report.versions(bench.servers.stack),
                 "settings": {"runs": args.runs, "records": args.records, "seed": args.seed, "changed": args.set},
                 "peers": [{"name": peer.name, "version": peer.version, "settings": peer.settings}
                           for peer in bench.peers]}
        failed = run(bench, names)
        print(f"The cases took {watch.seconds():.0f} s.", flush=True)
    finally:
        bench.servers.end(keep_logs=bool(failed) or args.keep_logs)
    return finish(report.document(bench.results, facts), args, failed)


def finish(document: dict, args: argparse.Namespace, failed: list[str]) -> int:
    """Says and writes what was measured; the exit code."""
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{time.strftime('%Y-%m-%d-%H%M%S')}.json"
    path.write_text(json.dumps(document, indent=1) + "\n")
    print(report.summary(document["medians"]))
    print(f"All figures: {path}")
    if args.write_docs:
        docs.write(document, ROOT / "docs")
        print("Written: docs/benchmarks.md and docs/benchmarks/")
    wrong = [entry for entry in document["medians"] if entry["subject"] == Ours.name and not entry["right"]]
    for entry in wrong:
        print(f"FAIL ({entry['case']}) {entry['variant']}: the table is wrong")
    for name in failed:
        print(f"FAIL ({name}): see above")
    if not wrong and not failed:
        print(f"PASS bench: {len(document['medians'])} measurements, every table right")
    return 1 if wrong or failed else 0


if __name__ == "__main__":
    sys.exit(main())
