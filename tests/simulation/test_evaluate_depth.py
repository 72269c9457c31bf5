"""Turns against planes: thresholds come from one half of the clips, errors from the other."""

from pathlib import Path

import pytest

from kiosk.errors import KioskError
from simulation.evaluate.depth import Turn, main, rows, turns_of

CLIP = (
    Path(__file__).parents[2].parent
    / "shared"
    / "faces"
    / "clips"
    / "intel_sample_videos_head-pose-face-detection-female.gif"
)


def turns(clip: str, living: float, still: float) -> list[Turn]:
    return [
        Turn(clip, "living", living, living, living),
        Turn(clip, "still", still, still, None),
        Turn(clip, "clip", living, living, living),
    ]


def test_a_threshold_is_judged_on_clips_that_it_was_not_found_on():
    found = rows([*turns("a.mp4", 0.06, 0.02), *turns("b.mp4", 0.05, 0.045)])
    mesh = {row["tuned_on"]: row for row in found if row["measure"] == "mesh"}
    assert mesh["clips 1, 3, …"]["threshold"] == pytest.approx(0.04)
    assert mesh["clips 1, 3, …"]["still"]["errors"] == 1, "the other clip's still lies above it"
    assert mesh["clips 2, 4, …"]["living"]["errors"] == 0
    assert mesh["shipped"]["living"] == {"turns": 2, "errors": 0, "interval": pytest.approx([0, 0.8419], abs=1e-3)}
    assert all(row["clip"]["errors"] >= 1 for row in mesh.values()), "geometry does not tell a played turn"
    nose = [row for row in found if row["measure"] == "nose"]
    assert [row["tuned_on"] for row in nose] == ["shipped"], "without stills measured there is nothing to tune on"


def test_together_every_measure_must_pass_and_the_surroundings_stay():
    held = Turn("a.mp4", "held", 0.06, 0.06, 0.1, carried=True)
    paper = Turn("a.mp4", "clip", 0.06, 0.06, 0.01)
    found = rows([*turns("a.mp4", 0.1, 0.01), *turns("b.mp4", 0.1, 0.01), held, paper])
    together = next(row for row in found if row["measure"] == "together" and row["tuned_on"] == "shipped")
    assert together["living"]["errors"] == 0
    assert together["still"]["errors"] == 0
    assert together["held"] == {"turns": 1, "errors": 0, "interval": pytest.approx([0, 0.975], abs=1e-3)}
    assert together["clip"]["errors"] == 2, "the third is bent like paper"


@pytest.mark.skipif(not CLIP.exists(), reason="../shared/faces is absent")
def test_a_real_turn_is_deep_and_its_picture_on_a_plane_is_flat():
    found = turns_of(CLIP)
    living = [turn.flow for turn in found if turn.kind == "living"]
    still = [turn.flow for turn in found if turn.kind == "still"]
    assert living
    assert max(still) < min(living)


def test_what_holds_no_films_is_named(tmp_path: Path):
    with pytest.raises(KioskError, match="no films"):
        main([str(tmp_path)])
    with pytest.raises(KioskError, match="does not exist"):
        main([str(tmp_path / "gone")])
