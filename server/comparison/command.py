"""The commands `hadir tpp compare` and `hadir server compare`: an old list beside a month, printed and as reports."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.allowance.files import read_result
from server.allowance.reading import read_sheet
from server.commands.common import SHOWN, show_table
from server.comparison.compare import compare
from server.comparison.oldlist import Mapped, read_map, read_old
from server.comparison.ours import our_people
from server.comparison.values import DIFFERENT, EQUAL, ONLY_OLD, ONLY_OURS, Comparison, OurPerson
from server.errors import Refused
from server.reports.differences import explained, item_name
from server.reports.language import Language
from server.reports.lists import Lists
from server.reports.model import Agency, Meta, MonthReport
from server.reports.safe import clean
from server.reports.write import FORMATS, write_reports


@dataclass(frozen=True)
class Options:
    """What both commands take."""

    old: Path
    map: Path | None
    out: Path | None
    language: str
    formats: Sequence[str]


def options_of(given: argparse.Namespace, language: str = "id") -> Options:
    """The options as given. Refused for a format that does not exist."""
    formats = given.format.split(",") if given.format else list(FORMATS)
    if unknown := [name for name in formats if name not in FORMATS]:
        raise Refused(f"--format {unknown[0]!r} is none of {', '.join(FORMATS)}")
    return Options(given.old, given.map, given.out, given.language or language, formats)


def compare_directory(given: argparse.Namespace) -> int:
    """`hadir tpp compare OLD --in DIR`: 0 when all are equal, 1 when anything differs."""
    options = options_of(given)
    result = read_result(given.directory)
    staff = read_sheet(given.employees).table if given.employees else None
    summary = result.summary
    people = our_people(result.payments, result.lines, result.days, summary, staff)
    meta = Meta(
        month=summary["month"],
        regulation=summary["regulation_name"],
        regulation_version=summary["regulation"],
        engine_version=summary["engine"],
        input_hash=summary["input_sha256"],
    )
    return compared(options, people, meta, summaries=[summary])


def compared(
    options: Options,
    people: Sequence[OurPerson],
    meta: Meta,
    agency: Agency | None = None,
    summaries: Sequence[Mapping[str, Any]] = (),
) -> int:
    """Compare, print a short table and write the files; 0 when all are equal, 1 when anything differs."""
    mapped = read_map(options.map) if options.map else Mapped()
    old = read_old(options.old, mapped)
    found = compare(old, people, summaries)
    say = Language(options.language)
    _show(found, say)
    if options.out is not None:
        report = MonthReport(meta.month, agency or Agency("semua", say("everybody")), meta, (), Lists(comparison=found))
        for path in write_reports([report], options.out, [options.language], options.formats, ["differences"]):
            print(path)
    return 0 if len(found.of(EQUAL)) == len(found.people) else 1


def _show(found: Comparison, say: Language) -> None:
    for note in found.notes:
        print(clean(note))
    if found.ignored:
        print(clean(say("differences_ignored", columns=", ".join(found.ignored))))
    states = (EQUAL, DIFFERENT, ONLY_OLD, ONLY_OURS)
    counts = [(say.named("state", state), len(found.of(state))) for state in states]
    show_table(say("differences"), (say("state"), ""), counts)
    sums = [(item_name(item, say), *found.total(item)) for item in found.items]
    shown = [(name, say.number(old), say.number(ours), say.number(ours - old)) for name, old, ours in sums]
    show_table(say("differences_totals"), [say(key) for key in ("item", "old", "ours", "difference")], shown)
    rows = [
        (person.key, item_name(one.item, say), say.number(one.rupiah), explained(one.causes[:1], say))
        for person in found.of(DIFFERENT)
        for one in person.differences
    ]
    if rows:
        more = f", {SHOWN} / {len(rows)}" if len(rows) > SHOWN else ""
        heads = ("NIP / ID", say("item"), say("difference"), say("explanation"))
        show_table(say("differences_table") + more, heads, rows[:SHOWN])
