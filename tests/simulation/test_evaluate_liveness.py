"""The attack laboratory: its statistics, one presentation of each kind in closed loop, recordings, and its report."""

import json
import shlex
import struct
import sys
import zlib
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.camera import open_camera
from kiosk.errors import KioskError
from simulation.evaluate.__main__ import main
from simulation.evaluate.counts import clopper_pearson
from simulation.evaluate.instruments import LIVING, SPECIES, identities, plan
from simulation.evaluate.liveness import as_shown, run
from simulation.evaluate.pad import COMBINED, Cue, Shown, combined, curves, rate, table
from simulation.evaluate.presentation import Outcome, Presentation, present
from simulation.evaluate.recordings import gap, read_list

astronaut = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed").astronaut


@pytest.mark.parametrize(
    ("errors", "tried", "low", "high"),
    # Tabulated exact limits: none of 10, 1 of 10, half of 20, all of 5.
    [(0, 10, 0.0, 0.3085), (1, 10, 0.0025, 0.4450), (10, 20, 0.2720, 0.7280), (5, 5, 0.4782, 1.0)],
)
def test_intervals_are_those_of_the_tables(errors: int, tried: int, low: float, high: float):
    assert clopper_pearson(errors, tried) == pytest.approx((low, high), abs=2e-4)


def test_a_count_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="4 of 3"):
        clopper_pearson(4, 3)


# -- what is an error ------------------------------------------------------------------------------------


def test_one_cue_that_denies_is_enough_and_none_that_speaks_is_no_life():
    assert combined([Cue("live"), Cue("attack"), Cue("undetermined")]) == "attack"
    assert combined([Cue("live"), Cue("undetermined")]) == "live"
    assert combined([Cue("undetermined")]) == "undetermined"


def test_who_always_says_undetermined_errs_with_every_living_person_and_no_attack():
    silent = ["undetermined"] * 5
    assert rate(silent, living=True, fail_closed=True)["errors"] == 5
    assert rate(silent, living=True, fail_closed=False)["errors"] == 0
    assert rate(silent, living=False, fail_closed=True) == {
        "presentations": 5,
        "errors": 0,
        "rate": 0.0,
        "interval": [0.0, 0.5218],
        "non_response": 5,
    }


def outcome(species: str, granted: bool, **measured: tuple[float, float]) -> Outcome:
    said = "granted" if granted else "refused: flat"
    return Outcome(Presentation(species, 1), granted, 4.0, (said,), "live" if granted else "attack", measured)


def test_a_granted_attack_and_a_living_person_sent_away_are_the_errors_worst_species_first():
    outcomes = [
        outcome("print", False),
        outcome(LIVING, True),
        outcome(LIVING, False),
        outcome("puppet", True, moire=(0.4, 1.0)),
    ]
    rows = table([as_shown(one) for one in outcomes])
    found = [(row["species"], row["error"], row["cues"][COMBINED]["errors"]) for row in rows]
    assert found == [(LIVING, "BPCER", 1), ("puppet", "APCER", 1), ("print", "APCER", 0)]
    assert rows[1]["cues"]["moire"]["errors"] == 1, "the moiré did not speak against it"


def test_an_operating_curve_goes_from_all_refused_to_all_passed():
    shown = [
        *(Shown(str(n), "live", "person", {"moire": Cue("live", n / 10, 1.0)}) for n in range(5)),
        *(Shown(str(n), "attack", "screen", {"moire": Cue("attack", 0.3 + n / 10, 1.0)}) for n in range(5)),
    ]
    curve = curves(shown, {"moire": True, "blink": False})
    assert list(curve) == ["moire"]
    assert (curve["moire"]["bpcer"][-1], curve["moire"]["apcer"][-1]) == (0.0, 1.0)
    assert curve["moire"]["apcer"] == sorted(curve["moire"]["apcer"])
    assert curve["moire"]["bpcer"] == sorted(curve["moire"]["bpcer"], reverse=True)
    at = curve["moire"]["threshold"].index(0.3)
    assert (curve["moire"]["bpcer"][at], curve["moire"]["apcer"][at]) == (0.2, 0.2)


# -- presentations ---------------------------------------------------------------------------------------


