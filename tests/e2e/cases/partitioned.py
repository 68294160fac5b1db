"""A partitioned source table: its partitions come, go and give rows to each other."""

from cases import Context, case
from cases.views import check_nothing_set_aside
from system import watch_settings
from tenant import Tenant

OLTP = """CREATE TABLE account (account_id bigint PRIMARY KEY, name text);
CREATE TABLE entry (entry_id bigint, year int, account_id bigint, note text, PRIMARY KEY (entry_id, year)) PARTITION BY RANGE (year);
CREATE TABLE entry_old PARTITION OF entry FOR VALUES FROM (0) TO (2025) PARTITION BY HASH (entry_id);
CREATE TABLE entry_old_0 PARTITION OF entry_old FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE entry_old_1 PARTITION OF entry_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE entry_2025 PARTITION OF entry FOR VALUES FROM (2025) TO (2026);
ALTER TABLE account REPLICA IDENTITY FULL;
ALTER TABLE entry REPLICA IDENTITY FULL;
ALTER TABLE entry_old_0 REPLICA IDENTITY FULL;
ALTER TABLE entry_old_1 REPLICA IDENTITY FULL;
ALTER TABLE entry_2025 REPLICA IDENTITY FULL;
"""
VIEW = """CREATE MATERIALIZED VIEW account_entry AS
SELECT a.account_id, e.entry_id, e.year, a.name, e.note FROM account a JOIN entry e ON e.account_id = a.account_id;
"""
NEXT = """CREATE TABLE entry_2026 (LIKE entry INCLUDING ALL);
ALTER TABLE entry_2026 REPLICA IDENTITY FULL;
ALTER TABLE entry ATTACH PARTITION entry_2026 FOR VALUES FROM (2026) TO (2027);
"""


@case("partitioned")
def partitioned(ctx: Context) -> None:
    """Snapshot and changes of a partitioned table, rows that move between partitions, partitions that come and go."""
    folder = ctx.stack.folder / "schemas-partitioned"
    folder.mkdir()
    (folder / "oltp.sql").write_text(OLTP)
    (folder / "view.sql").write_text(VIEW)
    tenant = Tenant(ctx.stack, "partitioned", folder, "view.sql")
    tenant.settings.update(watch_settings(tenant.oltp.port, "partitioned", interval_ms=500))
    try:
        tenant.prepare()
        fill(tenant, 0, 2020, 2025)
        tenant.connect()
        tenant.start(1)
        tenant.converge("a snapshot")
        fill(tenant, 1000, 2020, 2025)
        tenant.oltp.run("UPDATE entry SET year = 4045 - year, note = 'moved' WHERE entry_id % 3 = 0")
        tenant.oltp.run("UPDATE entry SET account_id = account_id % 20 + 1 WHERE entry_id % 5 = 0")
        tenant.oltp.run("DELETE FROM entry WHERE entry_id % 7 = 0")
        tenant.converge("changes and moves")
        tenant.oltp.transaction(NEXT)
        fill(tenant, 2000, 2026)
        tenant.oltp.run("UPDATE entry SET year = 2026 WHERE year = 2025 AND entry_id % 2 = 0")
        tenant.converge("a new partition")
        tenant.wait_ready(1)
        tenant.oltp.transaction("DELETE FROM entry_2025")
        tenant.converge("an emptied partition")
        tenant.oltp.run("DROP TABLE entry_2025")
        tenant.wait_not_ready("a partition was dropped or detached")
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.converge("a rebuild, after which the watch knows no other partitions")
        check_nothing_set_aside(tenant)
    finally:
        tenant.remove()


def fill(tenant: Tenant, first: int, *years: int) -> None:
    tenant.oltp.transaction(
        "INSERT INTO account SELECT g, 'account ' || g FROM generate_series(1, 20) g ON CONFLICT DO NOTHING",
        *(f"INSERT INTO entry SELECT {first + year % 100 * 10_000} + g, {year}, g % 20 + 1, 'n' || g FROM generate_series(1, 100) g"
          for year in years))
