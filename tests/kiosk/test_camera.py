"""Cameras by URL: the right source, or an error that names the URL and the way out; films; live reading."""

import importlib
import sys
import threading
import types
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from kiosk import camera
from kiosk.camera import SOURCES, open_camera
from kiosk.cameras.capture import live_capture, without_password
from kiosk.cameras.film import Film
from kiosk.cameras.newest import LiveCamera, Loop
from kiosk.cameras.options import split, turned
from kiosk.cameras.reopening import ReopeningCamera
from kiosk.cameras.v4l2 import ExposureLock, identity_of
from kiosk.errors import CameraError, CameraStalled
from kiosk.values import CameraEvent, Frame

Image = NDArray[np.uint8]
CLIPS = Path(__file__).parents[2].parent / "shared" / "faces" / "clips"


def picture(value: int, width: int = 64, height: int = 48) -> Image:
    return np.full((height, width, 3), value, np.uint8)


def textured(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).astype(np.uint8)


@pytest.fixture
def film_path(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for n in range(12):
        writer.write(picture(20 * n))
    writer.release()
    return path


# -- the registry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("", "no such kind"),
        ("webcam:0", "v4l2:"),
        ("/dev/video0", "no such kind"),
        ("file:/nowhere/clip.mp4", "no file '/nowhere/clip.mp4'"),
        ("file:x?pace=slow", "fast, real"),
        ("v4l2:0", "v4l2:/dev/video0"),
        ("v4l2:/dev/video-none", "devices here"),
        ("v4l2:/dev/null?width=wide", "width=wide"),
        ("v4l2:/dev/null?zoom=3", "unknown option 'zoom'"),
        ("v4l2:/dev/null", "cannot be opened"),
        ("picamera2:front", "picamera2:NUMBER"),
        ("picamera2:?rotation=45", "0, 90, 180, 270"),
        ("exec:", "write a command"),
        ("exec:'half", "split into words"),
        ("exec:no-such-program-here", "does not start"),
    ],
)
def test_a_url_that_cannot_be_opened_is_named_with_the_way_out(url: str, names: str):
    with pytest.raises(CameraError, match=names):
        open_camera(url)


@pytest.mark.parametrize("target", sorted(set(SOURCES.values())))
def test_every_registered_source_exists(target: str):
    module, _, function = target.partition(":")
    assert callable(getattr(importlib.import_module(module), function))


def test_without_the_simulation_package_the_error_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(camera.SOURCES, "sim", "simulation_not_installed.scene:open_scene")
    with pytest.raises(CameraError, match="'simulation_not_installed' is not installed"):
        open_camera("sim:person=8")


def test_a_plus_sign_in_an_option_stays_a_plus_sign():
    assert split("sim:x?start=2026-10-05T07:20:00+09:00", ("start",)).text("start", "").endswith("+09:00")


def test_turning_is_clockwise():
    image = picture(0)
    image[0, 0] = 255  # upper left
    assert turned(image, 90)[0, -1].all()
    assert turned(image, 180)[-1, -1].all()
    assert turned(image, 270)[-1, 0].all()


def test_the_password_of_a_network_camera_is_shown_nowhere():
    assert without_password("rtsp://anna:s3cret@10.0.0.7/live") == "rtsp://***@10.0.0.7/live"


def test_a_network_camera_that_does_not_answer_is_reported_without_its_password():
    with pytest.raises(CameraError, match="check address and login") as caught:
        open_camera("rtsp://anna:s3cret@127.0.0.1:9/live")
    assert "s3cret" not in str(caught.value)


# -- films -----------------------------------------------------------------------------------------------


def frames_of(url: str) -> list[Frame]:
    source = open_camera(url)
    frames = []
    while (frame := source.read()) is not None:
        source.tell(CameraEvent(frame.time_s, "lamp", "idle"))
        frames.append(frame)
    assert source.read() is None
    source.close()
    return frames


def test_a_film_hands_over_every_frame_with_its_own_time(film_path: Path):
    frames = frames_of(f"file:{film_path}")
    assert [round(f.time_s, 6) for f in frames] == [n / 10 for n in range(12)]
    assert [f.number for f in frames] == list(range(12))
    assert all(a.image.mean() < b.image.mean() for a, b in pairwise(frames))


def test_a_film_called_a_picture_is_a_film(film_path: Path):
    called = film_path.rename(film_path.with_suffix(".jpg"))
    assert len(frames_of(f"file:{called}")) == 12


def test_a_film_can_be_turned(film_path: Path):
    assert frames_of(f"file:{film_path}?rotation=90")[0].image.shape == (64, 48, 3)


