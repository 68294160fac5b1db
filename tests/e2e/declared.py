"""The views that the cases try. Random changes leave about half of a table's keys without a row, and many references
without a partner: no foreign key is kept."""

from stack import ROOT
from system import SENTINEL
from tables import Column, Table, View, ints, moment, money, one_of, version

EXAMPLE = ROOT / "schemas/examples/orders"
AT_SENTINEL = str(SENTINEL)  # the one sentinel of a lookup, to which all sentinels of core tables refer


def number(count: int, null: float = 0, sentinel: str = "{id}") -> Column:
    return Column("bigint", ints(count, null), sentinel)


def refers(count: int, null: float = 0) -> Column:
    return number(count, null, AT_SENTINEL)


def text(prefix: str) -> Column:
    return Column("text", version(prefix), "'{token}'")


CODES = ("AT", "BR", "CH", "DE", "DK", "ES", "FR", "GB", "IN", "US")
COUNTRIES = Table("countries", {"code": Column("varchar(2)", one_of(*CODES), "'~~'")}, {"title": text("country")},
                  placed=False, weight=4)
CUSTOMERS = Table("customers", {"customer_id": number(40)}, {
    "name": text("customer"), "country_code": Column("varchar(2)", one_of(*CODES, None), "'~~'")}, placed=False, weight=10)
PRODUCTS = Table("products", {"product_id": number(30)}, {
    "title": text("product"), "price": Column("numeric(10,2)", money, "{number}")}, placed=False, weight=10)
ORDERS = Table("orders", {"order_id": number(120)}, {
    "customer_id": refers(44, null=0.05),
    "status": Column("text", one_of("draft", "placed", "paid", "shipped", "cancelled"), "'placed'"),
    "placed_at": Column("timestamptz", moment, "'2026-01-01Z'::timestamptz + {number} * interval '1 day'")}, weight=35)
ORDER_ITEMS = Table("order_items", {"order_id": number(130), "line_no": Column("integer", ints(4), "1")}, {
    "product_id": refers(33),
    "quantity": Column("integer", lambda rng: str(rng.randint(1, 1_000_000)), "{number}")}, weight=45)
NO_FOREIGN_KEYS = """
ALTER TABLE customers DROP CONSTRAINT customers_country_code_fkey;
ALTER TABLE orders DROP CONSTRAINT orders_customer_id_fkey;
ALTER TABLE order_items DROP CONSTRAINT order_items_order_id_fkey, DROP CONSTRAINT order_items_product_id_fkey;
"""


def select_of(path) -> str:
    from system import read_view
    return read_view(path)[1]


ORDER_LINE = View("order_line", select_of(EXAMPLE / "order_line.sql"),
                  [ORDER_ITEMS, ORDERS, CUSTOMERS, COUNTRIES, PRODUCTS], "order_id", left=("c", "k"),
                  files=(EXAMPLE / "oltp.sql", EXAMPLE / "order_line.sql"), after_ddl=NO_FOREIGN_KEYS,
                  placed_by=("order_id",))

# ---- beside it ---------------------------------------------------------------------------------------------------

ORDER_HEAD = View("order_head", """SELECT o.order_id, o.status, c.name AS customer, lower(k.title) AS country
FROM orders o
JOIN customers c ON c.customer_id = o.customer_id
LEFT JOIN countries k ON k.code = c.country_code
WHERE o.status <> 'cancelled'""",
                  [ORDERS, CUSTOMERS, COUNTRIES], "order_id", left=("k",), placed_by=("order_id",),
                  unused={"orders": ("placed_at",)})
ITEM_LIST = View("item_list", """SELECT i.order_id, i.line_no, i.quantity, p.title
FROM order_items i
LEFT JOIN products p ON p.product_id = i.product_id""",
                 [ORDER_ITEMS, PRODUCTS], "order_id", left=("p",), placed_by=("order_id",),
                 options="WITH (partition_by = 'i.order_id')", unused={"products": ("price",)})

# ---- core tables only --------------------------------------------------------------------------------------------

ONE_TABLE = View("price_list", "SELECT p.product_id, p.title, p.price FROM products p", [
    Table("products", {"product_id": number(400)}, dict(PRODUCTS.values))], "product_id", placed_by=("product_id",))

SHOP_KEY = {"shop": Column("text", one_of("north", "south", "ost"), "'shop'"), "order_no": Column("integer", ints(60), "{id}")}
SHOP_ORDERS = Table("shop_orders", SHOP_KEY, {"title": text("order")}, weight=30)
SHOP_LINES = Table("shop_lines", SHOP_KEY | {"line_no": Column("smallint", ints(3), "1")}, {
    "article_no": Column("integer", ints(20, null=0.05), AT_SENTINEL), "body": text("line")}, weight=40)
SHOP_PAYMENTS = Table("shop_payments", SHOP_KEY | {"payment_no": Column("smallint", ints(3), "1")}, {
    "paid": Column("numeric(12,2)", money, "{number}")}, weight=30)
