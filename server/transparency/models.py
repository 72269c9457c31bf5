"""Tables of transparency: who may read the logs, the national log, and nodes of all trees to make proofs from."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, Text

from server.database import metadata

auditors = Table(
    "auditors",
    metadata,
    Column("name", Text, primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("added_ms", BigInteger, nullable=False),
)

national_leaves = Table(
    "national_leaves",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("device", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("note", LargeBinary, nullable=False, comment="the device's checkpoint, exactly: the leaf"),
)

# One row: the national log as it stands.
national_log = Table(
    "national_log",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("frontier", LargeBinary, nullable=False),
    Column("note", LargeBinary, nullable=False, comment="its checkpoint, signed"),
    Column("key", Text, nullable=False, comment="the verifier key for it"),
)

# A cache of what follows from the leaves: roots of the perfect subtrees of 2^level of them, level 8, 16, ….
tree_nodes = Table(
    "tree_nodes",
    metadata,
    Column("log", Text, primary_key=True, comment="device, or '' for the national log"),
    Column("level", Integer, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
