"""bin/startup.sh --example orders, on a stack of its own: what it starts, what it prints, what it remembers."""

import re
import subprocess
from typing import Iterator

import declared
import oracle
from cases import Context, case
from stack import ROOT, Stack
from wait import Failure, wait_until

LOAD = ROOT / "schemas/examples/orders/load.sql"
SECONDS = 4


def differences(stack: Stack) -> list[str]:
    return oracle.check_equal(stack.oltp, stack.olap, declared.ORDER_LINE.query, "order_line")


def wait_equal(stack: Stack, what: str) -> None:
    found: list[str] = []

    def equal() -> bool:
        found[:] = differences(stack)
        return not found
    wait_until(what, equal, 30, 0.2, lambda: "; ".join(found))


def said(stack: Stack, code: int, *args: str, **env: str | None) -> str:
    got, text = stack.says("startup.sh", "--native", "--yes", *args, **env)
    if got != code:
        raise Failure(f"startup.sh {' '.join(args)} ended with {got}, not {code}:\n{text}")
    return text


def must(text: str, *patterns: str) -> None:
    for pattern in patterns:
        if not re.search(pattern, text, re.MULTILINE):
            raise Failure(f"it does not say {pattern!r}:\n{text}")


def load(stack: Stack, rate: int) -> None:
    with LOAD.open() as file:
        done = subprocess.run([str(ROOT / "bin/psql.sh"), "oltp", "-v", f"seconds={SECONDS}", "-v", f"rate={rate}"], stdin=file,
                              env=stack.env, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0 or not re.search(r"^\d+ transactions\.$", done.stdout, re.MULTILINE):
        raise Failure(f"load.sql ended with {done.returncode}: {done.stdout}{done.stderr}")


def inserts(text: str) -> Iterator[str]:
    yield from re.findall(r"^ +(INSERT INTO .*;)$", text, re.MULTILINE)


@case("example-orders", members=0)
def example_orders(ctx: Context) -> str:
    """The example is started, tried as the start says, loaded, stopped, and started again without the option."""
    stack = Stack(ctx.stack.folder / "orders")
    try:
        (stack.folder / "mode").unlink()
        text = said(stack, 0, "--example", "orders")
        must(text, r"Source tables \(schemas/examples/orders/oltp\.sql\)", r"SELECT \* FROM order_line;",
             r"bin/psql\.sh oltp <schemas/examples/orders/load\.sql")
        for insert in inserts(text):
            stack.oltp.run(insert)
        wait_until("the rows of the start's own lines arrive", lambda: stack.olap.run(
            "SELECT count(*) FROM order_line") == [(1,)], 20)
        load(stack, 100)
        wait_equal(stack, "the table equals the view after a load")
        stack.script("scale.sh", "2")
        stack.oltp.close()
        stack.olap.close()
        stack.shutdown()
        must(said(stack, 0), r"5 tables exist, left unchanged", r"SELECT \* FROM order_line;")
        load(stack, 200)
        wait_equal(stack, "and after another start and load")
        must(said(stack, 0, "--example", "orders"), "Ready after")
        must(said(stack, 1, SYNC_SCHEMAS_OLTP="schemas/oltp.sql", SYNC_SCHEMAS_VIEW="schemas/student_contact.sql"),
             "registered for something else", "Nothing was changed")
        wait_equal(stack, "nothing was changed")
        rows = stack.olap.run("SELECT count(*) FROM order_line")[0][0]
    finally:
        stack.oltp.close()
        stack.olap.close()
        stack.wipe()
    must(said_default(ctx), "started with schemas/oltp.sql and schemas", "Nothing was changed")
    return f"{rows} rows"


def said_default(ctx: Context) -> str:
    """The stack of the other cases has another view."""
    code, text = ctx.stack.says("startup.sh", "--native", "--example", "orders")
    if code != 2:
        raise Failure(f"a stack with another view started the example: {code}: {text}")
    return text
