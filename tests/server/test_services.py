"""Making a server: all of it or nothing."""

import errno

import pytest

from server import services
from server.config import ServerConfig
from server.database import Database
from server.errors import ConfigError


def test_an_installation_that_failed_half_way_leaves_nothing_and_can_be_tried_again(tmp_path, monkeypatch):
    config = ServerConfig(tmp_path / "state", "hadir.test.example")

    def full(path, origin):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "create", full)
        with pytest.raises(OSError, match="No space"):
            services.initialise(config)
    assert not list((tmp_path / "state").iterdir())
    services.initialise(config).database.close()


def test_an_installation_is_never_made_over_another(tmp_path):
    config = ServerConfig(tmp_path / "state", "hadir.test.example")
    services.initialise(config).database.close()
    before = {path: path.read_bytes() for path in (tmp_path / "state" / "keys").iterdir()}
    with pytest.raises(ConfigError, match="there already"):
        services.initialise(config)
    assert {path: path.read_bytes() for path in (tmp_path / "state" / "keys").iterdir()} == before
