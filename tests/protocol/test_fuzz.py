"""A small seeded part of what `python -m benchmarks.fuzz` tries: decoders raise only what they declare."""

import pytest

from benchmarks import fuzz
from protocol.errors import ProtocolError


def test_damaged_input_of_every_format_raises_only_the_declared_error():
    counts = {name: count for name, count, _, _ in fuzz.run(4_800, seed=5)}
    assert set(counts.values()) == {200}


@pytest.mark.parametrize("target", fuzz.targets(), ids=lambda target: target.name)
def test_the_inputs_that_are_damaged_are_good_ones(target):
    for data in target.valid:
        if target.name in ("inclusion", "consistency"):  # right in form, for another root
            with pytest.raises(ProtocolError, match="does not show"):
                target.decode(data)
        elif target.name == "settings":
            assert target.decode(data).count == 7
        elif target.name == "frontier":
            assert target.decode(data).size == 2
        else:
            assert target.decode(data) is not None


def test_the_fuzzer_can_fail():
    broken = fuzz.Target("broken", lambda data: data.decode("ascii"), (b"x" * 50,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fuzz, "targets", lambda: (broken,))
        with pytest.raises(SystemExit, match="broken: UnicodeDecodeError"):
            list(fuzz.run(500, seed=1))
