"""A server's database and a kiosk's journal with honest logs, made by the server's schema and the kiosk's journal."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from honest import ServerFile, journal_file, server_file


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerFile]:
    """A server's database: K01 with 10 batches of 20 entries, K02 with 3 of 20."""
    with server_file(tmp_path / "server.db", {"K01": [20] * 10, "K02": [20] * 3}) as made:
        yield made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A kiosk's journal with 13 entries."""
    return journal_file(tmp_path / "journal.db", 13)
