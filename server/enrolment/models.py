"""Tables of enrolment."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from server.database import metadata
from server.facts import fact_kind

PROMPT_SETS = fact_kind("prompt_sets", ("prompt_set", "employee_id", "prompts", "status", "filed_by"), ("prompt_set",))
"""What somebody is asked at kiosks instead of the usual, between two days. `prompts`: separated by spaces, '' for none;
`status`: proposed, approved or rejected."""

CARDS = fact_kind("cards", ("card", "employee_id", "digest", "status"), ("employee_id",))
"""The card of somebody whom the face alone does not name; `card`: its number, `status`: issued or revoked."""

WITHDRAWALS = fact_kind("template_withdrawals", ("enrolment", "employee_id", "status", "filed_by"), ("enrolment",))
"""Approved templates that an officer asked to withdraw; `status`: proposed, approved or rejected."""

enrol_codes = Table(
    "enrol_codes",
    metadata,
    Column("code_hash", LargeBinary, primary_key=True),
    Column("employee", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("opened_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

enrolments = Table(
    "enrolments",
    metadata,
    Column("enrolment", Integer, primary_key=True),
    Column("employee", Text, nullable=False, index=True),
    Column("device", Text, nullable=False, comment="where the pictures were taken, or '' when imported"),
    Column("embedder", Text, nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("matrix", LargeBinary, nullable=False, comment="rows x dimension float32, little-endian"),
    Column("report", Text, nullable=False, comment="JSON list of what the device noticed"),
    Column("opened_by", Text, nullable=False),
    Column("submitted_ms", BigInteger, nullable=False),
    Column("state", Text, nullable=False, comment="pending, approved, rejected, withdrawn or erased"),
    Column("decided_by", Text),
    Column("decided_ms", BigInteger),
    sqlite_autoincrement=True,
)

# Approvals in spite of a warning: one face has two names, one name two faces, or a photo may be of a picture.
despite_duplicates = Table(
    "despite_duplicates",
    metadata,
    Column("enrolment", Integer, primary_key=True),
    Column("warnings", Text, nullable=False, comment="JSON list"),
    Column("reason", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_ms", BigInteger, nullable=False),
)

# Which templates were in which version: the digest stands for them, so that templates lie in one place only.
galleries = Table(
    "galleries",
    metadata,
    Column("gallery", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("embedder", Text, nullable=False),
    Column("people", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
)
