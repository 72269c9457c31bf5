"""The language of sim: scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.errors import CameraError
from simulation.script import ACTORS, Act, read_script


def test_a_script_is_acts_in_a_row_and_options():
    script = read_script("sim:nobody=2,stranger:3=6,person?seed=7&fps=10&start=2026-10-05T07:20:00+09:00&prompts=off")
    assert script.acts == (Act("nobody", 2.0), Act("stranger", 6.0, 3), Act("person", 8.0))
    assert (script.seed, script.fps, script.answers) == (7, 10.0, False)
    assert script.start_wall_ms == 1_791_152_400_000


def test_without_a_start_the_scene_claims_no_wall_clock():
    assert read_script("sim:person=1").start_wall_ms is None


@given(st.lists(st.tuples(st.sampled_from(ACTORS), st.integers(1, 3600)), min_size=1, max_size=5))
def test_every_written_act_is_read_back(acts: list[tuple[str, int]]):
    script = read_script("sim:" + ",".join(f"{actor}={seconds}" for actor, seconds in acts))
    assert [(act.actor, act.seconds) for act in script.acts] == [(a, float(s)) for a, s in acts]


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("sim:", "no acts"),
        ("sim:ghost=3", "ghost"),
        ("sim:person=long", "person=SECONDS"),
        ("sim:person=0", "more than 0"),
        ("sim:person=nan", "more than 0"),
        ("sim:stranger:-1=2", "stranger"),
        ("sim:person=1?wifth=640", "wifth"),
        ("sim:person=1?fps=0", "fps"),
        ("sim:person=1?gap=-1.1", "gap"),
        ("sim:person=1?seed=1.5", "whole number"),
        ("sim:person=1?start=2026-10-05T07:20:00", "offset"),
        ("sim:person=1?prompts=maybe", "on, off"),
    ],
)
def test_a_wrong_script_is_refused_with_the_part_that_is_wrong(url: str, names: str):
    with pytest.raises(CameraError, match=names):
        read_script(url)
