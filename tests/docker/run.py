#!/usr/bin/env python3
"""The Docker road, as README tells it: see README.md here. A line a case, PASS or FAIL; the exit code is 0 if all passed."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import cases
from stack import ROOT, Failure, Stack, docker


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="names the cases, in their order")
    parser.add_argument("--until", metavar="NAME", help="ends behind this case")
    parser.add_argument("--skip", metavar="NAME,...", default="", help="leaves these out")
    parser.add_argument("--origin", type=Path, default=ROOT, help="the project to try (default: this one)")
    options = parser.parse_args()
    if options.list:
        print(*[case.__name__ for case in cases.ROAD], sep="\n")
        return 0
    docker("info")
    log = ROOT / "build/test-logs/docker-road.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    result = os.fdopen(os.dup(1), "w")
    log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log_fd, 1)  # what the scripts print
    stack = Stack(Path(tempfile.mkdtemp(prefix="docker-road-")), f"synctest{os.getpid()}", options.origin)
    failed = 0
    try:
        for case in cases.ROAD:
            if case.__name__ in options.skip.split(","):
                continue
            start = time.monotonic()
            try:
                remark = case(stack)
                print(f"PASS docker {case.__name__} ({time.monotonic() - start:.1f} s){': ' + remark if remark else ''}", file=result, flush=True)
            except Exception as error:  # noqa: BLE001  the cases after it go on from a stack that is down
                failed += 1
                stack.show()
                why = str(error) if isinstance(error, Failure) else repr(error)
                print(f"FAIL docker {case.__name__}: {why}\n(all of it: {log})", file=result, flush=True)
                break
            if case.__name__ == options.until:
                break
    finally:
        stack.remove()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
