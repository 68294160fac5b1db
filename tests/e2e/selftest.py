"""Proves that each oracle fails on a table that is wrong in its way. Needs only PostgreSQL."""

import json
from typing import Callable

import caches
import declared
import oracle
import past
from db import Database
from load import Load
from past import ViewSampler
from sampler import Sampler
from stack import ROOT, Stack
from system import read_view
from tables import View
from viewload import ViewLoad
from wait import Failure, wait_until

SINK = """
CREATE TABLE student_contact (student_id bigint, contact_id bigint, name text, contact_number text,
  PRIMARY KEY (student_id, contact_id));
CREATE TABLE sync_progress (view text, task int, seq bigint NOT NULL, offsets bigint[], owner text,
  at timestamptz DEFAULT now(), PRIMARY KEY (view, task, seq));
CREATE TABLE sync_dead_letter (view text, task int, topic text, partition int, "offset" bigint, key bytea, value bytea,
  row_key text, kept text, reason text, at timestamptz DEFAULT now());
"""
SOURCE = """
INSERT INTO student VALUES (1, 'Dan'), (2, 'Tom'), (3, '');
INSERT INTO contact VALUES (1, 1, '123'), (2, 1, '456'), (3, 2, '789'), (4, NULL, 'none'), (5, 3, 'x');
"""
PROGRESS = """
INSERT INTO sync_progress VALUES ('v', 0, 1, '{}', 'a'), ('v', 0, 2, '{5,6}', 'a'), ('v', 0, 3, '{5,6}', 'b'),
  ('v', 0, 4, '{7,6}', 'b'), ('v', 1, 1, '{}', 'a'), ('v', 1, 2, '{1,1}', 'a')
"""
EQUAL = {  # O1 must find each of these
    "a missing row": "DELETE FROM student_contact WHERE contact_id = 2",
    "a stale value": "UPDATE student_contact SET name = 'Don' WHERE contact_id = 2",
    "a row too many": "INSERT INTO student_contact VALUES (2, 1, 'Tom', '123')",
    "a moved row in both places": "INSERT INTO student_contact VALUES (1, 3, 'Dan', '789')",
    "NULL for an empty text": "UPDATE student_contact SET name = NULL WHERE contact_id = 5",
    "one more space": "UPDATE student_contact SET contact_number = '123 ' WHERE contact_id = 1",
    "an empty table": "DELETE FROM student_contact",
}
PROGRESSES = {  # O3 must find each of these
    "a gap in seq": "DELETE FROM e2e.progress_log WHERE task = 0 AND seq = 2",
    "an offset that falls": "UPDATE e2e.progress_log SET offsets = '{7,5}' WHERE task = 0 AND seq = 4",
    "an owner that is back": "INSERT INTO sync_progress VALUES ('v', 0, 5, '{7,6}', 'a')",
    "offsets changed by an acquisition": "UPDATE e2e.progress_log SET offsets = '{6,6}' WHERE task = 0 AND seq = 3",
    "offsets that begin anew": "INSERT INTO sync_progress VALUES ('v', 1, 3, '{}', 'a')",
}


CACHES = {  # O4 must find each of these
    "a missing row": lambda cache: cache.rows.pop(),
    "a stale value": lambda cache: cache.rows[0][1].update(name="Don"),
    "an empty text for NULL": lambda cache: cache.rows[1][1].update(contact_number=""),
    "a deleted row": lambda cache: cache.rows.append(("s", {"student_id": "2", "name": "Tom"})),
    "a row twice": lambda cache: cache.rows.append(cache.rows[0]),
    "a row without a join key": lambda cache: cache.rows.append(
        ("c", {"student_id": None, "contact_id": "8", "contact_number": "x"})),
    "offsets behind its rows": lambda cache: cache.offsets.update(c=0),
    "offsets past the log's end": lambda cache: cache.offsets.update(s=9),
}


def cache_logs() -> dict[str, list]:
    def record(offset: int, key: dict, op: str, after: dict | None) -> tuple[int, str, str]:
        return offset, json.dumps(key), json.dumps({"op": op, "after": after})
    tom, contact = {"student_id": 2}, {"student_id": 1, "contact_id": 5}
    orphan = {"student_id": None, "contact_id": 8}
    return {"s": [record(0, {"student_id": 1}, "c", {"student_id": 1, "name": "Dam"}),
                  record(1, tom, "r", tom | {"name": "Tom"}), record(2, tom, "d", None),
                  record(4, {"student_id": 1}, "u", {"student_id": 1, "name": "Dan"}),
                  record(5, {"student_id": 1}, "u", {"student_id": 1, "name": "not in the cache yet"})],
            "c": [record(0, contact, "c", contact | {"contact_number": None}),
                  record(1, orphan, "c", orphan | {"contact_number": "x"})]}


