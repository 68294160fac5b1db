"""docs/views.md: the refusals that it lists are those that plan prints, and their remedies are accepted."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cases import Context, case
from stack import ROOT
from system import fail_with

PAGE = ROOT / "docs/views.md"
MORE_TABLES = """
CREATE TABLE payments (payment_id bigint PRIMARY KEY, order_id bigint, paid numeric(12,2));
CREATE TABLE visits (visit_id bigint PRIMARY KEY, customer_id bigint, page text);
CREATE TABLE employees (employee_id bigint PRIMARY KEY, name text, manager_id bigint);
CREATE TABLE tickets (ticket_id bigint PRIMARY KEY, employee_id bigint, order_no text);
CREATE TABLE areas (area char(3) PRIMARY KEY, title text);
CREATE TABLE places (place_id bigint PRIMARY KEY, area char(3));
CREATE TABLE partial (partial_id bigint PRIMARY KEY, note text);
ALTER TABLE payments REPLICA IDENTITY FULL;
ALTER TABLE visits REPLICA IDENTITY FULL;
ALTER TABLE employees REPLICA IDENTITY FULL;
ALTER TABLE tickets REPLICA IDENTITY FULL;
ALTER TABLE areas REPLICA IDENTITY FULL;
ALTER TABLE places REPLICA IDENTITY FULL;
"""


@dataclass
class Refusal:
    query: str          # refused
    says: str           # part of the message; the page has it, too, with … for names
    mended: str = ""    # what the page advises, which is accepted
    options: str = ""   # of the refused view: WITH (…)


REFUSALS = [
    Refusal("SELECT c.customer_id, o.order_id, i.line_no, v.visit_id FROM customers c "
            "JOIN orders o ON o.customer_id = c.customer_id JOIN order_items i ON i.order_id = o.order_id "
            "JOIN visits v ON v.customer_id = c.customer_id",
            "is not joined on it alone, and is no lookup: ON must compare its whole primary key",
            "SELECT o.order_id, i.line_no, c.name FROM customers c JOIN orders o ON o.customer_id = c.customer_id "
            "JOIN order_items i ON i.order_id = o.order_id"),
    Refusal("SELECT i.order_id, p.title FROM order_items i JOIN products p ON p.product_id = i.product_id",
            "every row needs the join key and the primary keys of all tables",
            "SELECT i.order_id, i.line_no, p.title FROM order_items i JOIN products p ON p.product_id = i.product_id"),
    Refusal("SELECT e.employee_id, m.employee_id AS colleague FROM employees e JOIN employees m ON m.manager_id = e.manager_id",
            "are one table, whose rows can be placed by one key only",
            "SELECT e.employee_id, e.name, m.name AS manager FROM employees e LEFT JOIN employees m ON m.employee_id = e.manager_id"),
    Refusal("SELECT o.order_id, c.name FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id AND c.name <> 'x'",
            "ON of a LEFT JOIN may only say which columns are equal",
            "SELECT o.order_id, c.name FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id"),
    Refusal("SELECT o.order_id, c.name FROM orders o JOIN customers c ON c.customer_id = o.customer_id AND c.name <> 'x'",
            "ON may only say which columns are equal: write other conditions into WHERE",
            "SELECT o.order_id, c.name FROM orders o JOIN customers c ON c.customer_id = o.customer_id WHERE c.name <> 'x'"),
    Refusal("SELECT o.order_id, c.name FROM customers c RIGHT JOIN orders o ON c.customer_id = o.customer_id",
            "RIGHT JOIN is not supported: write it as a LEFT JOIN, the tables the other way round",
            "SELECT o.order_id, c.name FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id"),
    Refusal("SELECT o.order_id, c.name FROM orders o JOIN customers c USING (customer_id)",
            "USING is not supported: name the columns in ON",
            "SELECT o.order_id, c.name FROM orders o JOIN customers c ON c.customer_id = o.customer_id"),
    Refusal("SELECT o.order_id, c.name FROM orders o, customers c WHERE c.customer_id = o.customer_id",
            "tables joined by a comma are not supported",
            "SELECT o.order_id, c.name FROM orders o JOIN customers c ON c.customer_id = o.customer_id"),
    Refusal("SELECT o.order_id, k.title FROM orders o LEFT JOIN (customers c JOIN countries k ON k.code = c.country_code) "
            "ON c.customer_id = o.customer_id", "a JOIN in parentheses is not supported on the right side",
            "SELECT o.order_id, k.title FROM orders o LEFT JOIN customers c ON c.customer_id = o.customer_id "
            "LEFT JOIN countries k ON k.code = c.country_code"),
    Refusal("SELECT o.order_id FROM orders o JOIN (SELECT * FROM customers) c ON c.customer_id = o.customer_id",
            "a subquery in FROM is not supported"),
    Refusal("SELECT * FROM orders o", "* is not supported: name the columns", "SELECT o.order_id, o.status FROM orders o"),
    Refusal("SELECT o.order_id FROM orders o GROUP BY o.order_id", "GROUP BY is not supported"),
    Refusal("SELECT o.order_id FROM orders o ORDER BY 1", "ORDER BY is not supported: a table has no order",
            "SELECT o.order_id FROM orders o"),
    Refusal("SELECT o.order_id, i.line_no, p.payment_id FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id "
            "LEFT JOIN payments p ON p.order_id = i.order_id", "which is joined LEFT itself: write",
            "SELECT o.order_id, i.line_no, p.payment_id FROM orders o LEFT JOIN order_items i ON i.order_id = o.order_id "
            "LEFT JOIN payments p ON o.order_id = p.order_id"),
    Refusal("SELECT o.order_id, o.status FROM orders o WHERE o.placed_at > now() - interval '1 day'",
            "it changes without a record of the row, and the view would not notice",
            "SELECT o.order_id, o.status, o.placed_at FROM orders o"),
    Refusal("SELECT o.order_id FROM orders o WHERE o.customer_id IN (SELECT customer_id FROM customers)",
            "subqueries are not supported: join the table in FROM",
            "SELECT o.order_id FROM orders o JOIN customers c ON c.customer_id = o.customer_id"),
    Refusal("SELECT o.order_id, count(*) AS n FROM orders o", "aggregates are not supported: they are over several rows"),
    Refusal("SELECT o.order_id, generate_series(1, 2) AS n FROM orders o", "gives several rows, which is not supported"),
    Refusal("SELECT t.ticket_id, t.order_no, o.order_id FROM tickets t JOIN orders o ON o.order_id = t.order_no",
            "the join key's types differ", "SELECT t.ticket_id, t.order_no FROM tickets t"),
    Refusal("SELECT p.place_id, a.title FROM places p JOIN areas a ON a.area = p.area",
            "which Debezium does not hash as SQL compares it"),
    Refusal("SELECT p.partial_id, p.note FROM partial p", "do not carry the old row; add: ALTER TABLE"),
    Refusal("SELECT p.order_id, p.payment_id, i.line_no FROM payments p LEFT JOIN order_items i ON i.order_id = p.order_id",
            "may be NULL, and the view shows such rows, which belong to no partition: declare it NOT NULL"),
    Refusal("SELECT o.order_id, i.line_no FROM orders o JOIN order_items i ON i.order_id = o.order_id", "partition_by",
            options="WITH (partition_by = 'i.product')"),
]


def plan(ctx: Context, folder: Path, query: str, options: str = "") -> tuple[int, str]:
    (folder / "view.sql").write_text(f"CREATE MATERIALIZED VIEW v {options} AS {query};\n")
    done = subprocess.run([str(ctx.stack.binary), "plan"], capture_output=True, text=True, timeout=30, check=False,
                          env={"PATH": os.environ["PATH"], "SYNC_SCHEMAS_OLTP": str(folder / "oltp.sql"),
                               "SYNC_SCHEMAS_VIEW": str(folder / "view.sql")})
    return done.returncode, done.stderr


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("`", "").replace("…", ""))


@case("refusals", members=0)
def refusals(ctx: Context) -> str:
    """Every refusal in docs/views.md is plan's, and what the page advises instead is accepted."""
    folder = ctx.stack.folder / "schemas-refusals"
    folder.mkdir(exist_ok=True)
    (folder / "oltp.sql").write_text((ROOT / "schemas/examples/orders/oltp.sql").read_text() + MORE_TABLES)
    page, problems = plain(PAGE.read_text()), []
    for refusal in REFUSALS:
        code, said = plan(ctx, folder, refusal.query, refusal.options)
        if code != 2 or refusal.says not in said:
            problems.append(f"not refused with {refusal.says!r}: {refusal.query}: {code} {said[:300]}")
        if plain(refusal.says) not in page:
            problems.append(f"the page does not have {refusal.says!r}")
        if refusal.mended and (answer := plan(ctx, folder, refusal.mended))[0] != 0:
            problems.append(f"the remedy is refused: {refusal.mended}: {answer[1][:300]}")
    fail_with("docs/views.md", problems)
    return f"{len(REFUSALS)} refusals"
