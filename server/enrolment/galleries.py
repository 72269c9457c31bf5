"""Galleries made of the approved templates of those who serve; a new version whenever the content changes."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256

import numpy as np
from sqlalchemy import Connection, func, select

from protocol.calibration import alike, calibrate
from protocol.enrolment import LOOK
from protocol.gallery import Gallery, Person
from server.enrolment.duplicates import WARN_OF
from server.enrolment.models import despite_duplicates, enrolments, galleries
from server.people import service as people


def embedder(connection: Connection) -> tuple[str, int] | None:
    """Identity and dimension of the embedder whose templates are in use; None before the first approval."""
    query = select(enrolments.c.embedder, enrolments.c.dimension).where(enrolments.c.state == "approved").limit(1)
    row = connection.execute(query).first()
    return None if row is None else (row[0], row[1])


def current(connection: Connection, now_ms: int) -> Gallery | None:
    """The gallery as the facts stand, numbered and recorded if it is new; None before the first approval."""
    identity = embedder(connection)
    if identity is None:
        return None
    names, matrices = [], []
    newest = select(func.max(enrolments.c.enrolment)).where(enrolments.c.state == "approved")
    rows = select(enrolments).where(enrolments.c.enrolment.in_(newest.group_by(enrolments.c.employee)))
    held = {row["employee"]: row for row in connection.execute(rows).mappings()}
    pseudonyms = people.pseudonyms(connection)
    for employee in people.employees(connection, now_ms):
        row = held.get(employee["employee_id"])
        if row is not None and people.active(employee, now_ms) and employee["employee_id"] in pseudonyms:
            names.append(Person(pseudonyms[employee["employee_id"]], first_name(employee["name"]), row["rows"]))
            matrices.append(row["matrix"])
    warned = connection.execute(select(despite_duplicates.c.enrolment, despite_duplicates.c.warnings))
    despite = {number for number, texts in warned if any(LOOK not in text for text in json.loads(texts))}
    doubted = {pseudonyms[name] for name, row in held.items() if row["enrolment"] in despite and name in pseudonyms}
    gallery = calibrated(Gallery(0, *identity, 0, 0, tuple(names), b"".join(matrices)), doubted)
    digest = sha256(gallery.encode()).digest()
    last = connection.execute(select(galleries).order_by(galleries.c.gallery.desc()).limit(1)).mappings().first()
    if last is not None and last["digest"] == digest:
        return replace(gallery, version=last["gallery"])
    version = 1 if last is None else last["gallery"] + 1
    count = sum(person.count for person in names)
    row_of = {"digest": digest, "embedder": identity[0], "people": len(names), "rows": count, "made_ms": now_ms}
    connection.execute(galleries.insert(), row_of | {"gallery": version})
    return replace(gallery, version=version)


def calibrated(gallery: Gallery, doubted: Collection[str] = ()) -> Gallery:
    """The gallery with the threshold and margin that its own pairs of people give, and who is alike.

    Alike are those of whom the threshold would name one for the other; `doubted`: people (pseudonyms) approved in
    spite of a warning, who are alike already where that warning is given.
    """
    rows = np.frombuffer(gallery.matrix, "<f4").reshape(-1, gallery.dimension)
    counts = np.array([person.count for person in gallery.people], np.intp)
    found = calibrate(rows, counts, gallery.embedder)
    warned = calibrate(rows, counts, gallery.embedder, WARN_OF).threshold if doubted else found.threshold
    places = {place for place, person in enumerate(gallery.people) if person.person in doubted}
    pairs = {
        (one, other)
        for score, one, other in alike(rows, counts, max(found.threshold, warned))
        if score <= found.threshold or places & {one, other}
    }
    return replace(
        gallery,
        threshold_e4=round(1e4 * found.threshold),
        margin_e4=round(1e4 * found.margin),
        basis=found.basis,
        pairs=found.pairs,
        alike=tuple(sorted(pairs)),
    )


def first_name(name: str) -> str:
    """What a public screen may show: the first word that is not a title (*dr.*, *Hj.*)."""
    words = [word.strip(",") for word in name.split()]
    return next((word for word in words if not word.endswith(".")), words[0] if words else "")
