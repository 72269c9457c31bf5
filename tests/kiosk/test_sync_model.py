"""Sync under everything at once (`sync_model.py`), and the model against itself: planted defects are found."""

from contextlib import suppress

import pytest
from hypothesis import Phase

from kiosk.errors import SyncError
from kiosk.sync import Syncer
from protocol.cursor import Cursor
from server.devices import ingest
from server.devices.service import flag
from tests.kiosk.sync_model import SyncModel, try_model


def test_whatever_happens_each_entry_arrives_once_in_the_end():
    try_model(SyncModel, examples=60, derandomize=True)


def counts_what_was_sent(monkeypatch):
    """A kiosk that takes a batch for acknowledged though the answer was lost."""

    class Hasty(Syncer):
        def contact(self):
            tree = self.acknowledged()
            try:
                return super().contact()
            except SyncError:
                epoch, _, time_ms = self._state.load()
                with suppress(SyncError):
                    _, grown = self.pack_next(tree)
                    self._save(Cursor(self._device.name, epoch, grown.size, grown.root(), time_ms), grown, b"")
                raise

    monkeypatch.setattr(SyncModel, "syncer_class", Hasty)


def never_goes_back(monkeypatch):
    """A kiosk that does not believe the server that entries are missing there."""

    class Stubborn(Syncer):
        def _frontier_at(self, cursor):
            return self.acknowledged()

    monkeypatch.setattr(SyncModel, "syncer_class", Stubborn)


def prunes_at_once(monkeypatch):
    """A kiosk that removes what the server has, though the server may come back from a backup."""
    monkeypatch.setattr(SyncModel, "keep_days", 0)


def knows_no_repetition(monkeypatch):
    """A server that takes a batch that is sent again for a second one."""

    def compare(connection, batch, known, now_ms):
        if known:
            flag(connection, batch.device, "conflict", "entries are held already", now_ms)
        return "entries are held already" if known else ""

    monkeypatch.setattr(ingest, "_compare", compare)


def answers_first(monkeypatch):
    """A server that acknowledges a batch before it is stored, and stores it with the next."""
    original, waiting = ingest.receive, []

    def receive(database, log_key, device, signature, body, clock, **options):
        waiting.append((signature, body))
        if len(waiting) == 1:
            batch = ingest.unpack(body)
            checkpoint = ingest.open_checkpoint(batch.checkpoint, device.verifier)
            epoch, now_ms = database.value("epoch"), clock.now_ms()
            return ingest.Outcome(Cursor(device.name, epoch, checkpoint.size, checkpoint.root, now_ms))
        outcomes = [original(database, log_key, device, *one, clock, **options) for one in waiting]
        waiting.clear()
        return outcomes[-1]

    monkeypatch.setattr(ingest, "receive", receive)


@pytest.mark.parametrize(
    "defect", [counts_what_was_sent, never_goes_back, prunes_at_once, knows_no_repetition, answers_first]
)
def test_a_planted_defect_is_found(defect, monkeypatch):
    defect(monkeypatch)
    with pytest.raises((AssertionError, SyncError)):
        try_model(SyncModel, examples=200, steps=50, derandomize=True, phases=[Phase.generate])
