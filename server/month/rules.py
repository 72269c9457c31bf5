"""Regulations kept as they were: a month that is locked can be reckoned again long after the file was replaced."""

from __future__ import annotations

import json
import tempfile
from os.path import commonpath, relpath
from pathlib import Path

from sqlalchemy import Connection, select

from server.allowance import regulation as regulations
from server.allowance.regulation import Regulation
from server.errors import ConfigError, NotFound
from server.month.models import regulation_texts
from server.services import Services


def configured(parts: Services) -> Regulation:
    """The regulation that the configuration names; ConfigError when it names none."""
    if parts.config.regulation is None:
        raise ConfigError("the configuration names no regulation: add regulation: FILE.yaml")
    return regulations.load(parts.config.regulation)


def keep(connection: Connection, regulation: Regulation) -> None:
    """Store the regulation and every file that it uses, once."""
    known = select(regulation_texts.c.sha256).where(regulation_texts.c.sha256 == regulation.sha256)
    if connection.execute(known).first() is not None:
        return
    texts = {source.path.resolve(): source.text for source in regulation.documents}
    if regulation.calendar is not None:
        path = regulation.path.parent / regulation.documents[0].value["calendar"]
        texts[path.resolve()] = regulation.calendar.text
    root = Path(commonpath([path.parent for path in texts]))
    files = {relpath(path, root): text for path, text in texts.items()}
    row = {
        "sha256": regulation.sha256,
        "main": relpath(regulation.path.resolve(), root),
        "files": json.dumps(files, ensure_ascii=False, sort_keys=True),
    }
    connection.execute(regulation_texts.insert(), row)


def kept(connection: Connection, sha256: str) -> Regulation:
    """A regulation as it was when it was stored; NotFound when it never was."""
    query = select(regulation_texts).where(regulation_texts.c.sha256 == sha256)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"the regulation {sha256[:12]}… was not kept: the run is of a release that did not keep them")
    with tempfile.TemporaryDirectory(prefix="hadir-regulation-") as directory:
        root = Path(directory)
        for name, text in json.loads(row["files"]).items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return regulations.load(root / row["main"])