def a_right_cache() -> caches.Cache:
    return caches.Cache({"s": 5, "c": 2}, [
        ("s", {"student_id": "1", "name": "Dan"}),
        ("c", {"student_id": "1", "contact_id": "5", "contact_number": None})])


class Control:
    def __init__(self, stack: Stack) -> None:
        self.oltp = Database(stack.oltp.port, "selftest")
        self.olap = Database(stack.olap.port, "selftest")
        self.view, self.query = read_view(ROOT / "schemas/student_contact.sql")
        self.folder = stack.folder
        self.passed = True

    def fresh(self) -> None:
        self.oltp.create()
        self.olap.create()
        self.oltp.transaction((ROOT / "schemas/oltp.sql").read_text(), SOURCE)
        self.olap.transaction(SINK, PROGRESS)
        oracle.keep_whole_progress_log(self.olap)
        self.copy_join()

    def copy_join(self) -> None:
        self.olap.run("DELETE FROM student_contact")
        for row in self.oltp.run(self.query):
            self.olap.run("INSERT INTO student_contact VALUES (%s, %s, %s, %s)", *row)

    def report(self, what: str, good: bool, found: str) -> None:
        self.passed = self.passed and good
        print(f"{'PASS' if good else 'FAIL'} {what}{': ' + found if found else ''}", flush=True)

    def check(self, name: str, wrongs: dict[str, str], problems: Callable[[], list[str]]) -> None:
        """No problem with the right table, some problem with each wrong one."""
        self.fresh()
        self.report(f"{name} accepts what is right", not problems(), " / ".join(problems()))
        for what, sql in wrongs.items():
            self.fresh()
            self.olap.run(sql)
            found = problems()
            self.report(f"{name} finds {what}", bool(found), " ".join(line.strip() for line in found))

    def equal(self) -> list[str]:
        return oracle.check_equal(self.oltp, self.olap, self.query, self.view)

    def progress(self) -> list[str]:
        return oracle.check_progress(self.olap)

    def letters(self) -> list[str]:
        return oracle.check_dead_letters(self.olap)

    def check_caches(self) -> None:
        placed_by = {"s": ["student_id"], "c": ["student_id"]}
        found = caches.problems(a_right_cache(), cache_logs(), placed_by)
        self.report("O4 accepts what is right", not found, " / ".join(found))
        for what, change in CACHES.items():
            cache = a_right_cache()
            change(cache)
            found = caches.problems(cache, cache_logs(), placed_by)
            self.report(f"O4 finds {what}", bool(found), " ".join(found))

    def check_leaks(self) -> None:
        from cases.leaks import BOUND, Held, too_much  # here, for the cases keep the order of their import
        warm = Held(30, 500_000, 41, 6)
        self.report("leaks accepts what is right", not too_much(warm.more_than(warm)), "")
        for number, field in enumerate(("rss_anon_mb", "vm_mb", "descriptors", "threads")):
            values = [30, 500_000, 41, 6]
            values[number] += getattr(BOUND, field) + 1
            found = too_much(Held(*values).more_than(warm))
            self.report(f"leaks finds more {field}", found == [field], ", ".join(found))

    # ---- O2

    def check_sampler(self) -> None:
        self.fresh()
        self.oltp.run("ALTER TABLE contact DROP CONSTRAINT contact_student_id_fkey")
        with Load(self.oltp, seed=1, changes=4000, rate=100_000) as load:
            load.finish()
        self.copy_join()
        in_load = f"student_id >= {load.first_id}"
        self.sample(load, "O2 accepts what is right", "SELECT 1", wrong=False)
        pair = f"(SELECT student_id, contact_id FROM student_contact WHERE {in_load} LIMIT 1)"
        row = f"(student_id, contact_id) = {pair}"
        for what, sql in {
                "a name that never was": f"UPDATE student_contact SET name = 'never' WHERE {row}",
                "another student's name": f"UPDATE student_contact SET name = (SELECT name FROM student_contact "
                                          f"WHERE {in_load} AND student_id <> (SELECT student_id FROM {pair} p) "
                                          f"LIMIT 1) WHERE {row}",
                "a number that never was": f"UPDATE student_contact SET contact_number = 'never' WHERE {row}",
                "a contact at a student that never had it":
                    f"UPDATE student_contact SET student_id = student_id + {load.end_id - load.first_id - 1} "
                    f"- (student_id - {load.first_id}), name = name WHERE {row}"}.items():
            self.copy_join()
            self.sample(load, f"O2 finds {what}", sql, wrong=True)

    def sample(self, load: Load, what: str, sql: str, wrong: bool) -> None:
        self.olap.run(sql)
        found = ""
        try:
            with Sampler(self.olap, self.view, load) as sampler:
                wait_until("a read", lambda: sampler.reads > 0, 10)
        except Failure as failure:
            found = str(failure).replace("\n", " ")
        self.report(what, bool(found) == wrong, found)


    # ---- any view

    def fresh_for(self, view: View) -> None:
        self.oltp.create()
        self.olap.create()
        oltp_file, _ = view.write(self.folder / f"selftest-{view.name}")
        self.oltp.transaction(oltp_file.read_text())
        if view.after_ddl:
            self.oltp.transaction(view.after_ddl)
        past.keep(self.oltp, view)

    def check_load(self, view: View, table: str) -> None:
        """However short a load is, it changes something in every table; if it can't, it says so."""
        self.fresh_for(view)
        found = [problem for seed in range(SHORT_LOADS) if (problem := self.short_load(view, seed))]
        self.report(f"{SHORT_LOADS} short loads of {view.name} change every table", not found, " / ".join(found[:3]))
        self.oltp.transaction(
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            f"CREATE TRIGGER nothing BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()")
        problem = self.short_load(view, 0)
        self.report(f"a load that can't change {table} says so", problem.endswith(f"nothing in {table}"), problem)

    def short_load(self, view: View, seed: int) -> str:
        try:
            with ViewLoad(self.oltp, view, seed, changes=1, rate=100_000) as load:
                load.finish()
        except Failure as failure:
            return str(failure)
        return ""

    def check_view_sampler(self, view: View, wrongs: dict[str, str]) -> None:
        self.fresh_for(view)
        with ViewLoad(self.oltp, view, seed=1, changes=6000, rate=100_000) as load:
            load.finish()
        self.oltp.run(f"CREATE TABLE rows AS {view.query}")
        columns = ", ".join(f'"{name}" {kind}' for name, kind in self.oltp.run(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = 'rows'::regclass AND attnum > 0 ORDER BY attnum"))
        for what, sql in {"accepts what is right": "SELECT 1", **wrongs}.items():
            self.olap.run(f"DROP TABLE IF EXISTS {view.name}")
            self.olap.run(f"CREATE TABLE {view.name} ({columns})")
            for row in self.oltp.run("SELECT * FROM rows"):
                self.olap.run(f"INSERT INTO {view.name} VALUES ({', '.join(['%s'] * len(row))})", *row)
            self.olap.run(sql)
            found = ""
            try:
                with ViewSampler(self.oltp, self.olap, view):
                    pass
            except Failure as failure:
                found = str(failure).replace("\n", " ")
            self.report(f"O2 of {view.name} {what}", bool(found) == (sql != "SELECT 1"), found[:300])


SHORT_LOADS = 40

# Of one row each; a row whose customer and country are there.
ONE = "(order_id, line_no) = (SELECT order_id, line_no FROM order_line WHERE country IS NOT NULL ORDER BY 1, 2 LIMIT 1)"
ORDER_LINES = {
    "finds a customer that never was": f"UPDATE order_line SET customer = 'NEVER' WHERE {ONE}",
    "finds another order's customer": f"UPDATE order_line SET customer = (SELECT max(customer) FROM order_line o "
                                      f"WHERE o.customer <> order_line.customer) WHERE {ONE}",
    "finds the country of another customer": f"UPDATE order_line SET country = (SELECT max(country) FROM order_line o "
                                             f"WHERE o.country <> order_line.country) WHERE {ONE}",
    "finds the country of no customer": f"UPDATE order_line SET customer = NULL WHERE {ONE}",
    "finds an amount of another price": f"UPDATE order_line SET amount = amount + 0.01 WHERE {ONE}",
    "finds a line without a product": f"UPDATE order_line SET product = NULL WHERE {ONE}",
    "finds a draft": f"UPDATE order_line SET status = 'draft' WHERE {ONE}",
    "finds the status of another moment": f"UPDATE order_line SET placed_at = placed_at + interval '1 hour' WHERE {ONE}",
}
ORDER_NOTES = {
    "finds a row without a note beside one with a note":
        "INSERT INTO order_note (order_id, title) SELECT order_id, title FROM order_note WHERE note_no IS NOT NULL LIMIT 1",
    "finds another order's note": "UPDATE order_note SET body = (SELECT max(body) FROM order_note o "
                                  "WHERE o.order_id <> order_note.order_id) WHERE (order_id, note_no) = "
                                  "(SELECT order_id, note_no FROM order_note WHERE note_no IS NOT NULL LIMIT 1)",
}


def run(stack: Stack) -> bool:
    for name in ("oltp", "olap"):
        stack.service("start", name)
    control = Control(stack)
    control.check("O1", EQUAL, control.equal)
    control.check("O3", PROGRESSES, control.progress)
    control.check("the dead-letter check", {"a dead letter": "INSERT INTO sync_dead_letter (topic) VALUES ('t')"},
                  control.letters)
    control.check_sampler()
    control.check_load(declared.ORDER_LINE, "countries")
    control.check_view_sampler(declared.ORDER_LINE, ORDER_LINES)
    control.check_view_sampler(declared.NOTES, ORDER_NOTES)
    control.check_caches()
    control.check_leaks()
    return control.passed
