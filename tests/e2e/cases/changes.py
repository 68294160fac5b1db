"""Every kind of change, one after the other, with one member."""

from cases import Context, case
from wait import Failure, Stopwatch, wait_until


@case("first-insert")
def first_insert(ctx: Context) -> str:
    """The first rows ever, into empty tables of a stack that has just started."""
    if ctx.sql("SELECT 1 FROM student"):
        raise Failure("the tables are not empty: this case must be the first")
    ctx.sql("INSERT INTO student (name) VALUES ('Dan')")
    ctx.sql("INSERT INTO contact (student_id, contact_number) VALUES (1, '123')")
    watch = Stopwatch()
    wait_until("the first row is visible", lambda: ctx.system.olap.run(f"SELECT 1 FROM {ctx.system.view}"), 10, 0.001)
    took = watch.seconds()
    if took > 1:
        raise Failure(f"the first row was visible after {took:.3f} s, promised is 1 s")
    ctx.expect("first insert", [1], [(1, 1, "Dan", "123")])
    return f"visible after {took * 1000:.0f} ms"


@case("readme-example")
def readme_example(ctx: Context) -> None:
    """The two students of the README."""
    dan, tom = ctx.student_id(1), ctx.student_id(2)
    c1, c2, c3 = ctx.contact_id(), ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'Dan'), (%s, 'Tom')", dan, tom)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, '123'), (%s, %s, '456'), (%s, %s, '789')", c1, dan, c2, dan, c3, tom)
    ctx.expect("inserts", [dan, tom], [(dan, c1, "Dan", "123"), (dan, c2, "Dan", "456"), (tom, c3, "Tom", "789")])


@case("insert-orders", foreign_key=False)
def insert_orders(ctx: Context) -> None:
    first, later = ctx.student_id(1), ctx.student_id(5)
    c1, c2 = ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'first')", first)
    ctx.expect("a student without contacts", [first], [])
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n1')", c1, first)
    ctx.expect("student, then contact", [first], [(first, c1, "first", "n1")])
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n2')", c2, later)
    ctx.expect("a contact without its student", [later], [])
    ctx.sql("INSERT INTO student VALUES (%s, 'later')", later)
    ctx.expect("contact, then student", [later], [(later, c2, "later", "n2")])


@case("updates")
def updates(ctx: Context) -> None:
    s = ctx.student_id(3)
    c1, c2 = ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'old')", s)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'a'), (%s, %s, 'b')", c1, s, c2, s)
    ctx.sql("UPDATE student SET name = 'new' WHERE student_id = %s", s)
    ctx.expect("student updated", [s], [(s, c1, "new", "a"), (s, c2, "new", "b")])
    ctx.sql("UPDATE contact SET contact_number = 'b2' WHERE contact_id = %s", c2)
    ctx.expect("contact updated", [s], [(s, c1, "new", "a"), (s, c2, "new", "b2")])
    ctx.sql("UPDATE student SET name = name WHERE student_id = %s", s)
    ctx.sql("UPDATE contact SET contact_number = 'a2' WHERE contact_id = %s", c1)
    ctx.sql("UPDATE contact SET contact_number = 'a' WHERE contact_id = %s", c1)
    ctx.expect("changed and changed back", [s], [(s, c1, "new", "a"), (s, c2, "new", "b2")])


@case("moves")
def moves(ctx: Context) -> None:
    """To another student in another partition and back; quickly; within a partition."""
    here, there, near = ctx.student_id(1), ctx.student_id(6), ctx.student_id(1)
    c = ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 'here'), (%s, 'there'), (%s, 'near')", here, there, near)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", c, here)
    everyone = [here, there, near]
    move = "UPDATE contact SET student_id = %s WHERE contact_id = %s"
    ctx.sql(move, there, c)
    ctx.expect("moved", everyone, [(there, c, "there", "n")])
    ctx.sql(move, here, c)
    ctx.expect("moved back", everyone, [(here, c, "here", "n")])
    ctx.sql(move, there, c)
    ctx.sql(move, near, c)
    ctx.expect("moved twice quickly", everyone, [(near, c, "near", "n")])
    for _ in range(20):
        ctx.sql(move, there, c)
        ctx.sql(move, here, c)
    ctx.expect("moved 40 times", everyone, [(here, c, "here", "n")])
    ctx.sql(move, near, c)
    ctx.expect("moved within a partition", everyone, [(near, c, "near", "n")])
    ctx.sql("UPDATE contact SET student_id = %s, contact_number = 'm' WHERE contact_id = %s", there, c)
    ctx.expect("moved and changed", everyone, [(there, c, "there", "m")])


