"""Tables of where and when people work, beside the calendar's file: sites with their zone, shifts of people."""

from __future__ import annotations

from server.facts import fact_kind

SITES = fact_kind("sites", ("site", "name", "zone"), ("site",))

SHIFTS = fact_kind("shifts", ("scope", "value", "shift"), ("scope", "value"))
"""Who has a shift between two dates. `scope`: as an assignment of the calendar (employees, units, sites, agencies)."""
