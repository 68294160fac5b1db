"""The command verify beside the road of changes: nothing on its way is reported, and everything else is."""

import declared
from cases import Context, case
from cases.any_view import tenant_of
from stack import PARTITIONS
from system import SENTINEL, fail_with, watch_settings
from viewtenant import ViewTenant
from wait import Stopwatch

RATE = 200
FIRST_CHANGES = 2000
SETTLE = ("--settle", "4")

# In rows that the load does not change.
PLANTED = (f"DELETE FROM order_line WHERE order_id = {SENTINEL + 3}",
           f"UPDATE order_line SET status = 'wrong', amount = 0 WHERE order_id = {SENTINEL + 5}",
           "INSERT INTO order_line (order_id, line_no, status) VALUES (800000000, 1, 'extra')")


# What it does not understand: arguments, and what it says.
REFUSED = ((("--task", "99"), "tasks are 0 to 7"), (("--key", "customer=x"), "'customer' is no column of the key of order_line"),
           (("--key", "order_id"), "is not COLUMN=VALUE"), (("--view", "nothing"), "there is no view 'nothing'"),
           (("--settle", "soon"), "--settle: 'soon' is not a number of seconds"), (("--frob",), "unknown argument '--frob'"),
           (("--key", "order_id=x"), 'invalid input syntax for type bigint: "x"'))


def check_refused(tenant: ViewTenant) -> None:
    settings = watch_settings(tenant.oltp.port, tenant.name)
    for args, text in (*REFUSED, ((), "the OLTP database's address is not set")):
        tenant.settings.update(settings if args else {})
        done = tenant.command("verify", *args)
        for name in settings:
            tenant.settings.pop(name, None)
        fail_with(f"verify {' '.join(args)}", [] if done.returncode in (1, 2) and text in done.stderr and not done.stdout
                  else [f"exit code {done.returncode}: {done.stderr}"])


def found(rows: list[dict]) -> list[tuple]:
    return sorted((row["difference"], int(row["key"]["order_id"]), tuple(row["columns"])) for row in rows)


def expect(tenant: ViewTenant, step: str, wanted: list[tuple], *args: str) -> dict:
    code, rows, summaries = tenant.verify(*SETTLE, *args)
    fail_with(step, ([f"found {found(rows)}", f"wanted {wanted}"] if found(rows) != wanted else [])
              + ([f"exit code {code}"] if code != (3 if wanted else 0) else []))
    return summaries[0]


@case("verify", members=0)
def verify(ctx: Context) -> str:
    """Under load a right table has no differences; planted ones are found, each by its kind and columns, and no others."""
    with tenant_of(ctx, "verify", declared.ORDER_LINE) as tenant:
        with tenant.load(ctx.seed, 100_000, FIRST_CHANGES) as load:
            load.finish()
        tenant.settle("the first rows")
        wanted = sorted([("missing", SENTINEL + 3, ()), ("different", SENTINEL + 5, ("status", "amount")),
                         ("extra", 800000000, ())])
        check_refused(tenant)
        with tenant.load(ctx.seed + 1, RATE) as load:
            watch = Stopwatch()
            right = [expect(tenant, "a right table under load", []) for _ in range(3)]
            took = watch.seconds()
            for statement in PLANTED:
                tenant.olap.run(statement)
            planted = expect(tenant, "planted under load", wanted)
            expect(tenant, "one key", [row for row in wanted if row[0] == "different"], "--key", f"order_id={SENTINEL + 5}")
            tasks = [row for task in range(PARTITIONS) for row in found(tenant.verify(*SETTLE, "--task", str(task))[1])]
            fail_with("task by task", [f"found {sorted(tasks)}"] if sorted(tasks) != wanted else [])
        tenant.pass_sentinels()  # which brings the two back
        tenant.olap.run("DELETE FROM order_line WHERE order_id = 800000000")
        tenant.settle("the planted ones are put right")
        tenant.check_verify("a right table at rest")
    return (f"{load.changes} changes meanwhile; 3 times equal in {took:.1f} s, with "
            f"{sum(summary['arrived'] for summary in right)} rows on their way; planted found in {planted['seconds']:.1f} s")
