"""What a regulation changes in another: a sentence for each value, step, gate or table, with its article."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from server.allowance.regulation import Regulation
from server.attendance.document import Document, Keys

_HEAD = ("id", "from", "to")
"""Keys of a regulation that the first sentence tells."""
_WORDS = {
    "day": "the day",
    "excuses": "what excuses",
    "components": "component",
    "classes": "class",
    "tables": "table",
    "groups": "group",
    "gates": "gate",
    "steps": "step",
    "uses": "used file",
}
_KEYS = ("id", "class", "use", "gate", "from", "up_to")
"""What tells the entries of a list apart, the first that they have."""


def differences(old: Regulation, new: Regulation) -> list[str]:
    """Sentences in the order of the files; [] when the two say the same."""
    found = [f"{old.id} ({_span(old)}) → {new.id} ({_span(new)}); what follows holds from {new.valid_from}"]
    changes = list(_documents(old.documents[0], new.documents[0], _HEAD))
    used = [dict(zip(r.documents[0].value.get("uses", {}), r.documents[1:], strict=True)) for r in (old, new)]
    for name in [*used[0], *(name for name in used[1] if name not in used[0])]:
        if name not in used[1]:
            changes.append(f"used file {name} ({used[0][name].path.name}): taken out")
        elif name not in used[0]:
            changes.append(f"used file {name} ({used[1][name].path.name}): new")
        else:
            changes += [f"{name}: {text}" for text in _documents(used[0][name], used[1][name])]
    texts = [(calendar.name, calendar.text) if calendar else ("none", "") for calendar in (old.calendar, new.calendar)]
    if texts[0] != texts[1]:
        changes.append(f"calendar: {texts[0][0]} → {texts[1][0]}, with other holidays or hours")
    heads = [[r.documents[0].value.get(key) for key in _HEAD] for r in (old, new)]
    return [*found, *changes] if changes or heads[0] != heads[1] else []


def _span(regulation: Regulation) -> str:
    return f"{regulation.valid_from} to {regulation.valid_to or 'its replacement'}"


def _documents(old: Document, new: Document, told: Sequence[str] = ()) -> Iterator[str]:
    before, after = old.value, new.value
    for key in dict.fromkeys([*before, *after]):
        if key in told or key in ("uses", "calendar"):
            continue
        for keys, one, other in _changes((key,), before.get(key), after.get(key)):
            yield _sentence(keys, one, other, old, new)
    for name in ("steps", "gates"):
        orders = [[_key(entry, name) for entry in value.get(name, [])] for value in (before, after)]
        kept = [[entry for entry in order if entry in orders[0] and entry in orders[1]] for order in orders]
        if kept[0] != kept[1]:
            yield f"{name}: another order: {', '.join(kept[0])} → {', '.join(kept[1])}"


Change = tuple[Keys, Any, Any]


def _changes(keys: Keys, old: Any, new: Any) -> Iterator[Change]:
    """Places where two values differ, as deep as both have them."""
    if old == new:
        return
    old_map, new_map = _as_map(old), _as_map(new)
    if old_map is None or new_map is None:
        if keys and old is None and new_map is not None and len(keys) == 1:
            for key, value in new_map.items():
                yield (*keys, key), None, value
        elif keys and new is None and old_map is not None and len(keys) == 1:
            for key, value in old_map.items():
                yield (*keys, key), value, None
        else:
            yield keys, old, new
        return
    for key in dict.fromkeys([*old_map, *new_map]):
        yield from _changes((*keys, key), old_map.get(key), new_map.get(key))


def _as_map(value: Any) -> Mapping[str, Any] | None:
    """A mapping, also of a list whose entries have names of their own; None for anything else."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        named = {_key(entry, str(place)): entry for place, entry in enumerate(value)}
        return named if len(named) == len(value) else None
    return None


def _key(entry: Mapping[str, Any], otherwise: str) -> str:
    for key in _KEYS:
        if key in entry:
            return str(entry[key]) if key in ("id", "class") else f"{key} {entry[key]}"
    return otherwise


def _sentence(keys: Keys, one: Any, other: Any, old: Document, new: Document) -> str:
    place = " ".join([_WORDS.get(str(keys[0]), str(keys[0])), *(str(key) for key in keys[1:2])])
    if len(keys) > 2:
        place += f", {'.'.join(str(key) for key in keys[2:])}"
    if one is None:
        what = f"new: {_shown(other)}"
    elif other is None:
        what = f"taken out (was {_shown(one)})"
    else:
        what = f"{_shown(one)} → {_shown(other)}"
    source = _article(new if other is not None else old, keys)
    return f"{place}: {what}{f' [{source}]' if source else ''}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        named = value.get("name")
        if isinstance(named, dict):
            return str(named.get("id", named))
        return ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return f"[{', '.join(_shown(inner) for inner in value)}]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _article(source: Document, keys: Keys) -> str:
    """The article and the certainty nearest above a place."""
    value, found = source.value, ""
    for key in keys:
        mapping = _as_map(value)
        if mapping is None or str(key) not in mapping:
            break
        value = mapping[str(key)]
        if isinstance(value, dict) and ("article" in value or "certainty" in value):
            parts = (value.get("article", ""), value.get("certainty", ""))
            found = ", ".join(part for part in parts if part)
    return found
