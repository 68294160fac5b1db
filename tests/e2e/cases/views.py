"""Other views on the same servers: rows that were there first, every kind of join key."""

from pathlib import Path

from cases import Context, case
import oracle
from system import fail_with
from tenant import Tenant
from wait import Stopwatch, wait_until

INITIAL_ROWS = """
INSERT INTO student SELECT g, 'name ' || g FROM generate_series(1, 20000) g;
INSERT INTO contact SELECT g, nullif(g % 22000, 0), 'number ' || g FROM generate_series(1, 60000) g
  WHERE g % 22000 <= 20000;
"""


@case("initial-load")
def initial_load(ctx: Context) -> str:
    """Rows that exist before there are topics and a connector; the member comes when all is in the topics."""
    tenant = Tenant(ctx.stack, "initial")
    try:
        tenant.prepare()
        tenant.oltp.transaction(INITIAL_ROWS)
        tenant.connect()
        wait_until("the connector has read its snapshot and streams", lambda: tenant.oltp.run(
            "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'initial' AND active"), 60, 0.1)
        watch = Stopwatch()
        tenant.start(1)
        took = watch.seconds()
        tenant.settle("the initial load")
        tenant.oltp.run("UPDATE contact SET student_id = student_id % 20000 + 1 "
                        "WHERE contact_id % 10 = 1 AND contact_id < 100000")
        tenant.settle("changes after it")
        rows = tenant.olap.run(f"SELECT count(*) FROM {tenant.view}")[0][0]
        tenant.only(0)
        tenant.oltp.run("DELETE FROM contact WHERE contact_id % 10 = 2 AND contact_id < 100000")
        tenant.drop_caches()
        tenant.start(1)
        tenant.settle("a rebuild from the topics")
    finally:
        tenant.remove()
    return f"{rows} rows, a member loads them in {took:.1f} s"


# ---- tables of any columns --------------------------------------------------------------------------------------------

def column_of(kind: str) -> str:
    return ("a_" if kind.endswith("[]") else "v_") + "".join(
        letter.lower() if letter.isalnum() else "_" for letter in kind).strip("_")


def write_schemas(folder: Path, key_type: str, value_columns: dict[str, str], declared: str = "") -> None:
    """Two tables, owner and thing, joined by owner_id of key_type; thing has the value columns (name: type);
    declared stands before them."""
    folder.mkdir(parents=True)
    columns = "".join(f",\n  {name} {kind}" for name, kind in value_columns.items())
    (folder / "oltp.sql").write_text(
        f"{declared}CREATE TABLE owner (\n  owner_id {key_type} PRIMARY KEY,\n  label text\n);\n"
        f"CREATE TABLE thing (\n  thing_id bigint PRIMARY KEY,\n  owner_id {key_type},\n  note text{columns}\n);\n"
        "ALTER TABLE owner REPLICA IDENTITY FULL;\nALTER TABLE thing REPLICA IDENTITY FULL;\n")
    selected = "".join(f",\n  thing.{name} AS {name}" for name in value_columns)
    (folder / "view.sql").write_text(
        "CREATE MATERIALIZED VIEW owner_thing AS\nSELECT\n  owner.owner_id AS owner_id,\n  thing.thing_id AS thing_id,\n"
        f"  owner.label AS label,\n  thing.note AS note{selected}\n"
        "FROM owner\nINNER JOIN thing\n  ON owner.owner_id = thing.owner_id;\n")


# ---- join keys ---------------------------------------------------------------------------------------------------

KEYS = {
    "smallint": ["0", "1", "-1", "-32768", "32767", "1234"],
    "integer": ["0", "7", "-1", "-2147483648", "2147483647", "100000"],
    "text": ["''", "'a'", "'ünïcödé'", "'😀👩‍👩‍👧'", "'\uffff'", "repeat('k', 300)", "' a '", "E'tab\\tnew\\nline\"\\\\'"],
    "varchar(30)": ["'x'", "'日本語'", "'trailing  '", "''"],
    "uuid": ["'b68a35a7-17ad-35b3-af2a-ae46edb4545a'", "'00000000-0000-0000-0000-000000000000'",
             "'ffffffff-ffff-ffff-ffff-ffffffffffff'", "'B68A35A7-17AD-35B3-AF2A-AE46EDB4545B'"],
}


@case("key-types")
def key_types(ctx: Context) -> None:
    """A join key of each type: a hash unlike Debezium's would halt the task."""
    for kind in KEYS:
        key_type(ctx, kind)


def key_type(ctx: Context, kind: str) -> None:
    name = "key" + column_of(kind)
    folder = ctx.stack.folder / f"schemas-{name}"
    write_schemas(folder, kind, {})
    tenant = Tenant(ctx.stack, name, folder, "view.sql")
    try:
        tenant.prepare()
        tenant.connect()
        tenant.start(1)
        for id, key in enumerate(KEYS[kind], 1):
            tenant.oltp.run(f"INSERT INTO owner VALUES ({key}, 'owner {id}')")
            tenant.oltp.run(f"INSERT INTO thing VALUES ({id}, {key}, 'thing {id}'), ({id + 100}, {key}, 'moves')")
        tenant.converge(f"inserts with {kind} keys")
        tenant.oltp.run(f"UPDATE thing SET owner_id = {KEYS[kind][0]} WHERE thing_id > 100 AND thing_id % 2 = 0")
        tenant.oltp.run("DELETE FROM owner WHERE label = 'owner 3'")
        tenant.converge(f"moves and deletes with {kind} keys")
        tenant.check_verify(f"{kind} keys")
        check_nothing_set_aside(tenant)
    finally:
        tenant.remove()


def check_nothing_set_aside(tenant: Tenant) -> None:
    fail_with("", oracle.check_dead_letters(tenant.olap) + oracle.check_progress(tenant.olap) + tenant.check_alive())
