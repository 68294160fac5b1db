"""What a view may have: NULL rows, expressions, WHERE, collations, names; deletes, and the indexes that they go by."""
import os

import psycopg2

from harness import ROOT, View, check, copy_in, fetch_one, plan_of, planned_by, refused, run, send


def test_index_use():
    """Deletes by key and by range go through the primary key, with statistics and without."""
    view = View("""CREATE TABLE student (student_id bigserial PRIMARY KEY, name text);
                   CREATE TABLE contact (contact_id bigserial PRIMARY KEY, student_id bigint, nr text);
                   ALTER TABLE student REPLICA IDENTITY FULL; ALTER TABLE contact REPLICA IDENTITY FULL;""",
                """CREATE MATERIALIZED VIEW s AS SELECT c.nr, c.contact_id, st.name, st.student_id
                   FROM student st JOIN contact c ON st.student_id = c.student_id""")
    student, contact = view.occurrences
    for analyzed in (False, True):
        view.create()
        run('ALTER TABLE s SET (autovacuum_enabled = off)')
        run("INSERT INTO s SELECT 'nr', i, 'name', i / 10 FROM generate_series(1, 1000000) i")
        key = fetch_one("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's'::regclass")
        check('the primary key begins with the join key', key == 'PRIMARY KEY (student_id, contact_id)', key)
        if analyzed:
            run('ANALYZE s')
        for count in (1, 2000):
            for generic in (False, True):
                for what, table, step in (('range', student, 7), ('key', contact, 70)):
                    keys = [str(i * step % 100000) for i in range(count)]
                    columns = [keys] if what == 'range' else [keys, [str(int(k) * 10 + 3) for k in keys]]
                    run('BEGIN')
                    plan = plan_of(table['delete'], columns, generic)
                    run('ROLLBACK')
                    name = (f"delete by {what}, {count} keys, {'generic' if generic else 'custom'} plan, "
                            f"{'with' if analyzed else 'without'} statistics: by the index")
                    check(name, 'Index' in plan and 's_pkey' in plan and 'Seq Scan on s' not in plan, '\n' + plan)


def test_left():
    """Rows without a partner have NULL in the sink's key, and are found by its index as all others are."""
    view = View("""CREATE TABLE orders (order_id bigint PRIMARY KEY, status text);
                   CREATE TABLE items (order_id bigint, line_no int, quantity int, PRIMARY KEY (order_id, line_no));
                   CREATE TABLE parcels (id int PRIMARY KEY, order_id bigint, carrier text);
                   ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;
                   ALTER TABLE parcels REPLICA IDENTITY FULL;""",
                """CREATE MATERIALIZED VIEW s AS SELECT o.order_id, o.status, i.line_no, i.quantity, p.id, p.carrier
                   FROM orders o LEFT JOIN items i ON i.order_id = o.order_id LEFT JOIN parcels p ON p.order_id = o.order_id""")
    view.create()
    run(view.ddl)
    key = fetch_one("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's'::regclass")
    check('LEFT: NULLs are not distinct', key == 'UNIQUE NULLS NOT DISTINCT (order_id, line_no, id)', key)
    rows = [(o, 'new', i, 7, p, 'x') for o in ('1', '2', '3') for i in (None, '1', '2') for p in (None, '1')]
    rows = [(o, s, i, q if i else None, p, c if p else None) for o, s, i, q, p, c in rows]
    columns = lambda rows: [list(c) for c in zip(*[[None if v is None else str(v) for v in r] for r in rows])]
    check('LEFT: upsert', send(view.upsert, columns(rows)) == len(rows))
    check('LEFT: the same again touches no row', send(view.upsert, columns(rows)) == 0)
    changed = [(o, 'old', i, q, p, c) for o, s, i, q, p, c in rows]
    check('LEFT: an update finds rows with NULLs', send(view.upsert, columns(changed)) == len(rows)
          and fetch_one('SELECT count(*) FROM s') == len(rows))
    order, item, parcel = view.occurrences
    left = lambda: sorted(run("SELECT order_id, coalesce(line_no, 0), coalesce(id, 0) FROM s"))
    want = sorted((int(r[0]), int(r[2] or 0), int(r[4] or 0)) for r in rows)
    send(item['delete_null'], [['1']])
    want = [w for w in want if not (w[0] == 1 and w[1] == 0)]
    check('LEFT: the rows without a partner', left() == want, left())
    send(parcel['delete_matched'], [['1', '2']])
    want = [w for w in want if not (w[0] < 3 and w[2] != 0)]
    check('LEFT: the rows with one', left() == want, left())
    send(item['delete'], [['3'], ['1']])
    want = [w for w in want if w[:2] != (3, 1)]
    check('LEFT: the rows of a partner', left() == want, left())
    for row in [(3, None, None), (3, 2, None), (3, None, 1), (3, 2, 1), (3, 1, 1), (2, 1, None)]:
        send(view.refuse, columns([row]))
        want = [w for w in want if w != tuple(v or 0 for v in row)]
        check(f'LEFT: one row by its key {row}', left() == want, left())
    send(order['delete'], [['2', '1']])
    check('LEFT: the rows of an order', left() == [], left())
    run('ALTER TABLE s SET (autovacuum_enabled = off)')
    run("INSERT INTO s SELECT i / 10, 'x', nullif(i % 10, 0), 1, CASE WHEN i % 7 > 0 THEN i END FROM generate_series(1, 1000000) i")
    for analyzed in (False, True):
        if analyzed:
            run('ANALYZE s')
        for count in (1, 2000):
            keys = [str(i * 37) for i in range(count)]
            name = f"LEFT, {count} keys, {'with' if analyzed else 'without'} statistics"
            planned_by(name + ', without a partner', item['delete_null'], [keys], 's_order_id_line_no_id_key', 's')
            planned_by(name + ', with one', parcel['delete_matched'], [keys], 's_order_id_line_no_id_key', 's')
            planned_by(name + ', whole keys', view.refuse, [keys, [None] * count, [None] * count], 's_order_id_line_no_id_key', 's')
    run('DROP TABLE s')


