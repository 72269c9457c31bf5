"""Arrow tables as bytes in the database, and a digest of what a month came to."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet


def to_parquet(table: pa.Table) -> bytes:
    """A table as a column of bytes."""
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> pa.Table:
    """Inverse of `to_parquet`."""
    return pyarrow.parquet.read_table(io.BytesIO(data))


def digest(tables: Iterable[pa.Table]) -> str:
    """SHA-256 of tables' columns and values, however they lie in memory or on disk."""
    total = hashlib.sha256()
    for table in tables:
        for column in table.column_names:
            values = [str(value) if value is not None else None for value in table[column].to_pylist()]
            total.update(json.dumps([column, values], ensure_ascii=False).encode())
    return total.hexdigest()
