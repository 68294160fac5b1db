"""Tables and a view over them as data: from it come the SQL files, random changes of every table, and the sentinels."""

import itertools
import random
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Mapping

Draw = Callable[[random.Random], str]  # a value as an SQL literal
_versions = itertools.count(1)


def ints(count: int, null: float = 0) -> Draw:
    """1 to count, now and then NULL; 1 more often than the others."""
    def draw(rng: random.Random) -> str:
        if rng.random() < null:
            return "NULL"
        return "1" if rng.random() < 0.1 else str(rng.randint(1, count))
    return draw


def one_of(*values: str | None) -> Draw:
    return lambda rng: quoted(rng.choice(values))


def version(prefix: str) -> Draw:
    """A text that was never there before: a row that shows it shows this version."""
    return lambda rng: f"'{prefix}.{next(_versions)}'"


def moment(rng: random.Random) -> str:
    """As a version, of a timestamptz."""
    return f"'2026-01-01 00:00:00Z'::timestamptz + {next(_versions)} * interval '1 second'"


def money(rng: random.Random) -> str:
    """As a version, of a numeric."""
    return f"{next(_versions)}.{rng.randrange(100):02}"


def quoted(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


@dataclass
class Column:
    type: str
    draw: Draw
    sentinel: str  # an SQL literal; {id} is the sentinel's, {number} and {token} are of this passing


@dataclass
class Table:
    name: str
    key: Mapping[str, Column]
    values: Mapping[str, Column]
    placed: bool = True  # its topic has all partitions; else one, which every task reads
    two_roles: bool = False  # placed, and a lookup, too: its topic has one
    weight: int = 10     # of 100 random changes about so many are of this table

    @property
    def columns(self) -> dict[str, Column]:
        return {**self.key, **self.values}

    def ddl(self) -> str:
        columns = "".join(f"  {name} {column.type},\n" for name, column in self.columns.items())
        return (f"CREATE TABLE {self.name} (\n{columns}  PRIMARY KEY ({', '.join(self.key)})\n);\n"
                f"ALTER TABLE {self.name} REPLICA IDENTITY FULL;\n")

    # ---- random changes, each one statement

    def where(self, key: Mapping[str, str]) -> str:
        return " AND ".join(f"{name} = {value}" for name, value in key.items())

    def a_key(self, rng: random.Random) -> dict[str, str]:
        return {name: column.draw(rng) for name, column in self.key.items()}

    def insert(self, rng: random.Random, key: Mapping[str, str]) -> str:
        row = {**key, **{name: column.draw(rng) for name, column in self.values.items()}}
        return (f"INSERT INTO {self.name} ({', '.join(row)}) VALUES ({', '.join(row.values())}) ON CONFLICT DO NOTHING")

    def delete(self, key: Mapping[str, str]) -> str:
        return f"DELETE FROM {self.name} WHERE {self.where(key)}"

    def update(self, rng: random.Random, key: Mapping[str, str]) -> str:
        """Some of its columns; all of them in one of four."""
        names = list(self.values)
        chosen = names if rng.random() < 0.25 else rng.sample(names, rng.randint(1, len(names)))
        changed = ", ".join(f"{name} = {self.values[name].draw(rng)}" for name in chosen)
        return f"UPDATE {self.name} SET {changed} WHERE {self.where(key)}"

    def change_key(self, rng: random.Random, key: Mapping[str, str]) -> str:
        new = self.a_key(rng)
        changed = ", ".join(f"{name} = {value}" for name, value in new.items())
        return (f"UPDATE {self.name} SET {changed} WHERE {self.where(key)} "
                f"AND NOT EXISTS (SELECT FROM {self.name} WHERE {self.where(new)})")

    def changes(self, rng: random.Random) -> list[str]:
        key, dice = self.a_key(rng), rng.random()
        if dice < 0.35:
            return [self.insert(rng, key)]
        if dice < 0.70 and self.values:
            return [self.update(rng, key)]
        if dice < 0.80:
            return [self.change_key(rng, key)]
        if dice < 0.92:
            return [self.delete(key)]
        return [self.delete(key), self.insert(rng, key)]

    # ---- sentinels

    def sentinel(self, ids: list[int], number: int) -> str:
        """A row for each id, or its new values."""
        rows = ", ".join("(" + ", ".join(
            column.sentinel.format(id=id, number=number, token=f"sentinel {number}")
            for column in self.columns.values()) + ")" for id in ids)
        changed = ", ".join(f"{name} = excluded.{name}" for name in self.values)
        return (f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES {rows} "
                f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changed}")


@dataclass
class View:
    """A view to try: its tables with their random changes, and what must be so of it at any moment."""
    name: str
    query: str                     # SELECT ..., with an alias for every table
    tables: list[Table]
    key: str                       # the column of the view by which sentinels are found; it places the rows
    left: tuple[str, ...] = ()     # aliases that are joined LEFT
    files: tuple[Path, Path] | None = None  # where tables and view are declared; else both are made of this
    never: tuple[str, ...] = ()    # queries on the OLAP table that must find nothing, at any moment
    after_ddl: str = ""            # e.g. foreign keys, which the random changes do not keep, taken away
    placed_by: tuple[str, ...] = ()  # K's columns, named alike in every core table
    options: str = ""              # WITH (...)
    unused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # columns of tables; as core, table:core's
    computable: str = ""           # where no expression fails, as SQL: the other rows are in sync_refused
    fails: tuple[str, ...] = ()    # makes such a row, out of reach of the random changes

    @property
    def wanted(self) -> str:
        """The SELECT whose rows the table must have."""
        if not self.computable:
            return self.query
        return f"{self.query} {'AND' if 'WHERE' in self.query else 'WHERE'} {self.computable}"

    @property
    def refused(self) -> str:
        """How many rows there are that can't be computed, as SQL."""
        tables = re.search(r"\bFROM\b.*?(?=\bWHERE\b|\Z)", self.query, re.DOTALL)
        return f"SELECT count(*) {tables[0]} WHERE NOT ({self.computable or 'true'})"

    def write(self, folder: Path) -> tuple[Path, Path]:
        if self.files is not None:
            return self.files
        folder.mkdir(parents=True, exist_ok=True)
        oltp = folder / "oltp.sql"
        oltp.write_text("\n".join(table.ddl() for table in self.tables))
        return oltp, self.write_view(folder)

    def write_view(self, folder: Path) -> Path:
        if self.files is not None:
            return self.files[1]
        file = folder / f"{self.name}.sql"
        file.write_text(f"CREATE MATERIALIZED VIEW {self.name} {self.options} AS\n{self.query};\n")
        return file


def together(*views: View) -> View:
    """Their tables, as far as one plan is concerned; of one view, it is that."""
    if len(views) == 1:
        return views[0]
    tables = {table.name: table for view in reversed(views) for table in view.tables}
    used = {name: {column for view in views for table in view.tables if table.name == name
                   for column in table.columns if column not in view.unused.get(name, ())} for name in tables}
    return replace(views[0], tables=list(tables.values()), files=None, after_ddl="", unused={
        name: tuple(column for column in table.columns if column not in used[name]) for name, table in tables.items()})
