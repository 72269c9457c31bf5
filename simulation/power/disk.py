"""A disk that forgets: a log of what was done to it, and the states that a power cut at any point may leave.

Only what POSIX promises is believed: a file's bytes are safe once the file was synced, a name (made, removed, renamed,
of a file or of a folder) once its folder was. Everything else is kept, lost, torn at 512 bytes or, where a file had
grown, scrap; names are undone from the newest on, as a file system with a journal does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

SECTOR = 512
_SCRAP = b"\xa5"


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes written to a file at an offset; `data` None: the file was cut or grown to `offset` bytes."""

    file: int
    offset: int
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Synced:
    """A file's writes until now are safe; not if `failed`: then they may be lost whatever is synced later."""

    file: int
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """`path` is now the name of `file` (None: of a folder); `old`: the name that it had until now."""

    path: str
    file: int | None
    old: str | None = None


@dataclass(frozen=True, slots=True)
class Unnamed:
    """`path` was removed."""

    path: str


@dataclass(frozen=True, slots=True)
class FolderSynced:
    """The names in a folder are safe."""

    path: str


@dataclass(frozen=True, slots=True)
class Promised:
    """The product told somebody that something is saved: it must be there in every later state."""

    what: str
    value: Any


Event = Write | Synced | Named | Unnamed | FolderSynced | Promised
Files = dict[str, bytes | None]
"""Contents by path; None for a folder."""
Keep = Callable[[Write], list[int]]
"""Which sectors of a write come true."""


