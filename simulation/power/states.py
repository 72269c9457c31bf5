"""Runs a piece of the product on a disk that is being recorded, then opens what each power cut may have left."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from kiosk.errors import KioskError
from server.errors import ServerError
from simulation.power.disk import Disk, Files, Promised, write_tree
from simulation.power.recording import Recorder, recording

_CARRY_NOTHING = (".lock", "-shm")
"""Endings of files whose content no later start looks at."""


class Lost(AssertionError):
    """A state that breaks a promise: says which."""


Check = Callable[[Path, dict[str, Any]], None]
"""Opens what is left below a folder as the product does; `promised` by name. Lost, or the product's error."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """`prepare` fills a folder before the recording; `run` works in it and gives the check for what is left."""

    name: str
    run: Callable[[Path, Recorder], Check]
    prepare: Callable[[Path], None] = lambda root: None


@dataclass(slots=True)
class Result:
    """`events`: of the disk; `states`: different ones that were opened; `failures`: what was wrong, by how often."""

    name: str
    events: int = 0
    states: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    @property
    def failed(self) -> int:
        """States in which something was wrong."""
        return sum(self.failures.values())


def require(condition: bool, what: str) -> None:
    """Lost unless the condition holds."""
    if not condition:
        raise Lost(what)


def examine(scenario: Scenario, guesses: int, every: int = 1, seed: int = 1) -> Result:
    """Record the scenario, and open what a power cut after each `every`-th event may leave, with `guesses` mixtures."""
    rng = random.Random(seed)
    result = Result(scenario.name)
    memory = Path("/dev/shm")  # noqa: S108  # a folder of our own is made there; nothing needs to survive
    with TemporaryDirectory(prefix="hadir-power-", dir=memory if memory.is_dir() else None) as folder:
        home = Path(folder, "run").resolve()
        home.mkdir()
        scenario.prepare(home)
        with recording(home) as recorder:
            check = scenario.run(home, recorder)
        log = recorder.log
        log.check_complete(_CARRY_NOTHING)
        result.events = len(log.events)
        disk, promised = Disk(log), {}
        seen: set[bytes] = set()
        for number, event in enumerate(log.events):
            disk.apply(event)
            if isinstance(event, Promised):
                promised[event.what] = event.value
            if number % every == 0 or number == len(log.events) - 1:
                for files in disk.states(rng, guesses):
                    digest = _digest(files, promised)
                    if digest not in seen:
                        seen.add(digest)
                        _open(Path(folder, "state"), files, check, promised, result)
    return result


def _open(root: Path, files: Files, check: Check, promised: dict[str, Any], result: Result) -> None:
    root.mkdir()
    try:
        write_tree(root, files)
        result.states += 1
        check(root, promised)
    except (Lost, KioskError, ServerError, sqlite3.Error) as error:
        what = f"{type(error).__name__}: {str(error).replace(str(root), '')}"
        result.failures[what] = result.failures.get(what, 0) + 1
    finally:
        shutil.rmtree(root)


def _digest(files: Files, promised: dict[str, Any]) -> bytes:
    digest = sha256(repr(sorted(promised.items())).encode())
    for path, content in files.items():
        digest.update(f"{path}\0{-1 if content is None else len(content)}\0".encode() + (content or b""))
    return digest.digest()
