"""What `check` says of regulations that load."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.allowance.check import look_at, warnings
from server.allowance.regulation import load
from server.errors import RegulationError, ServerError

REGULATIONS = Path(__file__).parents[3] / "regulations"


def test_it_warns_where_coming_costs_more_than_staying_away() -> None:
    found = warnings(load(REGULATIONS / "tulang-bawang.yaml"))
    assert any("very late and very early costs 3 % of the base, an absent day 1.5 %" in text for text in found)


def test_it_is_silent_where_absence_costs_as_much() -> None:
    found = warnings(load(REGULATIONS / "permentan-68-2012.yaml"))
    assert not any("staying away" in text for text in found)


def test_it_counts_the_assumed_values() -> None:
    regulation = load(REGULATIONS / "ambon/2026.yaml")
    told = [int(text.split()[0]) for text in warnings(regulation) if "values are assumed (A)" in text]
    assert sum(told) == len(regulation.assumed_values()) > 0


def test_it_warns_of_bands_that_fall_and_of_a_missing_cap(tmp_path: Path) -> None:
    text = (REGULATIONS / "permentan-68-2012.yaml").read_text(encoding="utf-8")
    text = text.replace("national/", f"{REGULATIONS}/national/").replace('    cap: {month: "100 %"}\n', "")
    path = tmp_path / "falling.yaml"
    path.write_text(text.replace('to: 60, cost: "1 %"', 'to: 60, cost: "0.1 %"', 1), encoding="utf-8")
    found = warnings(load(path))
    assert any("more minutes late cost less than fewer" in line for line in found)
    assert any("no cap for the month" in line for line in found)


def altered(folder: Path, *changes: tuple[str, str]) -> Path:
    """The regulation of Tulang Bawang with some of its text replaced."""
    text = (
        (REGULATIONS / "tulang-bawang.yaml")
        .read_text(encoding="utf-8")
        .replace("national/", f"{REGULATIONS}/national/")
    )
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "altered.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_share_whose_sign_of_percent_may_be_forgotten_is_told_by_its_line(tmp_path: Path) -> None:
    path = altered(tmp_path, ('to: 30, cost: "0.5 %"', 'to: 30, cost: "0.5"'), ('no_in: "1.5 %"', "no_in: 1"))
    _, found = look_at(path)
    assert "altered.yaml:34 tables.discipline.late.0.cost: 0.5 without % is 50 %" in found
    assert "altered.yaml:43 tables.discipline.no_in: 1 without % is 100 %" in found
    assert not any("without %" in text for text in look_at(REGULATIONS / "tulang-bawang.yaml")[1])


def test_a_value_that_claims_a_source_and_names_none_is_told(tmp_path: Path) -> None:
    path = altered(tmp_path, ("    article: Tabel potongan disiplin\n", ""))
    assert any(
        "of certainty L, P or C name no article" in text and "tables.discipline" in text for text in look_at(path)[1]
    )


@pytest.mark.parametrize("path", sorted((REGULATIONS / "national").glob("*.yaml")), ids=lambda path: path.stem)
def test_parts_and_calendars_are_looked_at_too(path: Path) -> None:
    about, _ = look_at(path)
    expected = "a calendar, 1 shifts" if path.stem.startswith("calendar") else "for regulations that use it: "
    assert expected in about


def test_a_part_is_resolved_as_far_as_it_goes(tmp_path: Path) -> None:
    text = (REGULATIONS / "national" / "bpjs.yaml").read_text(encoding="utf-8")
    path = tmp_path / "part.yaml"
    path.write_text(text.replace("base: insured", "base: assured"), encoding="utf-8")
    with pytest.raises(RegulationError, match=r"part.yaml:\d+: steps.0.base: 'assured' is no component"):
        look_at(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('absent: "1.5 %"', 'absent: "1/0"', "'1/0' is not an exact fraction"),
        ('absent: "1.5 %"', "absent: 3", '3 is more than the whole base; 3 of a hundred is "3 %"'),
        ('absent: "1.5 %"', f'absent: "1{"0" * 26} %"', "is not an exact fraction"),
        ('fraction: "40 %"', "fraction: -1", "less than the minimum"),
        ("taxable: [tpp_paid", "taxable: [other]\n  other: [taxable, tpp_paid", "groups.taxable: contains itself"),
        (
            "kind: events",
            "kinds: events",
            "tables.discipline.kinds: 'kinds' is no key that belongs here; did you mean 'kind'",
        ),
        ("events: discipline", "event: discipline", "did you mean 'events'?: events; or measure, missing; or"),
        ("operation: subtract", "opration: subtract", "opration: 'opration' is no key that belongs here; did you mean"),
        ("mode: down", "mod: down", "steps.0.rounding.mod: 'mod' is no key that belongs here; did you mean 'mode'?"),
        ("from: 2024-01-01", "from: 2024-W01-1", "'2024-W01-1' is not a date"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_line_and_key_in_words(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(RegulationError, match=r"altered.yaml:\d+: ") as caught:
        load(altered(tmp_path, (old, new)))
    assert message in str(caught.value)
    assert "{'" not in str(caught.value)


def test_a_multiplier_above_one_stays_possible(tmp_path: Path) -> None:
    assert load(altered(tmp_path, ('fraction: "40 %"', 'fraction: "9/7"'))).steps[1].base_fraction > 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("uses:", "uses:\n  x: secret"),
        (f"calendar: {REGULATIONS}/national/calendar-2026-wib.yaml", "calendar: secret"),
    ],
)
def test_of_a_file_that_holds_no_rules_nothing_is_told(tmp_path: Path, old: str, new: str) -> None:
    (tmp_path / "secret").write_text("root:x:0:0 1.5\npassword: 1.5\n", encoding="utf-8")
    with pytest.raises(ServerError, match="secret: no file of rules: 'format:' is missing$"):
        load(altered(tmp_path, (old, new)))


def test_a_calendar_is_not_taken_for_a_regulation() -> None:
    with pytest.raises(RegulationError, match="a calendar, not a regulation"):
        load(REGULATIONS / "national" / "calendar-2026-wib.yaml")


def test_the_first_of_very_many_errors_comes_soon(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"
    path.write_text("format: 1\nsteps:\n" + "  - {id: A}\n" * 20_000, encoding="utf-8")
    with pytest.raises(RegulationError, match="many.yaml:1: 'id' is missing"):
        load(path)