class DiskLog:
    """Events under `root`, noted as they happen. Paths are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.start: Files = read_tree(root)
        self.events: list[Event] = []
        self._count = 0
        self._names: dict[str, int | None] = {}
        for path, content in self.start.items():
            self._names[path] = None if content is None else self._new()

    def promise(self, what: str, value: Any) -> None:
        """Note what the product has just promised."""
        self.events.append(Promised(what, value))

    def relative(self, path: str | Path) -> str | None:
        """A path as the log names it; None outside of it."""
        full = Path(path).absolute()
        return str(full.relative_to(self.root)) if full.is_relative_to(self.root) else None

    def made(self, path: str) -> None:
        """There is a file at `path`; noted when it is new."""
        if path not in self._names:
            self._names[path] = self._new()
            self.events.append(Named(path, self._names[path]))

    def made_folder(self, path: str) -> None:
        """A folder was made."""
        self._names[path] = None
        self.events.append(Named(path, None))

    def renamed(self, old: str, path: str) -> None:
        """`old` was renamed to `path`."""
        self._names[path] = self._names.pop(old)
        self.events.append(Named(path, self._names[path], old))

    def removed(self, path: str) -> None:
        """A name was removed."""
        self._names.pop(path, None)
        self.events.append(Unnamed(path))

    def wrote(self, path: str, offset: int, data: bytes | None) -> None:
        """As `Write`."""
        self.events.append(Write(self._file(path), offset, data))

    def synced(self, path: str, failed: bool = False) -> None:
        """As `Synced`."""
        self.events.append(Synced(self._file(path), failed))

    def folder_synced(self, path: str) -> None:
        """As `FolderSynced`."""
        self.events.append(FolderSynced(path))

    def check_complete(self, ignored: tuple[str, ...]) -> None:
        """Whether replaying everything gives what the disk holds now; ValueError names what was not noted.

        `ignored`: endings of names whose files carry nothing over a power cut.
        """
        disk = Disk(self)
        for event in self.events:
            disk.apply(event)
        ours, real = disk.now(), read_tree(self.root)
        for path in sorted(ours.keys() | real.keys()):
            if not path.endswith(ignored) and ours.get(path, b"") != real.get(path, b""):
                raise ValueError(f"the log does not tell how {path} came about: its states prove nothing")

    def _file(self, path: str) -> int:
        file = self._names[path]
        assert file is not None, f"{path} is a folder"
        return file

    def _new(self) -> int:
        self._count += 1
        return self._count


@dataclass(slots=True)
class _Pending:
    write: Write
    certain: bool = False  # synced, but after one that is not
    doomed: bool = False  # its sync failed


class Disk:
    """What is safe and what is not, as the log goes on."""

    def __init__(self, log: DiskLog) -> None:
        self._names: dict[str, int | None] = {}
        self._safe: dict[int, bytes] = {}
        self._pending: dict[int, list[_Pending]] = {}
        self._name_changes: list[Named | Unnamed] = []
        for number, (path, content) in enumerate(((p, c) for p, c in log.start.items() if c is not None), start=1):
            self._names[path] = number
            self._safe[number] = content or b""
        self._names |= {path: None for path, content in log.start.items() if content is None}

    def apply(self, event: Event) -> None:
        """Go on by one event."""
        if isinstance(event, Write):
            self._pending.setdefault(event.file, []).append(_Pending(event))
        elif isinstance(event, Synced):
            self._sync(event)
        elif isinstance(event, Named | Unnamed):
            self._name_changes.append(event)
        elif isinstance(event, FolderSynced):
            mine = [change for change in self._name_changes if _folder(change.path) == event.path]
            self._names = _renamed(self._names, mine)
            self._name_changes = [change for change in self._name_changes if _folder(change.path) != event.path]

    def now(self) -> Files:
        """What is there while the power is on."""
        return self._state(_all, len(self._name_changes))

    def states(self, rng: random.Random, guesses: int) -> Iterator[Files]:
        """What a power cut now may leave: each extreme, the newest write torn, and `guesses` mixtures."""
        names = len(self._name_changes)
        waiting = [file for file, pending in self._pending.items() if any(not one.certain for one in pending)]
        for count in {0, names}:
            yield self._state(_all, count)
            yield self._state(_none, count)
        if waiting:
            yield self._state(_none, names, scrap=True)
        for file in waiting if len(waiting) > 1 else ():
            yield self._state(_only(file), names)
            yield self._state(_except(file), names)
        for file in waiting:
            newest = self._pending[file][-1].write
            sectors = _all(newest)
            if len(sectors) > 1:
                yield self._state(_torn(newest, sectors[: len(sectors) // 2]), names)
                yield self._state(_torn(newest, sectors[len(sectors) // 2 :]), names)
        for _ in range(guesses if waiting or names else 0):
            yield self._state(lambda write: _some(write, rng), rng.randint(0, names), scrap=rng.random() < 0.3)

    def _sync(self, event: Synced) -> None:
        pending = self._pending.get(event.file, [])
        for one in pending:
            one.doomed |= event.failed
            one.certain |= not event.failed and not one.doomed
        while pending and pending[0].certain:
            write = pending.pop(0).write
            content = bytearray(self._safe.get(event.file, b""))
            _write(content, write, _all(write))
            self._safe[event.file] = bytes(content)

    def _state(self, keep: Keep, names: int, scrap: bool = False) -> Files:
        contents: dict[int, bytes] = {}
        for file in self._safe.keys() | self._pending.keys():
            content = bytearray(self._safe.get(file, b""))
            for one in self._pending.get(file, ()):
                if scrap and one.write.data is not None and not one.certain:
                    end = one.write.offset + len(one.write.data)
                    content.extend(_SCRAP * (end - len(content)))
                _write(content, one.write, _all(one.write) if one.certain else keep(one.write))
            contents[file] = bytes(content)
        found: Files = {}
        table = _renamed(self._names, self._name_changes[:names])
        for path, number in sorted(table.items()):
            if _folder(path) == "." or _folder(path) in found:
                found[path] = None if number is None else contents.get(number, b"")
        return found


def read_tree(root: Path) -> Files:
    """What lies below a folder; sockets are left out."""
    found: Files = {}
    for path in sorted(root.rglob("*")):
        if path.is_dir() or path.is_file():
            found[str(path.relative_to(root))] = None if path.is_dir() else path.read_bytes()
    return found


def write_tree(root: Path, files: Files) -> None:
    """Make what `read_tree` gives."""
    for path, content in files.items():
        if content is None:
            (root / path).mkdir(parents=True, exist_ok=True)
        else:
            (root / path).write_bytes(content)


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _renamed(names: dict[str, int | None], changes: Iterable[Named | Unnamed]) -> dict[str, int | None]:
    result = dict(names)
    for change in changes:
        if isinstance(change, Unnamed):
            result.pop(change.path, None)
        else:
            if change.old is not None:
                result.pop(change.old, None)
            result[change.path] = change.file
    return result


def _write(content: bytearray, write: Write, sectors: list[int]) -> None:
    """Let those sectors of a write come true; a change of length is one sector."""
    if write.data is None:
        if sectors:
            content.extend(bytes(max(0, write.offset - len(content))))
            del content[write.offset :]
        return
    for sector in sectors:
        start = max(write.offset, sector * SECTOR)
        end = min(write.offset + len(write.data), (sector + 1) * SECTOR)
        content.extend(bytes(max(0, end - len(content))))
        content[start:end] = write.data[start - write.offset : end - write.offset]


def _all(write: Write) -> list[int]:
    if write.data is None:
        return [0]
    return list(range(write.offset // SECTOR, (write.offset + len(write.data) + SECTOR - 1) // SECTOR))


def _none(write: Write) -> list[int]:
    return []


def _only(file: int) -> Keep:
    return lambda write: _all(write) if write.file == file else []


def _except(file: int) -> Keep:
    return lambda write: [] if write.file == file else _all(write)


def _torn(newest: Write, sectors: list[int]) -> Keep:
    return lambda write: sectors if write is newest else _all(write)


def _some(write: Write, rng: random.Random) -> list[int]:
    chance = rng.choice((0.0, 1.0, 0.5))
    return [sector for sector in _all(write) if rng.random() < chance]