ORDERS = """CREATE TABLE orders (order_id bigint PRIMARY KEY, customer_id int, status text, note varchar(9), placed_at timestamptz);
            CREATE TABLE items (order_id bigint, line_no int, quantity int, price numeric(9,2), PRIMARY KEY (order_id, line_no));
            CREATE TABLE customers (id int PRIMARY KEY, name varchar, code char(4));
            ALTER TABLE orders REPLICA IDENTITY FULL; ALTER TABLE items REPLICA IDENTITY FULL;
            ALTER TABLE customers REPLICA IDENTITY FULL;"""
JOINED = """FROM orders o LEFT JOIN items i ON i.order_id = o.order_id LEFT JOIN customers c ON c.id = o.customer_id"""


def test_expressions():
    """What PostgreSQL makes of the view's SELECT, the statements make of its inputs, row by row."""
    select = f"""SELECT o.order_id, i.line_no, i.quantity * i.price AS amount, c.code || '|' AS code, upper(c.name) AS customer,
                 o.note, coalesce(o.note, c.name) AS either, o.placed_at AT TIME ZONE 'UTC' AS "at", 'x' AS "const",
                 ARRAY[i.quantity, -1] AS list, (o.order_id, c.name) = (1, 'Ann') AS first
                 {JOINED} WHERE o.status <> 'draft' AND -- only these
                 coalesce(i.quantity, 1) > 0"""
    view = View(ORDERS, f'CREATE MATERIALIZED VIEW s AS {select}')
    for statement in view.prove.split(';\n'):
        run(statement)
    check('expressions: proven, and nothing is left', not run("SELECT FROM pg_class WHERE relname = 's'"))
    view.create()
    before = run("SELECT attname, atttypid, atttypmod, attnotnull FROM pg_attribute WHERE attrelid = 's'::regclass AND attnum > 0")
    run(view.ddl)
    run(ORDERS)
    run("CREATE VIEW wanted AS " + select)
    types = run("""SELECT w.attname, w.atttypid::regtype, s.atttypid::regtype FROM pg_attribute w JOIN pg_attribute s USING (attname)
                   WHERE w.attrelid = 'wanted'::regclass AND s.attrelid = 's'::regclass AND w.attnum > 0 AND w.atttypid <> s.atttypid""")
    check('expressions: the columns have the types that a view would have', len(before) == 11 and not types, types)
    key = fetch_one("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 's'::regclass")
    check('expressions: the key', key == 'UNIQUE NULLS NOT DISTINCT (order_id, line_no)', key)
    check('expressions: what places a row is never NULL', [a for a in before if a[3]] and before[0][0] == 'order_id' and before[0][3])
    run("""INSERT INTO customers VALUES (1, 'Ann', 'a'), (2, NULL, NULL), (3, 'Bob', 'bobb');
           INSERT INTO orders SELECT i, nullif(i % 4, 0), (ARRAY['draft', 'new', NULL, 'sent'])[i % 4 + 1], nullif('n' || i % 3, 'n1'),
             timestamptz '2026-01-01 00:00+05' + i * interval '1 hour' FROM generate_series(1, 40) i;
           INSERT INTO items SELECT i, j, CASE WHEN i % 7 = j THEN NULL ELSE i % 5 - j END, i * 1.25 FROM generate_series(1, 40, 2) i,
             generate_series(0, 2) j""")
    names = ('o', 'i', 'c')
    occurrences = {0: 'o', 1: 'i', 2: 'c'}
    wire = lambda alias, column: (f"to_char({alias}.{column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
                                  if column == 'placed_at' else f'{alias}.{column}::text')

    def rows_now():
        return run('SELECT ' + ', '.join(wire(occurrences[o], c) for o, c in view.inputs) + ' ' + JOINED)

    def compare(name):
        columns = [list(c) for c in zip(*rows_now())]
        if way == 'insert':
            view.create()
        else:
            send(view.filter, columns)
        send(getattr(view, way), columns)
        difference = run('(TABLE s EXCEPT TABLE wanted) UNION ALL (TABLE wanted EXCEPT TABLE s)')
        check(f'expressions: {way}, {name}', not difference and run('SELECT FROM s'), difference[:3])

    for way in ('insert', 'upsert'):
        compare('the first time')
    for change in ["UPDATE orders SET status = 'draft' WHERE order_id % 3 = 0", "UPDATE orders SET status = 'sent' WHERE order_id % 4 = 0",
                   'UPDATE items SET quantity = 1 - quantity', "UPDATE customers SET name = name || 'x', code = NULL",
                   "UPDATE orders SET status = NULL WHERE order_id % 5 = 0"]:
        run(change)
        compare(change)
    columns = [list(c) for c in zip(*rows_now())]
    check('expressions: the same again touches no row', [send(view.filter, columns), send(view.upsert, columns)] == [0, 0])
    keys = 's_order_id_line_no_key'
    run('ALTER TABLE s SET (autovacuum_enabled = off)')
    run("INSERT INTO s SELECT i / 10, nullif(i % 10, 0) FROM generate_series(1000, 1000000) i")
    planned_by('expressions: WHERE deletes', view.filter, columns, keys, 's')
    run('DROP VIEW wanted; DROP TABLE s, orders, items, customers')


