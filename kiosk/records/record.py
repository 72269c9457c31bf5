"""What a decision becomes in the journal: the bodies of presence, refusal and attested entries."""

from __future__ import annotations

from typing import Any

from kiosk.attesting import Attested
from kiosk.values import Decision, Reason

_REASONS = 8
_REASON_LENGTH = 80


def presence(decision: Decision, person: str, presented_ms: int, source: str, gallery: int) -> dict[str, Any]:
    """Of a granted decision. `presented_ms`: boottime; `source`: kind of camera; `gallery`: version searched."""
    match = decision.match
    if match is None or match.distance is None:
        raise ValueError("a granted decision rests on a match")
    return {
        "person": person,
        "presented_boottime_ms": presented_ms,
        "source": source,
        "gallery": gallery,
        "distance_e4": _e4(match.distance),
        "margin_e4": None if match.margin is None else _e4(match.margin),
        "liveness": decision.liveness.state,
        "prompts": list(decision.liveness.prompts),
        "measures": _measures((*decision.liveness.reasons, *decision.liveness.noted)),
    } | _besides(decision)


def refusal(decision: Decision, presented_ms: int, source: str, gallery: int) -> dict[str, Any]:
    """Of any other decision; arguments as for `presence`."""
    return {
        "decision": decision.decision,
        "person": decision.match.person if decision.match else None,
        "presented_boottime_ms": presented_ms,
        "source": source,
        "gallery": gallery,
        "liveness": decision.liveness.state,
        "species": decision.liveness.species,
        "reasons": [reason.name[:_REASON_LENGTH] for reason in decision.reasons][:_REASONS],
        "measures": _measures((*decision.reasons, *decision.liveness.noted)),
    } | _besides(decision)


def attested(made: Attested, presented_ms: int, source: str, gallery: int) -> dict[str, Any]:
    """Of two colleagues' word for somebody; `presented_ms`: when the first try was presented, further as above."""
    return {
        "person": made.person,
        "presented_boottime_ms": presented_ms,
        "source": source,
        "gallery": gallery,
        "tries": made.tries,
        "first_try": made.first.seq,
        "colleague": made.colleague.seq,
        "supervisor": made.supervisor.seq,
    }


def _besides(decision: Decision) -> dict[str, Any]:
    """What only a device has to say whose roster names alternative prompts, cards or its office."""
    visiting = decision.match is not None and decision.match.visiting
    told = {"prompt_set": decision.prompt_set, "card": decision.card, "found_in": "agency" if visiting else None}
    return {name: value for name, value in told.items() if value is not None}


def _measures(reasons: tuple[Reason, ...]) -> dict[str, int]:
    """The measured values by a key made of the reason's name."""
    named = {}
    for reason in reasons:
        key = "".join(c if c.isascii() and c.isalnum() else "_" for c in reason.name.lower()).strip("_")[:40]
        if reason.value is not None and key[:1].isalpha():
            named[key] = _e4(reason.value)
    return named


def _e4(value: float) -> int:
    return round(max(-1e8, min(1e8, value)) * 1e4)
