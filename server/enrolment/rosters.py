"""Rosters made of the facts: who may attest as a supervisor, is asked other prompts, has a card, belongs to a site."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection

from protocol.gallery import Gallery
from protocol.roster import Card, PromptSet, Roster, Supervisor
from server.attendance import attested
from server.enrolment import cards, prompts
from server.people import service as people


def current(connection: Connection, now_ms: int, gallery: Gallery | None, *, attests: bool) -> Roster:
    """The roster as the facts stand, future days included, but for the office, which differs from device to device.

    Of people who serve alone: the device needs no others; and of cards those of whom the gallery lists as alike.
    `attests`: the device takes attested marks.
    """
    serve = {row["employee_id"] for row in people.employees(connection, now_ms) if people.active(row, now_ms)}
    names = {who: name for who, name in people.pseudonyms(connection).items() if who in serve}
    listed = () if gallery is None else look_alikes(gallery)
    today = people.local_day(now_ms).isoformat()
    supervisors = sorted(
        (names[who], first, last)
        for who, first, last in (attested.supervisors(connection, now_ms) if attests else ())
        if who in names and (not last or today <= last)
    )
    sets = [
        PromptSet(row["valid_from"], row["valid_to"], names[row["employee_id"]], int(row["prompt_set"]),
                  tuple(row["prompts"].split()))
        for row in prompts.listed(connection, now_ms)
        if row["status"] == prompts.APPROVED and row["employee_id"] in names
        and (not row["valid_to"] or today <= row["valid_to"])
    ]  # fmt: skip
    held = [
        Card("", row["valid_to"], names[row["employee_id"]], int(row["card"]), row["digest"])
        for row in cards.held(connection, now_ms)
        if names.get(row["employee_id"]) in listed
    ]
    return Roster(tuple(Supervisor(first, last, who) for who, first, last in supervisors), tuple(sets), tuple(held))


def look_alikes(gallery: Gallery) -> set[str]:
    """Pseudonyms of those whom the face alone does not name."""
    return {gallery.people[place].person for pair in gallery.alike for place in pair}


def offices(connection: Connection, now_ms: int) -> dict[str, tuple[str, ...]]:
    """Site → pseudonyms of who serves and belongs there, in order."""
    found, names = defaultdict(list), people.pseudonyms(connection)
    for row in people.employees(connection, now_ms):
        if row["site"] and row["employee_id"] in names and people.active(row, now_ms):
            found[row["site"]].append(names[row["employee_id"]])
    return {site: tuple(sorted(who)) for site, who in found.items()}
