"""The exec: protocol, as docs/camera-exec.md states it, with real programs at the other end."""

import json
import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.camera import open_camera
from kiosk.cameras.child import Child
from kiosk.cameras.header import parse_header
from kiosk.errors import CameraError, CameraStalled
from kiosk.values import CameraEvent

HEADER = {"width": 32, "height": 16, "fps": 10, "clock": "virtual"}
FRAME = 32 * 16 * 3


def url(body: str, **header: object) -> str:
    """An exec: URL of a Python program that writes the header, then runs `body`."""
    first = json.dumps({**HEADER, **header})
    program = f"""
import sys, os, time, json
out = sys.stdout.buffer
out.write({first!r}.encode() + b"\\n"); out.flush()
def frame(value):
    out.write(bytes([value]) * {FRAME}); out.flush()
{body}
"""
    return "exec:" + shlex.join([sys.executable, "-S", "-c", program])


def gone(pid: int) -> bool:
    """True when no process `pid` runs (a zombie of another parent has gone too)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True


def wait_until_gone(pid: int) -> bool:
    limit = time.monotonic() + 5
    while not gone(pid) and time.monotonic() < limit:
        os.sched_yield()
    return gone(pid)


def test_frames_of_a_virtual_clock_are_all_handed_over_with_their_times():
    camera = open_camera(url("for n in range(5): frame(n)", start_wall_ms=1_791_152_400_000))
    assert (camera.kind, camera.live, camera.start_wall_ms) == ("exec", False, 1_791_152_400_000)
    frames = [camera.read() for _ in range(5)]
    assert [(f.number, f.time_s, int(f.image.max())) for f in frames if f] == [(n, n / 10, n) for n in range(5)]
    assert frames[0] is not None
    assert frames[0].image.shape == (16, 32, 3)
    assert camera.read() is None
    camera.close()


def test_with_ticks_a_program_sees_each_event_before_it_draws_the_next_frame():
    body = """
last = 0
for line in sys.stdin:
    event = json.loads(line)
    if event["event"] == "frame":
        frame(last)
    elif event["event"] == "prompt":
        last = int(event["value"] == "blink") + int(event["time_s"] * 10) * 10
"""
    camera = open_camera(url(body, ticks=True))
    shown = []
    for _ in range(6):
        frame = camera.read()
        assert frame is not None
        shown.append(int(frame.image[0, 0, 0]))
        if frame.number in (1, 3):
            camera.tell(CameraEvent(frame.time_s, "prompt", "blink" if frame.number == 1 else ""))
    assert shown == [0, 0, 11, 11, 30, 30]
    camera.close()


def test_a_program_that_never_reads_its_events_does_not_hold_up_the_loop(caplog: pytest.LogCaptureFixture):
    camera = open_camera(url("n = 0\nwhile True: frame(n % 200); n += 1"))
    for _ in range(3000):
        camera.tell(CameraEvent(0.0, "prompt", "turn_left"))
    assert camera.read() is not None
    assert [r.message for r in caplog.records if "does not read its events" in r.message]
    camera.close()


def test_a_program_that_closed_its_input_still_delivers():
    camera = open_camera(url("os.close(0); frame(1); frame(2)"))
    assert camera.read() is not None
    for _ in range(10):
        camera.tell(CameraEvent(0.0, "lamp", "wait"))
    assert camera.read() is not None
    assert camera.read() is None
    camera.close()


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("frame(1); print('lens cap on', file=sys.stderr); sys.exit(3)", r"status 3(.|\n)*lens cap on"),
        (f"frame(1); out.write(bytes({FRAME // 2})); out.flush()", "after 768 of a frame's 1536 bytes"),
        ("frame(1); os.kill(os.getpid(), 9)", "status -9"),
        ("frame(1); sys.stderr.write('x' * 200_000 + 'the end'); sys.exit(1)", "status 1(.|\n)*xthe end$"),
    ],
)
def test_a_program_that_fails_is_quoted(body: str, names: str):
    camera = open_camera(url(body))
    assert camera.read() is not None
    with pytest.raises(CameraError, match=names):
        camera.read()
    camera.close()


@pytest.mark.parametrize(
    ("program", "names"),
    [
        ("print('hello')", "no JSON object"),
        ("print('x' * 10000)", "longer than 4096"),
        ("pass", "ended without a first line"),
        ("import sys; sys.exit('no camera')", r"status 1(.|\n)*no camera"),
    ],
)
def test_a_program_that_does_not_speak_the_protocol_is_refused(program: str, names: str):
    with pytest.raises(CameraError, match=names):
        open_camera("exec:" + shlex.join([sys.executable, "-S", "-c", program]))


def test_no_shell_reads_the_command(tmp_path: Path):
    mark = tmp_path / "mark"
    with pytest.raises(CameraError, match="first line"):
        open_camera(f"exec:echo $(touch {mark}); touch {mark}")
    assert not mark.exists()


def test_a_real_clock_stamps_frames_on_arrival_and_ends():
    camera = open_camera(url("for n in range(3): frame(n); sys.stdin.readline()", clock="real"))
    assert camera.live
    times = []
    for n in range(3):
        frame = camera.read()
        assert frame is not None
        assert int(frame.image[0, 0, 0]) == n
        times.append(frame.time_s)
        camera.tell(CameraEvent(frame.time_s, "lamp", "idle"))
    assert times == sorted(times)
    assert camera.read() is None
    camera.close()


def test_a_hung_program_is_a_stall():
    child = Child([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    with pytest.raises(CameraStalled, match="hung"):
        child.receive(1, time.monotonic() - 1)
    child.close()


def test_after_a_stall_amid_a_frame_the_command_is_ended(monkeypatch: pytest.MonkeyPatch):
    camera = open_camera(url("out.write(bytes(100)); out.flush(); time.sleep(600)"))
    monkeypatch.setattr("kiosk.cameras.command.FRAME_LIMIT_S", 0.01)
    with pytest.raises(CameraStalled, match="hung"):
        camera.read(timeout_s=0.01)
    assert wait_until_gone(camera._child._process.pid)  # type: ignore[attr-defined]
    assert camera.read() is None


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_closing_ends_the_command_and_what_it_started(clock: str):
    body = """
