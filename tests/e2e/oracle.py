"""What must be true of the OLAP database: equality with the join (O1) and a whole progress log (O3)."""

from itertools import groupby
from typing import Iterable, Iterator

from db import Database, Row, columns_of

SHOWN = 5  # differences that a message shows

PROGRESS_LOG = """
CREATE SCHEMA IF NOT EXISTS e2e;
CREATE TABLE IF NOT EXISTS e2e.progress_log (LIKE sync_progress INCLUDING INDEXES);
LOCK TABLE sync_progress IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO e2e.progress_log SELECT * FROM sync_progress ON CONFLICT DO NOTHING;
CREATE OR REPLACE FUNCTION e2e.log_progress() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO e2e.progress_log SELECT (NEW).*; RETURN NULL; END';
CREATE OR REPLACE TRIGGER e2e_log AFTER INSERT ON sync_progress
  FOR EACH ROW EXECUTE FUNCTION e2e.log_progress();
"""


def keep_whole_progress_log(olap: Database) -> None:
    """The service trims its log; a trigger keeps every row for O3."""
    olap.transaction(PROGRESS_LOG)


# ---- O1: the table equals the join -------------------------------------------------------------------------------


def rows_as_text(columns: Iterable[str], source: str) -> str:
    """Every row as one text, values compared by col::text, in an order that Python shares."""
    values = ", ".join('"' + column.replace('"', '""') + '"::text' for column in columns)
    return f'SELECT r FROM (SELECT ROW({values})::text AS r FROM {source} x) y ORDER BY r COLLATE "C"'


def differences(wanted: Iterator[Row], got: Iterator[Row]) -> list[str]:
    """Both EXCEPT ALLs of two ordered streams, as lines for people."""
    missing: list[str] = []
    extra: list[str] = []
    want, have = next(wanted, None), next(got, None)
    while want is not None or have is not None:
        if want == have:
            want, have = next(wanted, None), next(got, None)
        elif have is None or (want is not None and want[0] < have[0]):
            missing.append(want[0])
            want = next(wanted, None)
        else:
            extra.append(have[0])
            have = next(got, None)
    return _shown("missing", missing) + _shown("too many or stale", extra)


def _shown(title: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    lines = [f"{len(rows)} rows {title}:"] + [f"    {row[:200]}" for row in rows[:SHOWN]]
    return lines + ([f"    and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else [])


def check_equal(oltp: Database, olap: Database, query: str, table: str) -> list[str]:
    """O1. The select of the view in the OLTP database against the table in the OLAP database."""
    columns = columns_of(oltp, query)
    return differences(oltp.stream(rows_as_text(columns, f"({query})")),
                       olap.stream(rows_as_text(columns, f'"{table}"')))


# ---- O3: the progress log ----------------------------------------------------------------------------------------


def check_progress(olap: Database, table: str = "e2e.progress_log") -> list[str]:
    """O3. Each task's log: no gap, offsets that never fall, owners that never come back."""
    rows = olap.run("SELECT view, task, seq, offsets, owner, coalesce((to_jsonb(l) ->> 'generation')::bigint, 0) "
                    f"FROM {table} l ORDER BY view, task, seq")
    problems: list[str] = []
    for (view, task), log in groupby(rows, key=lambda row: row[:2]):
        problems += [f"{view} task {task}: {problem}" for problem in _log_problems(list(log))]
    return problems


def _log_problems(log: list[Row]) -> Iterator[str]:
    gone: set[str] = set()
    for (_, _, seq, offsets, owner, filling), (_, _, next_seq, next_offsets, next_owner, next_filling) in zip(
            log, log[1:]):
        if next_seq != seq + 1:
            yield f"seq {seq} is followed by {next_seq}"
        anew = next_filling > filling and next_owner != owner and not next_offsets  # the table is, too
        if offsets and not anew and (len(offsets) != len(next_offsets) or any(n < o for o, n in zip(offsets, next_offsets))):
            yield f"offsets go from {offsets} to {next_offsets} at seq {next_seq}"
        if owner != next_owner:
            gone.add(owner)
            if next_owner in gone:
                yield f"owner {next_owner} is back at seq {next_seq}, after it had lost the task"
            if offsets != next_offsets and not anew:
                yield f"the acquisition at seq {next_seq} changed the offsets from {offsets} to {next_offsets}"


def check_dead_letters(olap: Database) -> list[str]:
    """No record was put aside."""
    rows = olap.run('SELECT topic, partition, "offset", reason FROM sync_dead_letter ORDER BY at LIMIT 5')
    return [f"dead letter: {topic} partition {partition} offset {offset}: {reason}"
            for topic, partition, offset, reason in rows]


def owners(olap: Database) -> dict[int, str]:
    """Who has which task now."""
    return dict(olap.run("SELECT DISTINCT ON (task) task, owner FROM sync_progress ORDER BY task, seq DESC"))
