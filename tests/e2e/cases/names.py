"""Names that need quotes anywhere: in SQL, in topics, in the connector's lists and patterns, in JSON."""

from cases import Context, case
from cases.views import check_nothing_set_aside
from system import watch_settings
from tenant import Tenant

# Mixed case, dots, commas, colons, quotes, blanks, key words, letters of any kind; the same column names everywhere.
OLTP = '''CREATE SCHEMA "S.x";
CREATE TABLE "S.x"."My 'Table'" ("Ïd" bigint PRIMARY KEY, "sélect; ""--" text, "order" int, note text);
CREATE TABLE "user" ("Ïd" bigint, "a.b" int, "😀" text, note text, PRIMARY KEY ("Ïd", "a.b"));
CREATE TABLE "S.x"."a,b:c;d" ("k:1,2" uuid PRIMARY KEY, "Ïd" bigint, "tab\there" text, note text, "back\\slash" text);
ALTER TABLE "S.x"."My 'Table'" REPLICA IDENTITY FULL;
ALTER TABLE "user" REPLICA IDENTITY FULL;
ALTER TABLE "S.x"."a,b:c;d" REPLICA IDENTITY FULL;
'''
SELECT = '''SELECT m."Ïd" AS "select", u."a.b", c."k:1,2" AS "k 1", m."sélect; ""--", m."order", u."😀" AS "Ü", c."tab\there" AS "ta\tb",
  c."back\\slash", m.note, u.note AS "note of ""user""", c.note AS "Note"
FROM "S.x"."My 'Table'" m JOIN "user" AS u ON m."Ïd" = u."Ïd" JOIN "S.x"."a,b:c;d" c ON c."Ïd" = m."Ïd"'''


NAME = "Näm'es. of; 😀"


@case("names")
def names(ctx: Context) -> None:
    """Names with dots, commas, quotes, key words and letters of any kind go through SQL, connector, topics and JSON."""
    folder = ctx.stack.folder / "schemas-names"
    folder.mkdir()
    (folder / "oltp.sql").write_text(OLTP)
    (folder / "view.sql").write_text(f"CREATE MATERIALIZED VIEW names AS\n{SELECT};\n")
    tenant = Tenant(ctx.stack, "names", folder, "view.sql")
    tenant.view, tenant.query = NAME, SELECT  # the harness reads files with plainer names
    (folder / "view.sql").write_text(f'CREATE MATERIALIZED VIEW "{NAME}" AS\n{SELECT};\n')
    tenant.settings.update(watch_settings(tenant.oltp.port, "names"))
    try:
        tenant.prepare()
        insert(tenant, 0)
        tenant.connect()
        tenant.start(1)
        tenant.converge("a snapshot")
        insert(tenant, 40)
        tenant.converge("inserts")
        tenant.oltp.run('UPDATE "S.x"."a,b:c;d" SET "Ïd" = "Ïd" % 40 + 1, "tab\there" = \'moved\' WHERE true')
        tenant.oltp.run('''UPDATE "S.x"."My 'Table'" SET "sélect; ""--" = NULL, "order" = -1 WHERE "Ïd" % 3 = 0''')
        tenant.oltp.run('DELETE FROM "user" WHERE "a.b" = 2 AND "Ïd" % 2 = 0')
        tenant.oltp.run('UPDATE "user" SET "Ïd" = 1000 WHERE "Ïd" = 5')
        tenant.converge("moves and deletes")
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.converge("a rebuild")
        check_nothing_set_aside(tenant)
    finally:
        tenant.remove()


def insert(tenant: Tenant, first: int) -> None:
    span = f"generate_series({first + 1}, {first + 40}) g"
    tenant.oltp.transaction(
        f'''INSERT INTO "S.x"."My 'Table'" SELECT g, 's' || g, g, 'n' FROM {span}''',
        f'INSERT INTO "user" SELECT g, b, \'😀\' || g, \'u\' || b FROM {span}, generate_series(1, 2) b',
        f'INSERT INTO "S.x"."a,b:c;d" SELECT md5(g::text)::uuid, g, \'t\', \'c\', \'\\\' FROM {span}')
