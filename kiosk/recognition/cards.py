"""Cards before the camera: the second factor of somebody whom the face alone does not tell from others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.values import Outcome, Reason
from protocol import cards
from protocol.roster import Card, Roster

NOT_ISSUED = "no card was issued"
_NOT_SHOWN = "no card was shown"
_FOREIGN = "the code shown is no card"
_UNKNOWN = "the card is not known here"
_ANOTHERS = "the card is another person's"
_EXPIRED = "the card has expired"
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class CardSettings:
    """`show_within_s`: seconds to show a card; `look_within_s`: and then to look into the camera again."""

    show_within_s: float = 10.0
    look_within_s: float = 5.0


class CardReader:
    """Finds a QR code in a picture. It costs some twenty milliseconds: only who was asked for a card is looked at so.

    Of two detectors each misses a few codes in a hundred, whose pattern misleads it in every picture, and seldom both.
    """

    def __init__(self) -> None:
        self._detectors = cv2.QRCodeDetectorAruco(), cv2.QRCodeDetector()

    def read(self, image: NDArray[np.uint8]) -> str:
        """The text of a code in a picture (height x width x 3); '' where none is seen well enough."""
        unread = ""
        for detector in self._detectors:
            try:
                if text := str(detector.detectAndDecode(image)[0]):
                    return text
            except (cv2.error, UnicodeError):  # a code of a kind that OpenCV cannot read, or that holds no text
                unread = _UNREADABLE
        return unread


class CardCheck:
    """What somebody shows who is one of `people` (pseudonyms), from `time_s` on, and what `roster` says of it that day.

    `card`: the one that was shown, perhaps another person's. Times are the camera's, seconds.
    """

    def __init__(
        self, people: Collection[str], roster: Roster, day: str, time_s: float, settings: CardSettings
    ) -> None:
        self.card: Card | None = None
        self._people = people
        self._roster = roster
        self._day = day
        self._until_s = time_s + settings.show_within_s
        self._settings = settings
        self._issued = any(one.person in people and one.holds(day) for one in roster.cards)
        self._problem = ""
        self._foreign = False

    @property
    def waits(self) -> bool:
        """Whether a card is still looked for."""
        return self._issued and self.card is None and not self._problem

    @property
    def fits(self) -> bool:
        """Whether the card that was shown says who this is."""
        return self.card is not None and not self._problem

    def show(self, text: str, time_s: float) -> None:
        """Take in what a code says; a code that is no card, as of a poster, ends nothing."""
        if not cards.digest(text):
            self._foreign = self._foreign or bool(text)
            return
        self.card = self._roster.card_of(text)
        self._until_s = time_s + self._settings.look_within_s
        if self.card is None:
            self._problem = _UNKNOWN
        elif self.card.person not in self._people:
            self._problem = _ANOTHERS
        elif not self.card.holds(self._day):
            self._problem = _EXPIRED

    def is_over(self, time_s: float) -> bool:
        """Whether the time to show a card, or to look up after it, has passed."""
        return time_s > self._until_s

    def against(self, time_s: float) -> tuple[Outcome, Reason] | None:
        """What speaks against this visit by now; None while nothing does."""
        if self._problem:
            return "refused", Reason(self._problem)
        if not self._issued:
            return "undetermined", Reason(NOT_ISSUED)
        if self.card is None and self.is_over(time_s):
            return "undetermined", Reason(_FOREIGN if self._foreign else _NOT_SHOWN)
        return None
