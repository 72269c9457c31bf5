"""Differences between two sets of lines of a month, employee by employee and line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

Key = tuple[str, Any, str, str, str]


def key_of(line: Mapping[str, Any]) -> Key:
    """What a line speaks of: employee, date, step, kind, account."""
    return (line["employee_id"], line["date"], line["step"], line["kind"], line["account"])


def differences(before: Iterable[Mapping[str, Any]], now: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines of what changed, `rupiah` being now less before; in the columns of the lines, ordered as they came.

    A line that is gone counts with what it took or gave turned round. The sum of the differences is that of `now`
    less that of `before`.
    """
    old, new = _summed(before), _summed(now)
    found = []
    for key in dict.fromkeys((*new, *old)):
        was = old[key]["rupiah"] if key in old else 0
        is_now = new[key]["rupiah"] if key in new else 0
        if was == is_now:
            continue
        line = dict(new.get(key) or old[key])
        line["rupiah"] = is_now - was
        line["text"] = f"{line['text']}: semula {_rupiah(was)}, menjadi {_rupiah(is_now)}"
        found.append(line)
    return sorted(found, key=lambda line: line["employee_id"])


def _summed(lines: Iterable[Mapping[str, Any]]) -> dict[Key, dict[str, Any]]:
    """One line a key: several facts of one day and kind (two marks, a cap met twice) are one difference."""
    found: dict[Key, dict[str, Any]] = {}
    facts: dict[Key, list[str]] = defaultdict(list)
    for line in lines:
        key = key_of(line)
        if key in found:
            found[key]["rupiah"] += line["rupiah"]
        else:
            found[key] = dict(line)
        if line["fact"] and line["fact"] not in facts[key]:
            facts[key].append(line["fact"])
    for key, line in found.items():
        line["fact"] = ", ".join(facts[key]) or None
        line["text"] = line["text"].partition(": semula ")[0]
    return found


def _rupiah(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}Rp{abs(amount):,}".replace(",", ".")
