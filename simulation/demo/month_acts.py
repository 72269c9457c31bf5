"""The demo's second half: a month of 200 people from a fleet of kiosks, closed, paid, and compared with the truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from server import config
from server.allowance import month as months
from server.cli import main as server_main
from server.people import service as people
from server.services import open_services
from simulation.demo.kiosk_acts import MONTH, Server, add_device
from simulation.demo.stage import DemoFailed, Stage
from simulation.fleet import Fleet
from simulation.month import SimulatedMonth, write_month
from simulation.truth import TruthDay

_DECREE = "Keputusan Wali Kota (contoh) 841.9/27/2026"
_DAY_MS = 86_400_000
_INTERVAL_S = 10
"""Without a right wall clock an entry is dated by boottime, to a request's time-out."""


def import_office(stage: Stage, server: Server, month: SimulatedMonth) -> None:
    """Employees, calendar, leave, orders, corrections, work and dues, as two officers import them."""
    directory = stage.directory / "month"
    write_month(month, directory)
    for name in ("truth.csv", "marks.csv"):
        (directory / name).rename(stage.directory / name)  # not for the server: what people did, it hears from kiosks
    bring = ("import", str(directory), "--config", str(server.config))
    stage.command(server_main, *bring, "--by", "rina")
    stage.command(server_main, *bring, "--decide", "--by", "joko")
    agencies = {row["agency"] for row in month.employees}
    stage.say(
        f"imported {len(month.employees)} employees of {len(agencies)} agencies, {len(month.leave)} leaves, "
        f"{len(month.orders)} duty orders, {len(month.corrections)} corrections; a second officer decided"
    )


def claim_fleet(stage: Stage, server: Server, month: SimulatedMonth) -> Fleet:
    """The simulated kiosks of the month: real keys, claimed with one-time tokens of their own."""
    sites = {seen.kiosk: seen.site for seen in month.presentations}
    tokens = {name: add_device(stage, server, name, site) for name, site in sorted(sites.items())}
    fleet = Fleet(month, server.url, tokens, stage.set_time)
    stage.say(f"{', '.join(tokens)} claimed with one-time tokens of their own")
    return fleet


def send_month(stage: Stage, server: Server, fleet: Fleet) -> None:
    """A month of marks over HTTP, day by day."""
    parts = open_services(config.load(server.config))
    with parts.database.read() as connection:
        pseudonyms = people.pseudonyms(connection)
    parts.database.close()
    columns = (
        TextColumn("  {task.description}"),
        BarColumn(),
        TextColumn("{task.completed} marks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stage.console, transient=True) as progress:
        task = progress.add_task(f"{MONTH}: marks sent")
        report = fleet.send(pseudonyms, lambda done, total: progress.update(task, completed=done, total=total))
    for kiosk in report.kiosks:
        stage.say(
            f"{kiosk.device} at {kiosk.site}: {kiosk.presences} marks in {kiosk.batches} batches"
            + (f" — {kiosk.trouble}" if kiosk.trouble else "")
        )


def close_month(stage: Stage, server: Server) -> Path:
    """The month is computed and closed, and its reports are written."""
    stage.set_time(stage.now_ms + 2 * _DAY_MS)
    at = ("--config", str(server.config))
    stage.command(server_main, "close", MONTH, "--by", "rina", "--decree", _DECREE, *at)
    out = stage.directory / "reports"
    stage.command(server_main, "report", MONTH, "--out", str(out), *at)
    return out


def compare(stage: Stage, server: Server, month: SimulatedMonth, out: Path) -> None:
    """What the server made of the month beside what people did; any difference must be held, not paid."""
    days, payments, lines = (_result(server, name) for name in ("days", "payments", "lines"))
    truth = {(day.employee_id, day.date): day for day in month.truth}
    held = {row["employee_id"] for row in payments if row["status"] in ("held", "partial")}
    found = Counter(_difference(day, truth.get((day["employee_id"], str(day["date"]))), held) for day in days)
    found["missing"] = len(set(truth) - {(day["employee_id"], str(day["date"])) for day in days})
    _table(stage, payments, days)
    stage.say(f"{len(truth)} person-days simulated: {found['same']} computed exactly as they were;")
    stage.say(f"{found['interval']} of the kiosk with the wrong clock to {_INTERVAL_S} s, held if that changes pay;")
    stage.say(f"{found['held']} undecided, held; {found['wrong'] + found['missing']} wrong")
    if found["wrong"] or found["missing"]:
        raise DemoFailed("the server's month is not what people did")
    _why(stage, payments, lines)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    stage.say(f"{len(files)} reports, for each agency:")
    for path in sorted(files, key=lambda path: path.name):
        if path.parent == files[0].parent and path.suffix in (".pdf", ".xlsx", ".html"):
            stage.say(f"  {path.relative_to(stage.directory)}", "dim")


def _difference(day: dict[str, Any], told: TruthDay | None, held: set[str]) -> str:
    """How a computed day stands to the truth. A day outside somebody's service is not simulated, and off."""
    if told is None:
        return "off" if not day["required_s"] else "wrong"
    late, early = told.late_s - day["late_s"], day["early_s"] - told.early_s
    if day["code"] == told.code and late == early == 0:
        return "same"
    if day["code"] == told.code and 0 <= late <= _INTERVAL_S and 0 <= early <= _INTERVAL_S:
        return "interval"
    return "held" if day["employee_id"] in held else "wrong"


def _result(server: Server, name: str) -> list[dict[str, Any]]:
    parts = open_services(config.load(server.config))
    with parts.database.read() as connection:
        (run,) = months.latest_runs(connection, MONTH)
        rows = months.table_of(connection, run["run"], name).to_pylist()
    parts.database.close()
    return rows


def _why(stage: Stage, payments: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    """Every rupiah of one person who was late and taxed, as that person's slip has it."""
    dated = Counter(line["employee_id"] for line in lines if line["date"] and line["rupiah"])
    person = next(
        row for row in payments if row["status"] == "payable" and row["tax"] and 2 <= dated[row["employee_id"]] <= 4
    )
    stage.say(f"why {person['employee_id']} gets Rp{_rupiah([person], 'net')}:")
    for line in lines:
        if line["employee_id"] == person["employee_id"]:
            amount = f"{line['rupiah']:,}".replace(",", ".")
            stage.say(f"  {line['date'] or ''!s:10}  {line['text'][:52]:52}  {line['article'][:30]:30} {amount:>10}")


def _table(stage: Stage, payments: list[dict[str, Any]], days: list[dict[str, Any]]) -> None:
    codes = Counter(day["code"] for day in days)
    table = Table(title=f"TPP {MONTH}", title_justify="left", header_style="bold")
    for column, justify in (("payment", "left"), ("people", "right"), ("gross Rp", "right"), ("net Rp", "right")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for status, rows in sorted(_by_status(payments).items()):
        table.add_row(status, str(len(rows)), _rupiah(rows, "gross"), _rupiah(rows, "net"))
    stage.console.print(table)
    stage.say("days: " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))


def _by_status(payments: list[dict[str, Any]]) -> Mapping[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for row in payments:
        found.setdefault(row["status"], []).append(row)
    return found


def _rupiah(rows: list[dict[str, Any]], column: str) -> str:
    return f"{sum(row[column] for row in rows):,}".replace(",", ".")
