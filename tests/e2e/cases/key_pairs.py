"""Partition keys whose two sides are of different types that PostgreSQL compares."""

from pathlib import Path

from cases import Context, case
from cases.views import check_nothing_set_aside
from tenant import Tenant

EXTREMES = ["0", "7", "-1", "-7", "-2147483648", "2147483647", "100000"]
BEYOND = ["-2147483649", "2147483648", "-9223372036854775808", "9223372036854775807"]  # no integer: without a partner
SMALL = ["0", "1", "-1", "-32768", "32767"]
TEXTS = ["''", "'a'", "'ünïcödé'", "'trailing  '", "'😀'"]

# What the two columns are declared as, the values of both, those of each alone.
PAIRS = {
    "bigint_integer": ("bigint", "integer DEFAULT 7", EXTREMES, BEYOND, ["5", "-5"]),
    "integer_bigint": ("integer", "bigint", EXTREMES, ["5", "-5"], BEYOND),
    "smallint_bigint": ("smallint", "bigint", SMALL, ["-5"], BEYOND),
    "integer_smallint": ("integer", "smallint", SMALL, EXTREMES[4:], ["-5"]),
    "text_varchar": ("text", "varchar(12)", TEXTS, ["repeat('k', 300)", "'twelve and more'"], ["'alone'"]),
    "varchar_text": ("varchar(12)", "text", TEXTS, ["'alone'"], ["repeat('k', 300)", "'twelve and more'"]),
}

TABLES = """CREATE TABLE owner (
  owner_id {0} PRIMARY KEY,
  label text
);
CREATE TABLE thing (
  thing_id bigint PRIMARY KEY,
  held_by {1},
  note text
);
ALTER TABLE owner REPLICA IDENTITY FULL;
ALTER TABLE thing REPLICA IDENTITY FULL;
"""
VIEW = """CREATE MATERIALIZED VIEW owner_thing WITH (partition_by = 'owner.owner_id') AS
SELECT owner.owner_id, thing.thing_id, owner.label, thing.note
FROM owner {} JOIN thing ON thing.held_by = owner.owner_id;
"""


@case("key-pairs")
def key_pairs(ctx: Context) -> None:
    """A hash of one side unlike the other's would halt the task, or keep partners apart; so would another coding."""
    for number, name in enumerate(PAIRS):
        key_pair(ctx, name, "LEFT" if number % 2 == 1 else "INNER")


def key_pair(ctx: Context, name: str, join: str) -> None:
    left, right, both, left_only, right_only = PAIRS[name]
    folder: Path = ctx.stack.folder / f"schemas-{name}"
    folder.mkdir(parents=True)
    (folder / "oltp.sql").write_text(TABLES.format(left, right))
    (folder / "view.sql").write_text(VIEW.format(join))
    tenant = Tenant(ctx.stack, name, folder, "view.sql")
    try:
        tenant.prepare()
        insert(tenant, 100, both[:3], both[:3])  # read by the snapshot
        tenant.connect()
        tenant.start(1)
        insert(tenant, 200, both[3:] + left_only, both + right_only)
        tenant.oltp.run("INSERT INTO thing VALUES (1, NULL, 'of nobody'), (2, NULL, 'of nobody')")
        tenant.converge(f"inserts of {name}")
        tenant.oltp.run(f"UPDATE thing SET held_by = {both[1]} WHERE thing_id % 3 = 0")
        tenant.oltp.run("UPDATE thing SET held_by = NULL WHERE thing_id % 7 = 0 OR thing_id = 2")
        tenant.oltp.run(f"UPDATE thing SET held_by = {both[-1]} WHERE thing_id = 1")
        for value in left_only + both[:2]:
            tenant.oltp.run(f"DELETE FROM owner WHERE owner_id = {value}")
        for value in right_only[:1] + both[3:4]:
            tenant.oltp.run(f"DELETE FROM thing WHERE held_by = {value}")
        tenant.converge(f"moves and deletes of {name}")
        tenant.only(0)
        tenant.oltp.run(f"INSERT INTO owner VALUES ({both[0]}, 'back')")
        tenant.drop_caches()
        tenant.start(1)
        tenant.converge(f"a rebuild of {name}")
        check_nothing_set_aside(tenant)
    finally:
        tenant.remove()


def insert(tenant: Tenant, first: int, owners: list[str], holders: list[str]) -> None:
    for number, value in enumerate(owners):
        tenant.oltp.run(f"INSERT INTO owner VALUES ({value}, 'owner {first + number}')")
    for number, value in enumerate(holders):
        tenant.oltp.run(f"INSERT INTO thing VALUES ({first + number}, {value}, 'thing'), "
                        f"({first + number + 50}, {value}, 'moves')")
