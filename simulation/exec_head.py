"""The simulated scene as a program for `exec:`: an example of the protocol in docs/camera-exec.md.

    exec:python -m simulation.exec_head --act person=8 --options seed=1

Writes one JSON line and then raw frames to standard output; reads events, and with --ticks its turn to draw,
from standard input. Put a renderer, or an attacker, of your own in the place of `Scene`.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import sys

from kiosk.errors import CameraError
from kiosk.values import CameraEvent
from simulation.scene import Scene
from simulation.script import read_script


class Events:
    """JSON lines from a pipe: prompts and lamps, and the ticks that ask for a frame."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.ended = False

    def so_far(self) -> list[CameraEvent]:
        """The events that have arrived; does not wait."""
        while not self.ended and select.select([self._descriptor], [], [], 0)[0]:
            self._fill()
        *lines, self._rest = self._rest.split(b"\n")
        return [CameraEvent(**json.loads(line)) for line in lines]

    def until_tick(self) -> list[CameraEvent]:
        """Wait for the line that asks for the next frame; the events that came before it."""
        events: list[CameraEvent] = []
        while True:
            line, feed, rest = self._rest.partition(b"\n")
            if feed:
                self._rest = rest
                values = json.loads(line)
                if values["event"] == "frame":
                    return events
                events.append(CameraEvent(**values))
            elif self.ended:
                return events
            else:
                self._fill()

    def _fill(self) -> None:
        more = os.read(self._descriptor, 65536)
        self._rest += more
        self.ended = not more


def main(arguments: list[str] | None = None) -> int:
    """Render until the acts are over or nobody listens. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m simulation.exec_head", description=__doc__.splitlines()[0])
    parser.add_argument("--act", default="person=8", help="acts as in sim:, e.g. nobody=1,person=8")
    parser.add_argument("--options", default="", help="options as in sim:, e.g. 'seed=1&fps=15'")
    parser.add_argument("--ticks", action="store_true", help="draw each frame when asked, in lock step")
    options = parser.parse_args(arguments)
    # Libraries print to standard output now and then: the frames keep a descriptor to themselves.
    output = os.dup(1)
    os.dup2(2, 1)
    try:
        script = read_script(f"sim:{options.act}?{options.options}")
        scene = Scene(script)
        first: dict[str, object] = {"width": script.width, "height": script.height, "fps": script.fps}
        first |= {"clock": "virtual", "ticks": options.ticks, "start_wall_ms": script.start_wall_ms}
        _write(output, json.dumps(first).encode() + b"\n")
        _play(scene, Events(0), output, options.ticks)
    except CameraError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # nobody reads any more
        return 0
    return 0


def _play(scene: Scene, events: Events, output: int, ticks: bool) -> None:
    while True:
        for event in events.until_tick() if ticks else events.so_far():
            scene.tell(event)
        if events.ended:
            return
        frame = scene.read()
        if frame is None:
            return
        _write(output, frame.image.tobytes())


def _write(output: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(output, view) :]


if __name__ == "__main__":
    sys.exit(main())
