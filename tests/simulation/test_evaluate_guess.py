"""`hadir evaluate guess`: the published chance, of the usual prompts and of an alternative set."""

import json

import pytest

from simulation.evaluate import guess


def test_fewer_prompts_are_guessed_more_often_and_the_figure_is_of_those_named(capsys):
    assert guess.main(["--json"]) == 0
    usual = json.loads(capsys.readouterr().out)
    assert guess.main(["--json", "--prompts", "come_closer,turn_left"]) == 0
    few = json.loads(capsys.readouterr().out)
    assert few["none"]["prompts"] == 0.75
    assert few["lamp"]["prompts"] > usual["lamp"]["prompts"]
    assert few["lamp"]["light"] < usual["lamp"]["light"], "a longer code makes up for it"


@pytest.mark.parametrize("prompts", ["wink,turn_left", "turn_left", "blink,look_up", ""])
def test_a_set_that_no_officer_can_file_has_no_figure(prompts, capsys):
    with pytest.raises(SystemExit):
        guess.main(["--prompts", prompts])
    assert "one of them a turn" in capsys.readouterr().err
