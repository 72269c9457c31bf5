"""How the device is: for `hadir kiosk status`, and for the health timer whose answer goes to the server."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk import __version__
from kiosk.appliance.control import ask
from kiosk.clock import SystemClock
from kiosk.config import KioskConfig
from kiosk.errors import ClaimError, GalleryError, JournalError, KioskError, ModelError, SyncError
from kiosk.files import write_durably
from kiosk.recognition.gallery import GalleryStore
from kiosk.recognition.sealing import holder
from kiosk.records.journal import JournalReader
from kiosk.records.review import kept, purge
from kiosk.uplink.device import Device, load_device
from kiosk.uplink.syncstate import last_contact
from protocol.errors import ProtocolError
from protocol.release import Release, named_release

_DEFENDS = {
    "none": "no lamp is configured: a screen steered to answer the prompts is refused only if its rim or pixels show",
    "lamp": "prompts and light code",
}
_KEPT_BY = {
    "file": "a file beside the gallery: whoever has the card has both (docs/provisioning.md)",
    "credential": "a credential of this device",
    "otp": "the one-time-programmable memory of this Pi",
}
_TEMPERATURE = Path("/sys/class/thermal/thermal_zone0/temp")
# The Pi's firmware: bits for too little voltage and too much heat, now and since boot.
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def health(config: KioskConfig) -> dict[str, Any]:
    """Facts about the machine: integers and text only, as a batch's header carries them."""
    usage = shutil.disk_usage(config.state_dir if config.state_dir.exists() else config.state_dir.parent)
    now = SystemClock().read()
    facts: dict[str, Any] = {
        # A full card keeps the last facts that fitted on it: so the server is told how old they are.
        "looked_ms": now.wall_ms,
        "software": __version__,
        "disk_free_mb": usage.free >> 20,
        "clock": now.state,
        "camera": config.camera.partition(":")[0],
    }
    facts |= _release(config.state_dir)
    if _TEMPERATURE.exists():
        facts["temperature_mc"] = int(_TEMPERATURE.read_text())
    if _THROTTLED.exists():
        facts["throttled"] = _THROTTLED.read_text().strip()
    try:
        station = ask(config.state_dir / "station.sock", "status", 2.0)
        facts["station"] = str(station["lamp"])
        facts["camera_state"] = "down" if station["camera_down"] else "working"
        facts["rtc"] = str(station.get("rtc", ""))
    except KioskError:
        facts["station"] = "not running"
    return facts


def _release(state_dir: Path) -> dict[str, str]:
    """What runs here, and the version that is due when the applied manifest names another release."""
    ours = Release.of_tree(Path(__file__).parents[2])
    facts = {"release": ours.sha256}
    with suppress(ClaimError, ProtocolError):
        manifest = GalleryStore(state_dir, load_device(state_dir)).applied()
        named = named_release(manifest.settings) if manifest else None
        if named is not None and named.sha256 != ours.sha256:
            facts["release_due"] = named.version
    return facts


def write_health(config: KioskConfig) -> dict[str, Any]:
    """Leave the facts where sync finds them, and remove review pictures whose time is over: a station may not run."""
    now_ms = SystemClock().read().wall_ms
    with suppress(OSError):
        purge(config.state_dir, config.review.keep_days if config.review else None, now_ms)
    facts = health(config)
    write_durably(config.state_dir / "health.json", json.dumps(facts).encode())
    return facts


def _gallery(config: KioskConfig, device: Device) -> str:
    """What the station can recognise with, in words."""
    from kiosk.recognition.embedder import open_embedder  # brings OpenCV, which the health timer does without

    try:
        embedder = open_embedder(config.embedder, config.models)
        site = GalleryStore(config.state_dir, device).load(embedder.identity, embedder.dimension)
    except (GalleryError, ModelError) as error:
        return f"not usable: {error}"
    if site.manifest is None or site.templates is None:
        return "none yet: enrol and approve somebody, and let sync reach the server"
    return f"version {site.gallery_version}, {len(site.templates.people)} people, manifest {site.manifest.version}"


def status(config: KioskConfig) -> dict[str, Any]:
    """What a technician wants to know, in the order of asking."""
    facts: dict[str, Any] = {}
    try:
        device = load_device(config.state_dir)
        facts |= {"device": device.name, "origin": device.origin, "signing_key": str(device.signer.verifier)}
    except ClaimError as error:
        facts["device"] = str(error)
    else:
        facts["gallery"] = _gallery(config, device)
        facts["gallery_key"] = _KEPT_BY.get(holder(config.state_dir / "keys") or "", "missing: claim the device again")
    facts["server"] = config.server
    facts["defends"] = _DEFENDS[config.light]
    held = len(kept(config.state_dir))
    days = config.review.keep_days if config.review else 0
    facts["review_pictures"] = f"ON: of refusals, kept for {days} days, {held} held" if days else "off"
    try:
        reader = JournalReader(config.state_dir / "journal.db")
        entries = reader.size()
        reader.close()
    except JournalError as error:
        facts["journal"] = str(error)
    else:
        facts["entries"] = entries
        if (config.state_dir / "sync.db").exists():
            try:
                acknowledged, contact_ms = last_contact(config.state_dir / "sync.db")
            except SyncError as error:
                facts["last_contact"] = str(error)
            else:
                heard = datetime.fromtimestamp(contact_ms / 1000).astimezone().isoformat(" ", "seconds")
                facts |= {"to_send": entries - acknowledged, "last_contact": heard if contact_ms else "never"}
    try:
        facts["station"] = ask(config.state_dir / "station.sock", "status", 2.0)
    except KioskError:
        facts["station"] = "not running"
    return facts | {"machine": health(config)}
