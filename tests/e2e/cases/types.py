"""Every supported type with all its odd values: from a snapshot, from the log, and after a rebuild."""

from cases import Context, case
from cases.views import check_nothing_set_aside, column_of, write_schemas
from system import fail_with, watch_settings
from tenant import Tenant
from wait import wait_until

VALUES = {
    "smallint": ["0", "-32768", "32767"],
    "integer": ["1", "-2147483648", "2147483647"],
    "bigint": ["1", "-9223372036854775808", "9223372036854775807", "9007199254740993"],
    "boolean": ["true", "false"],
    "text": ["''", "'plain'", "E'tab\\t quote '' \" back\\\\slash 😀'", "repeat('long', 5000)"],
    "varchar(40)": ["''", "'forty characters, some of them ünïcödé 😀'", "'trailing  '"],
    "char(5)": ["''", "'ab'", "'é😀'", "'12345'"],
    "uuid": ["'b68a35a7-17ad-35b3-af2a-ae46edb4545a'", "'00000000-0000-0000-0000-000000000000'"],
    "numeric": ["0", "-0.0", "1.0", "1.00", "123456789012345678.123456789012", "'NaN'", "'Infinity'", "'-Infinity'",
                "1e200", "-1e-200", "0.1"],
    "numeric(20,4)": ["0", "-0.5", "9999999999999999.9999", "'NaN'"],
    "real": ["0", "'-0'", "1.5", "0.1", "3.4028235e38", "1e-45", "'NaN'", "'Infinity'", "'-Infinity'"],
    "double precision": ["0", "'-0'", "0.1", "1e22", "1.7976931348623157e308", "5e-324", "'NaN'", "'Infinity'",
                         "'-Infinity'"],
    "date": ["'2026-11-22'", "'1970-01-01'", "'1969-12-31'", "'0001-01-01'", "'0001-12-31 BC'", "'0044-03-15 BC'",
             "'1582-10-10'", "'9999-12-31'", "'4713-11-24 BC'", "'5874897-12-31'", "'infinity'", "'-infinity'"],
    "timestamp": ["'2026-11-22 01:02:03.456789'", "'1969-12-31 23:59:59.999999'", "'0044-03-15 12:00:00 BC'",
                  "'0001-01-01 00:00:00'", "'1582-10-10 10:10:10'", "'9999-12-31 23:59:59.999999'", "'infinity'",
                  "'-infinity'", "'4713-11-24 00:00:00 BC'", "'294246-12-31 23:59:59.999999'"],
    "timestamp(3)": ["'2026-11-22 01:02:03.456'", "'1969-12-31 23:59:59.999'", "'0044-03-15 12:00:00 BC'",
                     "'infinity'", "'-infinity'"],
    "timestamptz": ["'2026-11-22 01:02:03.456789+05:30'", "'1969-12-31 23:59:59.999999Z'", "'1900-01-01 00:00:00Z'",
                    "'0044-03-15 12:00:00Z BC'", "'0001-12-31 23:59:59.5Z BC'", "'12345-06-07 08:09:10Z'", "'infinity'",
                    "'-infinity'", "'4713-11-24 00:00:00Z BC'", "'294246-12-31 23:59:59.999999Z'"],
    "json": ["'{}'", "'{\"a\" :  1.0, \"a\": null, \"ü\": \"\\u00fc 😀\"}'", "'null'", "'\"text\"'", "'[1, 2.50]'"],
    "jsonb": ["'{}'", "'{\"b\": [1, 2.50], \"big\": 12345678901234567890.12345}'", "'null'", "'\"😀 \\\\ \\\"\"'"],
    "bytea": ["''", "'\\x00ff10'", "'\\x5c5c'", "decode(repeat('00ff41', 4000), 'hex')"],
    "time": ["'00:00'", "'23:59:59.999999'", "'24:00:00'", "'12:34:56.789'"],
    "time(0)": ["'12:34:56'", "'24:00:00'"],
    "time(3)": ["'12:34:56.789'", "'24:00:00'"],
    "interval": ["'0'", "'1 year 2 mons 3 days 04:05:06.789'", "'-1 year +2 days -03:04'", "'178956970 years 7 mons'",
                 "'-178956970 years -8 mons'", "'2147483647 days'", "'-2147483648 days'", "'2147483647:59:59.999999'",
                 "'-2147483647:59:59.999999'", "'1 mon -1 day +00:00:00.000001'", "'-0.000001 s'", "'-00:01:00.1'",
                 "'25:00:00'"],
    "interval(3)": ["'1.2345 s'"],
    "inet": ["'10.1.2.3/8'", "'::1'", "'10.0.0.1/32'", "'2001:db8::/32'", "'0.0.0.0/0'"],
    "cidr": ["'10.0.0.0/8'", "'10.0.0.1/32'", "'::/0'"],
    "macaddr": ["'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'"],
    "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
    "bit": ["'1'", "'0'"],
    "bit(3)": ["'101'", "'001'", "'000'"],
    "bit(12)": ["'101010101111'", "'000000000001'", "'100000000000'", "'000000000000'"],
    "bit(70)": ["repeat('1', 70)::bit(70)", "repeat('0', 70)::bit(70)", "('1' || repeat('0', 69))::bit(70)"],
    "int4range": ["'[1,5)'", "'empty'", "'(,)'", "'[-2147483648,)'"],
    "int8range": ["'[1,9223372036854775807)'"],
    "numrange": ["'[1.50,2.5]'", "'(,NaN)'", "'(-Infinity,Infinity]'"],
    "daterange": ["'[2026-01-01,2026-02-01)'", "'[-infinity,infinity]'", "'[0044-03-15 BC,)'"],
    "tsrange": ["'[2026-11-22 01:02:03.456789,infinity)'", "'[0044-03-15 12:00:00 BC,10000-01-01)'"],
    "tstzrange": ["'[2026-11-22 01:02:03.456789+05:30,infinity)'", "'[0044-03-15 12:00:00+00 BC,)'"],
    "int4multirange": ["'{}'", "'{[1,5),[7,9)}'"],
    "datemultirange": ["'{[2026-01-01,2026-02-01)}'"],
    "tstzmultirange": ["'{[2026-01-01 00:00+05:30,2026-02-01)}'"],
    "xml": ["'<a/>'", "'<a b=\"ü\">x &amp; y</a>'", "'text only'", "''"],
    "tsvector": ["''", "'a:1A fat:2B,4C cat:5D'", "'''it''''s'':1 ''a b'':2'"],
    "point": ["'(1,2)'", "'(0.1,-1e300)'", "'(NaN,Infinity)'", "'(-Infinity,-0)'", "'(5e-324,1.7976931348623157e308)'"],
    # text in the OLAP database
    "citext": ["''", "'aBc ünï'"],
    "ltree": ["''", "'Top.Science.Astronomy'"],
    "hstore": ["''", "'k=>v,n=>NULL'", "'\"a \\\"q\\\" b\"=>\"c\\\\d, =>\", \"\"=>\"\", bb=>1, ü=>2, a=>\"NULL\"'",
               "E'\"tab\\t\"=>\"new\\nline\"'"],
    "mood": ["'sad'", "'with \"q\" , x'", "'ünï'"],
    "other.\"Mood\"": ["'OK'"],
    "geometry": ["'0101000020E6100000000000000000F03F0000000000000040'"],
    # domains
    "posint": ["5"], "email": ["'a@b'"], "price2": ["99999999.99", "'NaN'"],
    "ts3": ["'2026-11-22 01:02:03.456'", "'infinity'"], "day": ["'2026-11-22'", "'-infinity'"],
    "ints": ["'{1,NULL,3}'"], "span": ["'1 year -3 days'"], "bits": ["'101'"],
    # arrays; those that can't be told are in SPOILT
    "int2[]": ["'{}'", "'{1,NULL,-32768}'"],
    "int4[]": ["'{}'", "'{1,NULL,2147483647}'"],
    "int8[]": ["'{9223372036854775807,-9223372036854775808,NULL}'"],
    "bool[]": ["'{}'", "'{t,f,NULL}'"],
    "text[]": ["'{}'", "'{a,\"b,c\",NULL,\"NULL\",\"\",\" x \",\"q\\\"\\\\\",\"{}\"}'", "ARRAY[E'new\\nline', '😀']",
               "ARRAY[repeat('long', 5000)]"],
    "varchar(10)[]": ["'{ab,NULL,\"ten letter\"}'"],
    "char(3)[]": ["'{ab,NULL}'"],
    "uuid[]": ["'{b68a35a7-17ad-35b3-af2a-ae46edb4545a,NULL}'"],
    "numeric[]": ["'{1.50,NULL,-0.1,123456789012345678.123456789012,1e30}'"],
    "numeric(10,2)[]": ["'{1.5,NULL,99999999.99}'"],
    "real[]": ["'{1.5,NULL,0.1,NaN,Infinity,-Infinity,1e-45,3.4028235e38}'"],
    "double precision[]": ["'{1.5,NULL,0.1,NaN,Infinity,-Infinity,-0,1e22,5e-324}'"],
    "date[]": ["'{2026-11-22,NULL,1969-12-31,infinity,-infinity,1582-10-25,5874897-12-31}'"],
    "timestamp[]": ["'{2026-11-22 01:02:03.456789,NULL,1969-12-31 23:59:59.999999,infinity,-infinity}'"],
    "timestamp(3)[]": ["'{2026-11-22 01:02:03.456,NULL,infinity,-infinity}'"],
    "timestamptz[]": ["'{2026-11-22 01:02:03.456789+05:30,NULL,1969-12-31 23:59:59.999999Z,infinity,-infinity}'"],
    "json[]": ["ARRAY['{\"a\" : 1.0}'::json, 'null', NULL, '[1, 2]']"],
    "jsonb[]": ["ARRAY['{\"a\": 1.0}'::jsonb, 'null', NULL, '\"s\"']"],
    "bytea[]": ["ARRAY['\\x00ff10'::bytea, NULL, '']"],
    "inet[]": ["'{10.1.2.3/8,NULL,::1}'"],
    "macaddr[]": ["'{08:00:2b:01:02:03,NULL}'"],
    "int4range[]": ["'{\"[1,5)\",NULL,empty}'"],
    "tstzrange[]": ["'{\"[2026-01-01 00:00+05:30,2026-02-01)\",NULL}'"],
    "hstore[]": ["ARRAY['a=>1'::hstore, NULL, '\"q\\\"\"=>\"\\\\\"']"],
    "citext[]": ["'{aB,NULL}'"],
    "mood[]": ["'{sad,ok}'"],
}


