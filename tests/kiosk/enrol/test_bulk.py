"""A table and a ZIP become templates of many people: a line for each file, and nothing in a ZIP does harm."""

import base64
import json
import stat
import zipfile
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.cli import main
from kiosk.enrol.bulk import enrol_photos, read_table
from kiosk.errors import EnrolmentError
from tests.kiosk.colours import Colours

data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")


def portrait() -> np.ndarray:
    return cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def table(path: Path, *rows: str, header: str = "employee_id,file") -> Path:
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_each_file_gets_a_line_and_who_has_a_good_photo_is_written(tmp_path: Path) -> None:
    good = portrait()
    archive = packed(
        tmp_path / "photos.zip",
        {
            "siti/1.jpg": jpeg(good),
            "siti/2.jpg": jpeg(cv2.flip(good, 1)),
            "siti/dark.jpg": jpeg((good * 0.12).astype(np.uint8)),
            "budi/film.jpg": b"\x00\x00\x00\x18ftypmp42",
            "shared.jpg": jpeg(good),
            "stray.jpg": jpeg(good),
        },
    )
    rows = [f"E1,siti/{name}.jpg" for name in ("1", "2", "dark", "gone")]
    rows += ["E2,budi/film.jpg", "E2,shared.jpg", "E1,shared.jpg", "E2,../../etc/passwd"]
    lines: list[str] = []
    out = tmp_path / "templates.json"
    assert enrol_photos(table(tmp_path / "people.csv", *rows), archive, out, Colours(), lines.append) == 1
    said = "\n".join(lines)
    for text in (
        "stray.jpg: not in the table, left out",
        "E1 siti/1.jpg: ok",
        "E1 siti/2.jpg: copy of siti/1.jpg",
        "E1 siti/dark.jpg: quality (too_dark",
        "E1 siti/gone.jpg: not in the ZIP",
        "E1 shared.jpg: named for 2 employees, refused",
        "E1: 1 templates, too few: 5 or more are wanted",
        "E2 budi/film.jpg: unreadable: budi/film.jpg: not a photo",
        "E2 ../../etc/passwd: its name leads out of the ZIP, refused",
        "E2: 0 templates, nobody to enrol",
    ):
        assert text in said, text
    (item,) = json.loads(out.read_text())
    assert (item["employee_id"], item["embedder"], item["dimension"], len(item["templates"])) == (
        "E1",
        "colours/3",
        3,
        1,
    )
    assert len(base64.b64decode(item["templates"][0])) == 12
    assert any(line.startswith("siti/dark.jpg: quality") for line in item["report"])
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["people.csv", "photos.zip", "templates.json"]


def test_a_bomb_an_encrypted_a_damaged_and_a_doubled_member_are_lines_and_no_harm(tmp_path: Path) -> None:
    good = jpeg(portrait())
    path = tmp_path / "photos.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.jpg", good)
        archive.writestr("bomb.jpg", bytes(60_000_000))
        archive.writestr("twice.jpg", good)
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("twice.jpg", good)
        archive.writestr("locked.jpg", good)
        archive.writestr("damaged.jpg", good, zipfile.ZIP_STORED)
    assert path.stat().st_size < 1_000_000
    content = bytearray(path.read_bytes())
    # General purpose bit 0 of both headers says that a member is encrypted.
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(b"locked.jpg")
        while place >= 0:
            start = content.rfind(signature, 0, place)
            if start >= 0 and place - start in (30, 46):
                content[start + at] |= 1
            place = content.find(b"locked.jpg", place + 1)
    place = content.find(b"damaged.jpg") + 2000
    content[place : place + 20] = bytes(20)
    path.write_bytes(content)
    lines: list[str] = []
    rows = [f"E1,{name}.jpg" for name in ("good", "bomb", "twice", "locked", "damaged")]
    enrol_photos(table(tmp_path / "people.csv", *rows), path, tmp_path / "out.json", Colours(), lines.append)
    said = "\n".join(lines)
    assert "E1 good.jpg: ok" in said
    assert "bomb.jpg: larger than 40 MB" in said
    assert "E1 twice.jpg: 2 times in the ZIP, refused" in said
    assert "encrypted" in next(line for line in lines if "locked.jpg" in line)
    assert "Bad CRC" in next(line for line in lines if "damaged.jpg" in line)


def test_more_than_twenty_photos_of_one_person_are_left_out(tmp_path: Path) -> None:
    grey = jpeg(np.full((330, 330, 3), 128, np.uint8))
    archive = packed(tmp_path / "photos.zip", {f"{n}.jpg": grey for n in range(22)} | {"face.jpg": jpeg(portrait())})
    lines: list[str] = []
    rows = table(tmp_path / "people.csv", "E1,face.jpg", *(f"E1,{n}.jpg" for n in range(22)))
    enrol_photos(rows, archive, tmp_path / "out.json", Colours(), lines.append)
    assert sum("no face" in line for line in lines) == 19
    assert sum("more than 20 photos, left out" in line for line in lines) == 3


def test_nobody_to_enrol_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    archive = packed(tmp_path / "photos.zip", {"a.jpg": b"no photo"})
    rows = table(tmp_path / "people.csv", "E1;a.jpg", header="employee_id;file")
    out = tmp_path / "out.json"
    assert main(["enrol-photos", str(rows), str(archive), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert "E1 a.jpg: unreadable" in said.out
    assert "nobody can be enrolled" in said.err
    assert not out.exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x00" * 100])
def test_what_is_no_zip_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photos.zip").write_bytes(content)
    with pytest.raises(EnrolmentError, match=r"photos\.zip cannot be read as a ZIP"):
        enrol_photos(
            table(tmp_path / "p.csv", "E1,a.jpg"),
            tmp_path / "photos.zip",
            tmp_path / "out",
            Colours(),
            lambda line: None,
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,photo\nE1,a.jpg\n", "columns employee_id and file"),
        (b"employee_id,file\nE1,\n", r"people\.csv:2: employee_id and file"),
        (b'employee_id,file\nE1,"a.jpg\n', "cannot be read as CSV"),
        (b"employee_id,file\nE1,\xff\xfe\n", "UTF-8"),
        (b"\x00\x01", "columns|CSV"),
    ],
)
def test_a_table_that_is_not_one_is_said_with_its_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "people.csv").write_bytes(content)
    with pytest.raises(EnrolmentError, match=words):
        read_table(tmp_path / "people.csv")


def test_a_table_of_a_spreadsheet_is_read_whatever_parts_its_columns(tmp_path: Path) -> None:
    buffer = BytesIO("\ufeffnama;employee_id;file\r\nSiti;E1;a.jpg\r\n".encode())
    (tmp_path / "people.csv").write_bytes(buffer.getvalue())
    assert [(row.employee, row.file) for row in read_table(tmp_path / "people.csv")] == [("E1", "a.jpg")]
