"""Every type with the values that Debezium really sends: it arrives as PostgreSQL's own, or is refused; changes are seen."""
from harness import View, check, copy_in, fetch_one, refused, run, send

# Types that the source declares, and the sink need not have.
DECLARED = """CREATE TYPE mood AS ENUM ('sad', 'ok', 'with "q" , x', 'ünï');
    CREATE DOMAIN posint AS integer CHECK (VALUE > 0); CREATE DOMAIN email AS varchar(40);
    CREATE DOMAIN price AS numeric(10,2); CREATE DOMAIN price2 AS price; CREATE DOMAIN ts3 AS timestamp(3);
    CREATE DOMAIN tsd AS timestamp; CREATE DOMAIN dd AS date; CREATE DOMAIN td AS text; CREATE DOMAIN ints AS integer[];
    CREATE DOMAIN iv AS interval; CREATE DOMAIN tm3 AS time(3); CREATE DOMAIN b3 AS bit(3); CREATE DOMAIN ba AS bytea;"""
EXTENSIONS = """CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION ltree;
    CREATE DOMAIN hs AS hstore; CREATE DOMAIN ct AS citext; CREATE DOMAIN ip AS inet;"""
NO_KEYS = ('real', 'double precision', 'json', 'jsonb', 'bytea', 'interval', 'interval(3)', 'iv', 'b3', 'ba', 'hs', 'ct', 'xml',
           'hstore', 'citext', 'tsvector', 'point', 'ints')


def is_key(declared):
    return declared not in NO_KEYS and '[]' not in declared and 'range' not in declared and not declared.startswith('bit')


def two_tables(columns, extra_key=''):
    return f"""{DECLARED} {EXTENSIONS} CREATE TABLE a (g bigint, id bigint, {columns}, PRIMARY KEY (g, id{extra_key}));
               CREATE TABLE b (g bigint, bid bigint, PRIMARY KEY (g, bid));
               ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL;"""


def test_type(declared, pairs):
    """Every captured value arrives as PostgreSQL's own, in any session; NULL stays NULL."""
    view = View(two_tables(f'v {declared}'),
                'CREATE MATERIALIZED VIEW s AS SELECT a.g, a.id, b.bid, a.v FROM a JOIN b ON a.g = b.g')
    n = len(pairs) + 1
    ids = [str(i) for i in range(n)]
    texts = [p[1] for p in pairs] + [None]
    want = [(str(i), fetch_one(f'SELECT CAST({p[0]} AS {declared})::text')) for i, p in enumerate(pairs)]
    want.append((str(n - 1), None))
    sessions = ["DateStyle = 'ISO, MDY'; SET TimeZone = 'UTC'",
                "DateStyle = 'SQL, DMY'; SET TimeZone = 'Asia/Kathmandu'; SET IntervalStyle = 'sql_standard'",
                "DateStyle = 'German'; SET TimeZone = 'America/St_Johns'; SET extra_float_digits = 0; SET xmloption = document; "
                "SET bytea_output = escape; SET standard_conforming_strings = off"]
    for number, session in enumerate(sessions):
        for way in ('upsert', 'insert', 'copy') if view.copy else ('upsert', 'insert'):
            view.create()
            run(f'SET {session}')
            if way == 'copy':
                copy_in(view, zip(['5'] * n, ids, ['1'] * n, texts))
            else:
                send(getattr(view, way), [['5'] * n, ids, ['1'] * n, texts])
            counted = send(view.tables[0]['check'], [['5'] * n, ids, texts])
            run('RESET ALL; SET TimeZone = \'UTC\'')
            got = run('SELECT id::text, v::text FROM s ORDER BY s.id')
            wrong = [(pairs[int(i)] if int(i) < len(pairs) else 'NULL', g, w)
                     for (i, g), (_, w) in zip(got, want) if g != w]
            check(f'type {declared}: {way}, session {number + 1}, {n} values',
                  not wrong and len(got) == n and counted == [(3 * n - 1,)], wrong or counted)
    run(f"RESET ALL; SET TimeZone = 'UTC'")
    again = send(view.upsert, [['5'] * n, ids, ['1'] * n, texts])
    check(f'type {declared}: the same again touches no row', again == 0, again)
    if is_key(declared):
        test_type_as_key(declared, texts[:-1])