def test_nobody_and_nothing_is_in_both_halves(tmp_path: Path):
    for name in ("a", "b", "c", "d", "e", "f"):
        (tmp_path / name).mkdir()
        picture = np.random.default_rng(1).integers(0, 255, (220, 220, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / name / "1.png"), picture)
    halves = [identities(tmp_path, half) for half in ("tuning", "reporting")]
    assert not set(halves[0]) & set(halves[1])
    assert len(halves[0]) + len(halves[1]) == 5 + 6
    tuned, reported = (
        plan(SPECIES, 40, 1, faces, half, True, 15) for faces, half in zip(halves, ("tuning", "reporting"), strict=True)
    )
    assert not {one.options for one in tuned} & {one.options for one in reported}
    assert not {one.variant for one in tuned if one.species == "cutout"} & {
        one.variant for one in reported if one.species == "cutout"
    }


def test_another_person_of_the_folder_is_behind_paper_and_takes_turns_with_displays():
    made, real = ["stranger:2", "stranger:3"], ["a/1.png", "b/1.png"]
    faces = [*made, *real]
    planned = plan(("mask", "takeover", "print"), 40, 1, faces, "reporting", True, 15)
    others = {(one.species, one.face, one.options.partition("&other=")[2]) for one in planned}
    expected = {(face, other) for face in faces for other in real if other != face}
    for species in ("mask", "takeover"):
        assert {(face, other) for name, face, other in others if name == species} == expected
    assert {other for species, _, other in others if species == "print"} == {""}
    assert "other" not in plan(("mask",), 1, 1, faces[:1], "reporting", True, 15)[0].options


def test_displays_and_kinds_of_the_living_come_in_turn_and_apart_for_each_half():
    kinds: dict[str, dict[str, set[str]]] = {"tuning": {}, "reporting": {}}
    for half, found in kinds.items():
        for one in plan((LIVING, *SPECIES), 14, 1, [""], half, True, 15):
            open_camera(one.camera).close()
            found.setdefault(one.species, set()).add(one.kind)
    assert len(kinds["tuning"][LIVING]) == 7
    for species in ("phone", "tablet", "laptop", "replay", "puppet", "relay", "copy", "takeover", "takeback"):
        assert not kinds["tuning"][species] & kinds["reporting"][species]
    assert all(kind.startswith("phone") for kind in kinds["reporting"]["phone"])
    assert {kind.partition("-")[0] for kind in kinds["reporting"]["puppet"]} == {"phone", "tablet", "laptop"}
    assert kinds["tuning"]["print"] == {""}


def test_a_folder_of_faces_that_is_none_is_named(tmp_path: Path):
    with pytest.raises(KioskError, match="no folder"):
        identities(tmp_path / "nowhere", "tuning")


def test_with_a_lamp_the_living_are_granted_and_a_steered_screen_is_not():
    assert present(Presentation(LIVING, 5, lamp=True)).granted
    steered = present(Presentation("puppet", 5, lamp=True, variant=3))
    assert not steered.granted
    assert any("light" in said for said in steered.decisions)


def test_a_display_that_takes_turns_with_a_living_face_is_refused():
    for species, variant in (("takeover", 1), ("takeover", 5), ("takeback", 0)):
        shown = Presentation(species, 5, lamp=True, variant=variant, options="&display=tablet-10.2")
        told = present(shown).decisions
        assert told, species
        assert not any(said.startswith("granted") for said in told), species


def test_without_a_lamp_the_pattern_of_a_steered_screen_leaves_it_undetermined():
    living = present(Presentation(LIVING, 5))
    assert living.granted
    assert living.measured["moire"][0] < living.measured["moire"][1]
    steered = present(Presentation("puppet", 5, variant=3, options="&display=laptop-15.6"))
    assert not steered.granted
    assert steered.measured["moire"][0] > steered.measured["moire"][1]


def test_a_run_that_was_broken_off_goes_on_where_it_was(tmp_path: Path):
    kept = tmp_path / "kept.jsonl"
    shown = Presentation("print", 3, options="&prompts=off")
    first = run([shown], 1, lambda done: None, kept)
    made: list[Outcome] = []
    assert run([shown], 1, made.append, kept) == first
    assert made == []
    kept.write_text(kept.read_text() + "{}\n")
    with pytest.raises(KioskError, match="line 2"):
        run([shown], 1, made.append, kept)