@case("null-and-back")
def null_and_back(ctx: Context) -> None:
    s, c, lost = ctx.student_id(2), ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 's')", s)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n'), (%s, NULL, 'lost')", c, s, lost)
    ctx.expect("one without a student", [s], [(s, c, "s", "n")])
    ctx.sql("UPDATE contact SET student_id = NULL WHERE contact_id = %s", c)
    ctx.expect("moved to NULL", [s], [])
    ctx.sql("UPDATE contact SET contact_number = 'n2' WHERE contact_id = %s", c)
    ctx.sql("UPDATE contact SET student_id = %s WHERE contact_id IN (%s, %s)", s, c, lost)
    ctx.expect("moved back", [s], [(s, c, "s", "n2"), (s, lost, "s", "lost")])
    ctx.sql("UPDATE contact SET student_id = NULL WHERE contact_id = %s", c)
    ctx.sql("UPDATE contact SET student_id = %s WHERE contact_id = %s", s, c)
    ctx.sql("UPDATE contact SET student_id = NULL WHERE contact_id = %s", lost)
    ctx.sql("DELETE FROM contact WHERE contact_id = %s", lost)
    ctx.expect("to NULL and back quickly", [s], [(s, c, "s", "n2")])


@case("key-changes")
def key_changes(ctx: Context) -> None:
    """Of both tables; the student's cascades to its contacts."""
    old, new, near = ctx.student_id(1), ctx.student_id(4), ctx.student_id(4)
    c1, c2, c3 = ctx.contact_id(), ctx.contact_id(), ctx.contact_id()
    everyone = [old, new, near]
    ctx.sql("INSERT INTO student VALUES (%s, 's')", old)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'a'), (%s, %s, 'b')", c1, old, c2, old)
    change = "UPDATE student SET student_id = %s WHERE student_id = %s"
    ctx.sql(change, new, old)
    ctx.expect("student's key changed", everyone, [(new, c1, "s", "a"), (new, c2, "s", "b")])
    ctx.sql(change, near, new)
    ctx.expect("within its partition", everyone, [(near, c1, "s", "a"), (near, c2, "s", "b")])
    ctx.sql(change, old, near)
    ctx.sql(change, new, old)
    ctx.sql(change, old, new)
    ctx.expect("there and back quickly", everyone, [(old, c1, "s", "a"), (old, c2, "s", "b")])
    ctx.sql("UPDATE contact SET contact_id = %s WHERE contact_id = %s", c3, c2)
    ctx.expect("contact's key changed", everyone, [(old, c1, "s", "a"), (old, c3, "s", "b")])
    ctx.sql("UPDATE contact SET contact_id = %s, student_id = NULL WHERE contact_id = %s", c2, c3)
    ctx.sql("UPDATE contact SET student_id = %s, contact_number = 'c' WHERE contact_id = %s", old, c2)
    ctx.expect("and back, by way of NULL", everyone, [(old, c1, "s", "a"), (old, c2, "s", "c")])


@case("deletes")
def deletes(ctx: Context) -> None:
    s, c1, c2, c3 = ctx.student_id(7), ctx.contact_id(), ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO student VALUES (%s, 's')", s)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'a'), (%s, %s, 'b'), (%s, %s, 'c')", c1, s, c2, s, c3, s)
    ctx.sql("DELETE FROM contact WHERE contact_id = %s", c2)
    ctx.expect("a contact deleted", [s], [(s, c1, "s", "a"), (s, c3, "s", "c")])
    ctx.sql("DELETE FROM student WHERE student_id = %s", s)
    ctx.expect("the student deleted, its contacts with it", [s], [])


@case("reinsert")
def reinsert(ctx: Context) -> None:
    """Delete and insert of the same keys, in separate transactions and in one."""
    s, c = ctx.student_id(5), ctx.contact_id()
    oltp = ctx.system.oltp

    def statements(name: str, number: str) -> list[str]:
        return [f"DELETE FROM student WHERE student_id = {s}", f"INSERT INTO student VALUES ({s}, '{name}')",
                f"INSERT INTO contact VALUES ({c}, {s}, '{number}')"]
    for statement in statements("one", "1"):
        ctx.sql(statement)
    ctx.expect("inserted", [s], [(s, c, "one", "1")])
    for statement in statements("two", "2"):
        ctx.sql(statement)
    ctx.expect("in separate transactions", [s], [(s, c, "two", "2")])
    oltp.transaction(*statements("three", "3"))
    ctx.expect("in one transaction", [s], [(s, c, "three", "3")])
    oltp.transaction(f"DELETE FROM contact WHERE contact_id = {c}", f"INSERT INTO contact VALUES ({c}, {s}, '3')")
    ctx.expect("the same contact again", [s], [(s, c, "three", "3")])
    oltp.transaction(*statements("four", "4"), f"DELETE FROM student WHERE student_id = {s}")
    ctx.expect("deleted again in the same transaction", [s], [])