def test_an_animated_gif_is_a_film(tmp_path: Path):
    from PIL import Image as Pictures

    path = tmp_path / "clip.gif"
    pages = [Pictures.fromarray(picture(60 * n)) for n in range(4)]
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=[100, 300, 100, 100], loop=0)
    frames = frames_of(f"file:{path}")
    assert [round(f.time_s, 2) for f in frames] == [0.0, 0.1, 0.4, 0.5]


def test_a_still_stands_for_two_seconds(tmp_path: Path):
    cv2.imwrite(str(tmp_path / "one.png"), picture(90))
    frames = frames_of(f"file:{tmp_path / 'one.png'}?fps=5")
    assert [f.time_s for f in frames] == [n / 5 for n in range(10)]


def test_a_folder_of_pictures_is_a_sequence_by_name(tmp_path: Path):
    for n in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{n}.png"), picture(50 * n))
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [int(f.image.mean()) for f in frames_of(f"file:{tmp_path}")] == [0, 50, 100]


@pytest.mark.parametrize("name", ["broken.mp4", "broken.gif", "broken.jpg"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"this is not a picture" * 50)
    with pytest.raises(CameraError, match=name):
        frames_of(f"file:{tmp_path / name}")


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(CameraError, match="holds no pictures"):
        open_camera(f"file:{tmp_path}")


def test_a_film_in_real_time_drops_what_came_due_meanwhile():
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    stills = ((n / 10, picture(n)) for n in range(20))
    film = Film("x", stills, live=True, clock=lambda: now[0], sleep=sleep)
    seen = []
    while (frame := film.read()) is not None:
        seen.append((frame.time_s, now[0] - 100.0))
        now[0] += 0.25  # the loop works
    assert len(seen) < 10
    assert all(shown == pytest.approx(due) for due, shown in seen[:-1])


@pytest.mark.skipif(not CLIPS.is_dir(), reason="the shared clips are not here")
def test_times_of_real_clips_rise():
    for path in sorted(CLIPS.glob("*.gif"))[:2]:
        times = [frame.time_s for frame in frames_of(f"file:{path}")]
        assert len(times) > 10
        assert all(a < b for a, b in pairwise(times))


# -- live cameras ----------------------------------------------------------------------------------------


class Steps:
    """A device that delivers a picture when told to."""

    def __init__(self) -> None:
        self._allowed = threading.Semaphore(0)
        self._taken = threading.Semaphore(0)
        self.pictures: list[Image | None] = []
        self.released = threading.Event()

    def deliver(self, *pictures: Image | None) -> None:
        """Hand over each picture and wait until the reader asks for the next."""
        for image in pictures:
            self.pictures.append(image)
            self._allowed.release()
            self._taken.acquire()

    def grab(self) -> Image | None:
        self._taken.release()
        self._allowed.acquire()
        return self.pictures.pop(0)

    def camera(self, frozen_is_stall: bool = False) -> LiveCamera:
        live = LiveCamera("v4l2", "x", self.grab, self.released.set, frozen_is_stall)
        self._taken.acquire()
        return live

    def end(self) -> None:
        self.pictures.append(None)
        self._allowed.release()


def test_the_newest_frame_wins():
    device = Steps()
    live = device.camera()
    device.deliver(picture(1), picture(2), picture(3))
    frame = live.read()
    assert frame is not None
    assert int(frame.image[0, 0, 0]) == 3
    assert live.live
    device.end()
    live.close()


def test_a_frame_is_handed_out_once_and_a_stall_is_told():
    device = Steps()
    live = device.camera()
    device.deliver(picture(1))
    assert live.read() is not None
    with pytest.raises(CameraStalled, match="no new frame for 0.01 s"):
        live.read(timeout_s=0.01)
    device.end()
    assert live.read() is None
    live.close()
    assert device.released.is_set()


def test_a_picture_that_stays_identical_is_a_stall_and_a_dark_room_is_not(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr("kiosk.cameras.newest.time.monotonic", lambda: now[0])
    for image, stalls in ((textured(1), True), (picture(0), False)):
        device = Steps()
        live = device.camera(frozen_is_stall=True)
        for _ in range(5):
            device.deliver(image)
            now[0] += 1.0
        assert live.read() is not None
        device.deliver(image)
        if stalls:
            with pytest.raises(CameraStalled):
                live.read(timeout_s=0)
            device.deliver(textured(2))
        assert live.read(timeout_s=0) is not None
        device.end()
        live.close()


def test_an_unplugged_camera_breaks_with_a_reason():
    class Unplugged:
        released = False

        def read(self) -> tuple[bool, Image]:
            return False, picture(0)

        def release(self) -> None:
            self.released = True

    capture = Unplugged()
    live = live_capture("v4l2", "/dev/video9", capture, 0)
    with pytest.raises(CameraError, match="unplugged"):
        live.read()
    live.close()
    assert capture.released


def test_the_pi_camera_delivers_blue_green_red_turned_upright(monkeypatch: pytest.MonkeyPatch):
    class Picamera2:
        """The calls that are made of the real one, on a machine without."""

        camera_properties = {"Model": "imx708"}  # noqa: RUF012

        def __init__(self, number: int) -> None:
            self.number, self.running = number, False

        def create_video_configuration(self, main: dict[str, object], controls: dict[str, object]) -> object:
            assert controls == {"FrameRate": 25}
            return main

        def configure(self, main: dict[str, object]) -> None:
            assert main == {"size": (96, 64), "format": "RGB888"}

        def start(self) -> None:
            self.running = True

        def capture_array(self, stream: str) -> Image:
            if not self.running:
                raise RuntimeError("stopped")
            return picture(7, 96, 64)

        def set_controls(self, controls: dict[str, bool]) -> None:
            set_to.append(controls)

        def stop(self) -> None:
            self.running = False

        def close(self) -> None:
            pass

    set_to: list[dict[str, bool]] = []
    monkeypatch.setitem(sys.modules, "picamera2", types.SimpleNamespace(Picamera2=Picamera2))
    source = open_camera("picamera2:?width=96&height=64&fps=25&rotation=90")
    frame = source.read()
    assert frame is not None
    assert frame.image.shape == (96, 64, 3)
    assert (source.kind, source.device, source.live) == ("picamera2", "0 (imx708)", True)
    for value in ("1.00", "0.30", ""):
        source.tell(CameraEvent(1.0, "light", value))
    held = [{"AeEnable": free, "AwbEnable": free} for free in (False, True)]
    assert set_to == held, "exposure is held while a light code plays"
    source.close()


def test_off_a_pi_the_pi_camera_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(CameraError, match="python3-picamera2"):
        open_camera("picamera2:")


# -- coming back -----------------------------------------------------------------------------------------


class Flaky:
    """A live camera that gives the listed answers."""

    kind, device, live, start_wall_ms = "v4l2", "/dev/video0", True, None

    def __init__(self, *answers: Image | CameraError) -> None:
        self.answers = list(answers)
        self.closed = False

    def read(self, timeout_s: float = 2.0) -> Frame | None:
        answer = self.answers.pop(0)
        if isinstance(answer, CameraError):
            raise answer
        return Frame(answer, 0.0, 0)

    def tell(self, event: CameraEvent) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_a_lost_camera_is_reported_reopened_with_growing_pauses_and_counted_on():
    now = [0.0]
    tries: list[float] = []
    said: list[str] = []
    first, second = Flaky(picture(1), CameraStalled("no new frame")), Flaky(picture(2))
    answers: list[Flaky | CameraError] = [first, CameraError("gone"), CameraError("gone"), second]

    def opener(url: str) -> Flaky:
        tries.append(now[0])
        answer = answers.pop(0)
        if isinstance(answer, CameraError):
            raise answer
        return answer

    def sleep(seconds: float) -> None:
        now[0] += seconds

    source = ReopeningCamera("v4l2:/dev/video0", said.append, opener, lambda: now[0], sleep)
    frames, stalls = [], 0
    while len(frames) < 2:
        try:
            frame = source.read(timeout_s=0.2)
        except CameraStalled:
            stalls += 1
        else:
            assert frame is not None
            frames.append(frame)
    assert first.closed
    assert [f.number for f in frames] == [0, 1]
    assert stalls > 3
    pauses = [b - a for a, b in pairwise(tries)]
    assert pauses == pytest.approx([0.5, 1.0, 2.0])
    assert said == ["camera lost: no new frame", "camera back: v4l2:/dev/video0"]


def test_the_error_of_a_source_with_its_own_clock_is_final():
    class Broken(Flaky):
        live = False

    source = ReopeningCamera("exec:x", lambda text: None, lambda url: Broken(CameraError("status 3")))
    with pytest.raises(CameraError, match="status 3"):
        source.read()


# -- what is played into a camera ------------------------------------------------------------------------


def test_pictures_that_come_again_are_a_recording():
    loop = Loop()
    assert [loop.length(textured(number)) for number in range(20)] == [0] * 20
    found = [loop.length(textured(number)) for number in range(6)]
    assert found == [0, 0, 0, 0, 20, 20]


def test_a_driver_that_repeats_single_pictures_is_no_recording():
    loop = Loop()
    shown = [number // 2 for number in range(20)] + [3, 20, 7, 21, 22, 2, 23]
    assert not any(loop.length(textured(number)) for number in shown)


def test_a_film_played_into_a_device_breaks_the_camera():
    pictures = [textured(number % 9) for number in range(40)]
    live = LiveCamera("v4l2", "/dev/video9", lambda: pictures.pop(0), lambda: None, frozen_is_stall=True)
    with pytest.raises(CameraError, match="its last 9 pictures come again"):
        list(iter(live.read, None))
    live.close()


def capability(driver: bytes, card: bytes, bus: bytes) -> bytes:
    return driver.ljust(16, b"\0") + card.ljust(32, b"\0") + bus.ljust(32, b"\0") + bytes(24)


@pytest.mark.parametrize(
    ("driver", "card", "bus", "virtual"),
    [
        (b"uvcvideo", b"HD Webcam C525", b"usb-0000:00:14.0-1", False),
        (b"v4l2 loopback", b"HD Webcam C525", b"platform:v4l2loopback-000", True),
        (b"uvcvideo", b"HD Webcam C525", b"platform:v4l2loopback-000", True),
        (b"vivid", b"vivid", b"platform:vivid-000", True),
    ],
)
def test_a_device_is_named_by_its_driver_and_a_virtual_one_is_told(
    driver: bytes, card: bytes, bus: bytes, virtual: bool
):
    found = identity_of("/dev/video9", lambda path: capability(driver, card, bus))
    assert found.virtual == virtual
    assert str(found).startswith("virtual ") == virtual
    assert all(name.decode() in str(found) for name in (driver, card, bus))


def test_a_device_that_does_not_tell_its_names_has_its_path():
    assert str(identity_of("/dev/null")) == "/dev/null"


class Controls:
    """A capture with controls; `stubborn` ones cannot be set."""

    def __init__(self, stubborn: tuple[int, ...] = ()) -> None:
        self.values = {
            cv2.CAP_PROP_AUTO_EXPOSURE: 3.0,
            cv2.CAP_PROP_EXPOSURE: 157.0,
            cv2.CAP_PROP_AUTO_WB: 1.0,
            cv2.CAP_PROP_WB_TEMPERATURE: 4200.0,
        }
        self.stubborn = stubborn

    def get(self, name: int) -> float:
        return self.values[name]

    def set(self, name: int, value: float) -> bool:
        if name in self.stubborn:
            return False
        self.values[name] = value
        if (name, value) == (cv2.CAP_PROP_AUTO_EXPOSURE, 1.0):
            self.values[cv2.CAP_PROP_EXPOSURE] = 250.0  # the driver's default
        return True


def test_exposure_and_white_balance_are_held_where_they_were_and_given_back():
    controls = Controls()
    before = dict(controls.values)
    lock = ExposureLock(controls, "/dev/video9")
    lock.hold()
    assert controls.values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1.0
    assert controls.values[cv2.CAP_PROP_AUTO_WB] == 0.0
    assert controls.values[cv2.CAP_PROP_EXPOSURE] == 157.0, "not the driver's default"
    lock.release()
    assert controls.values == before


def test_what_cannot_be_held_is_said_once(caplog: pytest.LogCaptureFixture):
    lock = ExposureLock(Controls(stubborn=(cv2.CAP_PROP_AUTO_EXPOSURE,)), "/dev/video9")
    for _ in range(3):
        lock.hold()
        lock.release()
    assert [record.getMessage() for record in caplog.records] == [
        "camera /dev/video9: its automatic exposure cannot be held during the light code"
    ]


def test_a_light_code_holds_the_exposure_between_two_frames():
    controls, frames = Controls(), iter(range(1000))

    class Device(Controls):
        def read(self) -> tuple[bool, Image]:
            return True, textured(next(frames))

        def release(self) -> None:
            pass

    live = live_capture("v4l2", "/dev/video9", Device(), 0, ExposureLock(controls, "/dev/video9"))
    for event, automatic in (("0.30", 1.0), ("", 3.0)):
        live.tell(CameraEvent(0.0, "light", event))
        first = live.read()
        assert first is not None
        while controls.values[cv2.CAP_PROP_AUTO_EXPOSURE] != automatic:
            assert live.read() is not None
    live.close()
