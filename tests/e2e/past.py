"""O2 of any view: every row that the OLAP table ever shows is the view's SELECT over committed versions of rows.

Triggers keep each version of each row in a schema `past`. The view's own SELECT over these tables gives every row that
may be seen: a lookup is found by the reference in the very version that is shown, WHERE holds for the values shown, and
what is joined LEFT may be missing, whatever there was.
"""

import itertools
import re

from psycopg2.extras import execute_values

from db import CONNECTION_LOST, Database, columns_of
from sampler import Reader
from tables import View
from wait import Failure

KEEP = """
CREATE SCHEMA IF NOT EXISTS past;
CREATE TABLE past.{table} AS TABLE {table};
CREATE INDEX ON past.{table} ({key});
CREATE FUNCTION past.keep_{table}() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO past.{table} SELECT (NEW).*; RETURN NULL; END';
CREATE TRIGGER keep_past AFTER INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION past.keep_{table}();
"""


def keep(oltp: Database, view: View) -> None:
    oltp.transaction(*(KEEP.format(table=table.name, key=", ".join(table.key)) for table in view.tables))


def possible(view: View) -> list[str]:
    """The view's SELECT over all versions, once for each choice of what is missing of the tables joined LEFT."""
    queries = []
    for count in range(len(view.left) + 1):
        for missing in itertools.combinations(view.left, count):
            query = view.wanted
            for alias in missing:
                query, found = re.subn(rf"LEFT JOIN (\w+) {alias}\b", rf"LEFT JOIN (SELECT * FROM \1 WHERE false) {alias}",
                                       query)
                if found != 1:
                    raise Failure(f"LEFT JOIN of {alias} is {found} times in the view")
            queries.append(query)
    return queries


class ViewSampler(Reader):
    """Reads the OLAP table all the time; at the end every row that was seen must be possible."""

    def __init__(self, oltp: Database, olap: Database, view: View) -> None:
        super().__init__(olap)
        self.oltp = oltp
        self.view = view
        self.columns = columns_of(oltp, view.wanted)
        values = ", ".join(f'"{column}"::text' for column in self.columns)
        self.sql = f'SELECT {values} FROM "{view.name}"'
        self.seen: set[tuple[str | None, ...]] = set()

    def judge(self) -> None:
        found = self.problems + self.impossible()
        if found:
            raise Failure("\n".join([f"{len(found)} problems with what was read in {self.reads} reads:"] + found[:5]))
        if not self.seen:
            raise Failure("the sampler never saw a row")

    @property
    def rows(self) -> int:
        return len(self.seen)

    def sample(self) -> None:
        """Each query is one snapshot. While the database is away there is nothing to see."""
        try:
            self.seen.update(self.olap.run(self.sql))
            for query in self.view.never:
                self.problems += [f"at read {self.reads}, {query}: {row}" for row in self.olap.run(query)]
        except CONNECTION_LOST:
            return
        self.reads += 1

    def impossible(self) -> list[str]:
        connection = self.oltp.connect(autocommit=False)
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE TEMP TABLE seen AS SELECT * FROM ({self.view.wanted}) q WITH NO DATA")
                execute_values(cursor, "INSERT INTO seen VALUES %s", list(self.seen), page_size=1000)
                cursor.execute("ANALYZE seen; ANALYZE " + ", ".join(f"past.{table.name}" for table in self.view.tables))
                cursor.execute("SET search_path = past, pg_catalog, pg_temp")
                same = " AND ".join(f'(s."{column}" = q."{column}" OR s."{column}" IS NULL AND q."{column}" IS NULL)'
                                    for column in self.columns)
                never = " AND ".join(f"NOT EXISTS (SELECT FROM ({query}) q WHERE {same})"
                                     for query in possible(self.view))
                cursor.execute(f"SELECT s::text FROM pg_temp.seen s WHERE {never}")
                return [f"never was: {row}" for row, in cursor.fetchall()]
        finally:
            connection.rollback()
            connection.close()
