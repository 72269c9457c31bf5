"""Tables of a month as bytes in the database."""

import subprocess
import sys

from harness import ROOT

# Threads of Arrow that still hold Python's memory when the program ends abort it now and then; so there may be none.
READS = """
import os
import pyarrow as pa
from server.month.tables import from_parquet, to_parquet

def threads():
    return len(os.listdir("/proc/self/task"))

table = pa.table({"a": [str(n) for n in range(20_000)], "b": list(range(20_000)), "c": pa.nulls(20_000, pa.string())})
before = threads()
data = to_parquet(table)
assert from_parquet(data).equals(table)
assert threads() == before, (before, threads())
"""


def test_a_table_is_read_back_as_it_was_by_no_thread_that_outlives_the_program():
    done = subprocess.run([sys.executable, "-P", "-c", READS], env={"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
