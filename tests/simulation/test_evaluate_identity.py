"""Identification and verification are measured with the product's own rule, and say what the sample can show."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.capture import quality
from kiosk.capture.faces import FaceTracker
from kiosk.capture.stills import against, look_at
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import DlibEmbedder
from simulation.evaluate import rates
from simulation.evaluate.captures import Capture, Shot, counted, half_of, people_in
from simulation.evaluate.degrade import KINDS, degrade
from simulation.evaluate.distractors import distractors
from simulation.evaluate.extrapolate import checked, extrapolate
from simulation.evaluate.identify import report_of
from simulation.evaluate.splits import run
from simulation.evaluate.verify import pairs_of

FACES = Path(__file__).parents[2].parent / "shared" / "faces" / "people"


def photos_of(identity: str, centre: np.ndarray, count: int = 6, refused: int = 0) -> list[Capture]:
    rng = np.random.default_rng(len(identity) + int(abs(centre[0]) * 1e6))
    shots = [Shot((centre + rng.normal(0.0, 0.015, 128)).astype(np.float32)) for _ in range(count)]
    shots += [Shot(None, ("blurred", "too_dark"))] * refused
    return [Capture(identity, f"{n}.png", shot, shot, shot) for n, shot in enumerate(shots)]


def crowd(people: int = 24, **each: int) -> dict[str, list[Capture]]:
    centres = np.random.default_rng(2).normal(0.0, 0.05, (people, 128))
    return {f"p{n}": photos_of(f"p{n}", centre, **each) for n, centre in enumerate(centres)}


def report(people: dict[str, list[Capture]], **options: int) -> dict:
    settings = {"enrol": 3, "shots": 3, "seed": 1, "splits": 4} | options
    return report_of(run(people, **settings), 1)


def test_people_who_are_apart_are_told_apart_and_the_bound_is_three_over_people() -> None:
    found = report(crowd())
    assert (found["fpir"], found["fnir"], found["wrong_person"]) == (0.0, 0.0, 0)
    strangers = found["people_searching"]["non_mated"]
    assert found["intervals"]["fpir"] == [0.0, pytest.approx(3 / strangers, abs=1e-5)]
    assert found["searches"]["mated"] == 4 * 16
    assert found["extrapolation"]["enrolled"] == 500
    centre, spread = found["tail_of_galleries"]
    assert 0.5 < centre < 1.0
    assert 0.0 < spread < 0.2
    assert list(found["fpir_found_where_foretold"]) == ["0.3", "0.1", "0.03", "0.01", "0.003"]
    assert 0.05 < found["fpir_found_where_foretold"]["0.3"] < 0.7
    assert json.loads(json.dumps(found)) == found


def test_one_face_under_two_identities_is_a_false_positive_for_every_rule() -> None:
    people = crowd()
    for n in range(12):
        people[f"q{n}"] = [replace(one, identity=f"q{n}") for one in people[f"p{n}"]]
    found = report(people)
    assert found["fpir"] + found["fnir"] > 0.05
    assert found["peers"]["compare_faces_0.6"]["fpir"] > 0.3
    assert found["intervals"]["fnir"][0] < found["fnir"] < found["intervals"]["fnir"][1]


def test_refused_photos_are_counted_by_their_first_reason_and_not_as_misses() -> None:
    found = report(crowd(count=4, refused=4))
    assert found["fnir"] == 0.0
    assert found["failure_to_acquire"] == pytest.approx(0.5, abs=0.06)
    assert list(found["failure_to_acquire_reasons"]) == ["blurred"]
    assert found["failure_to_enrol"] > 0
    assert found["failure_to_enrol_reasons"] == {"blurred": found["enrolments"]["failed"]}
    assert found["failure_to_acquire_reasons"] == {"blurred": found["searches"]["photos_refused"]}
    assert found["enrolments"]["tried"] == 4 * 16
    assert found["fnir_with_failures"] > found["failure_to_acquire"]


def test_distractors_enlarge_the_gallery_and_never_search() -> None:
    extra = {f"d{n}": photos for n, photos in enumerate(crowd(40).values())}
    done = run(crowd(12), enrol=2, shots=2, seed=1, splits=1, distractors=extra)
    assert len(done.searches[0].gallery.templates.people) == 8 + 40
    assert not {one.person for one in done.searches} - crowd(12).keys()
    assert done.enrolments == 8


def test_each_distractor_is_a_stranger_to_a_gallery_without_it() -> None:
    # From another seed: those of `crowd` begin with the same people.
    centres = np.random.default_rng(9).normal(0.0, 0.05, (30, 128))
    extra = {f"d{n}": photos_of(f"d{n}", centre) for n, centre in enumerate(centres)}
    extra["twin"] = extra["d0"]
    done = run(crowd(12), enrol=2, shots=2, seed=1, splits=2, distractors=extra)
    assert {one.gallery.people for one in done.others} == {8 + 30}
    assert all(one.person not in one.gallery.templates.people for one in done.others)
    assert {one.person for one in done.others if one.named} == {"distractor d0", "distractor twin"}


def test_what_a_small_gallery_foretells_is_set_beside_what_a_larger_one_did() -> None:
    settings = {"enrol": 2, "shots": 2, "seed": 1, "splits": 4}
    extra = {f"d{n}": photos for n, photos in enumerate(crowd(64).values()) if n >= 24}
    small, large = (run(crowd(24), **settings, distractors=others).searches for others in ({}, extra))
    found = checked(small, large, 1)
    assert (found["foretold_from"], found["enrolled"]) == ([16], 56)
    told = [row["foretold"]["fpir"] for row in found["at"]]
    assert told == sorted(told, reverse=True)
    low, high = found["at"][0]["foretold"]["fpir_interval"]
    assert 0.2 < low < found["at"][0]["found"]["fpir"] < high
    for row in found["at"]:
        assert row["found"]["fnir"] == pytest.approx(row["foretold"]["fnir"], abs=0.02)


def test_who_wears_something_in_searches_and_at_enrolment_is_found_by_it() -> None:
    people = crowd()
    shift = np.random.default_rng(3).normal(0.0, 0.04, 128).astype(np.float32)
    for name, photos in people.items():
        worn = [Shot(one.search.vector + shift) for one in photos]
        people[name] = [replace(one, search=shot, worn=shot) for one, shot in zip(photos, worn, strict=True)]
    without = report_of(run(people, enrol=3, shots=3, seed=1, splits=2), 1)
    with_two = report_of(run(people, enrol=3, worn=2, shots=3, seed=1, splits=2), 1)
    assert with_two["fnir"] < without["fnir"]


def test_too_few_people_for_a_rule_of_their_own_are_said_to_be_the_reason() -> None:
    found = extrapolate(run(crowd(6), enrol=3, shots=3, seed=1, splits=2).searches, 500, 1)
    assert found["fpir"] is None
    assert "15 enrolled" in found["reason"]
    assert "no searches" in extrapolate([], 500, 1)["reason"]


def test_a_small_office_enrols_so_many_and_the_others_are_strangers() -> None:
    done = run(crowd(12), enrol=2, shots=2, seed=1, splits=1, most_enrolled=5)
    assert {len(one.gallery.templates.people) for one in done.searches} == {5}
    assert len({one.person for one in done.searches if not one.mated}) == 7


def test_the_same_seed_gives_the_same_report() -> None:
    assert report(crowd(), seed=5) == report(crowd(), seed=5)


def test_pairs_are_all_pairs_and_their_distances_plain() -> None:
    genuine, impostors = pairs_of(crowd(4, count=3))
    assert (len(genuine.values), len(impostors.values)) == (4 * 3, 6 * 9)
    people = crowd(4, count=3)
    first, second = (people["p0"][n].search.vector for n in (0, 1))
    assert np.linalg.norm(first - second) == pytest.approx(genuine.values[0], abs=1e-5)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=60), st.floats(0, 0.5))
def test_a_threshold_at_a_rate_never_lets_more_through(impostors: list[float], allowed: float) -> None:
    values = np.array(impostors)
    assert (values <= rates.threshold_at(values, allowed)).mean() <= allowed + 1e-9


def test_a_person_belongs_to_one_half_for_ever() -> None:
    assert [half_of(name) for name in ("orl_s7", "orl_s19", "orl_s20")] == ["a", "b", "a"]


def test_reasons_are_counted_by_the_one_that_is_told() -> None:
    assert counted([("yaw", "blurred"), (), ("blurred",), ("yaw",)]) == {"yaw": 2, "blurred": 1}


def test_each_degradation_changes_the_face_alike_for_alike_seeds_and_leaves_a_face_or_a_reason() -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")
    picture = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (480, 480))
    tracker = FaceTracker()
    face = look_at(picture, 0, tracker).face
    assert face is not None
    states = {}
    for number, kind in enumerate(KINDS, start=1):
        drawn, again = (degrade(kind, picture, face.landmarks, np.random.default_rng(7)) for _ in range(2))
        assert (drawn == again).all()
        assert np.abs(drawn.astype(int) - picture).mean() > 1.0, kind
        still = look_at(drawn, number, tracker)
        states[kind] = still.state if still.face is None else {r.name for r in against(still, quality.RECOGNITION)}
    tracker.close()
    assert states["glasses"] == states["scarf"] == states["angle"] == set()
    assert "mouth_covered" in states["mask"]


def test_the_command_prints_one_object_on_photos_of_people(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    if not FACES.is_dir():
        pytest.skip("../shared/faces is absent: no photos of people to measure with")
    for identity in ("caltech_19", "orl_s7", "orl_s17"):
        (tmp_path / identity).mkdir()
        for photo in people_in(FACES)[identity][:3]:
            (tmp_path / identity / photo.name).symlink_to(photo)
    from simulation.evaluate.__main__ import main

    plot, line = tmp_path / "det.svg", ["identify", str(tmp_path), "--enrol", "1", "--shots", "2", "--splits", "2"]
    assert main([*line, "--plot", str(plot), "--json"]) == 0
    assert "<svg" in plot.read_text()
    found = json.loads(capsys.readouterr().out)
    assert {"fpir", "fnir", "fnir_at_fpir_0.01", "fnir_at_fpir_0.001", "failure_to_enrol", "peers"} <= found.keys()
    assert (found["people"], found["photos"], found["enrolled"]) == (3, 9, [2])


def test_embedders_are_measured_side_by_side_on_the_same_photos(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    if not FACES.is_dir():
        pytest.skip("../shared/faces is absent: no photos of people to measure with")
    for identity in ("caltech_19", "orl_s7"):
        (tmp_path / identity).mkdir()
        for photo in people_in(FACES)[identity][:2]:
            (tmp_path / identity / photo.name).symlink_to(photo)
    from simulation.evaluate.__main__ import main

    line = ["embedders", str(tmp_path), "--embedder", "dlib", "--embedder", "dlib:5pt"]
    assert main([*line, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["photos"], found["people"]) == (4, 2)
    assert [row["identity"].rpartition("/")[2] for row in found["embedders"]] == ["68pt", "5pt"]
    assert [(row["genuine_pairs"], row["impostor_pairs"]) for row in found["embedders"]] == [(2, 4)] * 2
    assert main([*line[:2], "--embedder", "onnx:sface", "--models", str(tmp_path)]) == 2
    assert "sface is not at" in capsys.readouterr().err


def test_a_folder_of_odd_files_is_measured_and_each_refusal_has_its_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")
    face = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (400, 400))
    for identity in ("odd name, é", "b", "c", "empty"):
        (tmp_path / identity).mkdir()
    good, two = cv2.imencode(".JPG", face)[1].tobytes(), np.concatenate((face, face), axis=1)
    nobody = cv2.imencode(".png", np.full((300, 300), 90, np.uint8))[1].tobytes()
    for name, content in {
        "odd name, é/1.JPG": good,
        "odd name, é/half.jpg": good[: len(good) // 2],
        "odd name, é/film.jpg": b"\x00\x00\x00\x18ftypmp42",
        "odd name, é/notes.txt": b"no photo, and not called one",
        "b/nobody.png": nobody,
        "b/empty.jpg": b"",
        "c/two.bmp": cv2.imencode(".bmp", two)[1].tobytes(),
    }.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "c" / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    (tmp_path / "c" / "folder.jpg").mkdir()
    (tmp_path / "stray.jpg").write_bytes(good)
    from simulation.evaluate.__main__ import main

    assert main(["identify", str(tmp_path), "--enrol", "1", "--shots", "1", "--splits", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["people"], found["photos"]) == (3, 8)
    assert found["fnir"] is None or found["fnir"] == 0.0
    assert 0.5 < found["failure_to_acquire"] < 1.0
    assert set(found["failure_to_acquire_reasons"]) <= {"unreadable", "no_face", "two_faces"}
    assert found["failure_to_acquire_reasons"]["unreadable"] > found["failure_to_acquire_reasons"]["two_faces"] > 0
    assert found["failure_to_enrol"] > 0.3
    assert set(found["failure_to_enrol_people"]) >= {"b", "c"}


def test_a_folder_without_people_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from simulation.evaluate.__main__ import main

    assert main(["identify", str(tmp_path / "nothing")]) == 2
    assert "is no folder" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 2
    assert "holds no photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--enrol", "30"], "Give --enrol 2"),
        (["--enrol", "2", "--most", "2"], "a larger --most"),
        (["--enrol", "1", "--enrol-degraded", "1"], "other than none"),
        (["--enrol", "1", "--degrade", "blur", "--enrol-degraded", "2"], "a part of --enrol"),
        (["--enrol", "1", "--distractors", "."], "people who search"),
        (["--enrol", "1", "--distractors", "nowhere"], "is no folder"),
        (["--enrol", "1", "--embedder", "arcface"], "there is no embedder"),
        (["--plot", "x.doc"], "end the name in .png"),
        (["--plot", "nowhere/x.png"], "in a folder that is there"),
        (["--seed", "-1"], "not a whole number"),
        (["--jobs", "0"], "not a whole number above 0"),
    ],
)
def test_an_option_that_could_only_give_empty_figures_is_refused_at_once(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from simulation.evaluate.__main__ import main

    for identity in "abc":
        (tmp_path / identity).mkdir()
        for n in range(3):
            (tmp_path / identity / f"{n}.jpg").write_bytes(b"never read")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("simulation.evaluate.identify.capture", lambda *_, **__: {})
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main(["identify", ".", *options]))
    assert said in capsys.readouterr().err


def test_a_reader_that_goes_away_early_ends_the_command_quietly(tmp_path: Path) -> None:
    lines = "from simulation.evaluate import __main__, guess\nimport sys\n"
    lines += "guess.main = lambda words: print('x' * 10**6) or 0\nsys.exit(__main__.main(['guess']))"
    ours = subprocess.Popen([sys.executable, "-c", lines], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ours.stdout is not None
    ours.stdout.read(1)
    ours.stdout.close()
    assert ours.stderr is not None
    assert (ours.stderr.read(), ours.wait()) == (b"", 141)
    ours.stderr.close()


def test_every_face_of_a_flat_folder_is_somebody_once_and_nobody_who_searches(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="scikit-image, with the portrait, is not installed")
    face = cv2.resize(cv2.cvtColor(data.astronaut()[:280, 90:370], cv2.COLOR_RGB2BGR), (400, 400))
    smaller = cv2.copyMakeBorder(
        cv2.resize(face, (300, 300)), 0, 100, 200, 0, cv2.BORDER_CONSTANT, value=(200, 200, 200)
    )
    cv2.imwrite(str(tmp_path / "group.png"), np.concatenate((face, smaller), axis=1))
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    (tmp_path / "notes.txt").write_text("not looked at")
    found, told = distractors([tmp_path], {}, 1, DlibEmbedder)
    assert list(found) == ["group.png 1"] or list(found) == ["group.png 2"]
    assert told == {
        "people": 1,
        "faces": 3,
        "faces_refused": {"unreadable": 1},
        "faces_of_people_there_already": 1,
    }
    with pytest.raises(EnrolmentError, match="no face"):
        distractors([tmp_path], {"p": next(iter(found.values()))}, 1, DlibEmbedder)
