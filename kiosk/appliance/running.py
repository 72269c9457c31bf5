"""`hadir kiosk run`: the station, put together from its parts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from kiosk.appliance.control import ControlSocket
from kiosk.appliance.indicator import Indicator
from kiosk.appliance.messages import say
from kiosk.appliance.service import notify, stopping
from kiosk.appliance.voice import Voice
from kiosk.camera import Camera, open_camera
from kiosk.cameras.reopening import ReopeningCamera
from kiosk.capture.faces import FaceTracker, Scene
from kiosk.clock import Clock, FrameClock, SystemClock, look_at_rtc
from kiosk.config import KioskConfig
from kiosk.errors import CameraError, ClaimError, GalleryError, JournalError, ModelError
from kiosk.liveness import LivenessSettings
from kiosk.pad.light import LightSettings
from kiosk.pad.tries import Tries
from kiosk.recognition.embedder import Described, EmbedderWorker, Factory, continuity, open_embedder
from kiosk.recognition.gallery import GalleryStore, Site
from kiosk.records import review
from kiosk.records.journal import Journal, JournalReader
from kiosk.records.pruning import prune
from kiosk.station import Station, StationSettings
from kiosk.uplink.device import Device, load_device, refreshed
from kiosk.values import Frame
from protocol import entry

_WATCHDOG_EVERY_S = 2.0
_REOPEN_EVERY_S = 5.0
_LOOKED_BACK = 5000  # entries: more than a day's
_HARDWARE = ("picamera2:", "v4l2:", "rtsp:", "rtsps:")


def run_station(config: KioskConfig, screen: Callable[[str, str], None]) -> None:
    """Serve until the camera's stream ends or the process is asked to stop. `screen` gets the lit lamp and a text."""
    device = load_device(config.state_dir)
    stop = threading.Event()
    with ExitStack() as stack, stopping(stop.set):
        voice = Voice(config.language) if config.voice else None
        if voice is not None:
            stack.callback(voice.close)
        indicator = Indicator(
            config.indicator.pins,
            config.indicator.mock,
            lambda text: screen(indicator.lit, text),
            None if voice is None else voice.say,
        )
        stack.callback(indicator.close)
        waits = config.camera.startswith(_HARDWARE)
        camera = None if waits else open_camera(config.camera)
        clock = clock_of(camera) if camera is not None else SystemClock()
        journal = Journal(config.state_dir / "journal.db", device.name, device.signer, clock, device.successor)
        stack.callback(journal.close)
        if camera is None:
            camera = _wait_for_camera(config, indicator, journal, stop, lambda text: screen(indicator.lit, text))
            if camera is None:
                return
        stack.callback(camera.close)
        model = _wait_for_model(config, indicator, stop)
        if model is None:
            return
        embedder = EmbedderWorker(model)
        stack.callback(embedder.close)
        with suppress(OSError):  # the health timer tries again
            review.purge(config.state_dir, config.review.keep_days if config.review else None, clock.read().wall_ms)
        reviews = review.Reviews(config.state_dir, config.review, device.name, clock) if config.review else None
        tracker = FaceTracker() if reviews is None else _Watched(reviews)
        stack.callback(tracker.close)
        store = GalleryStore(config.state_dir, device)
        site, fault = _first_site(store, model, clock)
        if fault:
            indicator.show("fault", fault)
        light = LightSettings() if config.light == "lamp" else None
        settings = StationSettings(
            language=config.language,
            liveness=LivenessSettings(light=light, passive=config.passive, **continuity(model)),
        )
        tries = _tries_of_today(journal)
        station = Station(camera, tracker, embedder, indicator, clock, site, journal, settings, tries=tries)
        if reviews is not None:
            station.refused, station.begun = reviews.keep, reviews.forget
        if isinstance(clock, SystemClock):
            station.rtc = _record_rtc(journal)
        control = ControlSocket(
            config.state_dir / "station.sock",
            {
                "apply": lambda request: _apply(station, store, model, clock),
                "change_key": lambda request: _change_key(journal, config.state_dir),
                "prune": lambda request: _prune(journal, refreshed(config.state_dir, device), config, request),
                "review": lambda request: review.note(journal, request),
                "status": lambda request: station.status(),
            },
        )
        stack.callback(control.close)
        station.every_frame = _heartbeat(station, control, stop)
        notify(READY="1", STATUS="serving")
        station.run()
        notify(STOPPING="1")


