"""Compares an old list with a computed month, person by person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.comparison.causes import causes
from server.comparison.rates import Rates
from server.comparison.values import (
    DIFFERENT,
    EQUAL,
    ITEMS,
    ONLY_OLD,
    ONLY_OURS,
    Compared,
    Comparison,
    Difference,
    OldList,
    OldRow,
    OurPerson,
)
from server.errors import ImportFailed


def compare(old: OldList, ours: Sequence[OurPerson], summaries: Sequence[Mapping[str, Any]] = ()) -> Comparison:
    """Each person of either list. `summaries`, of the month, tell what events cost that nobody had.

    ImportFailed where the old list names people by NIP and the month has none.
    """
    known = _by(old, ours)
    rates = Rates.of(ours, summaries)
    people = [_compared(row, known.get(row.key), old.items, rates) for row in old.rows]
    named = {row.key for row in old.rows}
    listed = {person.employee_id for key, person in known.items() if key in named}
    people += [
        Compared(ONLY_OURS, person.nip if old.id_column == "nip" else person.employee_id, None, person)
        for person in ours
        if person.employee_id not in listed
    ]
    absent = [item for item in old.items if item not in ITEMS and not any(item in one.amounts for one in ours)]
    notes = (*old.notes, *(f"{item}: no line of this month is called so" for item in absent))
    return Comparison(old.name, old.id_column, old.items, tuple(people), old.ignored, notes)


def _by(old: OldList, ours: Sequence[OurPerson]) -> dict[str, OurPerson]:
    if old.id_column == "employee_id":
        return {person.employee_id: person for person in ours}
    known: dict[str, OurPerson] = {}
    for person in ours:
        if person.nip and person.nip in known:
            first = known[person.nip].employee_id
            raise ImportFailed(f"NIP {person.nip} is that of {first} and of {person.employee_id}; mend the employees")
        if person.nip:
            known[person.nip] = person
    if ours and not known:
        raise ImportFailed(f"{old.name} names people by NIP, which the computed month has not: add --employees FILE")
    return known


def _compared(row: OldRow, person: OurPerson | None, items: Sequence[str], rates: Rates) -> Compared:
    if person is None:
        return Compared(ONLY_OLD, row.key, row, None)
    differences = tuple(
        Difference(item, row.amounts[item], person.amounts.get(item, 0), causes(person, row, item, rates))
        for item in items
        if row.amounts[item] != person.amounts.get(item, 0)
    )
    return Compared(DIFFERENT if differences else EQUAL, row.key, row, person, differences)
