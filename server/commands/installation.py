"""Commands for the installation: init, run, delegate, release, restored."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from protocol.release import Release
from server import clock, config, keys
from server.commands.common import Commands, opened, shown_time
from server.database import new_epoch, set_epoch
from server.devices import manifests
from server.people import erasing
from server.services import initialise


def register(commands: Commands) -> None:
    """Add the commands."""
    commands.add("init", _init, "Make keys and database of a new server.", "hadir server init --config server.yaml")
    commands.add("run", _run, "Serve devices and auditors over HTTP.", "hadir server run --config server.yaml")
    delegate = commands.add(
        "delegate", _delegate, "Sign the next delegation with root's seed.", "hadir server delegate --new-keys"
    )
    which = delegate.add_mutually_exclusive_group()
    which.add_argument("--new-keys", action="store_true", help="for new gallery and cursor keys: the old ones end")
    which.add_argument("--new-root", action="store_true", help="by a new root, which the old one signs: it ends")
    release = commands.add(
        "release", _release, "Say which release the devices should run.", "hadir server release /opt/hadir"
    )
    release.add_argument("tree", nargs="?", type=Path, metavar="FOLDER", help="that holds it (default: show it)")
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

    settings = config.load(options.config)
    expires_ms = keys.load(settings.state_dir / "keys", settings.origin).delegated.expires_ms
    if expires_ms - clock.of(settings).now_ms() < keys.SOON_MS:
        warning = f"the delegation ends on {shown_time(expires_ms)}; after that no device applies anything new"
        print(f"{warning}. Bring root's seed back for: hadir server delegate", file=sys.stderr)
    run(settings, lambda address: print(f"listening on {address}", flush=True))


def _delegate(options: argparse.Namespace) -> None:
    settings = config.load(options.config)
    now_ms = clock.of(settings).now_ms()
    if options.new_root:
        root = keys.succeed(settings.state_dir / "keys", settings.origin, now_ms).root
        print(f"root key from now on: {root}")
        print("its seed is in root.seed: move it offline, and destroy every copy of the old one")
        print("restart the server; tokens that were printed before are void; tell the auditors the new key")
        return
    keyring = keys.delegate(settings.state_dir / "keys", settings.origin, now_ms, new_keys=options.new_keys)
    until = shown_time(keyring.delegated.expires_ms)
    print(f"signed delegation {keyring.delegated.version} until {until}; restart the server")


def _release(options: argparse.Namespace) -> None:
    parts = opened(options)
    if options.tree is None:
        with parts.database.read() as connection:
            named = manifests.due_release(connection)
        print("none was named" if named is None else f"{named.version} {named.sha256}")
        return
    release = Release.of_tree(options.tree)
    with parts.database.write() as connection:
        count = manifests.name_release(connection, release, parts.keyring.gallery, parts.clock.now_ms())
    print(f"{count} devices should run {release.version} {release.sha256}")


def _restored(options: argparse.Namespace) -> None:
    parts = opened(options)
    epoch = new_epoch()
    with parts.database.write() as connection:
        set_epoch(connection, epoch)
        again = erasing.again(connection, parts.config.erasures, parts.keyring.gallery, parts.clock.now_ms())
    if again:
        parts.database.vacuum()
        print(f"erased again, as before the backup was restored: {', '.join(again)}")
    print(f"epoch {epoch}: devices will send again what this database does not hold")
