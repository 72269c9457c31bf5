"""The documentation names commands, files and tests that there are."""

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest

import audit.__main__
import kiosk.cli
import server.allowance.cli
import server.cli
import simulation.__main__
import simulation.demo.__main__
import simulation.evaluate.__main__

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PARSERS = {
    "kiosk": kiosk.cli.main,
    "server": server.cli.main,
    "audit": audit.__main__.main,
    "tpp": server.allowance.cli.tpp,
    "regulation": server.allowance.cli.regulation,
    "simulate": simulation.__main__.main,
    "evaluate": simulation.evaluate.__main__.main,
    "demo": simulation.demo.__main__.main,
}
NEEDS_NO_PARSER = {"test", "setup"}
COMMAND = re.compile(r"(?:^ {4}(?:sudo )?|`(?:sudo )?)(?:\./)?hadir ([a-z].*?)(?:`|$)", re.MULTILINE)


def commands():
    for page in PAGES:
        for found in COMMAND.findall(page.read_text()):
            yield pytest.param(found.strip(), id=f"{page.stem}: {found.strip()[:60]}")


def help_of(words):
    """What `hadir words --help` prints; None when there is no such command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit) as ended:
        PARSERS[words[0]]([*words[1:], "--help"])
    return out.getvalue() if ended.value.code == 0 else None


@pytest.mark.parametrize("line", list(commands()))
def test_each_command_that_the_documentation_gives_exists_with_its_options(line):
    words = shlex.split(line.partition(">")[0].partition("<")[0])
    if words[0] in NEEDS_NO_PARSER:
        return
    names = [word for word in words[:3] if re.fullmatch(r"[a-z][a-z0-9-]*", word)]
    found = next((text for count in (3, 2, 1) if (text := help_of(names[:count])) is not None), None)
    assert found is not None, f"hadir {line}: no such command"
    for option in (word.partition("=")[0] for word in words if word.startswith("--")):
        assert option in found, f"hadir {line}: {option} is no option"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_each_test_that_the_threat_model_names_exists():
    named = re.findall(r"`(tests/[^`]+|docs/[^`]+)`", (ROOT / "docs" / "threat-model.md").read_text())
    assert len(named) > 15
    assert not [path for path in named if not (ROOT / path).exists()]


@pytest.mark.parametrize("package", [name for name in PARSERS if name != "demo"])
def test_the_help_of_each_package_fits_a_screen_and_has_an_example(package):
    text = help_of([package])
    assert text is not None
    subcommands = re.findall(r"^ {4}([a-z][a-z0-9-]*)(?: |$)", text, re.MULTILINE)
    for name in subcommands:
        shown = help_of([package, name])
        assert shown is not None
        assert len(shown.splitlines()) <= 40
        assert "example" in shown, f"hadir {package} {name} --help has no example"


def test_nothing_in_the_tree_names_a_package_index_or_a_path_of_a_machine():
    for page in [*PAGES, ROOT / "pyproject.toml", ROOT / "hadir", ROOT / ".ci" / "run"]:
        text = page.read_text()
        assert "index-url" not in text.replace("--no-emit-index-url", "")
        assert not re.search(r"(?<![\w/])/(?:home|root|work|Users)/", text), page.name
