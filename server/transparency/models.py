"""Tables of transparency: who may read the logs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from server.database import metadata

auditors = Table(
    "auditors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("added_ms", BigInteger, nullable=False),
)
