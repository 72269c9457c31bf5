"""Numbers, money, dates and sentences, as Indonesians and as others write them."""

import datetime as dt
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.errors import ReportRefused
from server.reports.language import Language, duration, in_words
from server.reports.messages import MESSAGES

INDONESIAN, ENGLISH = Language("id"), Language("en")


@pytest.mark.parametrize(
    ("value", "indonesian", "english"),
    [(0, "Rp0", "Rp0"), (1_234_567, "Rp1.234.567", "Rp1,234,567"), (-50_000, "-Rp50.000", "-Rp50,000")],
)
def test_rupiah_are_grouped_as_each_language_groups(value: int, indonesian: str, english: str) -> None:
    assert (INDONESIAN.rupiah(value), ENGLISH.rupiah(value)) == (indonesian, english)


def test_dates_have_the_month_in_words() -> None:
    day = dt.date(2026, 10, 5)
    assert (INDONESIAN.date(day), ENGLISH.date(day)) == ("5 Oktober 2026", "5 October 2026")
    assert (INDONESIAN.short_date(day), ENGLISH.short_date(day)) == ("Sen 05/10", "Mon 05/10")


def test_dates_in_a_reason_are_written_out_but_not_within_document_numbers() -> None:
    text = "2026-10-05: menunggu SPT-2026-10-05-7 dan 12/2026-10-05; 2026-13-40"
    assert INDONESIAN.dates_in(text) == "5 Oktober 2026: menunggu SPT-2026-10-05-7 dan 12/2026-10-05; 2026-13-40"


@pytest.mark.parametrize(
    ("numerator", "denominator", "shown"),
    [(1, 200, "0,5 %"), (1, 8, "12,5 %"), (3, 100, "3 %"), (1, 1, "100 %"), (1, 3, "1/3"), (4000, 1, "× 4.000")],
)
def test_shares_are_exact(numerator: int, denominator: int, shown: str) -> None:
    assert INDONESIAN.share(numerator, denominator) == shown


def test_seconds_show_as_hours_minutes_and_seconds() -> None:
    assert [duration(0), duration(59), duration(3 * 3600 + 61)] == ["", "0:00:59", "3:01:01"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "nol"),
        (11, "sebelas"),
        (1_000, "seribu"),
        (1_100, "seribu seratus"),
        (5_033_600, "lima juta tiga puluh tiga ribu enam ratus"),
        (1_000_000, "satu juta"),
        (2_117_000_010, "dua miliar seratus tujuh belas juta sepuluh"),
    ],
)
def test_amounts_are_spelled_as_on_payment_papers(value: int, words: str) -> None:
    assert in_words(value) == words


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_spelled_amounts_read_back_as_the_same_number(value: int) -> None:
    assert _read(in_words(value)) == value


def test_every_message_has_both_languages_and_the_same_places_to_fill() -> None:
    for key, texts in MESSAGES.items():
        assert all(texts), key
        places = [{name for _, name, _, _ in string.Formatter().parse(text)} for text in texts]
        assert places[0] == places[1], key


def test_a_language_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(ReportRefused, match="'jv'; there are id, en"):
        Language("jv")


_ONES = "nol satu dua tiga empat lima enam tujuh delapan sembilan".split()  # noqa: SIM905 - read as counted aloud
_LARGE = {"ribu": 10**3, "juta": 10**6, "miliar": 10**9, "triliun": 10**12}


def _read(words: str) -> int:
    """A reader of spelled numbers that shares nothing with the writer."""
    spelled = words.replace("sepuluh", "satu puluh").replace("seratus", "satu ratus").replace("seribu", "satu ribu")
    total = part = digit = 0
    for word in spelled.replace("sebelas", "satu belas").split():
        if word in _ONES:
            digit = _ONES.index(word)
        elif word == "belas":
            part, digit = part + 10 + digit, 0
        elif word == "puluh":
            part, digit = part + digit * 10, 0
        elif word == "ratus":
            part, digit = part + digit * 100, 0
        else:
            total, part, digit = total + (part + digit) * _LARGE[word], 0, 0
    return total + part + digit
