"""A computed month as files: payments.csv, lines.csv, days.csv, problems.csv and summary.json, whole or not at all."""
# ruff: noqa: S608 (columns and paths are this module's own or quoted)

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import ENOTDIR
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv

from server.allowance.compute import Result
from server.allowance.problems import Problem
from server.attendance.sql import lit
from server.errors import NotFound

TEXT, DAY, WHOLE = pa.string(), pa.date32(), pa.int64()
COLUMNS: dict[str, dict[str, pa.DataType]] = {
    "payments": {
        "employee_id": TEXT,
        **dict.fromkeys(("gross", "deductions", "dues", "tax", "net"), WHOLE),
        **dict.fromkeys(("status", "reason"), TEXT),
    },
    "lines": {
        "employee_id": TEXT,
        "date": DAY,
        "fact": TEXT,
        "article": TEXT,
        "base": WHOLE,
        "numerator": WHOLE,
        "denominator": WHOLE,
        "rounding": TEXT,
        "rupiah": WHOLE,
        **dict.fromkeys(("step", "kind", "certainty", "account", "text"), TEXT),
    },
    "days": {
        "employee_id": TEXT,
        "date": DAY,
        **dict.fromkeys(("code", "first_in", "last_out"), TEXT),
        **dict.fromkeys(("required_s", "late_s", "early_s"), WHOLE),
    },
}
"""File → column → type, in the order in which they are written."""

SUMMARY, PROBLEMS = "summary.json", "problems.csv"


def write_result(result: Result, problems: Sequence[Problem], directory: Path) -> None:
    """Write a month into `directory`, which is made; other files in it stay. Same result, same bytes.

    Everything is written beside it first. A new or empty directory appears whole; in one that holds files they are
    replaced one by one, summary.json going first and coming last, so that what is half replaced is known as such.
    Raises OSError.
    """
    directory = directory.resolve()
    if directory.exists() and not directory.is_dir():
        raise NotADirectoryError(ENOTDIR, "is a file; give the name of a directory, new or old", str(directory))
    directory.parent.mkdir(parents=True, exist_ok=True)
    with _beside(directory) as made:
        rows = pa.Table.from_pylist([problem.row_of_report() for problem in problems], schema=_PROBLEM)
        with duckdb.connect(":memory:") as con:
            con.execute("SET enable_progress_bar = false")
            for name, columns in COLUMNS.items():
                _write_table(con, getattr(result, name), list(columns), made / f"{name}.csv")
            _write_table(con, rows, _PROBLEM.names, made / PROBLEMS)
        hashes = {path.name: _sha256(path) for path in sorted(made.iterdir())}
        summary = {**result.summary, "problems": len(problems), "files": hashes}
        (made / SUMMARY).write_text(json.dumps(summary, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        for path in made.iterdir():
            with path.open("rb+") as stream:
                os.fsync(stream.fileno())
        made.chmod(0o755)
        if not directory.exists() or not any(directory.iterdir()):
            made.replace(directory)
            return
        (directory / SUMMARY).unlink(missing_ok=True)
        for name in [*hashes, SUMMARY]:
            (made / name).replace(directory / name)


def read_result(directory: Path) -> Result:
    """The month that `write_result` wrote. Raises NotFound when it is not there, or its files do not be one month's."""
    path = directory / SUMMARY
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        hashes = summary.pop("files")
        summary.pop("problems")
        for name, expected in hashes.items():
            if _sha256(directory / name) != expected:
                raise NotFound(f"{directory / name} is not the file that {SUMMARY} describes; compute the month again")
        tables = {name: _read_table(directory / f"{name}.csv", name) for name in COLUMNS}
        return Result(**tables, summary=summary)
    except FileNotFoundError as error:
        raise NotFound(
            f"{error.filename} is missing: {directory} holds no computed month; run hadir tpp compute --out {directory}"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, pa.ArrowInvalid):
        raise NotFound(f"{path} is not the summary of a computed month; compute the month again") from None


_PROBLEM = pa.schema([("file", TEXT), ("row", WHOLE), ("column", TEXT), ("employee_id", TEXT), ("message", TEXT)])


@contextmanager
def _beside(directory: Path) -> Iterator[Path]:
    """A new directory on the same disk, gone afterwards unless it was renamed."""
    made = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_table(con: duckdb.DuckDBPyConnection, table: pa.Table, columns: list[str], path: Path) -> None:
    """CSV with a header, quotes only where they are needed, Unix line ends, empty for nothing."""
    chosen = ", ".join(
        f"NULLIF({_name(column)}, '') AS {_name(column)}" if table.schema.field(column).type == TEXT else _name(column)
        for column in columns
    )
    con.register("written", table)
    con.execute(f"COPY (SELECT {chosen} FROM written) TO {lit(str(path))} (FORMAT csv, HEADER true)")


def _name(column: str) -> str:
    return f'"{column}"'


def _read_table(path: Path, name: str) -> pa.Table:
    options = pyarrow.csv.ConvertOptions(column_types=COLUMNS[name], strings_can_be_null=True, null_values=[""])
    parsing = pyarrow.csv.ParseOptions(newlines_in_values=True)
    table = pyarrow.csv.read_csv(path, parse_options=parsing, convert_options=options)
    empty = {column: "" for column in ("reason", "fact", "article") if column in COLUMNS[name]}
    for column, value in empty.items():
        place = table.column_names.index(column)
        table = table.set_column(place, column, table[column].fill_null(value))
    return table


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
