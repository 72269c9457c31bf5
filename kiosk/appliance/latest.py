"""`hadir kiosk latest`: what the last visits measured, from the journal: for trying a kiosk on site."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from typing import Any

from kiosk.config import KioskConfig
from kiosk.pad.cues import ABOVE
from kiosk.records.journal import JournalReader
from protocol import entry

_LOOKED_BACK = 1000


def latest(config: KioskConfig, count: int) -> list[dict[str, Any]]:
    """The last `count` decisions, oldest first, with their reasons and numbers; passive cues with their limits.

    Raises `JournalError` where there is no journal.
    """
    with closing(JournalReader(config.state_dir / "journal.db")) as reader:
        first = max(reader.base().size, reader.size() - _LOOKED_BACK)
        entries = [entry.decode(data) for data in reader.read(first, _LOOKED_BACK)]
    visits = [one for one in entries if one.kind in ("presence", "refusal")]
    return [_visit(one, config) for one in visits[-count:]] if count > 0 else []


def _visit(one: entry.Entry, config: KioskConfig) -> dict[str, Any]:
    measures = {name: value / 1e4 for name, value in one.body["measures"].items()}
    cues = {
        name: {
            "value": measures.pop(name),
            "limit": config.passive.limit(name),
            "use": config.passive.use.get(name, "log"),
        }
        for name in ABOVE
        if name in measures
    }
    return {
        "time": datetime.fromtimestamp(one.wall_ms / 1000).astimezone().isoformat(" ", "seconds"),
        "decision": one.body.get("decision", "granted"),
        "person": one.body["person"],
        "liveness": one.body["liveness"],
        "reasons": one.body.get("reasons", []),
        "cues": cues,
        "measures": measures,
    }


def as_text(visits: list[dict[str, Any]]) -> str:
    """For a technician who stands at the kiosk."""
    lines = []
    for visit in visits:
        lines.append(f"{visit['time']}  {visit['decision']}, {visit['person'] or 'nobody known'}, {visit['liveness']}")
        lines += [f"    {reason}" for reason in visit["reasons"]]
        for name, cue in visit["cues"].items():
            over = "  <- above" if cue["value"] > cue["limit"] else ""
            lines.append(f"    {name:15} {cue['value']:8.3f}  limit {cue['limit']:g}, {cue['use']}{over}")
        lines += [f"    {name:32} {value:8.3f}" for name, value in visit["measures"].items()]
    return "\n".join(lines) or "nobody has been at this kiosk yet"
