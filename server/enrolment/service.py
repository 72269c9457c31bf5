"""Enrolment under the two-person rule: one officer opens it, another approves it, neither is the employee."""

from __future__ import annotations

import base64
import json
import math
import secrets
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from protocol.calibration import LARGEST
from protocol.enrolment import LOOK, lengths_of
from protocol.errors import ProtocolError
from protocol.note import Signer, unbase64
from server.devices import manifests
from server.devices import service as devices
from server.enrolment import duplicates, galleries, rosters
from server.enrolment.models import despite_duplicates, enrol_codes, enrolments
from server.errors import Conflict, ImportFailed, NotFound, Refused
from server.people import grants
from server.people import service as people

CODE_MS = 24 * 3_600_000
MAX_TEMPLATES = 20
MAX_DIMENSION = 1024
_FIELDS = {"embedder": str, "dimension": int, "templates": list, "report": list}


@dataclass(frozen=True)
class Templates:
    """`matrix`: rows x dimension float32, little-endian. `report`: what was noticed while they were taken."""

    embedder: str
    dimension: int
    rows: int
    matrix: bytes
    report: tuple[str, ...]


def open_code(connection: Connection, employee_id: str, by: str, now_ms: int) -> str:
    """A code by which one kiosk may send templates of this employee, once, within a day."""
    _may_act(connection, by, employee_id, now_ms)
    code = base64.b32encode(secrets.token_bytes(10)).decode()
    row = {"code_hash": _digest(code), "employee": employee_id, "opened_by": by, "opened_ms": now_ms}
    connection.execute(enrol_codes.insert(), row | {"expires_ms": now_ms + CODE_MS})
    return code


def submit(connection: Connection, device: str, value: dict[str, Any], now_ms: int) -> int:
    """Templates from a device, pending from now on; the enrolment's number.

    ProtocolError when they are not whole; Refused when the code is unknown, used or expired; Conflict when the
    templates are of another embedder than those in use.
    """
    code = value.get("code")
    if not isinstance(code, str):
        raise ProtocolError("enrolment: code is missing")
    templates = parse({name: item for name, item in value.items() if name != "code"})
    query = select(enrol_codes).where(enrol_codes.c.code_hash == _digest(code))
    row = connection.execute(query).mappings().first()
    if row is None or row["used_ms"] is not None or now_ms > row["expires_ms"]:
        raise Refused("the enrolment code is unknown, used or expired; open another with: hadir server enrol-code")
    used = enrol_codes.update().where(enrol_codes.c.code_hash == row["code_hash"])
    connection.execute(used, {"used_ms": now_ms})
    return _insert(connection, row["employee"], templates, device=device, by=row["opened_by"], now_ms=now_ms)


def import_templates(connection: Connection, items: Iterable[dict[str, Any]], *, by: str, now_ms: int) -> list[int]:
    """Templates made elsewhere, each `{employee_id, embedder, dimension, templates, report}`; pending from now on.

    All or nothing: ImportFailed names the item that is wrong.
    """
    acting = grants.authority(connection, by, now_ms)
    known = {row["employee_id"] for row in people.employees(connection, now_ms)}
    result = []
    for place, item in enumerate(items, start=1):
        employee_id = item.get("employee_id")
        if not isinstance(employee_id, str) or employee_id not in known:
            raise ImportFailed(f"item {place}: there is no employee {employee_id!r}")
        _not_self(acting, employee_id)
        try:
            templates = parse({name: value for name, value in item.items() if name != "employee_id"})
        except ProtocolError as error:
            raise ImportFailed(f"item {place}: {error}") from error
        result.append(_insert(connection, employee_id, templates, device="", by=by, now_ms=now_ms))
    return result


def parse(value: dict[str, Any]) -> Templates:
    """Templates as `docs/formats.md` has them, without code or employee; ProtocolError names what is wrong."""
    if value.keys() != _FIELDS.keys():
        raise ProtocolError(f"enrolment: differs in {', '.join(sorted(value.keys() ^ _FIELDS.keys()))}")
    for name, kind in _FIELDS.items():
        if type(value[name]) is not kind:
            raise ProtocolError(f"enrolment: {name} is not {kind.__name__}")
    dimension, texts, report = value["dimension"], value["templates"], value["report"]
    if not 1 <= dimension <= MAX_DIMENSION or not 1 <= len(texts) <= MAX_TEMPLATES:
        raise ProtocolError(f"enrolment: 1 to {MAX_TEMPLATES} templates of 1 to {MAX_DIMENSION} numbers are possible")
    if not value["embedder"] or not all(isinstance(text, str) for text in (*texts, *report)):
        raise ProtocolError("enrolment: embedder, templates and report hold texts")
    rows = [unbase64(text, "enrolment: a template") for text in texts]
    for row in rows:
        if len(row) != 4 * dimension or not all(abs(x) <= LARGEST for x in struct.unpack(f"<{dimension}f", row)):
            raise ProtocolError(f"enrolment: a template is not {dimension} finite numbers")
        if not any(struct.unpack(f"<{dimension}f", row)):
            raise ProtocolError("enrolment: a template is all zeros: no network makes that of a face")
        length, (least, most) = math.hypot(*struct.unpack(f"<{dimension}f", row)), lengths_of(value["embedder"])
        if not least <= length <= most:
            raise ProtocolError(
                f"enrolment: a template is {length:.3g} long, of {value['embedder']} they are "
                f"from {least:g} to {most:g}: it was scaled, or is of another embedder; enrol again"
            )
    return Templates(value["embedder"], dimension, len(rows), b"".join(rows), tuple(report))


