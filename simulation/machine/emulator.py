"""One emulated machine under QEMU, without hardware virtualisation: its disk, and the line on which it speaks."""

from __future__ import annotations

import json
import select
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from simulation.machine.system import System
from simulation.machine.writelog import SECTOR

PATIENCE_S = 900.0
"""How long a machine may be silent before it counts as hung: many times what a boot takes on a busy host."""


class MachineFailed(Exception):
    """The machine ended, hung, or said that it cannot go on."""


class Machine:
    """A machine that runs until the block ends; then its power is off, whatever it did."""

    def __init__(self, system: System, disk: Path, task: str, console: Path, log: Path | None = None) -> None:
        """Boot `disk` for a task of `guest.py` (kernel options). `log` records the disk's writes and flushes."""
        self._console = console
        self._log = log
        self._said = b""
        nodes = ["driver=file,node-name=file,cache.no-flush=on,filename=" + str(disk)]
        nodes.append("driver=raw,node-name=disk,file=file")
        top = "disk"
        if log is not None:
            log.write_bytes(b"")
            nodes.append("driver=file,node-name=log,cache.no-flush=on,filename=" + str(log))
            nodes.append(f"driver=blklogwrites,node-name=logged,file=disk,log=log,log-sector-size={SECTOR}")
            top = "logged"
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35", "-cpu", "max", "-m", "512"]
        command += ["-nodefaults", "-display", "none", "-no-reboot", "-nic", "none"]
        command += ["-kernel", str(system.kernel), "-initrd", str(system.initrd)]
        command += ["-append", f"root=/dev/vda rw init=/sbin/hadir-machine console=ttyS0 panic=-1 {task}"]
        command += [word for node in nodes for word in ("-blockdev", node)]
        # Neither discards nor zeroes without data: a write is data, and lasts once a flush was answered.
        command += ["-device", f"virtio-blk-pci,drive={top},write-cache=on,discard=off,write-zeroes=off"]
        command += ["-serial", f"file:{console}", "-serial", "stdio"]
        with console.with_suffix(".errors").open("wb") as errors:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def hear(self) -> tuple[dict[str, Any], int]:
        """What the machine says next, and how long its write log was by then (bytes). It waits until `go_on`.

        MachineFailed: nothing more comes.
        """
        assert self._process.stdout is not None
        deadline = time.monotonic() + PATIENCE_S
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            data = self._process.stdout.read1() if ready else b""  # type: ignore[attr-defined]
            if not data:
                raise MachineFailed(f"{'ended' if ready else 'hung'}: {self._last_words()}")
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        said = json.loads(line)
        if said["at"] == "failed":
            raise MachineFailed(said["error"])
        return said, self._log.stat().st_size if self._log is not None else 0

    def go_on(self) -> None:
        """Let the machine go on after what it said."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()

    def _last_words(self) -> str:
        text = self._console.read_text(errors="replace") if self._console.exists() else ""
        errors = self._console.with_suffix(".errors").read_text(errors="replace")
        return " | ".join([*text.strip().splitlines()[-4:], *errors.strip().splitlines()[-2:]])[-400:]
