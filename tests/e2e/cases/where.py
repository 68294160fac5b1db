"""WHERE and expressions: rows that enter and leave by each table's change, and rows that can't be computed."""

import declared
from cases import Context, case
from cases.any_view import random_view, tenant_of
from stack import PARTITIONS
from system import SENTINEL, fail_with
from viewtenant import ViewTenant
from wait import Failure, wait_until


@case("view-filtered", members=0)
def filtered(ctx: Context) -> str:
    """A WHERE over columns of four tables, core and lookup."""
    return random_view(ctx, declared.FILTERED)


@case("view-packs", members=0)
def packs(ctx: Context) -> str:
    """An expression over two tables that fails for many rows: they are refused, and all others are right."""
    return random_view(ctx, declared.PACKS)


@case("view-full-packs", members=0)
def full_packs(ctx: Context) -> str:
    """The same in WHERE: a row of which it is not known whether it passes is refused."""
    return random_view(ctx, declared.FULL_PACKS)


ROWS = (
    "INSERT INTO customers VALUES (1, 'Ada', 'AT')",
    "INSERT INTO packed VALUES (1, 'pen', 3)",
    "INSERT INTO orders SELECT g, 1, 'placed' FROM generate_series(1, 16) g",
    "INSERT INTO order_items SELECT g, 1, 1, 2 FROM generate_series(1, 16) g")


def count(tenant: ViewTenant, what: str, lines: int, *statements: str) -> None:
    for statement in statements:
        tenant.oltp.run(statement)
    tenant.settle(what)
    found = tenant.olap.run(f"SELECT count(*) FROM {tenant.view} WHERE order_id < %s", SENTINEL)[0][0]
    fail_with(what, [f"{found} lines, not {lines}"] if found != lines else [])


@case("where-entered-and-left", members=0)
def entered_and_left(ctx: Context) -> None:
    """By a line, by its order, by a lookup INNER and LEFT, by a reference, and by a row that comes or goes."""
    with tenant_of(ctx, "where_rows", declared.FILTERED) as tenant:
        count(tenant, "all of it", 16, *ROWS)
        for table, column, bad, good in (("order_items", "quantity", "3", "4"), ("orders", "status", "'draft'", "'paid'"),
                                         ("packed", "pack", "0", "2"), ("customers", "country_code", "'DE'", "'US'")):
            count(tenant, f"{table}.{column} leaves", 0, f"UPDATE {table} SET {column} = {bad}")
            count(tenant, f"{table}.{column} enters", 16, f"UPDATE {table} SET {column} = {good}")
        count(tenant, "a customer that WHERE refuses", 16, "INSERT INTO customers VALUES (2, 'Bob', 'DE')")
        count(tenant, "a reference leaves", 12, "UPDATE orders SET customer_id = 2 WHERE order_id > 12")
        count(tenant, "the customer is deleted: no country is none that is refused", 16,
              "DELETE FROM customers WHERE customer_id = 2")
        count(tenant, "it comes back", 12, "INSERT INTO customers VALUES (2, 'Bob', 'DE')")
        count(tenant, "no reference at all", 16, "UPDATE orders SET customer_id = NULL WHERE order_id > 12")
        count(tenant, "both filtered and without a product", 0, "UPDATE orders SET status = 'draft'",
              "DELETE FROM packed WHERE product_id = 1")
        count(tenant, "only without a product", 0, "UPDATE orders SET status = 'paid'")
        count(tenant, "the product is back", 16, "INSERT INTO packed VALUES (1, 'pen', 1)")
        tenant.only(0)
        tenant.drop_caches()
        tenant.oltp.run("UPDATE orders SET status = 'draft' WHERE order_id <= 4")
        tenant.start(1)
        count(tenant, "a rebuild after changes", 12)


@case("row-not-computable", members=0)
def not_computable(ctx: Context) -> str:
    """Division by zero: no record is put aside, each row that fails is recorded, and back when its values are mended."""
    with tenant_of(ctx, "not_computable", declared.PACKS) as tenant:

        def refused(wanted: int, what: str) -> None:
            wait_until(what, lambda: tenant.olap.run("SELECT count(*) FROM sync_refused WHERE sqlstate = '22012'")
                       == [(wanted,)], 20, 0.05, lambda: str(tenant.olap.run("SELECT key, sqlstate FROM sync_refused")))
        count(tenant, "all of it", 16, *ROWS[1:2], ROWS[3])
        count(tenant, "a pack of nothing", 0, "UPDATE packed SET pack = 0")
        refused(16, "all of its lines are refused")
        count(tenant, "a line changes meanwhile", 0, "UPDATE order_items SET quantity = 24")
        refused(16, "they still are")
        count(tenant, "some are gone", 0, "DELETE FROM order_items WHERE order_id > 12")
        refused(12, "those are no longer refused")
        tenant.kill_all()
        tenant.drop_caches()
        tenant.start(1)
        count(tenant, "a lost cache", 0)
        refused(12, "after a rebuild, too")
        count(tenant, "mended", 12, "UPDATE packed SET pack = 6")
        refused(0, "nothing is refused")
        packs_of = tenant.olap.run("SELECT DISTINCT packs FROM pack_line WHERE order_id < %s", SENTINEL)
        if packs_of != [(4,)]:
            raise Failure(f"packs are {packs_of}")
    return f"16 rows of {PARTITIONS} tasks"
