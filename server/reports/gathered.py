"""What an officer may read of a month: its reports by agency, with what stands beside them; of oneself the own slip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from server.people import grants
from server.reports.aggregates import aggregated
from server.reports.beside import beside
from server.reports.model import MonthReport
from server.reports.stored import stored
from server.services import Services

READERS = (grants.HEAD, grants.HR, grants.TREASURER, grants.AUDITOR)
"""Who may read the reports of an agency; everybody may read the own slip."""
OWN = ("slips", "arrears_slips")


def month_reports(
    parts: Services, month: str, names: Collection[str], *, agency: str = "", by: str = grants.CONSOLE
) -> tuple[list[MonthReport], list[str]]:
    """The reports of a month, an agency each (or of one), with the lists among `names`; and which of `names` they are.

    `by`: an officer with a grant of READERS for the agency, or anybody for the own slip alone; CONSOLE reads all. An
    agency that the officer may not read is left out. NotFound for what is not there, Refused when nothing is left.
    """
    own = ""
    with parts.database.read() as connection:
        reports = stored(connection, parts, month, agency)
        if by != grants.CONSOLE:
            acting = grants.authority(connection, by, parts.clock.now_ms())
            allowed = [report for report in reports if acting.may(READERS, report.agency.id)]
            if not allowed:
                own, names = _own(acting, reports, names)
            reports = allowed or reports
        everybody = stored(connection, parts, month) if "aggregates" in names else []
    found = beside(parts, reports, names)
    if everybody:
        sums = aggregated(everybody)
        found = [replace(report, lists=replace(report.lists, aggregates=sums)) for report in found]
    return ([report.only(own) for report in found if report.has(own)] if own else found), list(names)


def _own(acting: grants.Authority, reports: Sequence[MonthReport], names: Collection[str]) -> tuple[str, list[str]]:
    """Who has no grant to read: the employee, and those of `names` that one reads of oneself; Refused where none is."""
    own = acting.officer.employee
    chosen = [name for name in names if name in OWN]
    if not own or not chosen or not any(report.has(own) for report in reports):
        acting.require(
            READERS, reports[0].agency.id if len(reports) == 1 else "", f"read reports of {reports[0].month}"
        )
    return own, chosen