THREE_CORES = View("shop_payment", """SELECT l.shop, l.order_no, l.line_no, y.payment_no, o.title, l.article_no, l.body, y.paid
FROM shop_lines l
JOIN shop_orders o ON o.shop = l.shop AND o.order_no = l.order_no
JOIN shop_payments y ON y.shop = o.shop AND y.order_no = o.order_no""",
                   [SHOP_LINES, SHOP_ORDERS, SHOP_PAYMENTS], "order_no", placed_by=("shop", "order_no"))

# ---- lookups -----------------------------------------------------------------------------------------------------

ARTICLES = Table("articles", {"shop": SHOP_KEY["shop"], "article_no": Column("integer", ints(18), "{id}")}, {
    "title": text("article")}, placed=False, weight=15)
COMPOSITE = View("shop_line", """SELECT l.shop, l.order_no, l.line_no, o.title, l.body, a.title AS article
FROM shop_lines l
JOIN shop_orders o ON o.shop = l.shop AND o.order_no = l.order_no
LEFT JOIN articles a ON a.shop = l.shop AND a.article_no = l.article_no""",
                 [SHOP_LINES, SHOP_ORDERS, ARTICLES], "order_no", left=("a",), placed_by=("shop", "order_no"))

EMPLOYEES = Table("employees", {"employee_id": number(25)}, {
    "name": text("employee"), "manager_id": refers(28, null=0.1)}, placed=False, weight=25)
TICKETS = Table("tickets", {"ticket_id": number(200)}, {"title": text("ticket"), "employee_id": refers(27)}, weight=75)
MANAGERS = View("ticket_manager", """SELECT t.ticket_id, t.title, e.name AS employee, m.name AS manager, b.name AS boss
FROM tickets t
JOIN employees e ON e.employee_id = t.employee_id
LEFT JOIN employees m ON m.employee_id = e.manager_id
LEFT JOIN employees b ON b.employee_id = m.manager_id""",
                [TICKETS, EMPLOYEES], "ticket_id", left=("m", "b"), placed_by=("ticket_id",))

STAFF = Table("employees", {"employee_id": number(150)}, {
    "name": text("employee"), "manager_id": refers(170, null=0.1)}, two_roles=True, weight=60)
TWO_ROLES = View("staff", """SELECT e.employee_id, e.name, m.name AS manager, b.name AS boss
FROM employees e
LEFT JOIN employees m ON m.employee_id = e.manager_id
LEFT JOIN employees b ON b.employee_id = m.manager_id""",
                 [STAFF], "employee_id", left=("m", "b"), placed_by=("employee_id",))
BADGES = Table("badges", {"badge_id": number(200)}, {"employee_id": number(160), "title": text("badge")}, weight=40)
DEPARTMENTS = Table("departments", {"department_id": number(20)}, {"title": text("department")}, placed=False, weight=10)
STAFF_AT = Table("employees", dict(STAFF.key), dict(STAFF.values) | {"department_id": refers(22)}, two_roles=True, weight=50)
BADGES_OF_STAFF = View("staff_badge", """SELECT e.employee_id, g.badge_id, e.name, g.title, d.title AS department, m.name AS manager
FROM employees e
JOIN badges g ON g.employee_id = e.employee_id
JOIN departments d ON d.department_id = e.department_id
LEFT JOIN employees m ON m.employee_id = e.manager_id""",
                       [STAFF_AT, BADGES, DEPARTMENTS], "employee_id", left=("m",), placed_by=("employee_id",),
                       options="WITH (partition_by = 'e.employee_id')", unused={"employees": ("manager_id", "department_id")})

STAFF_MOVING = Table("employees", {"employee_id": number(150)}, {
    "name": text("employee"), "manager_id": refers(170, null=0.1), "department_id": number(30, null=0.1)}, two_roles=True,
                     weight=75)
BY_DEPARTMENT = View("staff_department", """SELECT e.department_id, e.employee_id, e.name, d.title AS department, m.name AS manager
FROM employees e
JOIN departments d ON d.department_id = e.department_id
LEFT JOIN employees m ON m.employee_id = e.manager_id""",
                     [STAFF_MOVING, Table("departments", {"department_id": number(28)}, {"title": text("department")}, weight=25)],
                     "department_id", left=("m",), placed_by=("department_id",),
                     options="WITH (partition_by = 'e.department_id')", unused={"employees": ("manager_id", "department_id")})

ADDRESSES = Table("addresses", {"address_id": number(40)}, {"street": text("street")}, placed=False, weight=20)
PARCELS = Table("parcels", {"parcel_id": number(200)}, {
    "title": text("parcel"), "billing_id": refers(44, null=0.1), "shipping_id": refers(44)}, weight=80)
TWO_ADDRESSES = View("parcel_address", """SELECT p.parcel_id, p.title, b.street AS billing, s.street AS shipping
FROM parcels p
LEFT JOIN addresses b ON b.address_id = p.billing_id
JOIN addresses s ON s.address_id = p.shipping_id""",
                     [PARCELS, ADDRESSES], "parcel_id", left=("b",), placed_by=("parcel_id",))

