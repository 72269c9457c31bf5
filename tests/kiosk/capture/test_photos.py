"""Files that should be photos: read when they are, refused by name when they are not."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kiosk.capture.photos import read_photo
from kiosk.errors import EnrolmentError


def gradient(width: int = 400, height: int = 300) -> np.ndarray:
    return np.linspace(0, 255, width * height * 3).reshape(height, width, 3).astype(np.uint8)


def png_header_only(path: Path, width: int, height: int) -> None:
    """A PNG that claims a size and holds nothing."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", 0x35AF061E))


def test_a_photo_is_read_as_bgr(tmp_path: Path) -> None:
    red = np.zeros((320, 320, 3), np.uint8)
    red[..., 0] = 255
    Image.fromarray(red).save(tmp_path / "red.png")
    assert read_photo(tmp_path / "red.png")[0, 0].tolist() == [0, 0, 255]


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(gradient(400, 320)).save(tmp_path / "turned.jpg", exif=exif)
    assert read_photo(tmp_path / "turned.jpg").shape == (400, 320, 3)


def test_cmyk_and_sixteen_bits_become_eight_bit_bgr(tmp_path: Path) -> None:
    Image.fromarray(gradient()).convert("CMYK").save(tmp_path / "print.jpg")
    Image.fromarray(np.linspace(0, 65535, 320 * 320).reshape(320, 320).astype(np.uint16)).save(tmp_path / "deep.png")
    assert read_photo(tmp_path / "print.jpg").dtype == np.uint8
    deep = read_photo(tmp_path / "deep.png")
    assert deep.shape == (320, 320, 3)
    assert 120 < deep[160].mean() < 136


def test_small_photos_are_enlarged_and_huge_ones_shrunk(tmp_path: Path) -> None:
    Image.fromarray(gradient(92, 112)).save(tmp_path / "small.png")
    Image.fromarray(gradient(4000, 3000)).save(tmp_path / "large.jpg")
    assert min(read_photo(tmp_path / "small.png").shape[:2]) == 320
    assert max(read_photo(tmp_path / "large.jpg").shape[:2]) <= 1600


@pytest.mark.parametrize("side", [12_000, 40_000])
def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path, side: int) -> None:
    png_header_only(tmp_path / "bomb.png", side, side)
    with pytest.raises(EnrolmentError, match=r"bomb\.png.*pixels"):
        read_photo(tmp_path / "bomb.png")


@pytest.mark.parametrize("size", [(30_000, 1), (1, 30_000), (20_000, 20)])
def test_a_strip_is_refused_by_name(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.new("RGB", size).save(tmp_path / "strip.png")
    with pytest.raises(EnrolmentError, match=r"strip\.png.*a strip"):
        read_photo(tmp_path / "strip.png")


def test_a_truncated_photo_is_refused_by_name(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    content = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(EnrolmentError, match=r"half\.jpg.*cannot be read"):
        read_photo(tmp_path / "half.jpg")


@pytest.mark.parametrize("content", [b"", b"\x00\x00\x00\x18ftypmp42 a film", b"%PDF-1.4", b"\xff\xd8\xff"])
def test_what_is_no_photo_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "film.jpg").write_bytes(content)
    with pytest.raises(EnrolmentError, match=r"film\.jpg"):
        read_photo(tmp_path / "film.jpg")


def test_an_absent_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EnrolmentError, match=r"nobody\.jpg"):
        read_photo(tmp_path / "nobody.jpg")
