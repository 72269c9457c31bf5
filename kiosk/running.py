"""What `hadir kiosk run` and `hadir kiosk sync` do: the two long-lived processes, put together from their parts."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from kiosk.camera import Camera, open_camera
from kiosk.clock import Clock, FrameClock, SystemClock
from kiosk.config import KioskConfig
from kiosk.control import ControlSocket
from kiosk.device import load_device
from kiosk.embedder import DlibEmbedder, EmbedderWorker
from kiosk.errors import CameraError, GalleryError
from kiosk.faces import FaceTracker
from kiosk.gallery import GalleryStore, Site
from kiosk.indicator import Indicator
from kiosk.journal import Journal
from kiosk.messages import say
from kiosk.notify import notify
from kiosk.station import Station, StationSettings
from kiosk.sync import Syncer

_WATCHDOG_EVERY_S = 2.0
_REOPEN_LONGEST_S = 30.0


def run_station(config: KioskConfig, screen: Callable[[str, str], None]) -> None:
    """Serve until the camera's stream ends or the process is asked to stop. `screen` gets the lit lamp and a text."""
    device = load_device(config.state_dir)
    stop = threading.Event()
    with ExitStack() as stack, _stopping(stop.set):
        indicator = Indicator(config.indicator.pins, config.indicator.mock, lambda text: screen(indicator.lit, text))
        stack.callback(indicator.close)
        camera = _open(config, indicator, stop)
        if camera is None:
            return
        stack.callback(camera.close)
        clock = clock_of(camera)
        journal = Journal(config.state_dir / "journal.db", device.name, device.signer, clock)
        stack.callback(journal.close)
        embedder = EmbedderWorker(DlibEmbedder)
        stack.callback(embedder.close)
        tracker = FaceTracker()
        stack.callback(tracker.close)
        store = GalleryStore(config.state_dir, device)
        site, fault = _first_site(store, clock)
        if fault:
            indicator.show("fault", fault)
        station = Station(
            camera, tracker, embedder, indicator, clock, site, journal, StationSettings(language=config.language)
        )
        control = ControlSocket(
            config.state_dir / "station.sock",
            {"apply": lambda: _apply(station, store, clock), "status": station.status},
        )
        stack.callback(control.close)
        station.every_frame = _heartbeat(station, control, stop)
        notify(READY="1", STATUS="serving")
        station.run()
        notify(STOPPING="1")


def run_sync(config: KioskConfig, once: bool, report: Callable[[str], None]) -> None:
    """Keep the server up to date until asked to stop; `once`: until nothing is left to send."""
    stop = threading.Event()
    with _stopping(stop.set):
        syncer = Syncer(
            load_device(config.state_dir),
            config.server,
            config.state_dir,
            SystemClock(),
            lambda: _health(config.state_dir),
            config.authority,
        )
        try:
            if once:
                progress = syncer.contact()
                while progress.backlog:
                    progress = syncer.contact()
                report(f"{progress.acknowledged} entries at the server, nothing left to send")
            else:
                notify(READY="1")
                syncer.run(config.sync_every_s, stop.wait, report)
        finally:
            syncer.close()


def clock_of(camera: Camera) -> Clock:
    """The camera's own time where it brings one, else the machine's."""
    return SystemClock() if camera.start_wall_ms is None else FrameClock(camera.start_wall_ms)


def _open(config: KioskConfig, indicator: Indicator, stop: threading.Event) -> Camera | None:
    """The camera; one that is not there yet is waited for, with the fault shown."""
    wait_s = 1.0
    while not stop.is_set():
        try:
            return open_camera(config.camera)
        except CameraError as error:
            if not config.camera.startswith(("picamera2:", "v4l2:", "rtsp")):
                raise
            indicator.show("fault", say("camera", config.language, reason=str(error)))
            notify(READY="1", STATUS=f"waiting for the camera: {error}")
            stop.wait(wait_s)
            wait_s = min(2 * wait_s, _REOPEN_LONGEST_S)
    return None


def _first_site(store: GalleryStore, clock: Clock) -> tuple[Site, str]:
    """What to start with; a gallery that cannot be used is reported and waited for, not fatal."""
    identity, dimension = DlibEmbedder.identity, DlibEmbedder.dimension
    try:
        fresh = store.apply(identity, dimension, clock.read().wall_ms)
        return fresh or store.load(identity, dimension), ""
    except GalleryError as error:
        try:
            return store.load(identity, dimension), str(error)
        except GalleryError:
            return Site(), str(error)


def _apply(station: Station, store: GalleryStore, clock: Clock) -> dict[str, Any]:
    try:
        site = store.apply(DlibEmbedder.identity, DlibEmbedder.dimension, clock.read().wall_ms)
    except GalleryError as error:
        return {"error": str(error)}
    if site is not None:
        station.site = site
        station.record_manifest()
    return {"manifest": station.site.manifest.version if station.site.manifest else 0}


def _heartbeat(station: Station, control: ControlSocket, stop: threading.Event) -> Callable[[], None]:
    last_s = [0.0]

    def beat() -> None:
        station.stopping = stop.is_set()
        control.poll()
        now_s = time.monotonic()
        if now_s - last_s[0] >= _WATCHDOG_EVERY_S:
            last_s[0] = now_s
            notify(WATCHDOG="1")

    return beat


def _health(state_dir: Path) -> dict[str, Any]:
    """What the health check last wrote, for the server's overview."""
    try:
        value = json.loads((state_dir / "health.json").read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


@contextmanager
def _stopping(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT end the loop after the frame at hand."""

    def handler(number: int, frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, handler) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
