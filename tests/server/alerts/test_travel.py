"""The rule of travel: what it finds is impossible, whenever it was and however the marks are given."""

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.alerts.travel import HORIZON_MS, NARROW_MS, Distances, kilometres, least_ms, too_fast
from server.attendance.dating import LATENCY_MS, Dating
from server.attendance.events import Mark

START = 1_790_000_000_000
MINUTE = 60_000
SITES = ("harbour", "market", "office")
AMBON, MASOHI, JAKARTA = (-3.6954, 128.1814), (-3.2906, 128.9675), (-6.1754, 106.8272)


def mark(site, after_ms, width_ms=0, seq=0):
    dating = Dating(START + after_ms, START + after_ms + width_ms, "contact" if width_ms else "wall")
    return Mark("E1", f"K-{site}", seq, site, "sim", dating)


EXACT = st.just(0)
WIDE = st.sampled_from([0, LATENCY_MS, 2 * MINUTE, NARROW_MS, NARROW_MS + 1])
MINUTES = st.integers(0, 240).map(lambda minutes: Distances(minutes * 60))


@st.composite
def days(draw, widths):
    """A person's marks within three hours."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(SITES), st.integers(0, 180 * MINUTE), widths), max_size=8))
    return [mark(site, after, width, seq) for seq, (site, after, width) in enumerate(drawn)]


def entries(found):
    return {(pair.earlier.seq, pair.later.seq, pair.at_once, pair.certain) for pair in found}


def pairs(found):
    return {(pair.earlier.seq, pair.later.seq) for pair in found}


@given(days(WIDE), MINUTES, st.integers(-(10**12), 10**12))
def test_moving_all_times_changes_nothing(marks, distances, by_ms):
    moved = [
        replace(one, dating=replace(one.dating, earliest_ms=one.dating.earliest_ms + by_ms,
                                    latest_ms=one.dating.latest_ms + by_ms))
        for one in marks
    ]  # fmt: skip
    assert entries(too_fast(moved, distances)) == entries(too_fast(marks, distances))


@given(days(WIDE), MINUTES, st.integers(0, 10_000))
def test_more_distance_never_removes_an_alert_nor_makes_one_less_certain(marks, near, more_s):
    far = Distances(near.default_s + more_s)
    assert pairs(too_fast(marks, near)) <= pairs(too_fast(marks, far))

    def certain(found):
        return {(pair.earlier.seq, pair.later.seq) for pair in found if pair.certain}

    assert certain(too_fast(marks, near)) <= certain(too_fast(marks, far))


@given(st.floats(0, 20_100), st.floats(0, 20_100))
def test_a_longer_way_never_takes_less_time(one_km, other_km):
    near, far = sorted((one_km, other_km))
    assert 0 <= least_ms(near) <= least_ms(far) < HORIZON_MS


@given(days(WIDE), MINUTES, st.data())
def test_what_is_certain_holds_wherever_in_their_intervals_the_marks_were(marks, distances, data):
    for pair in too_fast(marks, distances):
        times = [
            data.draw(st.integers(one.dating.earliest_ms, one.dating.latest_ms)) for one in (pair.earlier, pair.later)
        ]
        if pair.certain:
            assert abs(times[1] - times[0]) + 2 * LATENCY_MS < pair.least_ms


@given(days(EXACT), MINUTES)
def test_every_two_exact_marks_that_are_too_near_in_time_are_found(marks, distances):
    expected = {
        frozenset((one.seq, other.seq))
        for one, other in combinations(marks, 2)
        if one.site != other.site
        and abs(one.dating.latest_ms - other.dating.latest_ms) < distances.least_ms(one.site, other.site)
    }
    assert {frozenset(pair) for pair in pairs(too_fast(marks, distances))} == expected


@given(days(WIDE), MINUTES, st.randoms(use_true_random=False))
def test_the_order_in_which_marks_arrived_does_not_matter(marks, distances, random):
    shuffled = list(marks)
    random.shuffle(shuffled)
    assert entries(too_fast(shuffled, distances)) == entries(too_fast(marks, distances))


@given(days(WIDE), MINUTES)
def test_two_devices_of_one_site_are_no_way_apart(marks, distances):
    one_site = [replace(one, site="office") for one in marks]
    assert not too_fast(one_site, distances)


@pytest.mark.parametrize(
    ("after_ms", "width_ms", "judged"),
    [
        (0, 0, [(True, True)]),
        (5_000, 0, [(True, True)]),
        (8 * MINUTE, 0, [(False, True)]),
        (8 * MINUTE, 5 * MINUTE, [(False, False)]),
        (10 * MINUTE - 1, 0, [(False, False)]),
        (10 * MINUTE, 0, []),
        (5 * MINUTE, NARROW_MS + 1, []),
    ],
)
def test_an_interval_that_leaves_it_open_is_said_to(after_ms, width_ms, judged):
    marks = [mark("office", 0), mark("market", after_ms, width_ms, 1)]
    found = too_fast(marks, Distances(600))
    assert [(pair.at_once, pair.certain) for pair in found] == judged


def test_what_is_stated_goes_before_places_and_places_before_the_default():
    places = {"office": AMBON, "market": MASOHI}
    stated = {("market", "office"): 60}
    assert Distances(5).least_ms("office", "market") == 5_000
    assert Distances(5, places=places).least_ms("office", "market") == least_ms(kilometres(AMBON, MASOHI))
    assert Distances(5, stated, places).least_ms("office", "market") == 60_000
    assert Distances(5, places=places).least_ms("office", "harbour") == 5_000


@pytest.mark.parametrize(("other", "km", "least", "most"), [(MASOHI, 98, 45, 50), (JAKARTA, 2380, 240, 260)])
def test_the_way_is_as_long_as_it_is_and_takes_a_boat_or_a_plane_so_many_minutes(other, km, least, most):
    assert kilometres(AMBON, other) == pytest.approx(km, rel=0.02)
    assert least <= least_ms(kilometres(AMBON, other)) / MINUTE <= most
