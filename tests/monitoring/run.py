#!/usr/bin/env python3
"""What operators look at: run.py PAGE_SERVER FOLDER.

The alert rules and their tests by promtool; every metric that a rule or the dashboard names exists, and every alert has a
section in docs/operations.md; /metrics as promtool reads it; and page.py. A line PASS or FAIL each.
"""

import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy/prometheus/rules.yml"
DASHBOARD = ROOT / "deploy/grafana/dashboard.json"
NAME = re.compile(r"\b(?:oltp_olap_sync|process)_[a-z_]+\b")


def run(*command: str, text: str = "") -> str:
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def documented() -> set[str]:
    names = set()
    for line in (ROOT / "docs/operations.md").read_text().splitlines():
        found = re.match(r"\| `((?:oltp_olap_sync|process)_\w+)[`{]", line)
        if found:
            names |= {found[1] + ending for ending in ("", "_bucket", "_sum", "_count")}
    return names


def unknown_metrics() -> str:
    known = documented()
    if len(known) < 100:
        return f"the table of metrics in docs/operations.md was not found: {len(known)} names"
    expressions = [("rules", line) for line in RULES.read_text().splitlines() if "expr:" in line]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        expressions += [(panel["title"], target["expr"]) for target in panel["targets"]]
    unknown = sorted({f"{where}: {name}" for where, text in expressions for name in NAME.findall(text) if name not in known})
    return "\n".join(unknown)


def alerts_without_section() -> str:
    document = (ROOT / "docs/operations.md").read_text()
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    return "\n".join(alert for alert in alerts if f"| `{alert}` |" not in document) if alerts else "no alerts"


def metrics_text(program: str) -> str:
    server = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        port = int(server.stdout.readline())
        for word in ("live", "applied", "halted"):
            server.stdin.write(word + "\n")
            server.stdin.flush()
            server.stdout.readline()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        server.kill()
        server.wait()
    return run("promtool", "check", "metrics", text=text)


def main() -> int:
    program, folder = str(Path(sys.argv[1]).resolve()), sys.argv[2]
    checks = {
        "alert rules": lambda: run("promtool", "check", "config", "deploy/prometheus/prometheus.yml"),
        "alerts fire": lambda: run("promtool", "test", "rules", "tests/monitoring/rules_test.yml"),
        "metrics of rules and dashboard": unknown_metrics,
        "alerts in docs/operations.md": alerts_without_section,
        "promtool check metrics": lambda: metrics_text(program),
        "status page": lambda: run(sys.executable, "tests/monitoring/page.py", program, folder),
    }
    failed = 0
    for name, check in checks.items():
        wrong = check()
        print(f"FAIL {name}:\n{wrong}" if wrong else f"PASS {name}", flush=True)
        failed += bool(wrong)
    return 1 if failed else 0


sys.exit(main())