# In the source; the OLAP database has no extension and no type of its own. PostGIS would be too much to install here: a
# stand-in has its name and its text.
DECLARED = """CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
CREATE SCHEMA other;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'with "q" , x', 'ünï');
CREATE TYPE other."Mood" AS ENUM ('OK');
CREATE DOMAIN posint AS integer CHECK (VALUE > 0);
CREATE DOMAIN email AS varchar(40);
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN price2 AS price;
CREATE DOMAIN ts3 AS timestamp(3);
CREATE DOMAIN day AS date;
CREATE DOMAIN ints AS integer[];
CREATE DOMAIN span AS interval;
CREATE DOMAIN bits AS bit(3);
CREATE TYPE geometry;
CREATE FUNCTION geometry_in(cstring) RETURNS geometry IMMUTABLE STRICT LANGUAGE internal AS 'textin';
CREATE FUNCTION geometry_out(geometry) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'textout';
CREATE TYPE geometry (INPUT = geometry_in, OUTPUT = geometry_out, LIKE = text);
"""
# Debezium's reading of such arrays leaves nothing to read: each is a dead letter that says so.
SPOILT = {"int4[]": ["'{{1,2},{3,4}}'", "'{NULL}'"], "text[]": ["'{{a,b},{c,d}}'"], "date[]": ["'{0044-03-15 BC}'"],
          "timestamp[]": ["'{1582-10-10 10:10:10}'"], "timestamptz[]": ["'{0044-03-15 12:00:00Z BC}'"]}
