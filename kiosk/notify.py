"""Tells systemd that the service is ready, alive, and what it does (sd_notify(3))."""

from __future__ import annotations

import os
import socket


def notify(**state: str) -> None:
    """Send e.g. READY="1"; does nothing where systemd does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    message = "\n".join(f"{key}={value}" for key, value in state.items())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.send(message.encode())
