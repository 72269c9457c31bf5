"""Releases: which code a device runs, and which it should (`docs/formats.md`)."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from protocol.errors import ProtocolError

PARTS = ("hadir", "kiosk", "locks", "protocol")
"""What of a tree a kiosk runs: files and folders."""
_VERSION = re.compile(r'^__version__ = "([^"]{1,32})"$', re.MULTILINE)
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Release:
    """`version` for people; `sha256` (hex) of the code says whether two are the same."""

    version: str
    sha256: str

    @classmethod
    def of_tree(cls, tree: Path) -> Release:
        """The release in a folder; ProtocolError when it holds none.

        The digest is that of `sha256sum`'s lines for all files of PARTS, sorted by path, compiled ones left out.
        """
        try:
            found = _VERSION.search((tree / "kiosk" / "__init__.py").read_text(encoding="utf-8"))
            if found is None:
                raise ProtocolError(f"{tree} is no release: kiosk/__init__.py states no version")
            files = [path for part in PARTS for path in (tree / part, *(tree / part).rglob("*")) if path.is_file()]
            names = sorted(path.relative_to(tree).as_posix() for path in files if "__pycache__" not in path.parts)
            lines = "".join(f"{sha256((tree / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
        except OSError as error:
            raise ProtocolError(f"{error.filename} cannot be read ({error.strerror}): {tree} is no release") from error
        return cls(found[1], sha256(lines.encode()).hexdigest())

    def setting(self) -> dict[str, str]:
        """As in the settings of a manifest."""
        return asdict(self)


def named_release(settings: dict[str, Any]) -> Release | None:
    """The release that the settings of a manifest name, if any; ProtocolError when that is not whole."""
    value = settings.get("release")
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"version", "sha256"}:
        raise ProtocolError("manifest: release holds version and sha256")
    version, digest = value["version"], value["sha256"]
    if not isinstance(version, str) or not isinstance(digest, str) or not _DIGEST.match(digest):
        raise ProtocolError("manifest: the release's sha256 is not 64 hex digits")
    return Release(version, digest)
