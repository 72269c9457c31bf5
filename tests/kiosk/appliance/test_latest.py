"""What the last visits measured, read from the journal."""

from pathlib import Path

import pytest

from kiosk.appliance.latest import as_text, latest
from kiosk.clock import FrameClock
from kiosk.config import KioskConfig
from kiosk.errors import JournalError
from kiosk.pad.cues import ABOVE, PassiveSettings
from kiosk.records import record
from kiosk.records.journal import Journal
from kiosk.values import Decision, LivenessVerdict, Match, Reason
from protocol.note import Signer

PERSON = "ab" * 16
MATCH = Match("known", PERSON, 0.31, None)
NOTED = (Reason("moire", 1.37, 1.0), Reason("bezel", 0.4, 0.9))


@pytest.fixture
def config(tmp_path: Path) -> KioskConfig:
    return KioskConfig(tmp_path, "sim:person", "https://x", passive=PassiveSettings(use={"moire": "deny"}))


@pytest.fixture
def journal(config: KioskConfig):
    made = Journal(
        config.state_dir / "journal.db", "K01", Signer.from_seed("hadir.example/device/K01", bytes(32)), FrameClock(0)
    )
    yield made
    made.close()


def write(journal: Journal, state: str, outcome: str, *reasons: Reason) -> None:
    verdict = LivenessVerdict(state, reasons, noted=NOTED)  # type: ignore[arg-type]
    decision = Decision(4.0, 1.0, 1, outcome, MATCH, verdict, reasons)  # type: ignore[arg-type]
    if outcome == "granted":
        journal.append("presence", record.presence(decision, PERSON, 0, "sim", 1))
    else:
        journal.append("refusal", record.refusal(decision, 0, "sim", 1))


def test_cues_are_told_with_their_limits_and_use_beside_the_decision(config: KioskConfig, journal: Journal) -> None:
    write(journal, "live", "granted", Reason("mesh depth", 0.05, 0.03))
    journal.append("clock_step", {"step_ms": 5000})
    write(journal, "attack", "refused", Reason("turn_left is flat", 0.01, 0.013))
    first, second = latest(config, 5)
    assert (first["decision"], second["decision"]) == ("granted", "refused")
    assert second["cues"]["moire"] == {"value": 1.37, "limit": ABOVE["moire"], "use": "deny"}
    assert second["cues"]["bezel"]["use"] == "log"
    assert first["measures"] == {"mesh_depth": 0.05}
    assert second["reasons"] == ["turn_left is flat"]
    text = as_text([second])
    assert "turn_left is flat" in text
    assert text.count("<- above") == 1


def test_only_the_last_are_told(config: KioskConfig, journal: Journal) -> None:
    for _ in range(4):
        write(journal, "attack", "refused", Reason("flat"))
    assert len(latest(config, 3)) == 3
    assert latest(config, 0) == []
    assert as_text([]) == "nobody has been at this kiosk yet"


def test_without_a_journal_the_station_is_named(config: KioskConfig) -> None:
    with pytest.raises(JournalError, match="station has not started"):
        latest(config, 3)