def test_own_checks():
    """A row that an expression over its own values fails for is refused by itself, unless WHERE keeps it away."""
    list_ = 'o.order_id, i.line_no, 100 / i.quantity AS share, o.order_id / i.quantity AS other, upper(c.name) AS name'
    view = View(ORDERS, f'CREATE MATERIALIZED VIEW s AS SELECT {list_} {JOINED}')
    states = [refused(view.tables[1]['check'], [['1'], ['1'], [q]]) for q in ('1', None, '0', 'x', '2147483648')]
    check('own check: an expression', states == [None, None, '22012', '22P02', '22003'], states)
    check('own check: its columns', view.tables[1]['columns'] == ['order_id', 'line_no', 'quantity'])
    check('own check: a lookup', refused(view.tables[2]['check'], [['1'], ['Ann']]) is None
          and refused(view.tables[2]['check'], [['x'], ['Ann']]) == '22P02')
    view = View(ORDERS, f'CREATE MATERIALIZED VIEW s AS SELECT {list_} {JOINED} WHERE i.quantity <> 0')
    check('own check: not behind WHERE', refused(view.tables[1]['check'], [['1'], ['1'], ['0']]) is None)
    # Two views with a plan in common: what either can't compute.
    view = View(ORDERS, f"""CREATE MATERIALIZED VIEW s AS SELECT o.order_id, i.line_no, 100 / i.quantity AS share
                            FROM orders o LEFT JOIN items i ON i.order_id = o.order_id;
                            CREATE MATERIALIZED VIEW t AS SELECT p.line_no, 5 / p.price AS each, p.order_id FROM items p""")
    check('own check: columns of all views', view.tables[1]['columns'] == ['order_id', 'line_no', 'quantity', 'price'])
    states = [refused(view.tables[1]['check'], [['1'], ['1'], [q], [p]]) for q, p in (('1', '2.5'), ('0', '1'), ('1', '0'), ('0', None))]
    check('own check: expressions of all views', states == [None, '22012', '22012', '22012'], states)


