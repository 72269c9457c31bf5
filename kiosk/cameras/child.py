"""A program run as a camera: its frames out, events in, its complaints kept, and no orphan left behind."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import shlex
import signal
import subprocess
import threading
import time
import weakref
from collections import deque

from kiosk.errors import CameraError, CameraStalled

_LINES_KEPT, _BYTES_KEPT = 20, 8192  # of what the command wrote to standard error
_EVENTS_WAITING = 256
_PATIENCE_S = 2.0
_GLANCE_S = 0.2  # how often a waiting reader looks whether it was closed
_log = logging.getLogger(__name__)


class Child:
    """A command in a process group of its own, without a shell.

    Writing never blocks: a command that does not read its standard input loses events, after 256 and what the
    pipe holds, and the loss is logged. Reading takes exactly what is asked for, never more.
    """

    def __init__(self, words: list[str]) -> None:
        self.command = shlex.join(words)
        try:
            self._process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise CameraError(f"camera exec:{self.command}: {words[0]!r} does not start: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)
        self._waiting: deque[bytes] = deque()
        self._lock, self._reading = threading.Lock(), threading.RLock()
        self._dropped = 0
        self._closed = False
        self._said = b""
        self._listener = threading.Thread(target=self._listen, name="camera exec errors", daemon=True)
        self._listener.start()
        # Also when nobody called close: at the end of the interpreter, after an exception or Ctrl-C.
        self._finalizer = weakref.finalize(self, _end, self._process)

    def send(self, event: dict[str, object]) -> None:
        """Queue one JSON line and write what the pipe takes."""
        with self._lock:
            if len(self._waiting) >= _EVENTS_WAITING:
                self._dropped += 1
                if self._dropped == 1:
                    _log.warning("camera exec:%s does not read its events; they are dropped", self.command)
                return
            self._waiting.append(json.dumps(event, separators=(",", ":")).encode() + b"\n")
        self._flush()

    def receive(self, size: int, deadline: float | None) -> bytearray | None:
        """Exactly `size` bytes; None when the output ended before the first of them and the command was content.

        `deadline`: monotonic seconds, None for ever. Raises `CameraStalled` after it; `CameraError` with the
        last lines of standard error when the command failed or ended amid a frame.
        """
        data = bytearray(size)
        view, have = memoryview(data), 0
        with self._reading:
            while have < size:
                if not self._await_output(deadline):
                    return None
                got = os.readv(self._output, [view[have:]])
                if got == 0:
                    self._ended(have, size)
                    return None
                have += got
        return data

    def receive_line(self, limit: int, deadline: float) -> bytes:
        """Bytes up to the first line feed. Raises `CameraError` when there is none within `limit` bytes."""
        line = bytearray()
        while len(line) < limit:
            byte = self.receive(1, deadline)
            if byte is None:
                raise self.failed("it ended without a first line")
            if byte == b"\n":
                return bytes(line)
            line += byte
        raise self.failed(f"its first line is longer than {limit} bytes: {bytes(line[:60])!r}")

    def failed(self, what: str) -> CameraError:
        """An error that names the command, `what` happened, and the command's last complaints."""
        self.close()
        self._listener.join(_PATIENCE_S)
        said = "\n  ".join(self._said.decode(errors="backslashreplace").splitlines()[-_LINES_KEPT:])
        return CameraError(f"camera exec:{self.command}: {what}" + (f"; it said:\n  {said}" if said else ""))

    def close(self) -> None:
        """End the whole process group: asked first, then killed."""
        self._closed = True
        self._finalizer()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._reading:  # a reader in another thread sees the end first, then the pipe closes
            self._process.stdout.close()
        with self._lock:
            self._process.stdin.close()

    def _ended(self, have: int, size: int) -> None:
        if self._closed:
            return
        # A command that closed its output and lingers is ended by close.
        status = _exited(self._process, _PATIENCE_S)
        if status:
            raise self.failed(f"it ended with status {status}")
        if have:
            raise self.failed(f"it ended after {have} of a frame's {size} bytes")

    def _await_output(self, deadline: float | None) -> bool:
        """Wait until there is output (or its end), writing events meanwhile. False when closed."""
        while not self._closed:
            if deadline is not None and time.monotonic() > deadline:
                raise CameraStalled(f"camera exec:{self.command}: no frame in the time allowed; is it hung?")
            with self._lock:
                writing = [self._input] if self._waiting else []
            ready, writable, _ = select.select([self._output], writing, [], _GLANCE_S)
            if writable:
                self._flush()
            if ready:
                return True
        return False

    def _flush(self) -> None:
        with self._lock:
            while self._waiting and not self._closed:
                line = self._waiting[0]
                try:
                    written = os.write(self._input, line)
                except BlockingIOError:
                    return
                except OSError:  # it closed its input: it does not want events
                    self._waiting.clear()
                    return
                if written < len(line):
                    self._waiting[0] = line[written:]
                    return
                self._waiting.popleft()

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as errors:
            while more := errors.read(4096):
                self._said = (self._said + more)[-_BYTES_KEPT:]


def _exited(process: subprocess.Popen[bytes], patience_s: float) -> int | None:
    """Exit status, negative for a signal; None when it still runs. Does not reap: the group's number stays taken."""
    limit = time.monotonic() + patience_s
    while process.returncode is None:
        try:
            ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:  # another thread closes and has taken the status
            break
        if ended is not None:
            return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        if time.monotonic() > limit:
            return None
        time.sleep(0.01)
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """Terminate, then kill, the process group, and take the exit status so that no zombie stays."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        if how is signal.SIGTERM:
            _exited(process, _PATIENCE_S)
    process.wait()
