"""Tables of the month's workflow: its steps, objections, later payments, and the regulations as they were."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from server.database import metadata
from server.facts import fact_kind

# Append-only: what a month's state is, is told by its last row.
month_steps = Table(
    "month_steps",
    metadata,
    Column("step", Integer, primary_key=True),
    Column("month", Text, nullable=False),
    Column("agency", Text, nullable=False, comment="identifier, or '' for all"),
    Column("state", Text, nullable=False, comment="draft, review, head, approved, locked, paid or susulan"),
    Column("at_ms", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False, comment="an officer, or '' where a deadline passed"),
    Column("why", Text, nullable=False),
    Column("cutoff_ms", BigInteger, nullable=False, comment="of the run that the step speaks of"),
    Column("digest", Text, nullable=False, comment="SHA-256 of that run's payments, lines and days"),
    Column("run", Integer, comment="a stored run, or null where it was a draft that is gone"),
    Column("objections_until_ms", BigInteger, nullable=False, comment="0 before the review"),
    Column("head_until_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index("month_steps_month", month_steps.c.month, month_steps.c.agency)

OBJECTIONS = fact_kind(
    "objections",
    ("objection", "month", "employee_id", "date", "text", "status", "answer"),
    ("objection",),
)
"""What an employee holds against a draft; `status`: filed, accepted or rejected."""

susulan = Table(
    "susulan",
    metadata,
    Column("run", ForeignKey("runs.run"), primary_key=True),
    Column("base", ForeignKey("runs.run"), nullable=False, comment="the locked run that it adds to"),
    Column("paid_in", Text, nullable=False, comment="the month of payment, whose tax rules hold"),
)

regulation_texts = Table(
    "regulation_texts",
    metadata,
    Column("sha256", Text, primary_key=True, comment="as in runs.regulation_hash"),
    Column("main", Text, nullable=False, comment="which of the files is the regulation itself"),
    Column("files", Text, nullable=False, comment="JSON: relative path to text"),
)