def test_immutable():
    """What changes without its row is refused by PostgreSQL itself; what does not is taken."""
    for expression, state in [
            ("upper(o.note)", None), ("o.order_id + i.line_no", None), ("o.placed_at AT TIME ZONE 'UTC'", None),
            ("md5(o.note || c.name)", None), ("o.note ~ '^a'", None), ("i.price::text", None), ("extract(year FROM o.placed_at)", '42P17'),
            ("to_char(o.placed_at, 'YYYY')", '42P17'), ("o.placed_at::date", '42P17'), ("o.placed_at::text", '42P17'),
            ("o.note::date", '42P17'), ("date_trunc('day', o.placed_at)", '42P17'), ("current_setting('TimeZone') || o.note", '42P17'),
            ("pg_backend_pid() + i.line_no", '42P17'), ("lower(i.price)", '42883'), ("nothing(o.note)", '42883'),
            ("o.note + 1", '42883'), ("own_srf(o.note)", '0A000'), ("own_sum(i.line_no)", '42803')]:
        if state == '0A000':
            run("CREATE FUNCTION own_srf(text) RETURNS SETOF text IMMUTABLE LANGUAGE sql AS 'SELECT $1'")
            run("CREATE AGGREGATE own_sum(int) (SFUNC = int4pl, STYPE = int)")
        for where in ('', 'WHERE '):
            parts = (f', {expression} AS x', '') if not where else ('', f'WHERE ({expression}) IS NOT NULL')
            view = View(ORDERS, f'CREATE MATERIALIZED VIEW s AS SELECT o.order_id, i.line_no{parts[0]} {JOINED} {parts[1]}')
            run('BEGIN')
            got = None
            try:
                for statement in view.prove.split(';\n'):
                    run(statement)
            except psycopg2.Error as e:
                got = e.pgcode
            run('ROLLBACK')
            check(f'immutable: {where}{expression}', got == state, got)
    view = View(ORDERS, f"CREATE MATERIALIZED VIEW s AS SELECT o.order_id, i.line_no {JOINED} WHERE o.order_id + 1")
    try:
        run(view.prove)
        check('WHERE is boolean', False)
    except psycopg2.Error as e:
        check('WHERE is boolean', e.pgcode == '42804' and 'column "where" is of type boolean' in str(e), e)
    run('DROP TABLE IF EXISTS pg_temp.s; DROP FUNCTION own_srf; DROP AGGREGATE own_sum(int)')


def test_collations():
    """A column that the OLTP database orders by bytes is ordered so here, and WHERE deletes by the key's index all the same."""
    view = View("""CREATE TABLE t (code text COLLATE "C" PRIMARY KEY, name varchar(9) COLLATE "POSIX", other text);
                   ALTER TABLE t REPLICA IDENTITY FULL;""",
                """CREATE MATERIALIZED VIEW s AS SELECT code, upper(name) AS u, upper(other) AS o, upper(code) AS c FROM t
                   WHERE upper(name) <> 'X'""")
    for statement in view.prove.split(';\n'):
        run(statement)
    view.create()
    names = [column for _, column in view.inputs]
    rows = {'code': ['ä', 'b'], 'name': ['ü', 'x'], 'other': ['ö', 'b']}
    send(view.upsert, [rows[n] for n in names])
    check('COLLATE "C": as the source computes it', run('SELECT * FROM s') == [('ä', 'ü', 'Ö', 'ä')], run('SELECT * FROM s'))
    run('ALTER TABLE s SET (autovacuum_enabled = off)')
    run("INSERT INTO s SELECT i FROM generate_series(1, 100000) i; ANALYZE s")
    planned_by('COLLATE "C": WHERE deletes', view.filter, [rows[n] for n in names], 's_pkey', 's')
    rows['name'] = ['X', 'ü']
    send(view.filter, [rows[n] for n in names])
    check('COLLATE "C": WHERE deletes the row', not run("SELECT FROM s WHERE code = 'ä'"))
    run('DROP TABLE s')


def test_constants():
    """The statements of the proof show a constant that depends on the session or the moment, wherever the view has it."""
    sessions = ["TimeZone = 'Etc/GMT+12'; SET DateStyle = 'ISO, MDY'", "TimeZone = 'Etc/GMT-14'; SET DateStyle = 'ISO, DMY'"]

    def understood(view, session):
        seen = []
        for statement in view.prove.split(';\n'):
            run(f'SET {session}; ' + statement)
            run("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'")
            seen.append(run("SELECT adnum, pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = to_regclass('pg_temp.s') ORDER BY 1"))
        return seen

    for expression, same in [("o.placed_at > 'today'", False), ("o.placed_at > 'now'", False), ("o.placed_at > '2026-01-01'", False),
                             ("CASE WHEN o.note = '' THEN date '01/02/2026' END", False), ("date 'yesterday'", False),
                             ("o.placed_at > '2026-01-01 00:00Z'", True), ("o.note > 'today'", True), ("date '2026-01-02'", True)]:
        for where in (False, True):
            parts = ('', f'WHERE ({expression}) IS NOT NULL') if where else (f', {expression} AS x', '')
            view = View(ORDERS, f'CREATE MATERIALIZED VIEW s AS SELECT o.order_id, i.line_no{parts[0]} {JOINED} {parts[1]}')
            both = [understood(view, session) for session in sessions]
            check(f'constants: {"WHERE " if where else ""}{expression}', (both[0] == both[1]) == same and any(both[0]), both)
    run('RESET DateStyle')


