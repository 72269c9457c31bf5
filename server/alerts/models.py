"""Tables of alerts: bounds and travel times as facts, what was mailed, who acknowledged what. Alerts are not stored."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, Table, Text

from server.database import metadata
from server.facts import fact_kind

BOUNDS = fact_kind("alert_bounds", ("scope", "value", "bound", "amount"), ("scope", "value", "bound"))
"""From when on something is an alert. `scope`: all, site or device; `value`: which, '' for all."""

TRAVEL = fact_kind("travel_times", ("one_site", "other_site", "seconds"), ("one_site", "other_site"))
"""The least time in which anybody gets from one site to another, the sites in alphabetical order."""

# Append-only: an alert is mailed again when it rests on something that no row of its own names.
mailed = Table(
    "alerts_mailed",
    metadata,
    Column("mailed", Integer, primary_key=True),
    Column("alert", Text, nullable=False, index=True),
    Column("rests_on", Text, nullable=False, comment="JSON list"),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Append-only: an alert is acknowledged as long as it rests on nothing that no row of its own names.
acknowledgements = Table(
    "alert_acknowledgements",
    metadata,
    Column("acknowledgement", Integer, primary_key=True),
    Column("alert", Text, nullable=False, index=True),
    Column("rests_on", Text, nullable=False, comment="JSON list: what was known of it then"),
    Column("reason", Text, nullable=False),
    Column("made_by", Text, nullable=False, comment="an officer"),
    Column("at_ms", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