def test_worn_masks_are_reported_and_not_claimed_and_living_errors_told_by_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    kept = tmp_path / "kept.jsonl"
    words = ["--simulate", "2", "--species", LIVING, "mask", "print", "--seed", "1", "--processes", "1"]
    planned = plan((LIVING, "mask", "print"), 2, 1, identities(None, "reporting"), "reporting", True, 15)
    with kept.open("w") as file:
        for one in planned:
            granted = one.species == "mask" or one.kind == "clumsy"
            done = Outcome(one, granted, 4.0, ("granted" if granted else "refused: flat",))
            file.write(json.dumps(asdict(done)) + "\n")
    page = tmp_path / "report.html"
    assert main(["liveness", *words, "--keep", str(kept), "--json", "--report", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["species"]: row for row in found["species"]}
    assert not rows["mask"]["claimed"]
    assert rows["print"]["claimed"]
    assert rows["mask"]["cues"][COMBINED]["errors"] == 2
    assert (found["attacks"]["presentations"], found["attacks"]["errors"]) == (2, 0)
    assert {kind: part["errors"] for kind, part in rows[LIVING]["by_variant"].items()} == {"usual": 1, "clumsy": 0}
    assert "reported, not claimed" in page.read_text()
    assert "clumsy" in page.read_text()
    assert main(["liveness", *words, "--keep", str(kept)]) == 0
    said = capsys.readouterr().out
    assert "mask *" in said
    assert "0 of 2 passed" in said


def test_an_outside_program_takes_the_attackers_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = "--ticks --act print=9 --options 'seed={seed}&face={face}'"
    command = f"{shlex.quote(sys.executable)} -m simulation.exec_head {options}"
    page, pictures = tmp_path / "report.html", tmp_path / "curves"
    words = ["liveness", "--simulate", "1", "--attacker", f"exec:{command}", "--processes", "1", "--seed", "5"]
    assert main([*words, "--json", "--report", str(page), "--curves", str(pictures)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["source"] == "simulation"
    assert [row["species"] for row in found["species"]] == [LIVING, "attacker"]
    assert found["attacks"]["errors"] == 0
    assert found["guess"]["one_try"] < 1
    assert found["curves"]
    assert len(list(pictures.glob("*.png"))) == len(found["curves"])
    text = page.read_text()
    assert "rendered heads" in text
    assert "data:image/png;base64," in text
    assert 'src="http' not in text


# -- recordings ------------------------------------------------------------------------------------------


def write_film(path: Path, url: str, coarse: bool = False) -> None:
    """`coarse`: with the lines of a display whose pixels are as large as the camera's."""
    camera = open_camera(url)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
    while (frame := camera.read()) is not None:
        picture = frame.image.copy()
        if coarse:
            picture[::3] = (picture[::3] * 0.8).astype(np.uint8)
            picture[:, ::3] = (picture[:, ::3] * 0.8).astype(np.uint8)
        writer.write(picture)
    writer.release()


def measured(folder: Path, lines: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[dict, str]:
    """What the command prints of a list in `folder`, as JSON and on the error output."""
    (folder / "list.csv").write_bytes(lines.encode())
    assert main(["liveness", str(folder / "list.csv"), "--json", "--processes", "1", *more]) == 0
    said = capsys.readouterr()
    return json.loads(said.out), said.err


def test_bad_lines_and_files_are_named_and_the_rest_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    write_film(tmp_path / "person.mp4", "sim:person=5?seed=3&fps=10&prompts=off")
    write_film(tmp_path / "screen.mp4", "sim:screen=5?seed=5&fps=10&prompts=off&display=tablet-11", coarse=True)
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "film.jpg").write_bytes((tmp_path / "person.mp4").read_bytes())
    header = b"IHDR" + struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    empty = struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    (tmp_path / "huge.png").write_bytes(start + empty)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((240, 320, 3), 90, np.uint8))
    lines = [
        *("path,label,species", "person.mp4,live,", f"{tmp_path / 'screen.mp4'},attack,tablet", "broken.mp4,attack,"),
        *("gone.mp4,live,", "person.mp4,perhaps,", "wall.png,attack,print <b>", "empty.jpg,live,", "film.jpg,live,"),
        *("huge.png,live,", ".,live,"),
    ]
    page = tmp_path / "report.html"
    found, said = measured(tmp_path, "\ufeff" + "\r\n".join(lines), capsys, "--report", str(page))
    files = {Path(one["path"]).name: one for one in found["files"]}
    assert files["screen.mp4"]["cues"]["moire"]["verdict"] == "attack"
    assert files["person.mp4"]["cues"]["moire"]["verdict"] == "live"
    assert files["wall.png"]["cues"][COMBINED]["verdict"] == "undetermined"
    assert set(files["wall.png"]["cues"]) == set(files["person.mp4"]["cues"])
    assert "live" not in found["full_protocol"], "a recording cannot answer"
    named = {int(error.split(":")[0].removeprefix("line ")): error for error in found["errors"]}
    assert sorted(named) == [4, 5, 6, 8, 10, 11]
    assert files["film.jpg"]["cues"] == files["person.mp4"]["cues"], "whatever it is called"
    assert "pixels" in named[10]
    assert "folder" in named[11]
    assert all(error in said for error in named.values())
    assert "print &lt;b&gt;" in page.read_text()


def test_a_list_without_a_header_and_a_still_by_another_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    cv2.imwrite(str(tmp_path / "face.png"), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    (tmp_path / "face.mp4").write_bytes((tmp_path / "face.png").read_bytes())
    found, _ = measured(tmp_path, "face.mp4,live\n\nface.png,live,person\n", capsys)
    renamed, still = found["files"]
    assert renamed["cues"] == still["cues"]
    assert still["full"]["reasons"] == ["a still answers no prompt"]
    assert still["cues"][COMBINED]["verdict"] == "live"


def test_a_film_of_several_shots_is_judged_shot_by_shot(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pictures = []
    for person in ("person", "stranger:1"):
        camera = open_camera(f"sim:{person}=4?seed=3&fps=10&prompts=off")
        while (frame := camera.read()) is not None and frame.time_s < 3:
            if frame.time_s >= 1.4:
                pictures.append(frame.image if person == "person" else np.roll(frame.image, 200, axis=1))
    writer = cv2.VideoWriter(str(tmp_path / "cut.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (640, 480))
    for picture in pictures:
        writer.write(picture)
    writer.release()
    found, _ = measured(tmp_path, "path,label,species\ncut.mp4,live,edited\n", capsys)
    cues = found["files"][0]["cues"]
    assert cues["cuts"] == {"verdict": "undetermined", "value": 1.0, "threshold": None}
    assert cues["one_person"]["verdict"] == "live"
    assert cues[COMBINED]["verdict"] == "live"


def test_two_people_in_one_track_fall_apart_and_one_who_grimaces_does_not():
    away = np.eye(128, dtype=np.float32)
    person = [0.02 * away[n] for n in range(3)]
    grimaces = [0.3 * away[5], 0.55 * away[5]]
    other = [0.6 * away[9], 0.6 * away[9] + 0.02 * away[1]]
    assert gap(np.array([*person, *grimaces]), 0.45) == pytest.approx(0.3, abs=0.01)
    assert gap(np.array([*person, *other]), 0.45) == pytest.approx(0.6, abs=0.01)
    assert gap(np.array([*person, other[0]]), 0.45) < 0.05, "one shot like no other is a hand or a blur"
    assert gap(np.array([person[0], other[0]]), 0.45) is None


@pytest.mark.parametrize(("text", "names"), [("a,b\n1,2\n", "no columns"), ("", "no columns"), (None, "read")])
def test_a_list_that_is_none_is_named(tmp_path: Path, text: str | None, names: str):
    if text is not None:
        (tmp_path / "list.csv").write_text(text)
    with pytest.raises(KioskError, match=names):
        read_list(tmp_path / "list.csv")


def test_films_are_made_with_their_list(tmp_path: Path):
    clips = tmp_path / "clips"
    clips.mkdir()
    write_film(clips / "one.mp4", "sim:nobody=1?fps=10")
    assert main(["films", str(tmp_path / "made"), "--clips", str(clips)]) == 0
    rows, wrong = read_list(tmp_path / "made" / "list.csv")
    assert wrong == []
    assert [(row.label, row.species, row.file.stat().st_size > 1000) for row in rows] == [("live", "hand-held", True)]
    assert main(["films", str(tmp_path), "--clips", str(tmp_path / "gone")]) == 2
