"""The commands of the allowance: `hadir tpp …` on files, `hadir regulation …` on regulations; no server is needed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from server.comparison.options import add_options
from server.errors import ImportFailed, RegulationError, RowsRefused, ServerError

Command = Callable[[argparse.Namespace], int]
TABLES = ("employees", "marks", "leave", "orders", "corrections", "work", "dues")
SHOWN = 100
"""Problems that are printed where more would scroll away."""
_EAST = timedelta(hours=9)


def tpp(arguments: Sequence[str] | None = None) -> int:
    """`hadir tpp compute|explain|compare`."""
    parser, commands = _parser("tpp", "Compute a month of allowances from files, and explain it.")
    compute = _command(
        commands,
        "compute",
        _compute,
        "Compute a month: payments.csv, lines.csv, days.csv, problems.csv, summary.json.",
        "hadir tpp compute --regulation regulations/ambon/2026.yaml --employees employees.csv \\\n"
        "      --marks marks.csv --work work.csv --month 2026-10 --out result",
    )
    compute.add_argument(
        "--regulation", type=Path, action="append", required=True, metavar="FILE", help="YAML; again for a successor"
    )
    for name in TABLES:
        compute.add_argument(
            f"--{name}", type=Path, metavar="FILE", required=name in TABLES[:2], help=f"{name}: CSV or XLSX"
        )
    compute.add_argument("--calendar", type=Path, metavar="FILE", help="YAML (default: the regulation's)")
    compute.add_argument("--month", required=True, help="YYYY-MM")
    compute.add_argument("--out", type=Path, required=True, metavar="DIR", help="made if missing")
    explain = _command(
        commands,
        "explain",
        _explain,
        "Print the reasoning for one employee of a computed month.",
        "hadir tpp explain E00009 --in result --language en",
    )
    explain.add_argument("employee", help="employee_id")
    explain.add_argument("--in", dest="directory", type=Path, required=True, metavar="DIR", help="as tpp compute wrote")
    explain.add_argument("--language", choices=("id", "en"), default="id")
    compare = _command(
        commands,
        "compare",
        _compare,
        "Explain each difference between an office's old list and a computed month. Exit 1 when there is any.",
        "hadir tpp compare old.csv --in result --employees employees.csv --map names.yaml --out comparison",
    )
    add_options(compare)
    compare.add_argument("--in", dest="directory", type=Path, required=True, metavar="DIR", help="as tpp compute wrote")
    compare.add_argument("--employees", type=Path, metavar="FILE", help="names and NIPs; needed for a list by NIP")
    return _run(parser, arguments)


def regulation(arguments: Sequence[str] | None = None) -> int:
    """`hadir regulation check|diff|test`."""
    parser, commands = _parser("regulation", "Look at regulations: read them, compare two, run their tests.")
    check = _command(
        commands,
        "check",
        _check,
        "Read regulations and say what deserves a second look.",
        "hadir regulation check regulations/ambon/2026.yaml",
    )
    check.add_argument("files", type=Path, nargs="+", metavar="FILE")
    diff = _command(
        commands,
        "diff",
        _diff,
        "Say in words what one regulation changes in another, and from when.",
        "hadir regulation diff regulations/ambon/2026.yaml regulations/ambon/2027.yaml",
    )
    diff.add_argument("old", type=Path)
    diff.add_argument("new", type=Path)
    test = _command(
        commands,
        "test",
        _test,
        "Run cases: facts and what must come out. Exit 1 when one differs.",
        "hadir regulation test regulations/tests",
    )
    test.add_argument("path", type=Path, metavar="FILE|DIR")
    return _run(parser, arguments)


def _parser(name: str, summary: str) -> tuple[argparse.ArgumentParser, Any]:
    examples = {"tpp": "hadir tpp explain E00009 --in result", "regulation": "hadir regulation test regulations/tests"}
    parser = argparse.ArgumentParser(
        prog=f"hadir {name}",
        description=summary,
        epilog=f"example:\n  {examples[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser, parser.add_subparsers(metavar="COMMAND", required=True)


def _command(commands: Any, name: str, run: Command, summary: str, example: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=run)
    parser.register("action", None, _Once)
    return parser


class _Once(argparse.Action):
    """An option that counts once: of `--marks A --marks B` argparse would leave A out unseen."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, *_: Any) -> None:
        if getattr(namespace, self.dest) is not self.default:
            raise argparse.ArgumentError(self, "given twice, and only one counts")
        setattr(namespace, self.dest, values)


