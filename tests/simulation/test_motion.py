"""Motion is smooth, arrives, and never overshoots."""

from hypothesis import given
from hypothesis import strategies as st

from simulation.motion import Channel

value = st.floats(-100, 100)


@given(value, value, st.floats(0.1, 5))
def test_a_move_stays_between_its_ends_and_arrives(start: float, target: float, duration: float):
    channel = Channel(start)
    channel.move(1.0, duration, target)
    low, high = min(start, target) - 1e-9, max(start, target) + 1e-9
    path = [channel.at(step * 0.1) for step in range(80)]
    assert path[0] == start
    assert all(low <= place <= high for place in path)
    assert path[-1] == target


def test_a_new_move_starts_from_where_the_last_one_is():
    channel = Channel(0.0)
    channel.move(0.0, 1.0, 10.0)
    before = channel.at(0.5)
    channel.move(0.5, 1.0, 0.0)
    assert abs(channel.at(0.501) - before) < 0.05
    assert channel.at(2.0) == 0.0


def test_an_earlier_order_replaces_what_was_planned_for_later():
    channel = Channel(0.0)
    channel.move(5.0, 1.0, 10.0)
    channel.move(1.0, 1.0, 3.0)
    assert channel.at(9.0) == 3.0


def test_planned_moves_follow_each_other():
    channel = Channel(0.0)
    channel.move(1.0, 0.1, 1.0)
    channel.then(1.5, 0.1, 0.0)
    assert [channel.at(t) for t in (0.9, 1.3, 2.0)] == [0.0, 1.0, 0.0]