import subprocess
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
out.write((f"{os.getpid():08d}{child.pid:08d}".encode() * 100)[:FRAME_BYTES]); out.flush()
time.sleep(600)
""".replace("FRAME_BYTES", str(FRAME))
    camera = open_camera(url(body, clock=clock))
    frame = camera.read(20)
    assert frame is not None
    text = frame.image.tobytes()[:16].decode()
    camera.close()
    camera.close()
    assert wait_until_gone(int(text[:8]))
    assert wait_until_gone(int(text[8:16]))


def test_a_command_that_ignores_the_polite_signal_is_killed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kiosk.cameras.child._PATIENCE_S", 0.1)
    camera = open_camera(url("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nframe(1)\ntime.sleep(600)"))
    assert camera.read() is not None
    pid = camera._child._process.pid  # type: ignore[attr-defined]
    camera.close()
    assert wait_until_gone(pid)


def test_an_interrupted_loop_leaves_no_command_behind(tmp_path: Path):
    import subprocess

    loop = f"""
import os, signal, sys
from kiosk.camera import open_camera
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts its background jobs deaf to it
camera = open_camera({url("frame(1); time.sleep(600)")!r})
camera.read()
print(camera._child._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGINT)
camera.read()
"""
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", loop], cwd=root, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode in (-signal.SIGINT, 1, 130)
    assert wait_until_gone(int(ended.stdout))


@given(
    st.fixed_dictionaries(
        {
            "width": st.integers(16, 2000),
            "height": st.integers(16, 2000),
            "fps": st.floats(0.1, 1000),
            "clock": st.just("virtual"),
        },
        optional={"ticks": st.booleans(), "start_wall_ms": st.one_of(st.none(), st.integers(0, 2**53))},
    )
)
def test_every_good_header_is_read(values: dict[str, object]):
    header = parse_header(json.dumps(values).encode())
    assert (header.width, header.height, header.fps) == (values["width"], values["height"], values["fps"])
    assert header.ticks == values.get("ticks", False)
    assert header.start_wall_ms == values.get("start_wall_ms")


@given(st.binary(max_size=200))
def test_no_line_makes_the_header_reader_fail_otherwise_than_by_value_error(line: bytes):
    with pytest.raises(ValueError, match=r"."):
        parse_header(line)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"width": 0}, "width 0"),
        ({"width": True}, "width True"),
        ({"width": 16384, "height": 16384}, "over 64 MB"),
        ({"fps": "15"}, "fps '15'"),
        ({"fps": float("nan")}, "fps nan"),
        ({"clock": "mine"}, "clock 'mine'"),
        ({"clock": "real", "ticks": True}, "only with a virtual clock"),
        ({"start_wall_ms": 1.5}, "start_wall_ms 1.5"),
        ({"colour": "bgr"}, "are needed, of"),
    ],
)
def test_a_wrong_header_names_the_key(change: dict[str, object], names: str):
    with pytest.raises(ValueError, match=names):
        parse_header(json.dumps({**HEADER, **change}).encode())
