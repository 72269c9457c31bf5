"""The engine's SQL elsewhere: translated to Spark and PostgreSQL it parses, and PostgreSQL gives the same rows."""

from __future__ import annotations

import csv
import io
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot
from random_month import random_inputs, random_regulation
from sqlglot.errors import ErrorLevel

import server.allowance.compute as engine
from server.allowance.casebook import read

CASES = Path(__file__).parents[3] / "regulations" / "tests"
BOOKS = ("ambon-2026", "probolinggo-157-2019", "ter")
SEEDS = (5, 10)
TYPES = {
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.string(): "TEXT",
    pa.date32(): "DATE",
    pa.bool_(): "BOOLEAN",
    pa.null(): "BIGINT",
}
NULL = "\\N"


class Recorder:
    """A DuckDB connection that notes what it is given and what it answers."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self.con = con
        self.said: list[tuple[str, Any]] = []

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *error: object) -> None:
        self.con.close()

    def register(self, name: str, table: pa.Table) -> None:
        self.said.append((name, table))
        self.con.register(name, table)

    def execute(self, query: str) -> duckdb.DuckDBPyConnection:
        if not query.startswith("SET "):
            self._note(query)
        return self.con.execute(query)

    def sql(self, query: str) -> duckdb.DuckDBPyRelation:
        self._note(query)
        return self.con.sql(query)

    def _note(self, query: str) -> None:
        if re.match(r"\s*(SELECT|WITH)\b", query):
            self.said.append(("?" + query, self.con.execute(query).fetchall()))
            return
        dropped = re.match(r"DROP TABLE (\w+)", query)
        if dropped:
            # What a table held is compared before it goes.
            name = dropped[1]
            self.said.append((f"?SELECT * FROM {name}", self.con.execute(f"SELECT * FROM {name}").fetchall()))
        self.said.append((query, None))


def recorded(inputs: Any, regulation: Any) -> list[list[tuple[str, Any]]]:
    """What was said to each database in turn: the month as things stand, then what undecided facts leave open."""
    connect, made = duckdb.connect, []

    def recording(*args: Any, **options: Any) -> Recorder:
        made.append(Recorder(connect(*args, **options)))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.duckdb, "connect", recording)
        engine.compute(inputs, regulation, "2026-10")
    return [one.said for one in made]


@lru_cache(maxsize=1)
def months() -> dict[str, list[list[tuple[str, Any]]]]:
    """Recorded computations: the cases of the shipped regulations, and random months under random regulations."""
    found = {}
    for name in BOOKS:
        book = read(CASES / f"{name}.yaml")
        found[name] = recorded(book.inputs, book.regulation)
    for seed in SEEDS:
        rng = Random(seed)
        with tempfile.TemporaryDirectory() as folder:
            regulation = random_regulation(rng, Path(folder))
        found[f"random {seed}"] = recorded(random_inputs(rng, 10), regulation)
    return found


def statements() -> list[str]:
    """Each different statement once."""
    return list(
        dict.fromkeys(
            sql.removeprefix("?")
            for month in months().values()
            for said in month
            for sql, answer in said
            if spoken(answer)
        )
    )


def spoken(answer: Any) -> bool:
    return not isinstance(answer, pa.Table)


@cache
def translated(sql: str, dialect: str) -> str:
    found = sqlglot.transpile(sql, read="duckdb", write=dialect, unsupported_level=ErrorLevel.RAISE)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("dialect", ["postgres", "spark"])
def test_each_statement_translates_and_parses(dialect: str) -> None:
    assert len(statements()) > 200
    for sql in statements():
        sqlglot.parse_one(translated(sql, dialect), read=dialect, error_level=ErrorLevel.RAISE)


@pytest.fixture(scope="module")
def postgres() -> Iterator[list[str]]:
    """A PostgreSQL of its own on a Unix socket: the words that run psql on it."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not homes:
        pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
    root = os.geteuid() == 0
    user = "nobody" if root else pwd.getpwuid(os.geteuid()).pw_name
    # Its programs refuse to run as root, and pytest's folders are closed to anybody else.
    folder = Path(tempfile.mkdtemp(prefix="hadir-pg-"))
    if root:
        shutil.chown(folder, user)
    options: dict[str, Any] = {"user": user} if root else {}

    def run(*words: str) -> None:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env={"LC_ALL": "C"}, **options)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"

    home = homes[-1].parent
    try:
        run(str(home / "initdb"), "-D", f"{folder}/data", "-U", "hadir", "-A", "trust", "-E", "UTF8", "-N")
        settings = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run(str(home / "pg_ctl"), "-D", f"{folder}/data", "-w", "-l", f"{folder}/log", "-o", settings, "start")
        try:
            psql = shutil.which("psql") or str(home / "psql")
            yield [psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(folder), "-U", "hadir", "postgres"]
        finally:
            run(str(home / "pg_ctl"), "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def text(value: Any) -> str:
    if value is None:
        return NULL
    return {True: "t", False: "f"}[value] if isinstance(value, bool) else str(value)


def loading(name: str, table: pa.Table) -> str:
    columns = ", ".join(f"{field.name} {TYPES[field.type]}" for field in table.schema)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    for row in table.to_pylist():
        writer.writerow([text(value) for value in row.values()])
    # A line that is \. alone would end the data; no column holds one.
    return (
        f"CREATE TABLE {name} ({columns});\nCOPY {name} FROM STDIN (FORMAT csv, NULL '{NULL}');\n{out.getvalue()}\\.\n"
    )


def script(said: list[tuple[str, Any]]) -> str:
    """Everything that was said, as one psql script that prints each answer as CSV after a line `#number`."""
    parts = ["SET client_min_messages = warning; DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public;"]
    for number, (sql, answer) in enumerate(said):
        if isinstance(answer, pa.Table):
            parts.append(loading(sql, answer))
        elif answer is None:
            parts.append(translated(sql, "postgres") + ";")
        else:
            query = translated(sql.removeprefix("?"), "postgres")
            parts.append(f"\\echo #{number}\nCOPY ({query}) TO STDOUT (FORMAT csv, NULL '{NULL}');")
    return "\n".join(parts)


@pytest.mark.parametrize("name", [*BOOKS, *(f"random {seed}" for seed in SEEDS)])
def test_postgresql_gives_the_same_rows_at_every_step(name: str, postgres: list[str]) -> None:
    databases = months()[name]
    assert len(databases) == 4 or not name.startswith("random")
    for said in databases:
        same_answers(said, postgres)


def same_answers(said: list[tuple[str, Any]], postgres: list[str]) -> None:
    done = subprocess.run(postgres, input=script(said), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    answers: dict[int, list[list[str]]] = {}
    for row in csv.reader(io.StringIO(done.stdout)):
        if row and re.fullmatch(r"#\d+", row[0]):
            rows = answers.setdefault(int(row[0][1:]), [])
        else:
            rows.append(row)
    expected = {number: answer for number, (_, answer) in enumerate(said) if isinstance(answer, list)}
    assert len(expected) > 5
    assert answers.keys() == expected.keys()
    for number, wanted in expected.items():
        ordered = re.search(r"ORDER BY [rl]\.emp, ", said[number][0])
        lists = [answers[number], [[text(value) for value in row] for row in wanted]]
        found, wanted = lists if ordered else [sorted(rows) for rows in lists]
        assert found == wanted, said[number][0]
