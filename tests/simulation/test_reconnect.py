"""A few of the kiosks of `python -m benchmarks.reconnect`, against a real server process."""

from benchmarks import reconnect


def test_all_that_come_back_at_once_are_acknowledged_and_nothing_is_lost(capsys):
    assert reconnect.main(kiosks=12, marks=5) == 0
    printed = capsys.readouterr().out
    assert "stored 60 of 60 entries; devices flagged: 0" in printed
    assert "200 12" in printed