def _run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run a command; 2 with one sentence for each problem on standard error when it could not do what it says."""
    options = parser.parse_args(arguments)
    try:
        command: Command = options.command
        return command(options)
    except RowsRefused as error:
        problems = list(error.problems)
        if len(problems) > SHOWN:
            problems = [*problems[:SHOWN], f"and {len(problems) - SHOWN} more problems like these"]
        if len(problems) > 1 and options.command is _compute:
            problems.append("nothing was computed and nothing written: mend these rows first")
    except ServerError as error:
        problems = [str(error)]
    except BrokenPipeError:
        return 141
    except OSError as error:
        problems = [f"{error.filename or 'input or output'}: {error.strerror or error}"]
    except KeyboardInterrupt:
        return 130
    from server.reports.safe import clean

    for problem in problems:
        print(f"hadir: {clean(problem)}", file=sys.stderr)
    return 2


def _compute(options: argparse.Namespace) -> int:
    from server.allowance.compute import compute, month_span
    from server.allowance.files import write_result
    from server.allowance.parts import governing, parts_of
    from server.allowance.problems import Problem, examine, lacking
    from server.allowance.regulation import load
    from server.attendance.calendar import Calendar
    from server.reports.safe import clean

    try:
        first, last = month_span(options.month)
    except ValueError as error:
        raise ImportFailed(f"--month: {error}") from None
    regulations = [load(path) for path in options.regulation]
    parts = parts_of(regulations, first, last)
    rule = governing(parts)
    calendar = Calendar.load(options.calendar) if options.calendar else rule.calendar
    if calendar is None:
        raise RegulationError(f"{rule.path.name} names no calendar: give one with --calendar FILE")
    paths = {name: getattr(options, name) for name in TABLES if getattr(options, name)}
    inputs, notes = _inputs(paths, calendar, rule)
    found = examine(inputs, rule, first, last)
    of_all = list(lacking(inputs, rule, first, last, (datetime.now(UTC) + _EAST).date()))
    guessed = [Problem(name, None, "", "", text) for name, text in notes]
    problems = [*of_all, *guessed, *found.problems]
    result = compute(inputs, regulations, options.month, found.held)
    write_result(result, problems, options.out)
    _report(options, result.summary, problems)
    if len(parts) > 1:
        shown = ", ".join(f"{part.first} to {part.last} by {part.regulation.id}" for part in parts)
        print(f"the days {shown}; the month's steps by {rule.id}")
    for problem in of_all:
        print(f"hadir: note: {clean(str(problem))}", file=sys.stderr)
    return 0


def _inputs(paths: Mapping[str, Path], calendar: Any, rule: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The tables of all files, and what had to be guessed to read them; every file's problems at once."""
    from server.allowance.inputs import Inputs, empty, read_table
    from server.allowance.problems import unusable

    tables: dict[str, Any] = {}
    notes: list[tuple[str, str]] = []
    problems: list[str] = []
    for name in TABLES:
        try:
            tables[name], guessed = read_table(paths[name], name) if name in paths else (empty(name), ())
            notes += [(name, f"{paths[name].name}: {text}") for text in guessed]
        except RowsRefused as error:
            problems += error.problems
        except ImportFailed as error:
            problems.append(str(error))
    if "employees" in tables:
        problems += unusable(tables["employees"], calendar, rule)
    if problems:
        raise RowsRefused(problems)
    return Inputs(**tables, calendar=calendar, is_checked=True), notes


def _report(options: argparse.Namespace, summary: Mapping[str, Any], problems: Sequence[Any]) -> None:
    counts = ", ".join(f"{count} {state}" for state, count in summary["status"].items() if count)
    net = f"{summary['payable_net']:,}".replace(",", ".")
    print(f"{options.month}: {summary['employees']} employees: {counts or 'nobody'}; payable Rp{net}; in {options.out}")
    if summary["assumed"]:
        print(f"{len(summary['assumed'])} values of the regulation are assumed (A): summary.json lists them")
    if problems:
        from server.reports.safe import clean

        print(f"{len(problems)} things to look at (problems.csv), the first:")
        for problem in problems[:5]:
            print(f"  {clean(str(problem))}")


def _explain(options: argparse.Namespace) -> int:
    from server.allowance.explain import explain
    from server.allowance.files import read_result
    from server.reports.safe import clean

    text = explain(read_result(options.directory), options.employee, options.language)
    print("\n".join(clean(line) for line in text.rstrip("\n").split("\n")))
    return 0


def _compare(options: argparse.Namespace) -> int:
    from server.comparison.command import compare_directory

    return compare_directory(options)


def _check(options: argparse.Namespace) -> int:
    from server.allowance.check import look_at

    wrong = []
    for path in options.files:
        try:
            about, texts = look_at(path)
        except ServerError as error:
            wrong.append(str(error))
            continue
        print(f"{path}: {about}")
        for text in texts:
            print(f"  look at: {text}")
    if wrong:
        raise RowsRefused(wrong)
    return 0


def _diff(options: argparse.Namespace) -> int:
    from server.allowance.difference import differences
    from server.allowance.regulation import load

    for text in differences(load(options.old), load(options.new)) or ["they say the same"]:
        print(text)
    return 0


def _test(options: argparse.Namespace) -> int:
    from server.allowance.casebook import run_tests

    if not options.path.exists():
        raise RegulationError(f"{options.path}: there is no such file or directory")
    outcomes = run_tests(options.path)
    if not outcomes:
        raise RegulationError(f"{options.path}: holds no *.yaml with cases")
    for outcome in outcomes:
        if not outcome.passed:
            print(f"{outcome.file}:{outcome.line}: {outcome.name}")
            for difference in outcome.differences:
                print(f"    {difference}")
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{len(outcomes) - failed} of {len(outcomes)} cases come out")
    return 1 if failed else 0
