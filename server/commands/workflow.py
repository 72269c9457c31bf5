"""Commands for the month's way: month, objection, susulan, recompute, pp94."""

from __future__ import annotations

import argparse

from server.commands.common import (
    SHOWN,
    Commands,
    by,
    day,
    instant,
    opened,
    rupiah,
    show_table,
    show_unresolved,
    shown_time,
)
from server.errors import Refused
from server.month import objections, pp94, recompute, susulan, workflow
from server.reports.safe import clean

_PAYMENT = ("employee_id", "gross", "deductions", "dues", "tax", "net", "status", "reason")


def register(commands: Commands) -> None:
    """Add the commands."""
    _month_commands(commands)
    _objection_commands(commands)
    later = commands.add(
        "susulan",
        _susulan,
        "Pay or take back what differs in a locked month.",
        "hadir server susulan 2026-10 --agency dukcapil --by rina",
    )
    _which(later)
    by(later)
    again = commands.add(
        "recompute",
        _recompute,
        "Reckon a locked month again, as of any moment.",
        "hadir server recompute 2026-10 --as-of 2026-11-05T12:00:00+09:00",
    )
    _which(again)
    again.add_argument("--as-of", type=instant, metavar="TIME", help="with offset (default: as it was locked)")
    counter = commands.add(
        "pp94", _pp94, "Warn of unexcused days in a year (PP 94/2021).", "hadir server pp94 --year 2026"
    )
    counter.add_argument("--year", type=int, required=True)
    counter.add_argument("--agency", default="", help="default: all")
    counter.add_argument("--language", choices=("id", "en"), help="default: the configuration's")


def _month_commands(commands: Commands) -> None:
    group = commands.group(
        "month",
        "The month: status, draft, review, approve, return, lock, pay.",
        "ACTION",
        "hadir server month status 2026-10",
    )
    shown = group.add("status", _status, "Where a month stands.", "hadir server month status 2026-10 --history")
    _which(shown)
    shown.add_argument("--history", action="store_true", help="every step, by whom and why")
    for name, action, text, more in (
        ("draft", _draft, "Reckon a month and show it.", ""),
        ("review", _review, "Let employees see it and object.", " --until 2026-11-06 --head-until 2026-11-09"),
        ("approve", _approve, "The head approves, then BKPSDM.", ""),
        ("return", _return, "Send a month back to the draft.", ' --why "shifts were wrong"'),
        ("lock", _lock, "Store what was approved, for good.", ' --decree "Keputusan 12/2026"'),
        ("pay", _pay, "Record that it was paid.", " --document SP2D-77"),
    ):
        example = f"hadir server month {name} 2026-10 --agency dukcapil{more} --by rina"
        parser = group.add(name, action, text, example)
        _which(parser)
        if name == "review":
            parser.add_argument("--until", type=day, metavar="DATE", help="for objections (default: in 5 days)")
            parser.add_argument("--head-until", type=day, metavar="DATE", help="for the head (default: 3 days more)")
        if name == "approve":
            parser.add_argument("--changes", type=int, default=0, help="payments that differ from the reviewed draft")
        if name == "return":
            parser.add_argument("--why", required=True)
        if name == "lock":
            parser.add_argument("--decree", default="", help="what adopts values without a source")
        if name == "pay":
            parser.add_argument("--document", required=True, help="the payment order (SP2D)")
        by(parser)


def _objection_commands(commands: Commands) -> None:
    group = commands.group(
        "objection", "Objections to a draft: file, answer, list.", "ACTION", "hadir server objection list 2026-10"
    )
    file = group.add(
        "file",
        _file,
        "Object to a draft under review.",
        'hadir server objection file 2026-10 E00042 --date 2026-10-06 --text "I was in Masohi" --by budi',
    )
    file.add_argument("month", help="YYYY-MM")
    file.add_argument("employee")
    file.add_argument("--date", default="", help="which day (default: the month)")
    file.add_argument("--text", required=True)
    by(file)
    answer = group.add(
        "answer",
        _answer,
        "Answer an objection; the correction itself is a fact of its own.",
        'hadir server objection answer 3 --accept --text "see correction 12" --by joko',
    )
    answer.add_argument("number")
    verdict = answer.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--accept", action="store_true")
    verdict.add_argument("--reject", action="store_true")
    answer.add_argument("--text", required=True)
    by(answer)
    listed = group.add("list", _objections, "List objections and answers.", "hadir server objection list 2026-10")
    listed.add_argument("month", nargs="?", default="", help="YYYY-MM (default: all)")