def test_delete():
    view = View("""CREATE TABLE l (code varchar(40) PRIMARY KEY, name text);
                   CREATE TABLE r (id uuid PRIMARY KEY, code varchar(3), nr text);
                   ALTER TABLE l REPLICA IDENTITY FULL; ALTER TABLE r REPLICA IDENTITY FULL;""",
                'CREATE MATERIALIZED VIEW s AS SELECT r.id, r.code, l.name, r.nr FROM l JOIN r ON l.code = r.code')
    view.create()
    u = [f'00000000-0000-0000-0000-00000000000{i}' for i in range(1, 5)]
    send(view.upsert, [u, ['a', 'a', 'b', 'c'], ['x'] * 4, ['y'] * 4])
    left, right = view.tables
    got = send(view.occurrences[0]['delete'], [['a', 'nobody', 'longer than the sink column can hold']])
    check('a range delete takes all rows of the join key, and no others', got == 2, got)
    check('a delete by a value that the sink could not hold deletes nothing', len(run('SELECT * FROM s')) == 2)
    got = send(view.occurrences[1]['delete'], [['b', 'b', 'c'], [u[2], u[3], u[0]]])
    check('a delete by key needs every part of it', got == 1 and run('SELECT code FROM s') == [('c',)], got)
    check('the join key comes first', [left['columns'], right['columns']] == [['code', 'name'], ['code', 'id', 'nr']])


def test_names():
    """Names with upper case, dots, quotes, blanks, key words, letters of any kind."""
    view = View('''CREATE SCHEMA "S.x"; CREATE TABLE "S.x"."My 'Table'" ("Id" bigint PRIMARY KEY, "sélect; --" text, "order" int);
                   CREATE TABLE "user" ("Id" bigint, "a.b" int, "😀" text, PRIMARY KEY ("Id", "a.b"));
                   ALTER TABLE "S.x"."My 'Table'" REPLICA IDENTITY FULL; ALTER TABLE "user" REPLICA IDENTITY FULL;''',
                '''CREATE MATERIALIZED VIEW "Group ""By""" AS SELECT m."Id" AS "select", u."a.b", m."sélect; --", m."order", "😀" AS "Ü"
                   FROM "S.x"."My 'Table'" m JOIN "user" AS u ON m."Id" = u."Id"''')
    view.create()
    send(view.upsert, [['1', '2'], ['3', '4'], ['x', 'y'], ['5', '6'], ['z', None]])
    send(view.upsert, [['1'], ['3'], ['x'], ['5'], ['zz']])
    check('quoted names: upsert', run('SELECT * FROM "Group ""By""" ORDER BY 1') == [(1, 3, 'x', 5, 'zz'), (2, 4, 'y', 6, None)])
    copy_in(view, [('3', '5', 'c', '7', None)])
    for table in view.tables:
        send(table['check'], [['1']] * len(table['columns']))
    got = [send(view.occurrences[0]['delete'], [['1']]), send(view.occurrences[1]['delete'], [['2', '3'], ['4', '6']])]
    check('quoted names: delete', got == [1, 1], got)
    run('DROP TABLE "Group ""By"""')


def test_shipped():
    """The view that ships: its statements against its own tables in one database."""
    with open(os.path.join(ROOT, 'schemas/oltp.sql')) as f:
        oltp = f.read()
    with open(os.path.join(ROOT, 'schemas/student_contact.sql')) as f:
        view = View(oltp, f.read())
    view.create()
    run(oltp)
    check('schemas/oltp.sql is accepted by PostgreSQL', True)
    send(view.upsert, [['1'], ['1'], ["O'Neill"], ['+49 \\ "1"']])
    check('the shipped view: upsert', run('SELECT * FROM student_contact') == [(1, 1, "O'Neill", '+49 \\ "1"')])
    try:
        run('TRUNCATE student CASCADE')
        check('the shipped tables refuse TRUNCATE', False)
    except psycopg2.Error as e:
        check('the shipped tables refuse TRUNCATE', 'would not reach the OLAP database' in str(e), e)
