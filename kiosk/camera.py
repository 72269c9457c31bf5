"""The camera interface, and `open_camera`: a source chosen by the scheme of its URL."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Protocol, cast

from kiosk.errors import CameraError
from kiosk.values import CameraEvent, Frame


class Camera(Protocol):
    """Where frames come from.

    `kind`: the URL's scheme, written into each entry: the server counts only the kinds that the device's
    manifest allows. `device`: the source's identity as text (model, serial, path or command), for the record.
    `live`: True: real time, the newest frame wins, `read` waits at most its timeout. False: the camera's own
    clock is the loop's clock and every frame is handed over, none dropped. `start_wall_ms`: wall clock (Unix
    milliseconds) at `time_s` 0 when the source brings its own clock, else None.
    """

    kind: str
    device: str
    live: bool
    start_wall_ms: int | None

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        """The next frame (the newest unread one when live); None at the end of the stream.

        Raises `CameraStalled` when no new frame came within `timeout_s` seconds, `CameraError` when the
        source broke.
        """

    def tell(self, event: CameraEvent) -> None:
        """Tell the source of a prompt or a lamp change. Real cameras ignore it."""

    def close(self) -> None:
        """Give the device back. May be called twice."""


# A new source is one file and one line here. The modules load when asked for: a kiosk has no simulation
# installed, and picamera2 exists only on a Raspberry Pi.
SOURCES: dict[str, str] = {
    "picamera2": "kiosk.cameras.picamera:open_picamera2",
    "v4l2": "kiosk.cameras.capture:open_v4l2",
    "rtsp": "kiosk.cameras.capture:open_rtsp",
    "rtsps": "kiosk.cameras.capture:open_rtsp",
    "file": "kiosk.cameras.film:open_film",
    "exec": "kiosk.cameras.command:open_command",
    "sim": "simulation.scene:open_scene",
}


def open_camera(url: str) -> Camera:
    """Open the source that `url` names, e.g. `v4l2:/dev/video0?width=640&height=480&fps=30`.

    Raises `CameraError` naming the URL and the way out.
    """
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in SOURCES:
        known = ", ".join(f"{name}:" for name in SOURCES)
        raise CameraError(f"camera {url!r}: no such kind of source; write one of {known}")
    module_name, _, function = SOURCES[scheme].partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CameraError(
            f"camera {url!r}: the module {error.name!r} is not installed here; install the package that "
            f"brings {scheme}: sources, or choose another camera in the configuration"
        ) from error
    opener = cast("Callable[[str], Camera]", getattr(module, function))
    return opener(url)
