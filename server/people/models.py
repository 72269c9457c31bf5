"""Tables of people."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table, Text

from server.database import metadata
from server.facts import fact_kind

EMPLOYEE_COLUMNS = (
    "employee_id", "nip", "name", "employment", "agency", "unit", "site", "zone", "job_class", "golongan", "ptkp",
    "start_date", "end_date", "appointed_date", "other_gross", "bpjs_base", "ytd_gross", "account", "npwp", "flags",
)  # fmt: skip
AMOUNTS = "amounts"
"""JSON of the columns that not everybody has: `amount:<component>`, and the year's tax and pension contributions."""

EMPLOYEES = fact_kind("employees", (*EMPLOYEE_COLUMNS, AMOUNTS), ("employee_id",))

AGENCIES = fact_kind("agencies", ("agency", "name", "parent"), ("agency",))
"""Agencies as a tree: `parent` is the agency above, '' at the top. One that is not recorded stands at the top."""

GRANTS = fact_kind("grants", ("officer", "role", "agency"), ("officer", "role", "agency"))
"""What an officer may do: a role for an agency and all below it ('' for every agency), between two dates."""

HEADS = fact_kind("heads", ("agency", "capacity", "employee_id"), ("agency", "capacity"))
"""Who heads an agency between two dates; `capacity`: definitive, plt or plh."""

POSTS = fact_kind("posts", ("post", "title", "agency", "unit", "job_class"), ("post",))
"""Posts (*jabatan*) with their class, which is the class of whoever holds them."""

POSTINGS = fact_kind(
    "postings", ("employee_id", "post", "capacity", "from", "to", "document"), ("employee_id", "post", "from")
)
"""Who holds which post between two dates, both included; `capacity` as of HEADS."""

ERASURES = fact_kind("erasures", ("employee_id", "status"), ("employee_id",))
"""Whose pseudonym's key was to be destroyed, and was; `status`: as in `erasing`."""

officers = Table(
    "officers",
    metadata,
    Column("officer", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("employee", Text, nullable=False, comment="the officer's own employee id, or ''"),
    Column("added_ms", BigInteger, nullable=False),
)

# Destroying a row makes the log's entries nobody's: so the keys have a table of their own.
person_keys = Table(
    "person_keys",
    metadata,
    Column("employee", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("pseudonym", Text, nullable=False, unique=True),
)
