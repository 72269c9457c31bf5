"""The explanation that a person reads, and what the engine may import and say to a database."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

import server.allowance.compute as engine
from server.allowance.casebook import Casebook, read
from server.allowance.compute import Result, compute
from server.allowance.explain import explain
from server.errors import NotFound

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def book() -> Casebook:
    return read(ROOT / "regulations/tests/ambon-2026.yaml")


@pytest.fixture(scope="module")
def result(book: Casebook) -> Result:
    return compute(book.inputs, book.regulation, book.month)


def place(book: Casebook, name: str) -> str:
    names = [case["name"] for case in book.source.value["cases"]]
    return f"case {names.index(name) + 1:03d}"


def test_each_rupiah_has_its_reason_fraction_article_and_evidence(book: Casebook, result: Result) -> None:
    text = explain(result, place(book, "A mark 31 minutes before the start does not count"))
    assert "TPP Oktober 2026" in text
    assert "+Rp4.300.000" in text
    assert "Sen  5  Potongan disiplin (40 %): tidak merekam masuk" in text
    assert "−Rp25.800" in text
    assert "40 % × 1,5 % dari Rp4.300.000" in text
    assert "bukti: 2026-10-05T16:00:00+09:00" in text
    assert "diandaikan" in text


def test_the_english_explanation_says_the_same(book: Casebook, result: Result) -> None:
    text = explain(result, place(book, "Unpaid property tax holds the payment, computed in full"), "en")
    assert "HELD: no proof that the property tax is paid" in text
    assert "Final income tax" in text
    assert "5 % of Rp4,300,000" in text


def test_the_explained_rupiah_add_up_to_what_is_paid(book: Casebook, result: Result) -> None:
    for row in result.payments.to_pylist():
        text = explain(result, row["employee_id"], "en")
        amounts = [
            int(f"{'-' if sign == '−' else ''}{digits.replace(',', '')}")
            for sign, digits in re.findall(r" ([+−])Rp([\d,]+)$", text, re.MULTILINE)
        ]
        assert sum(amounts) == row["net"]


def test_somebody_unknown_is_said_to_be_unknown(result: Result) -> None:
    with pytest.raises(NotFound, match="nobody is not among"):
        explain(result, "nobody")


ENGINE = (
    *("casebook", "compute", "conditions", "explain", "inputs", "oracle", "parts", "payments", "people", "regulation"),
    *("steps", "tables", "undecided", "ways", "wording"),
)


@pytest.mark.parametrize("name", ENGINE)
def test_the_engine_imports_four_packages_and_itself(name: str) -> None:
    tree = ast.parse((ROOT / f"server/allowance/{name}.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    allowed = {"duckdb", "pyarrow", "yaml", "jsonschema"} | sys.stdlib_module_names
    for module in imported:
        assert module.split(".")[0] in allowed or module.startswith(
            ("server.allowance", "server.attendance", "server.errors")
        )


def test_the_sql_keeps_to_what_other_engines_read(book: Casebook, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Heard:
        """A connection that notes what it is told."""

        def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
            self.con = con

        def __enter__(self) -> Heard:
            return self

        def __exit__(self, *error: object) -> None:
            self.con.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.con, name)

        def execute(self, query: str) -> Any:
            said.append(query)
            return self.con.execute(query)

        def sql(self, query: str) -> Any:
            said.append(query)
            return self.con.sql(query)

    connect = duckdb.connect
    monkeypatch.setattr(engine.duckdb, "connect", lambda *a, **k: Heard(connect(*a, **k)))
    compute(book.inputs, book.regulation, book.month)
    assert len(said) > 50
    peculiar = r"//|::|\[|arg_max|\b(QUALIFY|EXCLUDE|REPLACE|UNNEST|PIVOT|ASOF|STRUCT|LIST|HUGEINT)\b"
    assert [query for query in said if re.search(peculiar, query)] == []
