"""The view of schemas/examples/orders; and what becomes of its rows when a lookup row's key changes, when it is deleted,
comes back, arrives last, or can't be read."""

import declared
import kafka
from cases import Context, case
from cases.any_view import random_view, tenant_of
from stack import PARTITIONS
from system import SENTINEL, fail_with
from viewtenant import ViewTenant
from wait import wait_until


@case("view-orders", members=0)
def orders(ctx: Context) -> str:
    """Five tables as in schemas/examples/orders: lookups LEFT and INNER, one below another, an expression, a WHERE."""
    return random_view(ctx, declared.ORDER_LINE)


# ---- one after another -------------------------------------------------------------------------------------------

SHOWN = "SELECT order_id, line_no, status, customer, country, product, amount::text FROM order_line WHERE order_id < %s ORDER BY 1, 2"
FIRST_ROWS = (
    "INSERT INTO countries VALUES ('AT', 'Austria'), ('BR', 'Brazil')",
    "INSERT INTO customers VALUES (1, 'Ada', 'AT'), (2, 'Bob', 'BR')",
    "INSERT INTO products VALUES (1, 'pen', 1.50), (2, 'ink', 4.00)",
    "INSERT INTO orders SELECT g, 1 + g % 2, 'placed', '2026-01-01Z' FROM generate_series(1, 16) g",
    "INSERT INTO order_items SELECT g, line, line, line FROM generate_series(1, 16) g, generate_series(1, 2) line")


def shown(tenant: ViewTenant) -> list[tuple]:
    return tenant.olap.run(SHOWN, SENTINEL)


def step(tenant: ViewTenant, what: str, *statements: str, lines: int, **same: str | None) -> None:
    """After these statements the table is the view, has so many lines, and all of them show this."""
    for statement in statements:
        tenant.oltp.run(statement)
    tenant.settle(what)
    rows = shown(tenant)
    names = ("order_id", "line_no", "status", "customer", "country", "product", "amount")
    wrong = [f"{name} is {row[names.index(name)]!r} in {row}" for row in rows for name, value in same.items()
             if row[names.index(name)] != value]
    fail_with(what, ([f"{len(rows)} lines, not {lines}"] if len(rows) != lines else []) + wrong[:5])


@case("lookup-rows", members=0)
def lookup_rows(ctx: Context) -> None:
    """A lookup row's values and key change; it is deleted and comes back: INNER its lines go and come, LEFT they show NULL."""
    with tenant_of(ctx, "lookup_rows", declared.ORDER_LINE) as tenant:
        step(tenant, "all of it", *FIRST_ROWS, lines=32)
        step(tenant, "one customer for all", "UPDATE orders SET customer_id = 1", lines=32, customer="ADA", country="Austria")
        step(tenant, "another name", "UPDATE customers SET name = 'Ida' WHERE customer_id = 1", lines=32, customer="IDA")
        step(tenant, "another country below it", "UPDATE customers SET country_code = 'BR' WHERE customer_id = 1", lines=32,
             country="Brazil")
        step(tenant, "that country's title", "UPDATE countries SET title = 'Brasil' WHERE code = 'BR'", lines=32,
             country="Brasil")
        step(tenant, "that country's key", "UPDATE countries SET code = 'DE' WHERE code = 'BR'", lines=32, customer="IDA",
             country=None)
        step(tenant, "the reference follows", "UPDATE customers SET country_code = 'DE' WHERE customer_id = 1", lines=32,
             country="Brasil")
        step(tenant, "the customer is deleted", "DELETE FROM customers WHERE customer_id = 1", lines=32, customer=None,
             country=None)
        step(tenant, "another customer's key becomes that one", "UPDATE customers SET customer_id = 1 WHERE customer_id = 2",
             lines=32, customer="BOB", country=None)
        step(tenant, "deleted and inserted in one transaction", "DELETE FROM customers WHERE customer_id = 1; "
             "INSERT INTO customers VALUES (1, 'Eve', 'AT')", lines=32, customer="EVE", country="Austria")
        step(tenant, "a product is deleted", "DELETE FROM products WHERE product_id = 2", lines=16, product="pen")
        step(tenant, "a product's key changes", "UPDATE products SET product_id = 7 WHERE product_id = 1", lines=0)
        step(tenant, "and back", "UPDATE products SET product_id = 1 WHERE product_id = 7", lines=16, product="pen",
             amount="1.50")
        step(tenant, "the other is back", "INSERT INTO products VALUES (2, 'ink', 5.00)", lines=32)
        step(tenant, "lines change their product", "UPDATE order_items SET product_id = 2 WHERE line_no = 1", lines=32,
             product="ink")
        step(tenant, "nobody refers to it any more", "UPDATE products SET title = 'quill' WHERE product_id = 1", lines=32,
             product="ink")
        tenant.only(0)
        tenant.drop_caches()
        tenant.oltp.run("UPDATE products SET price = 2 WHERE product_id = 2")
        tenant.oltp.run("DELETE FROM customers WHERE customer_id = 1")
        tenant.start(1)
        step(tenant, "a rebuild after changes", lines=32, customer=None, product="ink")


@case("lookup-first", members=0)
def lookup_first(ctx: Context) -> None:
    """Rows arrive in the order that no foreign key would allow: lines, orders, countries, customers, products last."""
    with tenant_of(ctx, "lookup_first", declared.ORDER_LINE) as tenant:
        step(tenant, "lines", FIRST_ROWS[4], lines=0)
        step(tenant, "orders", FIRST_ROWS[3], lines=0)
        step(tenant, "countries", FIRST_ROWS[0], lines=0)
        step(tenant, "products", FIRST_ROWS[2], lines=32, customer=None, country=None)
        step(tenant, "customers", FIRST_ROWS[1], lines=32)


@case("lookup-poison", members=0)
def lookup_poison(ctx: Context) -> str:
    """A record of a lookup topic that can't be read: every task puts it aside, and all of them go on."""
    with tenant_of(ctx, "lookup_poison", declared.ORDER_LINE) as tenant:
        step(tenant, "all of it", *FIRST_ROWS, lines=32)
        kafka.produce(ctx.stack, "lookup_poison.public.products", [('{"product_id":1}', "cut {")])
        wait_until("each task has put it aside", lambda: tenant.olap.run(
            "SELECT count(DISTINCT task), count(*), count(DISTINCT \"offset\") FROM sync_dead_letter") == [
                (PARTITIONS, PARTITIONS, 1)], 20, 0.05)
        tenant.oltp.run("UPDATE products SET price = 3 WHERE product_id = 2")
        tenant.pass_sentinels()
        fail_with("a change behind it", [f"{row}" for row in shown(tenant) if row[5] == "ink" and row[6] != "6.00"
                                         or row[5] == "pen" and row[6] != "1.50"])
        tenant.kill_all()
        tenant.drop_caches()
        tenant.start(1)
        tenant.pass_sentinels()
        tenant.converge("a rebuild keeps the version before it")
        tenant.oltp.run("UPDATE products SET price = 9 WHERE product_id = 1")
        tenant.settle("the next version", dead_letters=True)
    return "1 record, a dead letter of each task"