# What a database may be set to, and Debezium would stumble over.
STYLES = ("intervalstyle = sql_standard", "bytea_output = escape", "datestyle = 'SQL, MDY'")
# Debezium's snapshot reads a date by way of java.sql.Date: the era is lost, and dates before the Gregorian calendar are
# some days off. (Changes are right; so are timestamps.)
WRONG_IN_SNAPSHOT = {("date", value) for value in
                     ("'0001-12-31 BC'", "'0044-03-15 BC'", "'1582-10-10'", "'4713-11-24 BC'")}


def insert_values(first_id: int, leave_out: set[tuple[str, str]] = frozenset()) -> list[str]:
    """One row for each value, its other columns NULL; and one that has none."""
    rows = [(column_of(kind), kind, value) for kind, values in VALUES.items() for value in values
            if (kind, value) not in leave_out]
    statements = [f"INSERT INTO thing (thing_id, owner_id, note) VALUES ({first_id}, 1, 'all NULL')"]
    for id, (column, kind, value) in enumerate(rows, first_id + 1):
        note = f"{kind}: {value}".replace("'", "''")
        statements.append(f"INSERT INTO thing (thing_id, owner_id, note, {column}) "
                          f"VALUES ({id}, {id % 50}, '{note}', {value})")
    return statements


