"""Waiting for conditions, never for time to pass."""

import time
from typing import Callable, TypeVar

T = TypeVar("T")


class Failure(Exception):
    """A case did not get what it was promised."""


def wait_until(what: str, condition: Callable[[], T], seconds: float, interval: float = 0.02,
               detail: Callable[[], str] | None = None) -> T:
    """Calls condition until it returns something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            more = f": {detail()}" if detail else ""
            raise Failure(f"not within {seconds:g} s: {what}{more}")
        time.sleep(interval)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self.start
