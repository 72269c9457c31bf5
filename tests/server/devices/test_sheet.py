"""The claim sheet: what is printed is read again from the picture, and claims the device."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pypdfium2
import pytest
from harness import Kiosk, Server, claimed_kiosk
from pypdf import PdfReader

from kiosk import cli
from kiosk.uplink.device import load_device
from protocol.claim import Token
from server.devices import sheet

PIXELS = 2  # a point


def add(server: Server, *names: str, site: str = "Kantor A", zone: str = "WIT") -> None:
    for name in names:
        done = server.command("device", "add", name, "--site", site, "--zone", zone, "--source", "sim")
        assert done.code == 0, done.err


def print_sheet(server: Server, path: Path, *names: str, language: str = "id") -> list[str]:
    """The text of each page."""
    done = server.command("device", "sheet", *names, "--out", str(path), "--language", language)
    assert done.code == 0, done.err
    return [page.extract_text() for page in PdfReader(path).pages]


def labels(path: Path) -> list[np.ndarray]:
    """The picture of each label, cut out along the dashed lines."""
    found = []
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            whole = np.ascontiguousarray(page.render(scale=PIXELS).to_numpy())
            for place in range(sheet.COLUMNS * sheet.ROWS):
                row, column = divmod(place, sheet.COLUMNS)
                x, y = ((sheet.MARGIN + n * size) * PIXELS for n, size in ((column, sheet.WIDTH), (row, sheet.HEIGHT)))
                found.append(whole[int(y) : int(y + sheet.HEIGHT * PIXELS), int(x) : int(x + sheet.WIDTH * PIXELS)])
            page.close()
    return found


def frames(label: np.ndarray) -> Iterator[np.ndarray]:
    """What a camera sees of a label in a hand: grey, noisy, turned a little otherwise each time."""
    dice = np.random.default_rng(7)
    height, width = label.shape[:2]
    for angle in (5, -8, 0, 12, -3, 8, -12, 2):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        turned = cv2.warpAffine(label, turn, (width, height), borderValue=(200, 200, 200))
        yield np.clip(turned * 0.7 + dice.normal(20, 6, turned.shape), 0, 255).astype(np.uint8)


def read(label: np.ndarray) -> str:
    """What OpenCV reads in the first frame in which it reads anything."""
    return next(filter(None, (cv2.QRCodeDetector().detectAndDecode(frame)[0] for frame in frames(label))), "")


def test_each_label_is_read_from_its_picture_and_names_its_device(idle, tmp_path):
    names = [f"K{number:02}" for number in range(11)] + ["L" * 32]
    add(idle, *names)
    first, second = print_sheet(idle, tmp_path / "sheet.pdf", *names)
    found = [read(label) for label in labels(tmp_path / "sheet.pdf")[: len(names)]]
    assert [Token.parse(text).device for text in found] == names
    for text in found:
        assert text in (first + second).replace("\n", "")
    assert first.count("Kantor A") == 10


def test_a_sheet_says_until_when_in_the_zone_and_language_of_its_reader(idle, tmp_path):
    add(idle, "K01", zone="WIB")
    (page,) = print_sheet(idle, tmp_path / "sheet.pdf", "K01", language="en")
    assert "Valid once, until\n16 October 2026 07:13 WIB\nToken, without spaces:" in page


def test_a_label_before_the_camera_claims_the_device(running, tmp_path):
    add(running, "QR1")
    print_sheet(running, tmp_path / "sheet.pdf", "QR1")
    film = tmp_path / "film"
    film.mkdir()
    label = labels(tmp_path / "sheet.pdf")[0]
    for number, picture in enumerate((np.full_like(label, 90), *frames(label))):
        cv2.imwrite(str(film / f"{number}.png"), picture)
    config = tmp_path / "kiosk.yaml"
    config.write_text(f"state_dir: {tmp_path / 'state'}\ncamera: 'file:{film}'\nserver: {running.base}\n")
    assert cli.main(["claim", "--camera", "--config", str(config)]) == 0
    assert load_device(tmp_path / "state").name == "QR1"


def test_a_camera_that_sees_no_label_says_how_else(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((90, 90, 3), 90, np.uint8))
    config = tmp_path / "kiosk.yaml"
    config.write_text(
        f"state_dir: {tmp_path / 'state'}\ncamera: 'file:{tmp_path}/empty.png'\nserver: http://127.0.0.1:1\n"
    )
    assert cli.main(["claim", "--camera", "--config", str(config)]) == 2
    assert "no label of a claim sheet was seen" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_a_new_sheet_makes_earlier_tokens_void(running, tmp_path):
    add(running, "QR2")
    tokens = []
    for name in ("one.pdf", "two.pdf"):
        print_sheet(running, tmp_path / name, "QR2")
        tokens.append(read(labels(tmp_path / name)[0]))
    assert "is not known" in Kiosk.new(running, "QR2").claim(tokens[0]).json()["error"]
    assert Kiosk.new(running, "QR2").claim(tokens[1]).status_code == 200


@pytest.mark.parametrize("other", ["nobody", "claimed"])
def test_a_sheet_that_cannot_be_whole_changes_no_token(running, tmp_path, other):
    name = f"QR-{other}"
    add(running, name)
    print_sheet(running, tmp_path / "good.pdf", name)
    token = read(labels(tmp_path / "good.pdf")[0])
    second = claimed_kiosk(running, "QR-held").name if other == "claimed" else other
    done = running.command("device", "sheet", name, second, "--out", str(tmp_path / "bad.pdf"))
    assert (done.code, second in done.err, (tmp_path / "bad.pdf").exists()) == (2, True, False)
    done = running.command("device", "sheet", name, "--out", str(tmp_path / "good.pdf" / "bad.pdf"))
    assert done.code == 2
    assert Kiosk.new(running, name).claim(token).status_code == 200
