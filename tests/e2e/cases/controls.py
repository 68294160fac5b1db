"""Control runs: with one safety mechanism taken out, the fitting scenario must fail."""

from dataclasses import replace
from pathlib import Path
from typing import Callable

from builds import built_without
from cases import Context, fault
from cases.f_frozen import on_its_way
from cases.f_source import loaded_tenant, moves
from cases.poison import halts
from db import CONNECTION_LOST
from wait import Failure

PROMISE = "the oracles detect it"


def must_fail(ctx: Context, name: str, safeguard: str, scenario: Callable[[Context], str | None],
              members: int) -> str:
    """With members above 0, on a view of its own; what that leaves wrong is nobody else's."""
    binary = ctx.stack.binary
    broken = built_without(safeguard, ctx.stack.folder)
    tenant = None
    ctx.stack.binary = broken
    ctx = replace(ctx, measurements=Path("/dev/null"), measured=[])
    try:
        if members:
            tenant = loaded_tenant(ctx, f"control_{name}")
            tenant.start(*range(2, members + 1))
            ctx = ctx.of(tenant)
        remark = scenario(ctx)
    except (Failure, *CONNECTION_LOST) as failure:
        return "caught: " + " / ".join(str(failure).splitlines()[:3])[:300]
    finally:
        ctx.stack.binary = binary
        if tenant is not None:
            tenant.remove()
    raise Failure(f"not caught: {remark}")


@fault("control-fence", PROMISE, members=0)
def fence(ctx: Context) -> str:
    """The fence accepts any progress; F3-on-its-way must fail."""
    return must_fail(ctx, "fence", "the fence compares the progress", on_its_way, 1)


@fault("control-partition", PROMISE, members=0)
def partition(ctx: Context) -> str:
    """A record's partition is not checked; poison-halts must fail."""
    return must_fail(ctx, "partition", "a record is in its partition", halts, 0)


@fault("control-order", PROMISE, members=0)
def order(ctx: Context) -> str:
    """In a batch the first version of a row wins instead of the last; F14-moves must fail."""
    return must_fail(ctx, "order", "the last version in a batch wins", moves, 1)


def stray(ctx: Context) -> str:
    """Rows in the OLAP table that nobody knows of go with the next change of their contact, whose student is away."""
    student, contact = ctx.student_id(3), ctx.contact_id()
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'a')", contact, student)
    ctx.system.settle("a contact without its student")
    ctx.system.olap.run(f"INSERT INTO {ctx.system.view} VALUES (%s, %s, 'stray', 'a')", student, contact)
    ctx.sql("UPDATE contact SET contact_number = 'b' WHERE contact_id = %s", contact)
    ctx.system.pass_sentinels()
    ctx.system.converge("the stray row's contact changed", seconds=3)
    return "the stray row is gone"


@fault("F9-stray", "the next change of its source rows removes it")
def stray_row(ctx: Context) -> str:
    """A row in the OLAP table without a source row, as in an older backup."""
    return stray(ctx)


@fault("control-rule-1", PROMISE, members=0)
def rule_1(ctx: Context) -> str:
    """A row without a partner deletes nothing; F9-stray must fail."""
    return must_fail(ctx, "rule_1", "a row without a partner is deleted", stray, 1)
