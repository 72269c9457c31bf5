"""The tree keeps its shape: who imports whom, how long a module may be, and that each says what it does."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("protocol", "kiosk", "server", "audit", "simulation")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
FORBIDDEN = {
    "protocol": {"kiosk", "server", "audit", "simulation"},
    "kiosk": {"server", "audit", "simulation"},
    "server": {"kiosk", "audit", "simulation", "cv2", "mediapipe", "dlib", "face_recognition"},
    "audit": {"kiosk", "server", "simulation"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_only_what_it_may(package):
    wrong = {
        str(path.relative_to(ROOT)): found
        for path in (ROOT / package).rglob("*.py")
        if (found := FORBIDDEN[package].intersection(imported(path)))
    }
    assert not wrong


def test_no_module_is_longer_than_600_lines():
    long = {str(path.relative_to(ROOT)): n for path in MODULES if (n := len(path.read_text().splitlines())) > 600}
    assert not long


def test_the_verifier_is_small():
    """What `hadir audit verify` needs; what goes beyond it lies in a folder of its own and may not be much larger."""
    lengths = {path: len(path.read_text().splitlines()) for path in (ROOT / "audit").rglob("*.py")}
    further = sum(length for path, length in lengths.items() if path.parent.name == "further")
    assert sum(lengths.values()) - further <= 600
    assert further <= 700


def test_every_module_says_what_it_does_in_its_first_line():
    silent = [str(path.relative_to(ROOT)) for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_the_locks_pin_by_hash_and_record_no_address():
    for lock in ROOT.glob("locks/*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, f"{lock.name} records an address"
