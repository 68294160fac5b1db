"""What a member says of itself over HTTP: /readyz and /metrics."""

import http.client
import re
from dataclasses import dataclass

PREFIX = "oltp_olap_sync_"
SECONDS = 2  # a frozen member answers nothing
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$', re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass
class Readiness:
    ready: bool
    reasons: list[str]


def ask(port: int, path: str) -> tuple[int, str] | None:
    """Status and body; None where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def readiness(port: int) -> Readiness:
    answer = ask(port, "/readyz")
    if answer is None:
        return Readiness(False, [])
    status, body = answer
    return Readiness(status == 200, [] if status == 200 else body.splitlines())


def total(port: int, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels; 0 where nobody answers."""
    answer = ask(port, "/metrics")
    found = 0.0
    for sample, sample_labels, value in SAMPLE.findall(answer[1] if answer else ""):
        have = dict(LABEL.findall(sample_labels))
        if sample == PREFIX + name and all(have.get(label) == wanted for label, wanted in labels.items()):
            found += float(value)
    return found
