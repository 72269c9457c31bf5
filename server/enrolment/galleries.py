"""Galleries made of the approved templates of those who serve; a new version whenever the content changes."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
from sqlalchemy import Connection, func, select

from protocol.calibration import calibrate
from protocol.gallery import Gallery, Person
from server.enrolment.models import enrolments, galleries
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
    gallery = calibrated(Gallery(0, *identity, 0, 0, tuple(names), b"".join(matrices)))
    digest = sha256(gallery.encode()).digest()
    last = connection.execute(select(galleries).order_by(galleries.c.gallery.desc()).limit(1)).mappings().first()
    if last is not None and last["digest"] == digest:
        return replace(gallery, version=last["gallery"])
    version = 1 if last is None else last["gallery"] + 1
    count = sum(person.count for person in names)
    row_of = {"digest": digest, "embedder": identity[0], "people": len(names), "rows": count, "made_ms": now_ms}
    connection.execute(galleries.insert(), row_of | {"gallery": version})
    return replace(gallery, version=version)


def calibrated(gallery: Gallery) -> Gallery:
    """The gallery with the threshold and margin that its own pairs of people give."""
    rows = np.frombuffer(gallery.matrix, "<f4").reshape(-1, gallery.dimension)
    counts = np.array([person.count for person in gallery.people], np.intp)
    found = calibrate(rows, counts, gallery.embedder)
    threshold_e4, margin_e4 = round(1e4 * found.threshold), round(1e4 * found.margin)
    return replace(gallery, threshold_e4=threshold_e4, margin_e4=margin_e4, basis=found.basis, pairs=found.pairs)


def first_name(name: str) -> str:
    """What a public screen may show: the first word that is not a title (*dr.*, *Hj.*)."""
    words = [word.strip(",") for word in name.split()]
    return next((word for word in words if not word.endswith(".")), words[0] if words else "")