def pending(connection: Connection) -> list[dict[str, Any]]:
    """What waits for a second officer, oldest first, with the warnings of a duplicate; templates left out."""
    table = enrolments.c
    columns = (
        table.enrolment,
        table.employee,
        table.device,
        table.rows,
        table.opened_by,
        table.submitted_ms,
        table.report,
    )
    query = select(*columns).where(table.state == "pending").order_by(table.enrolment)
    rows = connection.execute(query).mappings().all()
    warned = _warnings(connection, [row["enrolment"] for row in rows])
    return [
        dict(row) | {"report": json.loads(row["report"]), "warnings": warned.get(row["enrolment"], [])} for row in rows
    ]


def _warnings(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    """What speaks against pending enrolments: duplicates, and what the device says that a person must look at."""
    result = duplicates.warnings(connection, numbers)
    query = select(enrolments.c.enrolment, enrolments.c.report).where(enrolments.c.enrolment.in_(numbers))
    for number, report in connection.execute(query.where(enrolments.c.state == "pending")):
        if lines := [line for line in json.loads(report) if LOOK in line]:
            result[number] = [*result.get(number, []), *lines]
    return result


def approve(
    connection: Connection, numbers: Sequence[int], *, by: str, signer: Signer, now_ms: int, despite: str = ""
) -> None:
    """A second officer's word on pending enrolments: the next gallery holds them, and each device gets a manifest.

    Refused where one face seems to have two names, one name two faces, or a photo seems to be of a picture, unless
    `despite` says why it is right.
    """
    warned = _warnings(connection, numbers)
    if warned and not despite.strip():
        grounds = "; ".join(f"enrolment {number}: {', '.join(texts)}" for number, texts in warned.items())
        raise Refused(f"{grounds}. Look at the people, then reject, or approve with --despite REASON")
    for number, texts in warned.items():
        row = {"enrolment": number, "warnings": json.dumps(texts, ensure_ascii=False), "reason": despite.strip()}
        connection.execute(despite_duplicates.insert(), row | {"decided_by": by, "decided_ms": now_ms})
    for number in numbers:
        _decide(connection, number, "approved", by, now_ms)
    manifests.publish(connection, devices.claimed(connection), signer, now_ms)


def reject(connection: Connection, number: int, *, by: str, now_ms: int) -> None:
    """A second officer's refusal; the templates are destroyed."""
    _decide(connection, number, "rejected", by, now_ms)
    gone = enrolments.update().where(enrolments.c.enrolment == number)
    connection.execute(gone, {"matrix": b"", "rows": 0})


def refresh(
    connection: Connection, signer: Signer, now_ms: int, before: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """After people came, left, moved or changed their names: devices get the gallery that follows, if it differs, and
    who belongs to their site, if others did `before` (as of `rosters.offices`)."""
    gallery = galleries.current(connection, now_ms)
    if gallery is not None:
        claimed = devices.claimed(connection)
        offices = rosters.offices(connection, now_ms)
        moved = set() if before is None else {site for site, _ in before.items() ^ offices.items()}
        behind = [
            one
            for one in claimed
            if one.site in moved or manifests.latest_gallery(connection, one.name) != gallery.version
        ]
        manifests.publish(connection, behind, signer, now_ms)


def _decide(connection: Connection, number: int, state: str, by: str, now_ms: int) -> None:
    row = connection.execute(select(enrolments).where(enrolments.c.enrolment == number)).mappings().first()
    if row is None:
        raise NotFound(f"there is no enrolment {number}; see: hadir server enrolments")
    if row["state"] != "pending":
        raise Conflict(f"enrolment {number} was {row['state']} by {row['decided_by']} already")
    if by == row["opened_by"]:
        raise Refused(f"enrolment {number} was opened by {by}: another officer must decide it")
    _may_act(connection, by, row["employee"], now_ms)
    opener = people.officer(connection, row["opened_by"])
    if opener.employee and opener.employee == people.officer(connection, by).employee:
        raise Refused(f"enrolment {number} was opened by the same person under another name")
    if state == "approved":
        _same_embedder(connection, row["embedder"], row["dimension"])
    decision = {"state": state, "decided_by": by, "decided_ms": now_ms}
    connection.execute(enrolments.update().where(enrolments.c.enrolment == number), decision)


def _may_act(connection: Connection, by: str, employee_id: str, now_ms: int) -> None:
    if not people.active(people.employee(connection, employee_id, now_ms), now_ms):
        raise Refused(f"employee {employee_id} has left")
    _not_self(grants.authority(connection, by, now_ms), employee_id)


def _not_self(acting: grants.Authority, employee_id: str) -> None:
    if acting.officer.employee == employee_id:
        raise Refused(f"officer {acting.officer.id} is employee {employee_id}: nobody enrols oneself")
    acting.require_for((grants.HR,), employee_id, "decide the enrolment")


def _same_embedder(connection: Connection, embedder: str, dimension: int) -> None:
    in_use = galleries.embedder(connection)
    if in_use is not None and in_use != (embedder, dimension):
        raise Conflict(f"templates of {embedder} cannot be compared with those of {in_use[0]}, which are in use")


def _insert(
    connection: Connection, employee_id: str, templates: Templates, *, device: str, by: str, now_ms: int
) -> int:
    _same_embedder(connection, templates.embedder, templates.dimension)
    row = {
        "employee": employee_id,
        "device": device,
        "embedder": templates.embedder,
        "dimension": templates.dimension,
        "rows": templates.rows,
        "matrix": templates.matrix,
        "report": json.dumps(templates.report, ensure_ascii=False),
        "opened_by": by,
        "submitted_ms": now_ms,
        "state": "pending",
    }
    return int(connection.execute(enrolments.insert().returning(enrolments.c.enrolment), row).scalar_one())


def _digest(code: str) -> bytes:
    return sha256(code.strip().upper().encode()).digest()
