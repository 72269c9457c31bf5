"""A station on a disk that fills up and is emptied again: `python -m tests.kiosk.full_disk FOLDER` prints what it did.

FOLDER lies on a file system of its own, because it is filled to the last byte.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from kiosk.appliance.indicator import Indicator
from kiosk.clock import FrameClock
from kiosk.config import Pins
from kiosk.errors import JournalError
from kiosk.recognition.embedder import InlineEmbedder
from kiosk.recognition.gallery import Site
from kiosk.records.journal import Journal
from kiosk.station import Station, StationSettings
from kiosk.values import Frame
from protocol.note import Signer

FULL_FROM_S, FREE_FROM_S, END_S = 4, 16, 30


class NobodyThere:
    """A tracker's view of an empty room."""

    def update(self, frame):
        return SimpleNamespace(served=None, others=0, hint="")


class EmptyRoom:
    """A frame a second; at two of them somebody else fills the disk and empties it again."""

    kind, device, live, start_wall_ms = "sim", "empty room", False, 1_790_000_000_000

    def __init__(self, folder: Path) -> None:
        self.filler = folder / "filler"
        self.now_s = 0
        self.shown: list[tuple[int, str]] = []

    def read(self, timeout_s=2.0):
        self.now_s += 1
        if self.now_s == FULL_FROM_S:
            with suppress(OSError), self.filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(512))
        if self.now_s == FREE_FROM_S:
            self.filler.unlink()
        return None if self.now_s == END_S else Frame(np.zeros((8, 8, 3), np.uint8), self.now_s, self.now_s)

    def tell(self, event):
        if event.event == "lamp":
            self.shown.append((self.now_s, event.value))

    def close(self):
        """Nothing is held."""


def main(folder: Path) -> None:
    """Serve nobody while the disk is full; a mark is tried once a second."""
    camera, texts = EmptyRoom(folder), []
    clock = FrameClock(camera.start_wall_ms)
    journal = Journal(folder / "journal.db", "K01", Signer.from_seed("hadir.example/device/K01", bytes(32)), clock)
    indicator = Indicator(Pins(), True, texts.append)
    station = Station(
        camera, NobodyThere(), InlineEmbedder(lambda: None), indicator, clock, Site(), journal, StationSettings()
    )
    errors, saved = [], []

    def try_to_record():
        if FULL_FROM_S <= camera.now_s < FREE_FROM_S - 2 or camera.now_s >= END_S - 2:
            try:
                saved.append(journal.append("camera", {"state": "reopened", "detail": "x" * 2000}).seq)
            except JournalError as error:
                errors.append(str(error))
                station._write("camera", {"state": "reopened", "detail": "x" * 2000})

    station.every_frame = try_to_record
    station.run()
    size = journal.size
    journal.close()
    indicator.close()
    print(json.dumps({"lamps": camera.shown, "texts": texts, "errors": errors, "saved": saved, "size": size}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
