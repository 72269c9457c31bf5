"""Tables of the allowance: work scores, dues, calendars, and the months as they were closed."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text

from server.database import metadata
from server.facts import fact_kind

WORK = fact_kind("work", ("employee_id", "month", "measure", "score"), ("employee_id", "month", "measure"))
DUES = fact_kind("dues", ("employee_id", "kind", "rupiah"), ("employee_id", "kind"))
CALENDARS = fact_kind("calendars", ("name", "text"), ("name",))

runs = Table(
    "runs",
    metadata,
    Column("run", Integer, primary_key=True),
    Column("month", Text, nullable=False),
    Column("agency", Text, nullable=False, comment="identifier, or '' for all"),
    Column("state", Text, nullable=False, comment="draft or closed"),
    Column("cutoff_ms", BigInteger, nullable=False, comment="facts recorded and entries received by then"),
    Column("made_by", Text, nullable=False),
    Column("decree", Text, nullable=False, comment="what adopts the regulation's assumed values, or ''"),
    Column("server_clock", Text, nullable=False),
    Column("input_hash", Text, nullable=False),
    Column("regulation_hash", Text, nullable=False),
    Column("regulation_name", Text, nullable=False),
    Column("regulation_version", Text, nullable=False),
    Column("engine_version", Text, nullable=False),
    Column("notes", Text, nullable=False, comment="JSON list"),
    sqlite_autoincrement=True,
)

run_tables = Table(
    "run_tables",
    metadata,
    Column("run", ForeignKey("runs.run"), primary_key=True),
    Column("name", Text, primary_key=True, comment="payments, lines, days, employees, unresolved, summary, …"),
    Column("parquet", LargeBinary, nullable=False),
)
