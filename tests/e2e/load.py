"""Seeded random single-row changes of student and contact, and the history of every version there ever was.

Each worker owns its ids, so it knows what its rows are and in which order they change. Each statement is a transaction
of its own; a procedure runs them in the server, some dozens a call, so that thousands a second need no round trips.
The foreign key must be away: contacts refer to any student of the load, whether it is there or not.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Sequence

from db import Database
from wait import Failure, Stopwatch, wait_until

WORKERS = 4
STUDENTS = 50    # ids a worker owns; about two thirds of them exist at any time
CONTACTS = 1000
SPAN = 100_000   # ids between two workers
FIRST_ID = 10_000_000

PROCEDURE = """
CREATE SCHEMA IF NOT EXISTS e2e;
CREATE OR REPLACE PROCEDURE e2e.run_each(statements text[]) LANGUAGE plpgsql AS $$
DECLARE statement text; changed bigint;
BEGIN
  FOREACH statement IN ARRAY statements LOOP
    EXECUTE statement;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> 1 THEN RAISE EXCEPTION '% rows changed by: %', changed, statement; END IF;
    COMMIT;
  END LOOP;
END $$;
"""


@dataclass
class History:
    """Every version that was or is about to be committed; a version is added before its statement is sent."""
    students: set[tuple[int, str]] = field(default_factory=set)             # id, name
    contacts: set[tuple[int, int, str]] = field(default_factory=set)        # student id, contact id, number

    def problem(self, student: int, contact: int, name: str, number: str) -> str | None:
        """Why a row of the sink table never was true (O2)."""
        if (student, name) not in self.students:
            return f"student {student} never was {name!r}"
        if (student, contact, number) not in self.contacts:
            return f"contact {contact} never was {number!r} while it belonged to student {student}"
        return None


class Model:
    """One worker's rows, and random changes of them as SQL."""

    def __init__(self, seed: int, worker: int, first_id: int, history: History, weights: Sequence[int]) -> None:
        self.weights = weights
        self.random = random.Random(f"{seed}/{worker}")
        self.history = history
        self.first_id = first_id
        base = first_id + worker * SPAN
        self.student_ids = range(base, base + STUDENTS)
        self.contact_ids = range(base, base + CONTACTS)
        self.students: dict[int, str] = {}
        self.contacts: dict[int, tuple[int | None, str]] = {}
        self.versions = 0
        self.tag = f"w{worker}"

    def next_statements(self) -> list[str]:
        change = self.random.choices(CHANGES, self.weights)[0]
        return change(self)

    def version(self) -> str:
        self.versions += 1
        return f"{self.tag}.{self.versions}"

    def any_student_id(self) -> int | None:
        """Of any worker, there or not; now and then none, now and then a crowded one."""
        dice = self.random.random()
        if dice < 0.05:
            return None
        if dice < 0.10:
            return self.first_id
        return self.first_id + self.random.randrange(WORKERS) * SPAN + self.random.randrange(STUDENTS)

    def free(self, ids: range, taken: dict) -> int | None:
        id = self.random.choice(ids)
        return None if id in taken else id

    def present(self, rows: dict) -> int | None:
        return self.random.choice(list(rows)) if rows else None

    # ---- rows and their history

    def set_student(self, id: int, name: str) -> None:
        self.history.students.add((id, name))
        self.students[id] = name

    def set_contact(self, id: int, student: int | None, number: str) -> None:
        if student is not None:
            self.history.contacts.add((student, id, number))
        self.contacts[id] = (student, number)

    # ---- the changes

    def insert_student(self) -> list[str]:
        id = self.free(self.student_ids, self.students)
        if id is None:
            return self.update_student()
        name = self.version()
        self.set_student(id, name)
        return [f"INSERT INTO student VALUES ({id}, '{name}')"]

    def insert_contact(self) -> list[str]:
        id = self.free(self.contact_ids, self.contacts)
        if id is None:
            return self.move_contact()
        student, number = self.any_student_id(), self.version()
        self.set_contact(id, student, number)
        return [f"INSERT INTO contact VALUES ({id}, {sql_id(student)}, '{number}')"]

    def update_student(self) -> list[str]:
        id = self.present(self.students)
        if id is None:
            return []
        name = self.version()
        self.set_student(id, name)
        return [f"UPDATE student SET name = '{name}' WHERE student_id = {id}"]

    def update_contact(self) -> list[str]:
        id = self.present(self.contacts)
        if id is None:
            return []
        number = self.version()
        self.set_contact(id, self.contacts[id][0], number)
        return [f"UPDATE contact SET contact_number = '{number}' WHERE contact_id = {id}"]

    def move_contact(self) -> list[str]:
        """To another student or to none; the number stays, or changes with it."""
        id = self.present(self.contacts)
        if id is None:
            return []
        student = self.any_student_id()
        number = self.version() if self.random.random() < 0.3 else self.contacts[id][1]
        self.set_contact(id, student, number)
        return [f"UPDATE contact SET student_id = {sql_id(student)}, contact_number = '{number}' "
                f"WHERE contact_id = {id}"]

    def move_away_and_back(self) -> list[str]:
        id = self.present(self.contacts)
        if id is None:
            return []
        home, number = self.contacts[id]
        away = self.any_student_id()
        self.set_contact(id, away, number)
        self.set_contact(id, home, number)
        return [f"UPDATE contact SET student_id = {sql_id(student)} WHERE contact_id = {id}"
                for student in (away, home)]

    def change_student_key(self) -> list[str]:
        old, new = self.present(self.students), self.free(self.student_ids, self.students)
        if old is None or new is None:
            return []
        self.set_student(new, self.students.pop(old))
        return [f"UPDATE student SET student_id = {new} WHERE student_id = {old}"]

    def change_contact_key(self) -> list[str]:
        old, new = self.present(self.contacts), self.free(self.contact_ids, self.contacts)
        if old is None or new is None:
            return []
        self.set_contact(new, *self.contacts.pop(old))
        return [f"UPDATE contact SET contact_id = {new} WHERE contact_id = {old}"]

    def delete_student(self) -> list[str]:
        id = self.present(self.students)
        if id is None:
            return []
        del self.students[id]
        return [f"DELETE FROM student WHERE student_id = {id}"]

    def delete_contact(self) -> list[str]:
        id = self.present(self.contacts)
        if id is None:
            return []
        del self.contacts[id]
        return [f"DELETE FROM contact WHERE contact_id = {id}"]

    def reinsert_student(self) -> list[str]:
        id = self.present(self.students)
        if id is None:
            return []
        name = self.version()
        self.set_student(id, name)
        return [f"DELETE FROM student WHERE student_id = {id}", f"INSERT INTO student VALUES ({id}, '{name}')"]

    def reinsert_contact(self) -> list[str]:
        id = self.present(self.contacts)
        if id is None:
            return []
        student, number = self.any_student_id(), self.version()
        self.set_contact(id, student, number)
        return [f"DELETE FROM contact WHERE contact_id = {id}",
                f"INSERT INTO contact VALUES ({id}, {sql_id(student)}, '{number}')"]


