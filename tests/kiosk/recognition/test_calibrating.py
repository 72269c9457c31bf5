"""A technician reads what the threshold rests on, and who is hard to tell apart."""

from dataclasses import replace

import numpy as np
import pytest

from kiosk.errors import GalleryError
from kiosk.matcher import Templates, calibration_of, part_of
from kiosk.recognition.calibrating import explain
from kiosk.recognition.gallery import Site

DLIB = "dlib_face_recognition_resnet_model_v1/128/68pt"


def site(people, embedder=DLIB, alike=False):
    rng = np.random.default_rng(4)
    centres = rng.normal(0.0, 0.05, (people, 128))
    if alike:
        centres[1] = centres[0] + 0.01
    rows = (np.repeat(centres, 3, axis=0) + rng.normal(0.0, 0.01, (3 * people, 128))).astype(np.float32)
    names = tuple(f"{n:032x}" for n in range(people))
    plain = Templates(rows, np.repeat(np.arange(people, dtype=np.int32), 3), names, embedder)
    found = calibration_of(plain)
    shipped = Templates(rows, plain.owners, names, embedder, found.threshold, found.margin, found.basis, found.pairs)
    return Site(templates=shipped, names=dict.fromkeys(names, "Siti"))


def test_a_calibrated_gallery_says_from_how_many_pairs_and_what_a_stranger_may_expect():
    text = " ".join(explain(site(20)))
    assert "20 people with 60 templates" in text
    assert "190 pairs" in text
    assert "once in 2000 visits" in text
    assert "Nobody enrolled here is taken for another" in text
    assert "The server set this" not in text


def test_a_small_gallery_says_how_much_is_its_own_and_how_much_was_measured_elsewhere():
    (line,) = (line for line in explain(site(4)) if "too few to calibrate by" in line)
    assert line.startswith("6 pairs of different people")
    assert "94 hundredths are of people measured elsewhere, who score 0.78 in the middle" in line
    assert "Until 15 people are enrolled the threshold is no wider than 0.45" in line


def test_why_what_came_cannot_be_used_is_said_in_place_of_a_missing_gallery():
    with pytest.raises(GalleryError, match="made by the embedder other"):
        explain(Site(fault="gallery 3 was made by the embedder other"))


def test_a_small_gallery_of_an_unknown_embedder_says_that_the_kiosk_is_not_ready():
    assert any("not ready" in line for line in explain(site(4, "other/128")))


def test_an_office_says_how_many_they_are_and_what_it_costs():
    whole = site(40)
    office = replace(part_of(whole.templates, set(whole.templates.people[:18])), threshold=0.456)
    text = " ".join(explain(replace(whole, office=office)))
    assert "18 of them are of this office: they are known from 0.456 too" in text
    assert "about once more in 4000 visits" in text
    assert "of this office" not in " ".join(explain(whole))


def test_look_alikes_are_named():
    assert any("Hard to tell apart: Siti (00000000) and Siti" in line for line in explain(site(20, alike=True)))


def test_no_gallery_is_said_with_the_way_out():
    with pytest.raises(GalleryError, match="hadir kiosk sync"):
        explain(Site())