@case("types")
def types(ctx: Context) -> str:
    """Every value of every supported type: by snapshot, insert, update to and from NULL, and after a rebuild."""
    folder = ctx.stack.folder / "schemas-types"
    columns = {column_of(kind): kind for kind in VALUES}
    write_schemas(folder, "bigint", columns, DECLARED)
    tenant = Tenant(ctx.stack, "types", folder, "view.sql")
    tenant.settings.update(watch_settings(tenant.oltp.port, "types"))  # which finds each column as it is declared
    try:
        tenant.prepare()
        set_styles(tenant)
        tenant.oltp.run("INSERT INTO owner SELECT g, 'owner ' || g FROM generate_series(0, 49) g")
        tenant.oltp.transaction(*insert_values(1000, WRONG_IN_SNAPSHOT))
        tenant.connect()
        tenant.start(1)
        tenant.converge("a snapshot of all values")
        statements = insert_values(3000)
        for statement in statements:
            tenant.oltp.run(statement)
        tenant.converge("an insert of each value")
        tenant.oltp.run("UPDATE thing SET " + ", ".join(f"{name} = NULL" for name in columns) + " WHERE thing_id < 2000")
        tenant.oltp.run("UPDATE thing t SET " + ", ".join(f"{name} = s.{name}" for name in columns)
                        + " FROM thing s WHERE t.thing_id < 2000 AND s.thing_id = t.thing_id + 2000")
        tenant.oltp.run("UPDATE owner SET label = NULL WHERE owner_id % 2 = 0")
        tenant.converge("updates to NULL and back")
        tenant.oltp.run("UPDATE thing SET note = 'long values stay' WHERE thing_id % 3 = 0")
        tenant.converge("updates beside long values")
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.converge("a rebuild from the topics")
        check_nothing_set_aside(tenant)
        tenant.check_verify("every value of every type")
        check_spoilt(tenant)
    finally:
        tenant.remove()
    return f"{len(statements)} values of {len(VALUES)} types"


def set_styles(tenant: Tenant) -> None:
    for database in (tenant.oltp, tenant.olap):
        for style in STYLES:
            database.run(f"ALTER DATABASE types SET {style}")
        database.close()


