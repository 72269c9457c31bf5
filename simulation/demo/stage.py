"""What every act of the demo stands on: its directory, its processes, its clock, and what is shown."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from kiosk.files import write_durably

ROOT = Path(__file__).parents[2]
_INTERRUPTED = 130
_STOP_WITHIN_S = 10.0
_START_WITHIN_S = 60.0


class DemoFailed(Exception):
    """Something did not happen that the demo shows; names it."""


class CommandFailed(DemoFailed):
    """A command of the product ended with an error; `said` is its sentence."""

    def __init__(self, command: str, code: int, said: str) -> None:
        super().__init__(f"'{command}' ended with {code}: {said}")
        self.said = said


class Stage:
    """Runs commands and processes in one directory, and leaves none of them behind."""

    def __init__(self, directory: Path, console: Console) -> None:
        self.directory = directory
        self.console = console
        self.now_ms = 0
        self._started_s = time.monotonic()
        self._processes: list[subprocess.Popen[str]] = []
        self._readers: list[threading.Thread] = []

    def act(self, title: str) -> None:
        """Announce an act."""
        self.console.print(f"\n[bold cyan]{escape(title)}[/] [dim]({time.monotonic() - self._started_s:.0f} s)[/]")

    def say(self, text: str, style: str = "") -> None:
        """One line under the act; `text` is shown as it is."""
        self.console.print(f"  {escape(text)}", style=style, highlight=False)

    def write(self, name: str, text: str) -> Path:
        """A file in the demo's directory."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def set_time(self, now_ms: int) -> None:
        """Move the server's simulated clock."""
        self.now_ms = now_ms
        write_durably(self.directory / "server" / "simulated-clock", f"{now_ms}\n".encode())

    def command(self, main: Callable[[list[str]], int], *arguments: str) -> str:
        """Run a command of the product in this process; what it printed. DemoFailed when it failed."""
        out, err = io.StringIO(), io.StringIO()
        with self._own_stderr(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
        if code == _INTERRUPTED:
            raise KeyboardInterrupt
        if code:
            raise CommandFailed(" ".join(arguments), code, err.getvalue().strip().removeprefix("hadir: "))
        return out.getvalue()

    @contextlib.contextmanager
    def _own_stderr(self) -> Iterator[None]:
        """What libraries write past Python's streams goes into a log, as a service's would."""
        log = self._log("commands")
        terminal = os.dup(2)
        with log.open("a") as kept:
            os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)

    def _log(self, name: str) -> Path:
        path = self.directory / "log" / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        return path

    def start(self, *arguments: str, show: bool = False) -> subprocess.Popen[str]:
        """Start `python -m …` beside us, its lines shown or kept in a log; what it complains of is kept."""
        with self._log("-".join(arguments[:2])).open("a") as kept:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if show else kept,
                stderr=kept,
                text=True,
                env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            )
        self._processes.append(process)
        if show:
            reader = threading.Thread(target=self._show_lines, args=(process,), daemon=True)
            reader.start()
            self._readers.append(reader)
        return process

    def wait(self, process: subprocess.Popen[str], what: str) -> None:
        """Until a process ended by itself; DemoFailed when it failed."""
        code = process.wait()
        for reader in self._readers:
            reader.join()
        self._readers.clear()
        self._processes.remove(process)
        if code:
            raise DemoFailed(f"{what} ended with {code}; its last words are in {self.directory / 'log'}")

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Ask a process to end, and make sure that it does."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self._processes:
            self._processes.remove(process)

    def close(self) -> None:
        """End whatever still runs."""
        for process in reversed(self._processes.copy()):
            self.stop(process)
        for reader in self._readers:
            reader.join()

    def until(self, what: str, happened: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
        """Wait for something; DemoFailed when it does not happen within a minute, or its process ended."""
        end_s = time.monotonic() + _START_WITHIN_S
        while not happened():
            if process is not None and process.poll() is not None:
                raise DemoFailed(f"{what} did not happen: its process ended with {process.returncode}")
            if time.monotonic() > end_s:
                raise DemoFailed(f"{what} did not happen within {_START_WITHIN_S:.0f} s")
            time.sleep(0.05)

    def _show_lines(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lamp, _, text = line.rstrip("\n").partition(" ")
            self.console.print(f"  [dim]│[/] {_LAMPS.get(lamp, '  ')} {escape(text.strip())}", highlight=False)


_LAMPS = {"green": "[green]●[/] ", "red": "[red]●[/] ", "amber": "[yellow]●[/] ", "-": "[dim]○[/] "}


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does, and neither cuts its cleaning up short."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
