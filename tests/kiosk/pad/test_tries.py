"""Failed tries are counted for each person, across restarts, and end in pauses; the chance of guessing is known."""

from itertools import pairwise

import pytest

from kiosk.liveness import LivenessSettings
from kiosk.pad.light import LightSettings
from kiosk.pad.prompts import POOL, TURNS, guess_probability, light_guess_probability, plans, replacements
from kiosk.pad.tries import DAY_MS, UNASKED, USED_UP, Tries, TrySettings, chance
from protocol.entry import Entry

NOW = 1_790_000_000_000
LIMITS = TrySettings()


def failing(times: int, person: str = "p", step_ms: int = 100_000) -> tuple[Tries, int]:
    """Tries with that many failures, and the moment of the last."""
    tries = Tries()
    for number in range(times):
        tries.failed(person, NOW + number * step_ms)
    return tries, NOW + (times - 1) * step_ms


def test_the_first_failure_costs_no_pause_and_the_second_a_minute():
    tries, now = failing(1)
    assert tries.wait_s("p", now) == 0
    tries, now = failing(2)
    assert tries.wait_s("p", now) == LIMITS.pause_s
    assert tries.wait_s("p", now + 61_000) == 0


def test_after_the_last_try_of_a_day_only_another_day_helps():
    tries, now = failing(LIMITS.a_day)
    assert tries.wait_s("p", now + 3_600_000) > 3600
    assert tries.wait_s("p", NOW + DAY_MS) == 0
    assert tries.count("p", now + DAY_MS) == 0


def test_one_persons_tries_are_not_anothers():
    tries, now = failing(LIMITS.a_day)
    assert tries.wait_s("q", now) == 0


def test_a_try_of_one_of_two_who_are_alike_counts_for_both():
    tries, now = failing(3)
    tries.failed("q", now + 70_000)
    tries.failed("q", now + 140_000)
    now += 150_000
    for person, other in (("p", "q"), ("q", "p")):
        assert tries.count(person, now, {other}) == LIMITS.a_day
        assert tries.wait_s(person, now, {other}) > 3600
        assert tries.more_prompts(person, now, {other}) == LIMITS.most_more
    assert tries.wait_s("r", now) == 0
    assert [tries.note(person, now, {"p", "q"}) for person in ("p", "p")] == [True, False]


def test_faces_that_are_not_known_pause_only_after_many_in_a_short_time():
    tries, now = failing(LIMITS.unknown_before_pause, person="", step_ms=1000)
    assert tries.wait_s("", now) == LIMITS.pause_s
    tries, now = failing(LIMITS.unknown_before_pause, person="", step_ms=60_000)
    assert tries.wait_s("", now) == 0


def test_more_is_asked_for_a_day_after_a_failure_of_whom_it_concerns():
    tries, now = failing(1)
    assert tries.more_prompts("p", now + 3_600_000) == 1
    assert tries.more_prompts("q", now) == 0
    assert tries.more_prompts("p", now + DAY_MS) == 0


def test_an_attack_makes_the_kiosk_ask_everybody_more_for_a_while():
    tries = Tries()
    tries.failed("p", NOW, attack=True)
    assert tries.more_prompts("q", NOW + 1000) == 1
    assert tries.more_prompts("q", NOW + 1000 * round(LIMITS.alarm_s) + 1) == 0


def refusal(
    seq: int, person: str | None, reasons: list[str], decision: str = "undetermined", liveness: str = "undetermined"
) -> Entry:
    body = {"decision": decision, "person": person, "reasons": reasons, "liveness": liveness}
    return Entry("K01", seq, "refusal", "0" * 32, seq, NOW + seq, "free", body)


def test_a_restart_remembers_what_the_journal_holds_and_counts_no_pause_as_a_try():
    tries = Tries()
    tries.recall(
        [
            Entry("K01", 0, "boot", "0" * 32, 0, NOW, "free", {}),
            refusal(1, "p", ["no answer to blink"]),
            refusal(2, "p", [USED_UP]),
            refusal(2, "p", ["nobody stayed for the prompts", UNASKED]),
            refusal(3, "p", [], "unknown"),
            refusal(4, "q", [], "refused", "attack"),
        ]
    )
    assert tries.more_prompts("r", NOW + 5) == 1
    assert tries.count("p", NOW + 4) == 1
    assert tries.count("", NOW + 4) == 1


def test_a_pause_is_written_down_once():
    tries, now = failing(2)
    assert [tries.note("p", now + second) for second in range(3)] == [True, False, False]
    tries.failed("p", now + 61_000)
    assert tries.note("p", now + 62_000)


def test_with_the_light_code_a_day_of_guessing_stays_below_one_in_a_thousand():
    lit = chance(LivenessSettings(light=LightSettings()))
    assert lit.a_day <= 1e-3
    assert lit.one_try < lit.prompts
    assert chance(LivenessSettings()).a_day > lit.a_day


def test_more_prompts_are_harder_to_guess_and_more_retries_easier():
    figures = [guess_probability(POOL, count, 0) for count in (1, 2, 3)]
    assert all(more < less for less, more in pairwise(figures))
    assert guess_probability(POOL, 2, 1) > guess_probability(POOL, 2, 0)
    assert guess_probability(POOL, 1, 1, 1) > guess_probability(POOL, 1, 1)


def test_a_single_turn_is_guessed_half_of_the_time():
    assert guess_probability(POOL, 1, 0) == pytest.approx(0.5)


def test_a_longer_code_of_light_is_harder_to_guess():
    assert light_guess_probability(((14, 0.8),)) < light_guess_probability(((10, 0.8),)) < 0.05
    assert light_guess_probability(((12, 0.95), (14, 0.8))) > light_guess_probability(((14, 0.8),))


@pytest.mark.parametrize("missing", [{"turn_left"}, {"turn_left", "look_up"}, {"blink"}, {"look_up", "blink"}])
def test_a_set_of_alternative_prompts_that_is_easily_guessed_is_given_a_longer_code(missing: set[str]):
    pool = tuple(prompt for prompt in POOL if prompt not in missing)
    assert chance(LivenessSettings(pool=pool, light=LightSettings())).a_day <= 1e-3


def test_every_plan_has_a_turn_and_nothing_twice():
    for count in (1, 2, 3):
        assert all(set(plan) & set(TURNS) and len(set(plan)) == count for plan in plans(POOL, count))


def test_nothing_but_a_blink_takes_the_place_of_a_missed_blink():
    assert replacements(POOL, "blink", (), True) == ["blink"]
    assert set(replacements(POOL, "look_up", (), False)) == set(TURNS)
