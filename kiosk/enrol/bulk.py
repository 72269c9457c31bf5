"""`hadir kiosk enrol-photos`: many people from a CSV and a ZIP of photos, into a file for `hadir server templates`.

The ZIP is never unpacked: its members are read one by one, within bounds, and their names are only compared.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.capture.photos import Packed
from kiosk.enrol.enrolment import ShotReport, templates_of
from kiosk.errors import EnrolmentError
from kiosk.files import read_bounded, write_durably
from kiosk.recognition.embedder import Embedder

_COLUMNS = ("employee_id", "file")
_MOST_CSV_BYTES, _MOST_MEMBERS = 20_000_000, 200_000
_MOST_PHOTOS = 20  # the server takes no more templates of a person
_FEW = 5
_BROKEN = (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the CSV: a photo of an employee, by its name in the ZIP."""

    employee: str
    file: str


def enrol_photos(table: Path, archive: Path, out: Path, embedder: Embedder, show: Callable[[str], None]) -> int:
    """Write templates of everybody who has a usable photo to `out`; how many people that is.

    `show` gets a line for each file, of the table and of the ZIP, and one for each person. Raises EnrolmentError
    where table or ZIP cannot be used, and where nobody can be enrolled: then nothing is written.
    """
    rows = read_table(table)
    try:
        packed = zipfile.ZipFile(archive)
    except (OSError, *_BROKEN) as error:
        raise EnrolmentError(f"{archive} cannot be read as a ZIP ({error}): pack the photos again") from error
    with packed:
        items = list(_people(rows, packed, embedder, show))
    if not items:
        raise EnrolmentError(f"nobody can be enrolled from {archive}: the lines above say why. Nothing was written")
    write_durably(out, json.dumps(items).encode(), 0o600)
    return len(items)


def read_table(path: Path) -> list[Row]:
    """The CSV's rows: columns employee_id and file, parted by comma or semicolon. EnrolmentError names the line."""
    try:
        text = read_bounded(path, _MOST_CSV_BYTES).decode("utf-8-sig")
        delimiter = ";" if ";" in text.partition("\n")[0] else ","
        lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        if missing := [name for name in _COLUMNS if name not in (lines.fieldnames or ())]:
            raise EnrolmentError(
                f"{path}: its first line must name the columns employee_id and file; {missing} missing"
            )
        rows = []
        for line in lines:
            row = Row(*((line[name] or "").strip() for name in _COLUMNS))
            if not row.employee or not row.file:
                raise EnrolmentError(f"{path}:{lines.line_num}: employee_id and file must both be there")
            rows.append(row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EnrolmentError(f"{path} cannot be read as CSV ({error}): save it as CSV, UTF-8") from error
    return rows


def _people(
    rows: list[Row], packed: zipfile.ZipFile, embedder: Embedder, show: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    members = [member for member in packed.infolist() if not member.is_dir()]
    if len(members) > _MOST_MEMBERS:
        raise EnrolmentError(f"{packed.filename} holds {len(members)} files, more than {_MOST_MEMBERS}: part it")
    times = Counter(member.filename for member in members)
    held = {member.filename: member for member in members}
    employees: dict[str, dict[str, None]] = {}
    for row in rows:
        employees.setdefault(row.employee, {})[row.file] = None
    owners = Counter(file for files in employees.values() for file in files)
    for file in sorted(held.keys() - owners.keys()):
        show(f"{file}: not in the table, left out")
    for employee, files in employees.items():
        photos: list[Packed] = []
        refused: list[ShotReport] = []
        for file in files:
            if grounds := _grounds(file, held, times, owners, len(photos)):
                refused.append(ShotReport(file, grounds))
            else:
                photos.append(Packed(file, _reader(packed, held[file])))
        found = templates_of(photos, embedder)
        report = [str(line) for line in (*found.report, *refused)]
        for line in report:
            show(f"{employee} {line}")
        count = len(found.templates)
        if count < _FEW:
            what = f"too few: {_FEW} or more are wanted" if count else "nobody to enrol"
            show(f"{employee}: {count} templates, {what}")
        if count:
            yield {
                "employee_id": employee,
                "embedder": found.embedder,
                "dimension": found.templates.shape[1],
                "templates": [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in found.templates],
                "report": [line[:200] for line in report],
            }


def _grounds(file: str, held: dict[str, zipfile.ZipInfo], times: Counter[str], owners: Counter[str], taken: int) -> str:
    """Why a file is not looked at; empty when it is."""
    if file.startswith("/") or ".." in file.split("/") or "\\" in file:
        return "its name leads out of the ZIP, refused"
    if file not in held:
        return "not in the ZIP"
    if times[file] > 1:
        return f"{times[file]} times in the ZIP, refused"
    if owners[file] > 1:
        return f"named for {owners[file]} employees, refused"
    return f"more than {_MOST_PHOTOS} photos, left out" if taken >= _MOST_PHOTOS else ""


def _reader(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(limit: int) -> bytes:
        try:
            with packed.open(member) as handle:
                return handle.read(limit)
        except _BROKEN as error:
            raise OSError(str(error)) from error

    return read
