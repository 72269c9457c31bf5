"""Arrow tables as bytes in the database, and a digest of what a month came to."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet


def to_parquet(table: pa.Table) -> bytes:
    """A table as a column of bytes."""
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def from_parquet(data: bytes) -> pa.Table:
    """Inverse of `to_parquet`."""
    # In this thread alone: one of Arrow's that let go of Python's memory at the end of the program would need an
    # interpreter that is gone, and abort the program.
    return pyarrow.parquet.ParquetFile(pa.BufferReader(data)).read(use_threads=False)


def digest(tables: Iterable[pa.Table]) -> str:
    """SHA-256 of tables' columns and values, however they lie in memory or on disk."""
    total = hashlib.sha256()
    for table in tables:
        # As CSV: null and '' differ there, and neither chunks nor the version of a binary format show.
        buffer = io.BytesIO()
        pyarrow.csv.write_csv(table, buffer)
        total.update(buffer.getvalue())
    return total.hexdigest()