def _which(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("month", help="YYYY-MM")
    parser.add_argument("--agency", default="", help="default: all")


def _status(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = workflow.status(connection, options.month, parts.clock.now_ms())
        steps = workflow.steps.history(connection, options.month)
    rows = [row for row in rows if not options.agency or row.agency in ("", options.agency)]
    show_table(
        options.month,
        ("agency", "employees", "state", "since", "by", "why", "objections until", "head until", "unanswered"),
        (
            (
                row.agency or "all",
                row.employees,
                row.step["state"] if row.step else "—",
                shown_time(row.step["at_ms"]) if row.step else "—",
                (row.step["made_by"] or "nobody") if row.step else "—",
                row.step["why"] if row.step else "—",
                *(
                    workflow.shown(row.step[name]) if row.step and row.step[name] else "—"
                    for name in ("objections_until_ms", "head_until_ms")
                ),
                row.unanswered,
            )
            for row in rows
        ),
    )
    if options.history:
        show_table(
            f"{len(steps)} steps",
            ("agency", "state", "when", "by", "why", "run"),
            (
                (
                    row["agency"] or "all",
                    row["state"],
                    shown_time(row["at_ms"]),
                    row["made_by"] or "nobody",
                    row["why"],
                    row["run"] or "—",
                )
                for row in steps
                if not options.agency or row["agency"] in ("", options.agency)
            ),
        )


def _draft(options: argparse.Namespace) -> None:
    parts = opened(options)
    done = workflow.draft(parts, options.month, options.agency, by=options.by)
    summary = done.result.summary
    counts = ", ".join(f"{status} {count}" for status, count in summary["status"].items())
    print(f"draft of {options.month}, {options.agency or 'all agencies'}: {counts}")
    print(f"payable: {rupiah(summary['payable_net'])}")
    show_unresolved(done.unresolved)
    if len(done.unresolved) > SHOWN:
        print(f"whose payments wait, all of them: hadir server report {options.month} --only held --out reports")


def _review(options: argparse.Namespace) -> None:
    parts = opened(options)
    row = workflow.review(
        parts, options.month, options.agency, by=options.by, until=options.until, head_until=options.head_until
    )
    print(
        f"{options.month} is under review: objections until {workflow.shown(row['objections_until_ms'])}, "
        f"head until {workflow.shown(row['head_until_ms'])}"
    )


def _approve(options: argparse.Namespace) -> None:
    state = workflow.approve(opened(options), options.month, options.agency, by=options.by, changes=options.changes)
    print(f"{options.month}: {'approved by the head' if state == 'head' else 'approved by BKPSDM; it can be locked'}")


def _return(options: argparse.Namespace) -> None:
    workflow.send_back(opened(options), options.month, options.agency, by=options.by, why=options.why)
    print(f"{options.month} is a draft again")


def _lock(options: argparse.Namespace) -> None:
    done = workflow.lock(opened(options), options.month, options.agency, by=options.by, decree=options.decree)
    held = sum(row["what"] == "payment" for row in done.unresolved)
    print(f"{options.month} is locked: run {done.run}; {held} payments held")


def _pay(options: argparse.Namespace) -> None:
    done = workflow.pay(opened(options), options.month, options.agency, by=options.by, document=options.document)
    print(f"{options.month}: paid run {', '.join(map(str, done))}")


def _file(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        number = objections.file(
            connection,
            options.month,
            options.employee,
            date=options.date,
            text=options.text,
            by=options.by,
            now_ms=parts.clock.now_ms(),
        )
    print(f"objection {number}")


def _answer(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.write() as connection:
        objections.answer(
            connection,
            options.number,
            accept=options.accept,
            text=options.text,
            by=options.by,
            now_ms=parts.clock.now_ms(),
        )
    print(f"objection {options.number} {'accepted' if options.accept else 'rejected'}")


def _objections(options: argparse.Namespace) -> None:
    parts = opened(options)
    with parts.database.read() as connection:
        rows = objections.listed(connection, parts.clock.now_ms(), options.month)
    names = ("objection", "month", "employee_id", "date", "text", "status", "answer", "recorded_by")
    show_table(
        f"{len(rows)} objections",
        ("number", "month", "employee", "day", "text", "state", "answer", "by"),
        ([row[name] or "—" for name in names] for row in rows),
    )


def _susulan(options: argparse.Namespace) -> None:
    for one in susulan.susulan_of(opened(options), options.month, options.agency, by=options.by):
        show_table(
            f"susulan of {options.month}: run {one.run}, beside run {one.base}",
            ("employee", "gross", "deductions", "dues", "tax", "net", "status", "because of"),
            [[row[name] or ("—" if name == "reason" else 0) for name in _PAYMENT] for row in one.payments[:SHOWN]],
        )
        net = sum(row["net"] for row in one.payments if row["status"] == "payable")
        print(f"{len(one.payments)} people, net {rupiah(net)}; {len(one.waiting)} still wait")
        if one.left_out:
            print(clean(f"left to another officer: {', '.join(one.left_out)}"))


def _recompute(options: argparse.Namespace) -> int:
    runs = recompute.again(opened(options), options.month, options.agency, options.as_of)
    for one in runs:
        whose = one.run["agency"] or "all agencies"
        print(f"run {one.run['run']}, {whose}, as of {shown_time(one.reckoned.scope.cutoff_ms)}")
        print(f"  {'the same, value for value' if one.same else 'differs'}: sha256 {one.reckoned.digest}")
        for reason in one.because:
            print(clean(f"  because: {reason}"))
        if one.states:
            show_table(
                f"{len(one.states)} payments differ",
                ("employee", "then", "now", "recorded in between"),
                [(who, then, now, one.reasons.get(who, "—")) for who, then, now in one.states[:SHOWN]],
            )
        if one.changed:
            show_table(
                f"{len(one.changed)} lines differ",
                ("employee", "date", "step", "difference", "text"),
                [
                    (row["employee_id"], row["date"] or "—", row["step"], row["rupiah"], row["text"])
                    for row in one.changed[:SHOWN]
                ],
            )
    return 0


def _pp94(options: argparse.Namespace) -> None:
    parts = opened(options)
    if options.year < 2000:
        raise Refused(f"{options.year} is not a year such as 2026")
    rows = pp94.warnings(parts, options.year, options.agency)
    language = options.language or parts.config.language
    show_table(
        f"PP 94/2021, {options.year}: {len(rows)} to warn; a step needs a signed decision, pay is not changed",
        ("employee", "name", "agency", "days", "in a row", "warning"),
        [(row.employee_id, row.name, row.agency, row.days, row.longest, row.text(language)) for row in rows],
    )
