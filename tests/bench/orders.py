"""What generate_orders.c writes, said a second time in SQL; and the service with the view of schemas/examples/orders."""

from dataclasses import dataclass, field, fields, replace

from db import Database
from environment import Example
from ours import Ours
from records import MULTIPLIER
from stack import ROOT
from wait import Failure

ORDERS = Example(ROOT / "schemas/examples/orders", "order_line.sql", "generate_orders")
COLUMNS = ("order_id", "line_no", "status", "placed_at", "customer", "country", "product", "amount")
LAST = 200  # orders from the end whose lines tell whether all may be there
TEXT = " || '|' || ".join(f"coalesce({column}::text, 'NULL')" for column in COLUMNS).replace(
    "placed_at::text", "extract(epoch FROM placed_at)::bigint::text")
CHECKSUM = f"SELECT count(*), coalesce(sum(('x' || substr(md5({TEXT}), 1, 15))::bit(60)::bigint), 0)::text FROM ({{}}) v"


@dataclass(frozen=True)
class OrderRecords:
    """The options of one run of generate_orders."""
    countries: int = 100
    customers: int = 50_000
    products: int = 10_000
    orders: int = 250_000
    lines: int = 4
    inserts: int = 1
    hot: int = 0
    prices: int = 0
    customer_updates: int = 0
    spare: int = 0
    rate: int = 0
    version: int = 1
    base: int = 0
    stride: int = 1

    def options(self) -> list[str]:
        return [f"{option.name}={getattr(self, option.name)}" for option in fields(self)]

    def changes_only(self, **values: int) -> "OrderRecords":
        """Other changes of the same rows, which are there already."""
        return replace(self, **{"inserts": 0, "prices": 0, "customer_updates": 0, **values})

    @property
    def changes(self) -> int:
        return self.prices + self.customer_updates + (
            self.countries + self.customers + self.spare + self.products + self.orders * (1 + self.lines)
            if self.inserts else 0)


@dataclass
class OrderHistory:
    """All that was written to one set of topics; the first run with the inserts."""
    runs: list[OrderRecords] = field(default_factory=list)

    def __add__(self, run: OrderRecords) -> "OrderHistory":
        return OrderHistory([*self.runs, run])

    def sql(self) -> str:
        """The view's select, over generated series instead of tables."""
        first, version = self.runs[0], "1"
        for run in self.runs:
            if run.prices:
                version = f"CASE WHEN product <= {run.prices} THEN {run.version} ELSE {version} END"
        product = "1" if first.hot else f"1 + item * {MULTIPLIER} % {first.products}"
        return f"""SELECT {first.base} + n * {first.stride} AS order_id, line AS line_no,
  (ARRAY['placed', 'paid', 'shipped', 'cancelled'])[1 + n % 4] AS status,
  '2026-01-01 00:00:00Z'::timestamptz + n % 86400 * interval '1 second' AS placed_at,
  'CUSTOMER ' || customer || ' V1' AS customer, 'country ' || 1 + customer * {MULTIPLIER} % {first.countries} AS country,
  'product ' || product AS product, (1 + item % 9) * ({version} + (product % 100) / 100.0)::numeric(10,2) AS amount
FROM (SELECT n, line, item, {product} AS product, 1 + n * {MULTIPLIER} % {first.customers} AS customer
      FROM (SELECT n::bigint, line, n::bigint * {first.lines} + line AS item
            FROM generate_series(1, {first.orders}) n, generate_series(1, {first.lines}) line WHERE n % 20 <> 0) a) b"""

    def truth(self, database: Database) -> "OrderTruth":
        return OrderTruth(database, self)


class OrderTruth:
    """As Truth of records.py."""

    table = "order_line"
    columns = COLUMNS
    of_table = CHECKSUM.format(f"SELECT * FROM {table}")
    look_up = (f"SELECT count(*) FROM unnest(%s::bigint[], %s::int[], %s::text[], %s::numeric[]) k(o, l, p, a) "
               f"JOIN {table} r ON r.order_id = k.o AND r.line_no = k.l AND r.product = k.p AND r.amount = k.a")

    def __init__(self, database: Database, history: OrderHistory) -> None:
        self.database = database
        database.transaction("DROP TABLE IF EXISTS truth", f"CREATE UNLOGGED TABLE truth AS {history.sql()}",
                             "CREATE INDEX ON truth (order_id, line_no)", "ANALYZE truth")
        self.count, self.checksum = database.run(CHECKSUM.format("SELECT * FROM truth"))[0]
        if self.count == 0:
            raise Failure("the truth has no rows")
        # The last orders, and some of all: a change of a product is written in the order of its lines' keys.
        first, run = history.runs[0], history.runs[-1]
        self.last = database.run(
            "SELECT order_id, line_no, product, amount FROM truth WHERE order_id > %s OR order_id %% %s = 0 "
            "ORDER BY order_id, line_no LIMIT 5000", first.base + (first.orders - LAST) * first.stride,
            first.stride * max(1, first.orders // (LAST if run.prices else 20)))


class OrderOurs(Ours):
    example = ORDERS