@case("orphans", foreign_key=False)
def orphans(ctx: Context) -> None:
    s, c1, c2 = ctx.student_id(0), ctx.contact_id(), ctx.contact_id()
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'a')", c1, s)
    ctx.sql("INSERT INTO student VALUES (%s, 's')", s)
    ctx.sql("INSERT INTO contact VALUES (%s, %s, 'b')", c2, s)
    ctx.expect("adopted", [s], [(s, c1, "s", "a"), (s, c2, "s", "b")])
    ctx.sql("DELETE FROM student WHERE student_id = %s", s)
    ctx.expect("the student deleted, the contacts not", [s], [])
    ctx.sql("UPDATE contact SET contact_number = 'a2' WHERE contact_id = %s", c1)
    ctx.sql("DELETE FROM contact WHERE contact_id = %s", c2)
    ctx.sql("INSERT INTO student VALUES (%s, 'again')", s)
    ctx.expect("the student back", [s], [(s, c1, "again", "a2")])
    moved = ctx.student_id(3)
    ctx.sql("UPDATE student SET student_id = %s WHERE student_id = %s", moved, s)
    ctx.expect("the student's key changed, no cascade", [s, moved], [])


ODD_TEXTS = [
    "", " ", "NULL", "null", "\\N", "\\", "\\\\", "a\\nb", "quote ' and \" and `", "tab\tnewline\ncarriage\rreturn",
    "\x01\x02\x1f\x7f", "{\"json\": [1, null]}", "{curly,\"array\",NULL}", "(1,2)", "%s %% $1 ?", "<null>",
    "Ünïcödé ß ø", "日本語 한국어 العربية עברית", "emoji 😀 👩‍👩‍👧‍👦 🏳️‍🌈", "combining e\u0301 \u200b\u202e\ufeff",
    "\u2028\u2029\ud7ff\ue000\uffff", "\U0010ffff\U00010000", "__debezium_unavailable_value_", "x" * 100_000,
    "é\n\"" * 30_000,
]


@case("odd-values")
def odd_values(ctx: Context) -> None:
    """Texts that break quoting, encodings and size limits; ids at the ends of bigint."""
    s, rows = ctx.student_id(4), []
    ctx.sql("INSERT INTO student VALUES (%s, 'plain')", s)
    for text in ODD_TEXTS:
        c = ctx.contact_id()
        ctx.sql("INSERT INTO contact VALUES (%s, %s, %s)", c, s, text)
        rows.append((s, c, "plain", text))
    ctx.expect("as contact_number", [s], rows)
    for text in ODD_TEXTS:
        ctx.sql("UPDATE student SET name = %s WHERE student_id = %s", text, s)
    ctx.expect("as name", [s], [(s, c, ODD_TEXTS[-1], text) for _, c, _, text in rows])
    ctx.sql("DELETE FROM student WHERE student_id = %s", s)
    ctx.expect("and without them", [s], [])
    ids = [2**63 - 1, -2**63, -1, 0, -7, 2**31, 2**32 + 5, -2**31 - 3]
    for id in ids:
        ctx.sql("INSERT INTO student VALUES (%s, 'edge')", id)
        ctx.sql("INSERT INTO contact VALUES (%s, %s, 'n')", id, id)
    ctx.expect("ids at the ends", ids, [(id, id, "edge", "n") for id in ids])
    ctx.sql("UPDATE contact SET student_id = -7 WHERE contact_id = %s", 2**63 - 1)
    ctx.sql("DELETE FROM student WHERE student_id = ANY(%s)", ids)
    ctx.expect("the ends deleted", ids, [])


@case("transactions")
def transactions(ctx: Context) -> None:
    """Many rows in one transaction; one that is rolled back; savepoints."""
    s1, s2 = ctx.student_id(1), ctx.student_id(2)
    contacts = [ctx.contact_id() for _ in range(3000)]
    values = ", ".join(f"({c}, {s1}, 'n{c}')" for c in contacts)
    ctx.system.oltp.transaction(
        f"INSERT INTO student VALUES ({s1}, 'one'), ({s2}, 'two')", f"INSERT INTO contact VALUES {values}",
        "SAVEPOINT a", f"DELETE FROM student WHERE student_id = {s1}", "ROLLBACK TO a",
        f"UPDATE student SET name = 'uno' WHERE student_id = {s1}")
    ctx.expect("3,000 contacts at once", [s1, s2], [(s1, c, "uno", f"n{c}") for c in contacts])
    connection = ctx.system.oltp.connect(autocommit=False)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE student SET name = 'never' WHERE student_id = %s", (s1,))
    connection.rollback()
    connection.close()
    ctx.sql("UPDATE contact SET student_id = %s WHERE student_id = %s", s2, s1)
    ctx.expect("all moved by one statement", [s1, s2], [(s2, c, "two", f"n{c}") for c in contacts])
    ctx.sql("UPDATE student SET name = 'zwei' WHERE student_id = %s", s2)
    ctx.expect("a fan-out of 3,000", [s2], [(s2, c, "zwei", f"n{c}") for c in contacts])
    ctx.sql("DELETE FROM student WHERE student_id = %s", s2)
    ctx.expect("all deleted by one statement", [s2], [])
