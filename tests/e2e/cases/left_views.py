"""Core tables joined LEFT: a row without a partner is one row with NULLs, never beside one with a partner."""

import declared
from cases import Context, case
from cases.any_view import random_view, tenant_of
from system import SENTINEL, fail_with


@case("view-notes", members=0)
def notes(ctx: Context) -> str:
    """Orders and their notes, if they have any: a part of the OLAP table's key is NULL."""
    return random_view(ctx, declared.NOTES)


@case("view-signed-notes", members=0)
def signed_notes(ctx: Context) -> str:
    """And below the notes a lookup table."""
    return random_view(ctx, declared.SIGNED_NOTES)


@case("view-extras", members=0)
def extras(ctx: Context) -> str:
    """At most one row beside each order: with and without it is the same row of the OLAP table."""
    return random_view(ctx, declared.EXTRAS)


@case("left-rows", members=0)
def left_rows(ctx: Context) -> None:
    """The first note takes the place of the row without one, the last one leaves such a row behind."""
    with tenant_of(ctx, "left_rows", declared.NOTES) as tenant:
        def step(what: str, *statements: str, rows: list[tuple]) -> None:
            for statement in statements:
                tenant.oltp.run(statement)
            tenant.settle(what)
            found = tenant.olap.run("SELECT order_id, note_no, title, body FROM order_note WHERE order_id < %s "
                                    "ORDER BY 1, 2", SENTINEL)
            fail_with(what, [f"found {found}", f"not   {rows}"] if found != rows else [])
        step("a note before its order", "INSERT INTO order_notes VALUES (1, 1, 'a', 7)", rows=[])
        step("the order", "INSERT INTO heads VALUES (1, 'one'), (2, 'two')",
             rows=[(1, 1, "one", "a"), (2, None, "two", None)])
        step("a second note, and a first one", "INSERT INTO order_notes VALUES (1, 2, 'b', 7), (2, 1, 'c', 7)",
             rows=[(1, 1, "one", "a"), (1, 2, "one", "b"), (2, 1, "two", "c")])
        step("one of two is deleted", "DELETE FROM order_notes WHERE order_id = 1 AND note_no = 1",
             rows=[(1, 2, "one", "b"), (2, 1, "two", "c")])
        step("the last one is deleted", "DELETE FROM order_notes WHERE order_id = 1",
             rows=[(1, None, "one", None), (2, 1, "two", "c")])
        step("a note moves to another order", "UPDATE order_notes SET order_id = 1 WHERE order_id = 2",
             rows=[(1, 1, "one", "c"), (2, None, "two", None)])
        step("both orders change", "UPDATE heads SET title = title || '!'",
             rows=[(1, 1, "one!", "c"), (2, None, "two!", None)])
        step("an order is deleted, its note stays", "DELETE FROM heads WHERE order_id = 1",
             rows=[(2, None, "two!", None)])
        tenant.only(0)
        tenant.drop_caches()
        tenant.oltp.run("INSERT INTO heads VALUES (1, 'back')")
        tenant.oltp.run("INSERT INTO order_notes VALUES (2, 3, 'd', 7)")
        tenant.start(1)
        step("a rebuild after changes", rows=[(1, 1, "back", "c"), (2, 3, "two!", "d")])
