"""`hadir kiosk enrol`: templates of one person, sent to the server, where a second officer approves them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from kiosk.appliance.messages import say
from kiosk.camera import open_camera
from kiosk.capture.faces import FaceTracker
from kiosk.clock import SystemClock
from kiosk.config import KioskConfig
from kiosk.enrol.enrolment import Enrolment, enrol_from_camera, enrol_from_photos
from kiosk.errors import EnrolmentError
from kiosk.recognition.embedder import Embedder, open_embedder
from kiosk.uplink.device import load_device
from kiosk.uplink.transport import Transport, read_json
from protocol import canonical

FEWEST = 5
"""Templates of a person that an enrolment should have."""


def enrol(config: KioskConfig, code: str, camera_url: str, photos: Path | None, show: Callable[[str], None]) -> str:
    """Enrol from the camera, or from a folder of photos; a sentence on what the server made of it.

    Raises:
        EnrolmentError: no usable templates; nothing was sent.
        SyncError: the server was not reached or refused the code; nothing is pending there.
    """
    device = load_device(config.state_dir)
    embedder = open_embedder(config.embedder, config.models)()
    enrolment = (
        _from_photos(photos, embedder)
        if photos is not None
        else _from_camera(camera_url, embedder, lambda text: show(say(text, config.language)) if text else None)
    )
    for line in enrolment.report if photos is not None else ():
        show(str(line))
    rows = [base64.b64encode(row.astype("<f4").tobytes()).decode() for row in enrolment.templates]
    body = canonical.encode(
        {
            "code": code,
            "embedder": enrolment.embedder,
            "dimension": enrolment.templates.shape[1],
            "templates": rows,
            "report": [str(shot)[:200] for shot in enrolment.report],
        }
    )
    transport = Transport(config.server, config.authority)
    try:
        answer = transport.send_as(device, SystemClock().read().wall_ms, "POST", "enrolments", body)
    finally:
        transport.close()
    said = read_json(answer.content)
    number = said.get("enrolment", "?") if isinstance(said, dict) else "?"
    few = f"; too few: with {FEWEST} or more, of different days, one is missed less" if len(rows) < FEWEST else ""
    return (
        f"{len(rows)} templates sent as enrolment {number}: pending until a second officer approves it "
        f"('hadir server approve {number} --by OFFICER'){few}"
    )


def _from_photos(folder: Path, embedder: Embedder) -> Enrolment:
    if not folder.is_dir():
        raise EnrolmentError(f"{folder} is no folder of photos")
    return enrol_from_photos(sorted(path for path in folder.iterdir() if not path.name.startswith(".")), embedder)


def _from_camera(url: str, embedder: Embedder, show: Callable[[str], None]) -> Enrolment:
    tracker = FaceTracker()
    camera = open_camera(url)
    try:
        return enrol_from_camera(camera, tracker, embedder, show)
    finally:
        camera.close()
        tracker.close()
