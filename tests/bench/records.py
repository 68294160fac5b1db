"""What generate.c writes, said a second time in SQL: the truth that tables are compared with."""

from dataclasses import dataclass, field, fields, replace

from db import Database
from wait import Failure

MASK = (1 << 64) - 1
MULTIPLIER = 7919   # student_of in generate.c
LAST = 100          # keys from the end of each stage that tell whether all may be there

# Count and checksum of a table or a select with the view's four columns.
CHECKSUM = ("SELECT count(*), coalesce(sum(('x' || substr(md5(student_id || '|' || contact_id || '|' || name || '|' || "
            "contact_number), 1, 15))::bit(60)::bigint), 0)::text FROM ({}) v")


@dataclass(frozen=True)
class Records:
    """The options of one run of generate."""
    students: int = 250_000
    contacts: int = 500_000
    inserts: int = 1
    renames: int = 0
    rename_step: int = 2
    updates: int = 0
    update_step: int = 4
    moves: int = 0
    deletes: int = 0
    rounds: int = 1
    random: int = 0
    seed: int = 1
    version: int = 1
    base: int = 0
    stride: int = 1

    def options(self) -> list[str]:
        return [f"{option.name}={getattr(self, option.name)}" for option in fields(self)]

    def changes_only(self, **values: int) -> "Records":
        """Other changes of the same rows, which are there already."""
        return replace(self, **{"inserts": 0, "renames": 0, "updates": 0, "moves": 0, "deletes": 0, **values})

    # ---- rows, as expressions over n

    def student_number(self, contact: str) -> str:
        return f"(1 + ({contact})::bigint * {MULTIPLIER} % {self.students})"

    def student_id(self, number: str) -> str:
        return f"({self.base} + ({number}) * {self.stride})"

    # ---- the order in which keys are written

    def permuted(self, i: int, n: int) -> int:
        """The function of this name in generate.c."""
        if not self.random:
            return i
        half = 1
        while 1 << 2 * half < n:
            half += 1
        mask = (1 << half) - 1
        while True:
            left, right = i >> half, i & mask
            for number in range(4):
                left, right = right, left ^ (mix(right * 4 + number + self.seed * 977) & mask)
            i = left << half | right
            if i < n:
                return i

    def last_of(self, count: int) -> list[int]:
        return [self.permuted(i, count) for i in range(max(0, count - LAST), count)]

    def last_contacts(self) -> list[int]:
        """Numbers of the contacts that the last records of each stage are about."""
        found = [self.update_step * (1 + i) for i in self.last_of(self.updates)]
        found += [4 * i + 1 for i in self.last_of(self.moves)]
        if self.inserts:
            found += [1 + i for i in self.last_of(self.contacts)]
        return found

    def last_students(self) -> list[int]:
        return [self.rename_step * (1 + i) for i in self.last_of(self.renames)]


def mix(z: int) -> int:
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
    return z ^ z >> 31


@dataclass
class History:
    """All that was written to one pair of topics: runs of generate over the same rows, the first with their inserts."""
    runs: list[Records] = field(default_factory=list)

    def __add__(self, run: Records) -> "History":
        return History([*self.runs, run])

    def sql(self) -> str:
        """The view's select, over generated series instead of tables."""
        first = self.runs[0]
        name = f"'student ' || student_id || ' v{first.version}'"
        number = f"'+49-' || contact_id || '-{first.version}'"
        owner, there = first.student_number("c"), "true"
        for run in self.runs:
            last = run.version + run.rounds - 1
            if run.renames:
                name = (f"CASE WHEN s % {run.rename_step} = 0 AND s / {run.rename_step} <= {run.renames} "
                        f"THEN 'renamed ' || student_id || ' v{last}' ELSE {name} END")
            if run.updates:
                number = (f"CASE WHEN c % {run.update_step} = 0 AND c / {run.update_step} <= {run.updates} "
                          f"THEN '+50-' || contact_id || '-{last}' ELSE {number} END")
            if run.moves:
                moved = f"c % 4 = 1 AND c / 4 < {run.moves}"
                owner = f"CASE WHEN {moved} THEN {first.student_number('c + 1')} ELSE {owner} END"
                number = f"CASE WHEN {moved} THEN '+51-' || contact_id || '-{run.version}' ELSE {number} END"
            if run.deletes:
                there += f" AND NOT (c % 4 = 3 AND c / 4 < {run.deletes})"
        return (f"SELECT student_id, contact_id, {name} AS name, {number} AS contact_number FROM ("
                f"SELECT c, s, {first.student_id('s')} AS student_id, {first.base} + c AS contact_id "
                f"FROM (SELECT c, {owner} AS s FROM generate_series(1, {first.contacts}) c WHERE {there}) x) y")

    def truth(self, database: Database) -> "Truth":
        return Truth(database, self)

    def statements(self) -> list[str]:
        """The same changes as single-row transactions, for who reads no topics: blocks that commit each row."""
        return [block for run in self.runs for block in transactions(run)]