BUYERS = Table("customers", {"customer_id": number(40)}, {
    "name": text("buyer"), "country_code": Column("varchar(2)", one_of(*CODES, None), "'~~'")}, weight=30)
BOUGHT = Table("orders", {"order_id": number(150)}, {
    "customer_id": number(44, null=0.05), "product_id": refers(33, null=0.1), "title": text("bought")}, weight=50)
BY_CUSTOMER = View("bought_by", """SELECT c.customer_id, o.order_id, o.title, c.name, k.title AS country, p.title AS product
FROM orders o
JOIN customers c ON c.customer_id = o.customer_id
LEFT JOIN countries k ON k.code = c.country_code
LEFT JOIN products p ON p.product_id = o.product_id""",
                   [BOUGHT, BUYERS, COUNTRIES, PRODUCTS], "customer_id", left=("k", "p"), placed_by=("customer_id",),
                   options="WITH (partition_by = 'c.customer_id')", unused={"products": ("price",)})

# ---- core tables joined LEFT -------------------------------------------------------------------------------------

HEADS = Table("heads", {"order_id": number(100)}, {"title": text("head")}, weight=35)
ORDER_NOTES = Table("order_notes", {"order_id": number(110), "note_no": Column("integer", ints(3), "1")}, {
    "body": text("note"), "author_id": refers(18, null=0.1)}, weight=45)
AUTHORS = Table("authors", {"author_id": number(16)}, {"name": text("author")}, placed=False, weight=20)
NOTES = View("order_note", """SELECT h.order_id, n.note_no, h.title, n.body, n.author_id
FROM heads h
LEFT JOIN order_notes n ON n.order_id = h.order_id""",
             [HEADS, ORDER_NOTES], "order_id", left=("n",), placed_by=("order_id",),
             never=("SELECT order_id FROM order_note x WHERE note_no IS NULL AND EXISTS (SELECT FROM order_note y "
                    "WHERE y.order_id = x.order_id AND y.note_no IS NOT NULL)",))
SIGNED_NOTES = View("signed_note", """SELECT h.order_id, n.note_no, h.title, n.body, a.name AS author
FROM heads h
LEFT JOIN order_notes n ON n.order_id = h.order_id
LEFT JOIN authors a ON a.author_id = n.author_id""",
                    [HEADS, ORDER_NOTES, AUTHORS], "order_id", left=("n", "a"), placed_by=("order_id",),
                    never=(NOTES.never[0].replace("order_note", "signed_note"),))
ORDER_EXTRAS = Table("order_extras", {"order_id": number(110)}, {"body": text("extra")}, weight=45)
EXTRAS = View("order_extra", """SELECT h.order_id, h.title, x.body
FROM heads h
LEFT JOIN order_extras x ON x.order_id = h.order_id""",
              [HEADS, ORDER_EXTRAS], "order_id", left=("x",), placed_by=("order_id",))

# ---- expressions and WHERE ---------------------------------------------------------------------------------------

PACKED = Table("packed", {"product_id": number(30)}, {
    "title": text("packed"), "pack": Column("integer", lambda rng: str(rng.choice((0, 1, 2, 3, 12))), "1")},
               placed=False, weight=20)
FILTERED = View("busy_line", """SELECT i.order_id, i.line_no, o.status, c.name AS customer, p.title AS product, i.quantity * 2 AS twice
FROM order_items i
JOIN orders o ON o.order_id = i.order_id
LEFT JOIN customers c ON c.customer_id = o.customer_id
JOIN packed p ON p.product_id = i.product_id
WHERE o.status <> 'draft' AND i.quantity % 2 = 0 AND p.pack > 0 AND coalesce(c.country_code, '') <> 'DE'""",
                [ORDER_ITEMS, Table("orders", dict(ORDERS.key), {name: column for name, column in ORDERS.values.items()
                                                                 if name != "placed_at"}, weight=30), CUSTOMERS, PACKED],
                "order_id", left=("c",), placed_by=("order_id",))
FILTERED.tables[0] = Table("order_items", dict(ORDER_ITEMS.key), {
    "product_id": refers(33), "quantity": Column("integer", lambda rng: str(rng.randint(1, 1000)), "2 * {number}")}, weight=40)
PACK_OF_NOTHING = ("INSERT INTO packed VALUES (1000, 'nothing', 0)", "INSERT INTO order_items VALUES (1000, 1, 1000, 1)")
PACKS = View("pack_line", """SELECT i.order_id, i.line_no, p.title, i.quantity / p.pack AS packs
FROM order_items i
JOIN packed p ON p.product_id = i.product_id""",
             [FILTERED.tables[0], PACKED], "order_id", placed_by=("order_id",), computable="p.pack <> 0", fails=PACK_OF_NOTHING)
FULL_PACKS = View("full_pack", """SELECT i.order_id, i.line_no, p.title, i.quantity
FROM order_items i
JOIN packed p ON p.product_id = i.product_id
WHERE i.quantity / p.pack >= 2""",
                  [FILTERED.tables[0], PACKED], "order_id", placed_by=("order_id",), computable="p.pack <> 0",
                  fails=PACK_OF_NOTHING)
