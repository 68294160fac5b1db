#!/usr/bin/python3
"""Runs the end-to-end cases on one real stack of its own. See README.md."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

sys.dont_write_bytecode = True

import oracle  # noqa: E402
import selftest  # noqa: E402
import trial  # noqa: E402
from cases import CASES, LANES, Case, Context  # noqa: E402
from cases import changes, views, members, random_load, faults, poison  # noqa: E402,F401  (they register themselves)
from cases import watch  # noqa: E402,F401
from cases import heartbeat  # noqa: E402,F401
from cases import f_members, f_frozen, f_servers, f_network, f_caches, f_topics, f_source  # noqa: E402,F401
from cases import scripts  # noqa: E402,F401
from cases import leaks, controls, client, groups, sink_table, example  # noqa: E402,F401
from cases import refused  # noqa: E402,F401
from cases import values, types, names, partitioned, key_pairs  # noqa: E402,F401
from cases import versions  # noqa: E402,F401
from cases import any_view, lookups, left_views, where, refusals, orders, lookup_topics, verify  # noqa: E402,F401
from cases import two_roles  # noqa: E402,F401
from cases import added_views, f_orders, orders_example, several_views, two_plans  # noqa: E402,F401
from db import CONNECTION_LOST  # noqa: E402
from stack import ROOT, SELF_TEST, Stack, take_ports_of_lane  # noqa: E402
from system import System, watch_settings  # noqa: E402
from wait import Failure, Stopwatch  # noqa: E402

RUNS = ROOT / "tests/e2e/run"
FOREIGN_KEY = "contact_student_id_fkey"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="NAME[,NAME]", help="these cases, in their own order")
    parser.add_argument("--list", action="store_true", help="print the cases and what they do")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="of the random changes")
    parser.add_argument("--changes", type=int, default=50_000, help="in the case random")
    parser.add_argument("--faults", action="store_true", help="all fault scenarios, with many repetitions")
    parser.add_argument("--long", action="store_true", help="and those with outages of minutes")
    parser.add_argument("--measurements", type=Path, metavar="FILE", default=RUNS / "measurements.jsonl",
                        help="where the fault scenarios add their figures")
    parser.add_argument("--keep", action="store_true", help="leave the stack running at the end")
    parser.add_argument("--lane", type=int, choices=LANES, help="a part of the cases; a whole run has all at once")
    parser.add_argument("--self-test", action="store_true", help="prove that the oracles fail on wrong tables")
    return parser.parse_args()


def chosen(args: argparse.Namespace) -> list[Case]:
    """F6 means F6-lock and F6-terminate, too."""
    if args.only is None:
        return [case for case in CASES if (case.promise if args.faults else case.default and args.lane in (None, case.lane))]
    names = args.only.split(",")

    def wanted(case: Case) -> bool:
        return any(case.name == name or case.name.startswith(name + "-") and case.promise for name in names)
    unknown = [name for name in names if not any(case.name == name or case.name.startswith(name + "-")
                                                 for case in CASES)]
    if unknown:
        sys.exit(f"No such case: {', '.join(unknown)}. Try --list.")
    return [case for case in CASES if wanted(case)]


def set_foreign_key(system: System, wanted: bool) -> None:
    """Contact's foreign key; contacts that have lost their student are deleted before it can come back."""
    there = bool(system.oltp.run("SELECT 1 FROM pg_constraint WHERE conname = %s", FOREIGN_KEY))
    if there and not wanted:
        system.oltp.run(f"ALTER TABLE contact DROP CONSTRAINT {FOREIGN_KEY}")
    if wanted and not there:
        system.oltp.transaction(
            "DELETE FROM contact c WHERE student_id IS NOT NULL "
            "AND NOT EXISTS (SELECT FROM student s WHERE s.student_id = c.student_id)",
            f"ALTER TABLE contact ADD CONSTRAINT {FOREIGN_KEY} FOREIGN KEY (student_id) "
            "REFERENCES student ON UPDATE CASCADE ON DELETE CASCADE")


def run_case(case: Case, context: Context) -> bool:
    watch = Stopwatch()
    context.case_name, context.verdict = case.name, "pass"
    context.measured.clear()
    try:
        context.system.only(case.members)
        set_foreign_key(context.system, case.foreign_key)
        remark = case.run(context)
    except (Failure, *CONNECTION_LOST) as failure:
        print(f"FAIL {case.name}: {failure}", flush=True)
        note(case, context, watch, "fail")
        return False
    except Exception:  # a fault of the tests or something unforeseen: with where it happened
        print(f"FAIL {case.name}: {traceback.format_exc()}", flush=True)
        note(case, context, watch, "fail")
        return False
    if not (remark or "").startswith("SKIPPED"):
        note(case, context, watch, context.verdict)
    print(f"PASS {case.name} ({watch.seconds():.1f} s){': ' + remark if remark else ''}", flush=True)
    return True


