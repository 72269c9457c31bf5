"""Tables of where and when people work, beside the calendar's file, and the marks of old machines."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from server.database import metadata
from server.facts import fact_kind

SITES = fact_kind("sites", ("site", "name", "zone"), ("site",))

SITE_PLACES = fact_kind("site_places", ("site", "latitude", "longitude"), ("site",))
"""Where a site is: degrees as decimal text, north and east positive."""

SHIFTS = fact_kind("shifts", ("scope", "value", "shift"), ("scope", "value"))
"""Who has a shift between two dates. `scope`: as an assignment of the calendar (employees, units, sites, agencies)."""

LEGACY_MONTHS = fact_kind("legacy_months", ("month", "counts"), ("month",))
"""Months in which old fingerprint logs count. `counts`: yes or no; without a row they do not."""

DATINGS = fact_kind("datings", ("entry", "employee_id", "earliest_ms", "latest_ms", "status"), ("entry",))
"""When a presence was, where a person had to say. `entry`: DEVICE/SEQ; `status`: as in `decisions`."""

ATTEST_LIMITS = fact_kind("attest_limits", ("agency", "marks"), ("agency",))
"""How many marks a supervisor of an agency and those below it ('' of all) attests in a month."""

# What a machine of before says of somebody; nobody signed it. Rows are only added.
legacy_marks = Table(
    "legacy_marks",
    metadata,
    Column("mark", Integer, primary_key=True),
    Column("employee_id", Text, nullable=False),
    Column("earliest_ms", BigInteger, nullable=False),
    Column("latest_ms", BigInteger, nullable=False, comment="59.999 s later where the log has no seconds"),
    Column("month", Text, nullable=False, comment="in the log's own zone, YYYY-MM"),
    Column("site", Text, nullable=False),
    Column("source_file", Text, nullable=False, comment="name, SHA-256 and row of the file"),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("employee_id", "earliest_ms", "site"),
    sqlite_autoincrement=True,
)
"""Marks of old machines, `legacy/N` where a line refers to one."""
Index("legacy_marks_time", legacy_marks.c.earliest_ms)