CHANGES, CHANGE_WEIGHTS = zip(
    (Model.insert_student, 16), (Model.insert_contact, 26), (Model.update_student, 10), (Model.update_contact, 14),
    (Model.move_contact, 14), (Model.move_away_and_back, 3), (Model.change_student_key, 4),
    (Model.change_contact_key, 4), (Model.delete_student, 4), (Model.delete_contact, 9), (Model.reinsert_student, 2),
    (Model.reinsert_contact, 2))
STORM_WEIGHTS = (16, 26, 3, 3, 60, 30, 15, 8, 6, 4, 12, 12)  # the same changes; most move something


def sql_id(id: int | None) -> str:
    return "NULL" if id is None else str(id)


class Load:
    """Changes from several connections at a steady rate, in the background, until enough or until stop()."""

    runs = 0

    def __init__(self, oltp: Database, seed: int, changes: int | None, rate: float,
                 weights: Sequence[int] | None = None) -> None:
        oltp.run(PROCEDURE)
        self.oltp = oltp
        self.history = History()
        self.first_id = FIRST_ID + Load.runs * WORKERS * SPAN
        Load.runs += 1
        self.end_id = self.first_id + WORKERS * SPAN
        self.models = [Model(seed, worker, self.first_id, self.history, weights or CHANGE_WEIGHTS)
                       for worker in range(WORKERS)]
        self.quota = None if changes is None else changes // WORKERS + 1
        self.rate = rate / WORKERS
        self.counts = [0] * WORKERS
        self.errors: list[str] = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._work, args=(worker,), daemon=True) for worker in range(WORKERS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        wait_until("the load is under way", lambda: self.changes >= 500 or self.errors, 20)
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stop(check=kind is None)

    @property
    def changes(self) -> int:
        return sum(self.counts)

    def stop(self, check: bool = True) -> None:
        self.stopping.set()
        self._join(check)

    def finish(self) -> None:
        """Until the wanted number of changes is made."""
        self._join(True)

    def _join(self, check: bool) -> None:
        for thread in self.threads:
            thread.join()
        if check and self.errors:
            raise Failure("the load failed: " + self.errors[0])
        if check:
            self.check_model()

    def _work(self, worker: int) -> None:
        try:
            self._change(worker)
        except Exception as error:  # whatever it is, the case must say it
            self.errors.append(f"{type(error).__name__}: {error}")

    def _change(self, worker: int) -> None:
        connection = self.oltp.connect()
        watch = Stopwatch()
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            while not self.stopping.is_set() and (self.quota is None or self.counts[worker] < self.quota):
                statements: list[str] = []
                while len(statements) < min(50, 1 + self.rate / 20):
                    statements += self.models[worker].next_statements()
                cursor.execute("CALL e2e.run_each(%s)", (statements,))
                self.counts[worker] += len(statements)
                time.sleep(max(0.0, self.counts[worker] / self.rate - watch.seconds()))
        connection.close()

    def check_model(self) -> None:
        """The generator's idea of the tables is the tables: otherwise its history proves nothing."""
        for table, key, rows in (("student", "student_id", [(id, name) for model in self.models
                                                            for id, name in model.students.items()]),
                                 ("contact", "contact_id", [(id, student, number) for model in self.models
                                                            for id, (student, number) in model.contacts.items()])):
            found = self.oltp.run(f"SELECT * FROM {table} WHERE {key} >= %s AND {key} < %s", self.first_id, self.end_id)
            if sorted(found, key=str) != sorted(rows, key=str):
                raise Failure(f"the load's own idea of {table} is wrong: {len(rows)} rows, really {len(found)}")