def transactions(run: Records) -> list[str]:
    blocks: list[str] = []

    def each(count: int, statement: str) -> None:
        order = "md5(g::text)" if run.random else "g"
        if count:
            blocks.append(f"DO $$ DECLARE n bigint; BEGIN FOR n IN SELECT g FROM generate_series(1, {count}) g "
                          f"ORDER BY {order} LOOP {statement}; COMMIT; END LOOP; END $$")
    if run.inserts:
        each(run.students, f"INSERT INTO student SELECT {run.student_id('n')}, "
                           f"'student ' || {run.student_id('n')} || ' v{run.version}'")
        each(run.contacts, f"INSERT INTO contact SELECT {run.base} + n, {run.student_id(run.student_number('n'))}, "
                           f"'+49-' || {run.base} + n || '-{run.version}'")
    for version in range(run.version, run.version + run.rounds):
        renamed, updated = run.student_id(f"{run.rename_step} * n"), f"({run.base} + {run.update_step} * n)"
        each(run.renames, f"UPDATE student SET name = 'renamed ' || {renamed} || ' v{version}' "
                          f"WHERE student_id = {renamed}")
        each(run.updates, f"UPDATE contact SET contact_number = '+50-' || {updated} || '-{version}' "
                          f"WHERE contact_id = {updated}")
    moved, deleted = f"({run.base} + 4 * n - 3)", f"({run.base} + 4 * n - 1)"
    each(run.moves, f"UPDATE contact SET student_id = {run.student_id(run.student_number('4 * n - 2'))}, "
                    f"contact_number = '+51-' || {moved} || '-{run.version}' WHERE contact_id = {moved}")
    each(run.deletes, f"DELETE FROM contact WHERE contact_id = {deleted}")
    return blocks


class Truth:
    """The rows that must be there, as a table of its own, with their count and checksum."""

    table = "student_contact"
    columns = ("student_id", "contact_id", "name", "contact_number")
    of_table = CHECKSUM.format(f"SELECT * FROM {table}")
    look_up = ("SELECT count(*) FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[]) k(s, c, n, t) "
               f"JOIN {table} r ON r.student_id = k.s AND r.contact_id = k.c AND r.name = k.n AND r.contact_number = k.t")

    def __init__(self, database: Database, history: History) -> None:
        self.database = database
        database.transaction(
            "DROP TABLE IF EXISTS truth",
            f"CREATE UNLOGGED TABLE truth AS {history.sql()}", "CREATE UNIQUE INDEX ON truth (contact_id)",
            "CREATE INDEX ON truth (student_id)", "ANALYZE truth")
        self.count, self.checksum = database.run(CHECKSUM.format("SELECT * FROM truth"))[0]
        if self.count == 0:
            raise Failure("the truth has no rows")
        run = history.runs[-1]
        self.last = self._rows(run)

    def _rows(self, run: Records) -> list[tuple]:
        contacts = [run.base + number for number in run.last_contacts()]
        students = [run.base + number * run.stride for number in run.last_students()]
        return self.database.run("SELECT student_id, contact_id, name, contact_number FROM truth "
                                 "WHERE contact_id = ANY(%s) UNION SELECT * FROM (SELECT student_id, contact_id, name, "
                                 "contact_number FROM truth WHERE student_id = ANY(%s) "
                                 "ORDER BY contact_id DESC LIMIT 400) s", contacts, students)
