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

TASKS = fact_kind("order_tasks", ("order_id", "tasks"), ("order_id",))
"""What a duty order asks for."""

REPORTS = fact_kind("order_reports", ("order_id", "employee_id", "text", "evidence"), ("order_id", "employee_id"))
"""What somebody reports of a duty order; `evidence` names files with their SHA-256, a line each."""
