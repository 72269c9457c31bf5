"""Tables of what excuses an absence: leave, duty orders, corrections. The columns are those of the CSV files."""

from __future__ import annotations

from server.facts import fact_kind

LEAVE = fact_kind("leave", ("employee_id", "kind", "from", "to", "document", "status"), ("employee_id", "kind", "from"))
ORDERS = fact_kind(
    "orders",
    ("order_id", "employee_id", "from", "to", "place", "document", "status"),
    ("order_id", "employee_id", "from"),
)
CORRECTIONS = fact_kind(
    "corrections",
    ("employee_id", "date", "kind", "from", "to", "reason", "document", "status"),
    ("employee_id", "date", "kind", "from"),
)
