"""Which code runs: one digest that sha256sum gives too, and the manifest's word on what should."""

import shutil
import subprocess
from pathlib import Path

import pytest

from protocol.errors import ProtocolError
from protocol.release import PARTS, Release, named_release

ROOT = Path(__file__).parents[2]
SHELL = "find {parts} -type f ! -path '*/__pycache__/*' | LC_ALL=C sort | xargs sha256sum | sha256sum"


@pytest.fixture
def tree(tmp_path):
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / part)
    return tmp_path


def test_the_digest_is_what_the_command_on_the_page_gives(tree):
    command = SHELL.format(parts=" ".join(PARTS))
    assert command in (ROOT / "docs" / "provisioning.md").read_text()
    said = subprocess.run(command, shell=True, cwd=tree, capture_output=True, text=True, check=True).stdout
    assert said.split()[0] == Release.of_tree(tree).sha256


def test_a_byte_a_file_more_and_another_name_make_another_release_compiled_files_none(tree):
    before = Release.of_tree(tree)
    (tree / "kiosk" / "__pycache__").mkdir()
    (tree / "kiosk" / "__pycache__" / "cli.pyc").write_bytes(b"x")
    assert Release.of_tree(tree) == before
    digests = {before.sha256}
    with (tree / "protocol" / "entry.py").open("a") as file:
        file.write("\n")
    digests.add(Release.of_tree(tree).sha256)
    (tree / "kiosk" / "more.py").write_text("")
    digests.add(Release.of_tree(tree).sha256)
    (tree / "kiosk" / "more.py").rename(tree / "kiosk" / "other.py")
    digests.add(Release.of_tree(tree).sha256)
    assert len(digests) == 4


def test_a_folder_without_a_release_is_named(tmp_path):
    with pytest.raises(ProtocolError, match=f"{tmp_path} is no release"):
        Release.of_tree(tmp_path)
    (tmp_path / "kiosk").mkdir()
    (tmp_path / "kiosk" / "__init__.py").write_text("")
    with pytest.raises(ProtocolError, match="states no version"):
        Release.of_tree(tmp_path)


def test_a_manifest_may_name_a_release():
    release = Release("0.2.0", "ab" * 32)
    assert named_release({"release": release.setting(), "prompts": 2}) == release
    assert named_release({}) is None


@pytest.mark.parametrize(
    "value", ["0.2.0", {}, {"version": "1"}, {"version": 1, "sha256": "ab" * 32}, {"version": "1", "sha256": "../etc"}]
)
def test_a_release_that_is_not_whole_is_refused(value):
    with pytest.raises(ProtocolError, match="release"):
        named_release({"release": value})