def note(case: Case, context: Context, watch: Stopwatch, result: str) -> None:
    """Adds a fault scenario to the measurements: what its trial measured, or that it ran without one."""
    bare = trial.Measured(case.name, time.strftime("%Y-%m-%d"), trial.machine(), 1, 0, 0, round(watch.seconds(), 1))
    for measured in (context.measured or [bare]) if case.promise else []:
        measured.result = result
        trial.write(context.measurements, measured)


def recover(system: System) -> None:
    """After a failed case: every server up, no member and no cache left of it."""
    system.end()
    system.drop_caches()
    for name in ("oltp", "olap", "kafka", "connect"):
        system.stack.service("start", name)
    system.oltp.close()
    system.olap.close()
    start_anew(system)


def start_anew(system: System) -> None:
    """What the failed case left wrong is not the next one's: the members load all of it again."""
    system.olap.transaction(f"TRUNCATE {system.view}, sync_progress, sync_dead_letter, e2e.progress_log",
                            "DELETE FROM sync_identity")


def started_system(stack: Stack) -> System:
    watch = Stopwatch()
    stack.startup()
    print(f"The stack is up after {watch.seconds():.1f} s.", flush=True)
    oracle.keep_whole_progress_log(stack.olap)
    system = System(stack, stack.oltp, stack.olap, ROOT / "schemas/student_contact.sql", stack.state_dir,
                    stack.consumer_log, "consumer", watch_settings(stack.ports["OLTP_PORT"]),
                    stack.ports["METRICS_PORT"])
    system.adopt()
    return system


def end(stack: Stack, failed: bool, keep: bool) -> bool:
    if keep:
        print(f"Still running. Logs: {stack.log_dir}. To end it: SYNC_RUN_DIR={stack.folder} bin/shutdown.sh --wipe")
        return True
    try:
        stack.wipe()
        problems = stack.leftovers()
    except Failure as failure:
        problems = [str(failure)]
    for problem in problems:
        print(f"FAIL to stop the stack: {problem}")
    if failed or problems:
        print(f"The logs are in {stack.log_dir}")
    else:
        stack.remove_folder()
    return not problems


class OtherLanes:
    """The other parts of a whole run, beside this one on stacks of their own; their lines come among ours."""

    def __init__(self, args: argparse.Namespace) -> None:
        options = ["--seed", str(args.seed), "--changes", str(args.changes)]
        self.processes = [subprocess.Popen([sys.executable, __file__, "--lane", str(lane), *options],
                                           stdin=subprocess.DEVNULL) for lane in LANES if lane != args.lane]

    def __enter__(self) -> "OtherLanes":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        for process in self.processes if kind is not None else ():
            process.terminate()
        for process in self.processes:
            process.wait()

    def passed(self) -> bool:
        return all([process.wait() == 0 for process in self.processes])


def main() -> int:
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if args.lane or args.list or args.only or args.faults or args.keep or args.self_test:
        return one_lane(args)
    args.lane = 1
    with OtherLanes(args) as others:
        code = one_lane(args)
        return code if others.passed() else 1


def one_lane(args: argparse.Namespace) -> int:
    if args.list:
        for case in CASES:
            print(f"{case.name:22} {'' if case.default else '(--faults) '}{case.text}")
        return 0
    cases = [] if args.self_test else chosen(args)
    if args.lane or args.self_test:
        take_ports_of_lane(SELF_TEST if args.self_test else args.lane)
    stack = Stack(RUNS / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}")
    watch, failed = Stopwatch(), True
    try:
        if args.self_test:
            failed = not selftest.run(stack)
        else:
            print(f"{len(cases)} cases, --seed {args.seed}, in {stack.folder}", flush=True)
            failed = not run_all(cases, stack, args)
    except Failure as failure:
        print(f"FAIL {failure}")
    finally:
        failed = not end(stack, failed, args.keep) or failed
    print(f"{'FAILED' if failed else 'Passed'} after {watch.seconds():.0f} s.")
    return 1 if failed else 0


def run_all(cases: list[Case], stack: Stack, args: argparse.Namespace) -> bool:
    system = started_system(stack)
    context = Context(stack, system, args.seed, args.changes, args.measurements, args.faults, args.long)
    try:
        results = []
        for case in cases:
            results.append(run_case(case, context))
            if not results[-1]:
                recover(system)
    finally:
        if not args.keep:
            system.end()
    return all(results)


if __name__ == "__main__":
    sys.exit(main())