class _Watched(FaceTracker):
    """A tracker whose served face is seen for review pictures, too."""

    def __init__(self, reviews: review.Reviews) -> None:
        super().__init__()
        self._reviews = reviews

    def update(self, frame: Frame) -> Scene:
        scene = super().update(frame)
        self._reviews.see(frame, scene.served)
        return scene


def clock_of(camera: Camera) -> Clock:
    """The machine's clock for a live camera; else the stream's own, which starts now unless it says when."""
    if camera.live:
        return SystemClock()
    now_ms = time.time_ns() // 1_000_000
    return FrameClock(now_ms if camera.start_wall_ms is None else camera.start_wall_ms)


def _wait_for_camera(
    config: KioskConfig,
    indicator: Indicator,
    journal: Journal,
    stop: threading.Event,
    report: Callable[[str], None],
) -> Camera | None:
    """A camera that is not there yet is recorded once, shown, and waited for; None when asked to stop."""
    recorded = False
    while not stop.is_set():
        try:
            return ReopeningCamera(config.camera, report)
        except CameraError as error:
            indicator.show("fault", say("camera", config.language, reason=str(error)))
            notify(READY="1", WATCHDOG="1", STATUS=f"waiting for the camera: {error}")
            if not recorded:
                with suppress(JournalError):
                    journal.append("camera", {"state": "failed", "detail": str(error)[:200]})
                    recorded = True
            stop.wait(_REOPEN_EVERY_S)
    return None


def _wait_for_model(config: KioskConfig, indicator: Indicator, stop: threading.Event) -> Factory | None:
    """An embedder that is not there is shown and waited for, as a camera is; None when asked to stop."""
    while not stop.is_set():
        try:
            return open_embedder(config.embedder, config.models)
        except ModelError as error:
            indicator.show("fault", str(error))
            notify(READY="1", WATCHDOG="1", STATUS=f"waiting for the embedder: {error}")
            stop.wait(_REOPEN_EVERY_S)
    return None


def _first_site(store: GalleryStore, model: Described, clock: Clock) -> tuple[Site, str]:
    """What to start with; a gallery that cannot be used is reported and waited for, not fatal."""
    identity, dimension = model.identity, model.dimension
    try:
        fresh = store.apply(identity, dimension, clock.read().wall_ms)
        return fresh or store.load(identity, dimension), ""
    except GalleryError as error:
        try:
            return replace(store.load(identity, dimension), fault=str(error)), str(error)
        except GalleryError as older:
            return Site(fault=str(older)), str(error)


def _record_rtc(journal: Journal) -> str:
    """How the battery-kept clock is at this start; written down unless it kept the time."""
    with closing(JournalReader(journal.path)) as reader:
        newest = [entry.decode(data) for data in reader.read(max(0, journal.size - 1), 1)]
    state, detail = look_at_rtc(
        max((last.wall_ms for last in newest if last.clock in ("synchronised", "free")), default=0)
    )
    if state != "kept":
        with suppress(JournalError):  # the station shows that it cannot write
            journal.append("rtc", {"state": state, "detail": detail[:200]})
    return state


def _tries_of_today(journal: Journal) -> Tries:
    """What failed in the last day: pulling the plug starts nothing anew."""
    tries = Tries()
    reader = JournalReader(journal.path)
    try:
        first = max(reader.base().size, journal.size - _LOOKED_BACK)
        tries.recall(entry.decode(data) for data in reader.read(first, _LOOKED_BACK))
    finally:
        reader.close()
    return tries


def _apply(station: Station, store: GalleryStore, model: Described, clock: Clock) -> dict[str, Any]:
    try:
        site = store.apply(model.identity, model.dimension, clock.read().wall_ms)
    except GalleryError as error:
        station.site = replace(station.site, fault=str(error))
        return {"error": str(error)}
    if site is not None:
        station.site = site
        station.record_manifest()
    return {"manifest": station.site.manifest.version if station.site.manifest else 0}


def _change_key(journal: Journal, state_dir: Path) -> dict[str, Any]:
    """Write the change to the key that `hadir kiosk rotate-key` has made."""
    try:
        new = load_device(state_dir).successor
        if new is not None:
            journal.change_key(new)
    except (JournalError, ClaimError) as error:
        return {"error": str(error)}
    return {"entries": journal.size}


def _prune(journal: Journal, device: Device, config: KioskConfig, request: dict[str, Any]) -> dict[str, Any]:
    try:
        return prune(journal, device, config.keep_days, request)
    except JournalError as error:
        return {"error": str(error)}


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
