"""A new signing key for this device: made here, put in place by the journal, and then the only one.

Three steps, each durable before the next; after a power cut between any two the device goes on, and the same command
finishes what was begun:

1. the new key is written beside the old one: nothing has changed yet;
2. the journal gets the entry that both keys signed, under a checkpoint of the new key: from here on that one holds;
3. the new key's file takes the place of the old one's.
"""

from __future__ import annotations

import os
import pwd
from contextlib import closing
from pathlib import Path

from kiosk.appliance.control import ask
from kiosk.clock import SystemClock
from kiosk.errors import ClaimError, JournalError, KioskError
from kiosk.files import sync_folder, write_durably
from kiosk.records.journal import Journal
from kiosk.uplink.device import SIGNING, SUCCESSOR, load_device
from protocol.note import Signer


def change_key(state_dir: Path) -> str:
    """Change the device's signing key; what was done, in a sentence.

    Raises:
        ClaimError: the device is not claimed, or its files are another user's.
        JournalError: the change could not be saved, and does not hold.
    """
    device = load_device(state_dir)
    owner = state_dir.stat().st_uid
    if os.geteuid() != owner:
        name = pwd.getpwuid(owner).pw_name
        raise ClaimError(f"{state_dir} belongs to {name}, who must read the new key: run this with sudo -u {name}")
    keys = state_dir / "keys"
    said = f"{device.name} has a new key"
    if device.successor is not None:
        _put_in_place(state_dir)
        said += ": a change that had been begun is made"
    elif (keys / SUCCESSOR).exists():
        said += " since a change that had not been finished; now it is"
    else:
        write_durably(keys / SUCCESSOR, Signer.generate("new").seed, 0o600)
        _put_in_place(state_dir)
    (keys / SUCCESSOR).replace(keys / SIGNING)
    sync_folder(keys)
    return f"{said}. The next contact with the server announces it; the old one is gone"


def _put_in_place(state_dir: Path) -> None:
    """Have the station write the change; without a station, write it."""
    try:
        answer = ask(state_dir / "station.sock", "change_key")
    except KioskError:  # no station runs, or its answer was lost after the change
        device = load_device(state_dir)
        path, new = state_dir / "journal.db", device.successor
        if new is None:
            return
        with closing(Journal(path, device.name, device.signer, SystemClock(), new)) as journal:
            journal.change_key(new)
    else:
        if "error" in answer:
            raise JournalError(f"the key was not changed: {answer['error']}")
