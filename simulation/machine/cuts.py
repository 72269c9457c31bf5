"""A machine at work is recorded; its power is cut again and again in the record; what each cut leaves is booted."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from simulation.machine.emulator import Machine, MachineFailed
from simulation.machine.system import System
from simulation.machine.writelog import MIXTURES, Logged, leave, mixture, read_log


@dataclass(frozen=True, slots=True)
class Heard:
    """What the machine said when its write log was `length` bytes long."""

    length: int
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recording:
    """A run from the first boot on: what its disk was told, and what those outside were told."""

    log: Sequence[Logged]
    heard: Sequence[Heard]

    @property
    def places(self) -> list[int]:
        """Lengths of the log, in entries, at which the machine was ready and something was not flushed."""
        ready = next(heard.length for heard in self.heard if heard.said["at"] == "ready")
        numbered = enumerate(self.log, start=1)
        return [number for number, entry in numbered if entry.end > ready and entry.data is not None]

    def promised(self, entries: int) -> tuple[list[str], int]:
        """What was acknowledged before a cut after so many entries: digests of marks, and the size the server held."""
        length = self.log[entries - 1].end
        before = [heard.said for heard in self.heard if heard.length <= length]
        marks = [said["sha256"] for said in before if said["at"] == "mark"]
        return marks, max((said["size"] for said in before if said["at"] == "held"), default=0)


@dataclass(slots=True)
class Outcome:
    """One cut: the mixture of unflushed writes, the marks acknowledged before, how many are lost, what else is wrong.

    Lost is also what the server had acknowledged and does not hold.
    """

    unflushed: str
    acknowledged: int
    lost: int = 0
    corrupt: str = ""
    failed: str = ""

    @property
    def sound(self) -> bool:
        """Whether every promise held."""
        return not (self.lost or self.corrupt or self.failed)


@dataclass(slots=True)
class Result:
    """All cuts of one recording."""

    recording: Recording
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def broken(self) -> int:
        """Cuts after which a promise did not hold."""
        return sum(not outcome.sound for outcome in self.outcomes)


def record(system: System, folder: Path, marks: int, careless: str = "") -> Recording:
    """Boot a fresh copy and let it make marks; `careless` as in `guest.py`. MachineFailed if it cannot."""
    disk, log = folder / "disk.img", folder / "writes.log"
    _copy(system.image, disk)
    task = f"hadir.task=work hadir.marks={marks} hadir.careless={careless}"
    with Machine(system, disk, task, folder / "work.console", log) as machine:
        heard = list(_hear(machine))
    return Recording(read_log(log), heard)


def cut(system: System, folder: Path, recording: Recording, cuts: int, seed: int) -> Iterator[Outcome]:
    """Cut at the end of the log and at random places before; boot each. One outcome after the other."""
    rng, places = random.Random(seed), recording.places
    for place in [*sorted(rng.sample(places, min(cuts - 1, len(places)))), len(recording.log)]:
        disk = folder / "disk.img"
        _copy(system.image, disk)
        marks, held = recording.promised(place)
        outcome = Outcome(rng.choice(MIXTURES), len(marks))
        with disk.open("r+b") as file:
            leave(file, recording.log[:place], mixture(outcome.unflushed, rng))
        _examine(outcome, system, disk, folder / "check.console", marks, held)
        yield outcome


def _examine(outcome: Outcome, system: System, disk: Path, console: Path, marks: Sequence[str], held: int) -> None:
    """Boot what a cut left and compare with what was promised; it ends at the first thing that is wrong."""
    try:
        with Machine(system, disk, "hadir.task=check", console) as machine:
            for heard in _hear(machine):
                judge(outcome, heard.said, marks, held)
                if not outcome.sound:
                    break
    except MachineFailed as error:
        outcome.failed = str(error)


def judge(outcome: Outcome, said: dict[str, Any], marks: Sequence[str], held: int) -> None:
    """Enter into the outcome what the examined machine said of itself."""
    if said["at"] == "journal":
        entries = said["entries"]
        outcome.lost = max(0, len(marks) - len(entries))
        if any(mine != theirs for mine, theirs in zip(marks, entries, strict=False)):
            outcome.corrupt = "an entry is another one"
    elif said["at"] == "verified":
        outcome.lost = max(0, held - said["held"])
        outcome.corrupt = "; ".join(said["faults"])
    elif said["at"] == "done" and not len(marks) < said["size"] == said["held"]:
        outcome.failed = f"{said['size']} entries in the journal and {said['held']} at the server after going on"


def _hear(machine: Machine) -> Iterator[Heard]:
    """Everything until the machine is done, which it then stays."""
    while True:
        said, length = machine.hear()
        yield Heard(length, said)
        if said["at"] == "done":
            return
        machine.go_on()


def _copy(source: Path, target: Path) -> None:
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", source, target], check=True)
