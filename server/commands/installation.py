"""Commands for the installation: init, run, delegate, restored."""

from __future__ import annotations

import argparse

from server import clock, config, keys
from server.commands.common import Commands, opened, shown_time
from server.database import new_epoch, set_epoch
from server.services import initialise


def register(commands: Commands) -> None:
    """Add the commands."""
    commands.add("init", _init, "Make keys and database of a new server.", "hadir server init --config server.yaml")
    commands.add("run", _run, "Serve devices and auditors over HTTP.", "hadir server run --config server.yaml")
    commands.add("delegate", _delegate, "Sign the next delegation with root's seed.", "hadir server delegate")
    commands.add("restored", _restored, "Say that the database came from a backup.", "hadir server restored")


def _init(options: argparse.Namespace) -> None:
    settings = config.load(options.config)
    parts = initialise(settings)
    seed = settings.state_dir / "keys" / "root.seed"
    print(f"made {settings.state_dir}\nroot key: {parts.keyring.root}")
    print(f"{seed} is needed for new delegations only: move it offline")


def _run(options: argparse.Namespace) -> None:
    # Here, because no other command needs the web server's packages in memory.
    from server.running import run

    run(config.load(options.config), lambda address: print(f"listening on {address}", flush=True))


def _delegate(options: argparse.Namespace) -> None:
    settings = config.load(options.config)
    now_ms = clock.of(settings).now_ms()
    keys.delegate(settings.state_dir / "keys", settings.origin, now_ms)
    print(f"signed a delegation until {shown_time(now_ms + keys.DELEGATION_MS)}; restart the server")


def _restored(options: argparse.Namespace) -> None:
    parts = opened(options)
    epoch = new_epoch()
    with parts.database.write() as connection:
        set_epoch(connection, epoch)
    print(f"epoch {epoch}: devices will send again what this database does not hold")
