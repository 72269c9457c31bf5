"""All tables in one place: importing this module's models makes them known to the database."""

from __future__ import annotations

from importlib import import_module

_DOMAINS = ("alerts", "allowance", "attendance", "devices", "enrolment", "month", "orders", "people", "transparency")


def load() -> None:
    """Import the models of each domain."""
    for domain in _DOMAINS:
        import_module(f"server.{domain}.models")
