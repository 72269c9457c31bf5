"""What the auditor prints: a table and a verdict for people, one JSON object for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from audit.verify import DeviceReport

_FROM_SOURCE = """\
Keys:   taken from the source itself: this shows that it is consistent, not where it comes from,
        for whoever made all of it anew could have made the keys too. Pin them with --keys FILE."""


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one source. `keys`: `pinned` or `from source`."""

    source: str
    keys: str
    devices: list[DeviceReport]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not any(device.findings for device in self.devices)

    def json(self) -> str:
        """One object, ASCII; `stored` bytes as escaped text."""
        devices = [asdict(device) for device in self.devices]
        value = {"verdict": "ok" if self.ok else "failed", "devices": devices, "keys": self.keys}
        return json.dumps(value, default=escape_bytes)

    def text(self) -> str:
        """The table, what was found, and the verdict."""
        lines = [f"Source: {escape(self.source)}", "Keys:   pinned" if self.keys == "pinned" else _FROM_SOURCE, ""]
        lines += _table(self.devices)
        for device in self.devices:
            lines += [""] if device.findings else []
            for finding in device.findings:
                where = "" if finding.seq_from is None else f"entry {finding.seq_from}: "
                if finding.seq_from != finding.seq_to:
                    first = "" if finding.stored is None else "the first: "
                    where = f"entries {finding.seq_from} to {finding.seq_to}: {first}"
                lines.append(f"{escape(device.name)}: {finding.what}: {where}{escape(finding.detail)}")
                lines += [] if finding.stored is None else [f"    stored: {escape_bytes(finding.stored)}"]
        return "\n".join([*lines, "", *self._verdict()])

    def _verdict(self) -> list[str]:
        failed = [escape(device.name) for device in self.devices if device.findings]
        if failed:
            return [f"FAILED: not as the device signed it: {', '.join(failed)} (of {len(self.devices)}); see above."]
        unsigned = sum(device.unsigned for device in self.devices)
        proven = sum(device.proven for device in self.devices)
        lines = [f"OK: {proven:,} entries are what their devices signed; none is missing among them."]
        if pruned := sum(device.pruned for device in self.devices):
            lines.append(f"    {pruned:,} older ones were pruned here, as the root says; look for them at the server.")
        if unsigned:
            lines.append(f"    {unsigned:,} more are not yet under a signed checkpoint: nothing vouches for these.")
        lines.append("    Not shown: newer entries cut off together with their checkpoints; see hadir audit national.")
        return lines


def escape(text: str) -> str:
    """Text that cannot steer a terminal nor reverse its reading."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def escape_bytes(data: bytes) -> str:
    """Stored bytes as text that is read in one way only: the backslash and what does not print are escaped."""
    return escape(data.replace(b"\\", b"\\\\").decode(errors="backslashreplace"))


def _table(devices: list[DeviceReport]) -> list[str]:
    width = max(6, *(len(escape(device.name)) for device in devices))
    lines = [f"{'device':<{width}} {'entries':>12} {'checkpoints':>12} {'proven':>12} {'unsigned':>12}"]
    for d in devices:
        verdict = "FAILED" if d.findings else "ok" if d.entries else "empty"
        numbers = f"{d.entries:>12,} {d.checkpoints:>12,} {d.proven:>12,} {d.unsigned:>12,}"
        lines.append(f"{escape(d.name):<{width}} {numbers}  {verdict}")
    return lines
