"""Builds the machine's disk: a small Debian with its kernel, the locked packages, and the product from this tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TREE = Path(__file__).parents[2]
_TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs"}
_SUITE = "bookworm"
_DEBIAN = "linux-image-cloud-amd64,initramfs-tools,e2fsprogs,iproute2,python3"
_SIZE = "1G"
# What the server takes for reports and months, and what the kiosk takes for its camera, stays out.
_LEFT_OUT = {"duckdb", "et-xmlfile", "openpyxl", "pillow", "pyarrow", "reportlab"}
_KIOSK = {"certifi", "requests", "urllib3"}
_PRODUCT = ("protocol", "kiosk", "server", "audit", "simulation")
_INIT = """\
#!/bin/sh
# The first process: the network of this machine alone, then the work that the kernel's command line names.
ip link set lo up
mount -t tmpfs tmpfs /tmp
mkdir /dev/shm && mount -t tmpfs tmpfs /dev/shm
cd /opt/hadir
PYTHONPATH=/opt/hadir:/opt/hadir/packages python3 -m simulation.machine.guest
echo o >/proc/sysrq-trigger
sleep 60
"""


class CannotBuild(Exception):
    """Something that is needed is not there; says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class System:
    """A disk image with its ext4 root, and the kernel that boots it."""

    image: Path
    kernel: Path
    initrd: Path


def build(folder: Path) -> System:
    """The system, in a folder; Debian and packages that an earlier call left there are used again.

    CannotBuild when a program is missing or fails.
    """
    missing = sorted(package for program, package in _TOOLS.items() if shutil.which(program) is None)
    if missing:
        raise CannotBuild(f"not installed: {', '.join(missing)}. Mend it with: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise CannotBuild("a Debian root with its owners can only be made by root: run the same command with sudo")
    root = folder / "root"
    if not root.exists():
        unfinished = folder / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        _install(unfinished)
        unfinished.rename(root)
    for name in _PRODUCT:
        target = root / "opt" / "hadir" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(_TREE / name, target, ignore=shutil.ignore_patterns("__pycache__"))
    _run("chroot", root, "python3", "-m", "compileall", "-q", "-j0", "/opt/hadir")
    init = root / "sbin" / "hadir-machine"
    init.write_text(_INIT)
    init.chmod(0o755)
    image = folder / "system.img"
    image.unlink(missing_ok=True)
    _run("mke2fs", "-q", "-t", "ext4", "-d", root, image, _SIZE)
    boot = root / "boot"
    return System(image, next(boot.glob("vmlinuz-*")), next(boot.glob("initrd.img-*")))


def _install(root: Path) -> None:
    settings = "/etc/initramfs-tools/conf.d"  # e2fsck checks the root at each boot, as on any Debian
    check = f'mkdir -p "$1{settings}" && echo FSTYPE=ext4 >"$1{settings}/hadir"'
    _run("mmdebstrap", "--variant=minbase", f"--include={_DEBIAN}", f"--essential-hook={check}", _SUITE, root)
    packages = root / "opt" / "hadir" / "packages"
    lock = root / "opt" / "lock.txt"
    packages.mkdir(parents=True)
    lock.write_text("".join(_locked()))
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--require-hashes", "--no-compile"]
    # For the machine's Python, whichever runs here.
    pip += ["--python-version=3.11", "--only-binary=:all:", "--platform=manylinux_2_28_x86_64"]
    pip += ["--platform=manylinux2014_x86_64", "--abi=cp311", "--abi=abi3", "--abi=none"]
    _run(*pip, "--disable-pip-version-check", "--root-user-action=ignore", f"--target={packages}", "-r", lock)


def _locked() -> Iterator[str]:
    """The locks' lines of the packages that this machine needs."""
    for lock, wanted in (("server", None), ("kiosk", _KIOSK)):
        text = (_TREE / "locks" / f"{lock}.txt").read_text()
        for requirement in re.findall(r"^[a-z].*(?:\n[ ]+.*)*\n", text, re.MULTILINE):
            name = requirement.partition("==")[0]
            if name in wanted if wanted is not None else name not in _LEFT_OUT:
                yield requirement


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise CannotBuild(f"{command[0]} failed: {done.stderr.strip()[-800:]}")
