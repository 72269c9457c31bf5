"""One face under two names, or one name with two faces: found before an enrolment counts, decided by a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, and_, func, or_, select

from protocol.calibration import Cohort, People, calibrate, starts_of
from server.enrolment.models import enrolments

WARN_OF = 0.01
"""Looser than a kiosk's rule: of a hundred honest people one may be looked at in vain."""
_STRANGER_BEYOND = 0.15
"""Templates of one person lie within the threshold; this far beyond it (.6 for dlib, its own bound) they do not."""


@dataclass(frozen=True)
class _Held:
    """Templates of all who are enrolled or wait: rows in the order of `enrolments`, those of one together."""

    rows: NDArray[np.float32]
    starts: NDArray[np.intp]
    counts: NDArray[np.intp]
    numbers: tuple[int, ...]
    employees: tuple[str, ...]
    states: tuple[str, ...]
    people: People

    def of(self, place: int) -> NDArray[np.float32]:
        return self.rows[self.starts[place] : self.starts[place] + self.counts[place]]


def warnings(connection: Connection, numbers: Iterable[int]) -> dict[int, list[str]]:
    """What speaks against these pending enrolments; those against which nothing does are left out.

    Each is compared with the newest approved templates of everybody, whoever left included, and with all that wait.
    """
    wanted = set(numbers)
    result = {}
    for (embedder, _), rows in _by_embedder(connection).items():
        if not any(row["enrolment"] in wanted for row in rows):
            continue
        held = _held(rows)
        approved = np.array([state == "approved" for state in held.states], bool)
        limit = _limit(held, approved, embedder)
        if limit is None:
            continue
        cohort = Cohort.of(held.rows, len(held.counts))
        for place, number in enumerate(held.numbers):
            if number in wanted and held.states[place] == "pending" and (found := _against(held, place, limit, cohort)):
                result[number] = found
    return result


def _against(held: _Held, place: int, limit: float, cohort: Cohort) -> list[str]:
    own = held.of(place)
    raw = held.people.distances(own).mean(axis=0)
    employee = held.employees[place]
    mine = np.array([name == employee for name in held.employees], bool)
    found = []
    if (~mine).any():
        others = np.flatnonzero(~mine)
        for other in others[raw[others] + cohort.correction(own) <= limit]:
            waits = "" if held.states[other] == "approved" else f" (enrolment {held.numbers[other]} waits)"
            found.append(f"the face resembles employee {held.employees[other]}{waits}")
    beyond = limit + _STRANGER_BEYOND
    before = [p for p in np.flatnonzero(mine) if held.states[p] == "approved"]
    if any(raw[p] > beyond for p in before):
        found.append("the face differs from the one enrolled under this name before")
    apart = np.linalg.norm(own[:, np.newaxis] - own, axis=2)
    if np.median(apart, axis=1).min() > beyond or apart[np.median(apart, axis=1).argmin()].max() > beyond:
        found.append("its templates are of more than one face")
    return found


def _limit(held: _Held, approved: NDArray[np.bool_], embedder: str) -> float | None:
    """How near is too near, from the people approved; None for an embedder of which nothing is known yet."""
    rows = [held.of(place) for place in np.flatnonzero(approved)]
    matrix = np.concatenate(rows) if rows else np.zeros((0, held.rows.shape[1]), np.float32)
    found = calibrate(matrix, held.counts[approved], embedder, WARN_OF)
    return None if found.basis == "none" else found.threshold


def _by_embedder(connection: Connection) -> dict[tuple[str, int], list[Any]]:
    """Newest approved and all pending enrolments, grouped by what can be compared."""
    newest = select(func.max(enrolments.c.enrolment)).where(enrolments.c.state == "approved")
    counts = or_(enrolments.c.state == "pending", enrolments.c.enrolment.in_(newest.group_by(enrolments.c.employee)))
    query = select(enrolments).where(and_(counts, enrolments.c.rows > 0)).order_by(enrolments.c.enrolment)
    groups: dict[tuple[str, int], list[Any]] = {}
    for row in connection.execute(query).mappings():
        groups.setdefault((row["embedder"], row["dimension"]), []).append(row)
    return groups


def _held(rows: Sequence[Any]) -> _Held:
    counts = np.array([row["rows"] for row in rows], np.intp)
    matrix = np.frombuffer(b"".join(row["matrix"] for row in rows), "<f4").reshape(-1, rows[0]["dimension"])
    starts = starts_of(counts)
    return _Held(
        matrix,
        starts,
        counts,
        tuple(row["enrolment"] for row in rows),
        tuple(row["employee"] for row in rows),
        tuple(row["state"] for row in rows),
        People.of(matrix, starts),
    )