def check_spoilt(tenant: Tenant) -> None:
    """Each such array is put aside by name, and nothing else; its row goes as any other."""
    bad = [(5000 + number, column_of(kind), value) for number, (kind, value) in enumerate(
        (kind, value) for kind, values in SPOILT.items() for value in values)]
    for id, column, value in bad:
        tenant.oltp.run(f"INSERT INTO thing (thing_id, owner_id, {column}) VALUES ({id}, {id % 50}, {value})")
    found: list[str] = []

    def put_aside() -> bool:
        found[:] = [row[0] for row in tenant.olap.run("SELECT reason FROM sync_dead_letter ORDER BY at")]
        return len(found) == len(bad)
    wait_until("each spoilt array is a dead letter", put_aside, 30, 0.1, detail=lambda: str(found))
    wrong = [reason for reason in found if "Debezium spoils an array" not in reason]
    fail_with("spoilt arrays", wrong + tenant.check_alive())
    tenant.oltp.run("DELETE FROM thing WHERE thing_id >= 5000")
    tenant.converge("deletes of their rows")


# Key columns whose equal values are written alike: each value deletes and moves its own row.
KEYS = {"account": ["1", "9223372036854775807"], "mood": ["'sad'", "'with \"q\" , x'"], "inet": ["'10.0.0.1'", "'10.0.0.1/8'", "'::1'"],
        "cidr": ["'10.0.0.0/8'"], "macaddr": ["'08:00:2b:01:02:03'"], "macaddr8": ["'08:00:2b:01:02:03:04:05'"],
        "time": ["'24:00'", "'12:34:56.789012'"], "time(3)": ["'00:00:00.001'"], "ltree": ["'a.b'", "''"]}
KEY_DECLARED = """CREATE EXTENSION ltree; CREATE DOMAIN account AS bigint CHECK (VALUE > 0);
CREATE TYPE mood AS ENUM ('sad', 'with "q" , x');
"""


@case("type-keys")
def type_keys(ctx: Context) -> None:
    """A domain as the join key, and each type that may be part of a primary key as one: moves and deletes by it."""
    folder = ctx.stack.folder / "schemas-type-keys"
    columns = {column_of(kind): kind for kind in KEYS}
    write_schemas(folder, "account", columns, KEY_DECLARED)
    oltp = folder / "oltp.sql"
    key = ", ".join(["thing_id", *columns])
    oltp.write_text(oltp.read_text().replace("thing_id bigint PRIMARY KEY", "thing_id bigint")
                    .replace("\n);\nALTER", f",\n  PRIMARY KEY ({key})\n);\nALTER"))
    tenant = Tenant(ctx.stack, "type_keys", folder, "view.sql")
    tenant.settings.update(watch_settings(tenant.oltp.port, "type_keys"))
    first = ", ".join(values[0] for values in KEYS.values())
    try:
        tenant.prepare()
        tenant.oltp.run("INSERT INTO owner SELECT g, 'owner ' || g FROM generate_series(1, 9) g")
        tenant.oltp.run(f"INSERT INTO thing SELECT g, g % 9 + 1, 'n', {first} FROM generate_series(1, 20) g")
        tenant.connect()
        tenant.start(1)
        tenant.converge("a snapshot")
        tenant.oltp.run(f"INSERT INTO thing SELECT g, g % 9 + 1, 'n', {first} FROM generate_series(21, 60) g")
        for kind, values in KEYS.items():
            for value in values:
                tenant.oltp.run(f"UPDATE thing SET {column_of(kind)} = {value} WHERE thing_id % 2 = 0")
                tenant.converge(f"keys moved to {kind} {value}")
        tenant.oltp.run("DELETE FROM thing WHERE thing_id % 4 = 0")
        tenant.oltp.run("DELETE FROM owner WHERE owner_id = 3")
        tenant.converge("deletes")
        tenant.only(0)
        tenant.drop_caches()
        tenant.start(1)
        tenant.converge("a rebuild")
        check_nothing_set_aside(tenant)
    finally:
        tenant.remove()