def test_type_as_key(declared, texts):
    """As a part of the primary key, every value deletes its own row."""
    view = View(two_tables(f'v {declared}', ', v'),
                'CREATE MATERIALIZED VIEW s AS SELECT a.v, a.g, a.id, b.bid FROM a JOIN b ON a.g = b.g')
    view.create()
    texts = list(dict.fromkeys(texts))
    rows = [texts, ['5'] * len(texts), [str(i) for i in range(len(texts))], ['1'] * len(texts)]
    send(view.upsert, rows)
    deleted = send(view.occurrences[0]['delete'], [rows[1], rows[2], rows[0]])
    check(f'type {declared}: delete by it as a key', deleted == len(texts) and not run('SELECT * FROM s'), deleted)


def test_refusals():
    """What does not fit is refused by upsert, insert and check alike, never cut."""
    for declared, text, state in [
            ('smallint', '32768', '22003'), ('integer', '2147483648', '22003'), ('bigint', '9223372036854775808', '22003'),
            ('smallint', 'x', '22P02'), ('boolean', '2', '22P02'), ('uuid', 'x', '22P02'),
            ('varchar(3)', 'abcd', '22001'), ('char(3)', 'abcd', '22001'), ('char', 'ab', '22001'),
            ('numeric(5,2)', '1000.00', '22003'), ('numeric', 'x', '22P02'), ('numeric(5,2)', 'POSITIVE_INFINITY', '22003'),
            ('real', '1e39', '22003'), ('double precision', '1e309', '22003'),
            ('date', '-2440589', '22008'), ('date', '2145042906', '22008'), ('date', '2147483648', '22003'),
            ('timestamp', '9224318015999999999', '22003'), ('timestamp', '9223371331200000000', None),
            ('timestamp(3)', '9223372036854775807', '22003'),
            ('timestamptz', 'x', '22007'), ('timestamptz', '2026-13-01T00:00:00Z', '22008'),
            ('json', '{', '22P02'), ('jsonb', '{', '22P02'), ('jsonb', '"\\u0000"', '22P05')]:
        view = View(two_tables(f'v {declared}'),
                    'CREATE MATERIALIZED VIEW s AS SELECT a.g, a.id, b.bid, a.v FROM a JOIN b ON a.g = b.g')
        view.create()
        states = [refused(view.upsert, [['5'], ['1'], ['1'], [text]]), refused(view.insert, [['5'], ['2'], ['1'], [text]]),
                  refused(view.tables[0]['check'], [['5'], ['1'], [text]])]
        check(f'refused: {declared} {text}', states == [state] * 3, states)


def test_changes():
    """*<> sees what = does not; unchanged rows are not written; keys are never updated."""
    view = View(two_tables('n numeric, j json, t text, f double precision'),
                'CREATE MATERIALIZED VIEW s AS SELECT a.g, a.id, b.bid, a.n, a.j, a.t, a.f FROM a JOIN b ON a.g = b.g')
    view.create()
    steps = [(['1.0', '{"a":1}', 'x', '0.0'], 1), (['1.0', '{"a":1}', 'x', '0.0'], 0), (['1.00', '{"a":1}', 'x', '0.0'], 1),
             (['1.00', '{"a": 1}', 'x', '0.0'], 1), (['1.00', '{"a": 1}', 'x', '-0.0'], 1), ([None, '{"a": 1}', 'x', '-0.0'], 1),
             ([None, '{"a": 1}', None, '-0.0'], 1), ([None, '{"a": 1}', None, '-0.0'], 0), ([None] * 4, 1), ([None] * 4, 0)]
    for number, (values, touched) in enumerate(steps):
        got = send(view.upsert, [['5'], ['1'], ['1']] + [[v] for v in values])
        stored = run('SELECT n::text, j::text, t, f::text FROM s')[0]
        same = [v if v is None or not v.endswith('0.0') else v[:-2] for v in values]
        check(f'change {number + 1}: {values}', got == touched and list(stored) == same, (got, stored))
    keys = View(two_tables('v text'), 'CREATE MATERIALIZED VIEW s AS SELECT b.bid, a.id, b.g FROM a JOIN b ON a.g = b.g')
    keys.create()
    got = [send(keys.upsert, [['1'], ['2'], ['3']]) for _ in (1, 2)]
    check('a view of keys alone: the second upsert does nothing', got == [1, 0], got)
