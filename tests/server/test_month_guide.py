"""The officer's guide, run from top to bottom against a real server directory: each command does what the page says."""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from harness import ROOT
from pypdf import PdfReader

import server.allowance.cli
import server.cli
import simulation.__main__
from server import config as configuration
from server.allowance import month as months
from server.services import open_services

GUIDE, IN_INDONESIAN = (ROOT / "docs" / name for name in ("month.md", "bulan.md"))
BEGIN = "2026-11-01T08:00:00+09:00"
SUSULAN = "server susulan 2026-10 --by rina"
DIFFERS = re.compile(r"(?:server|tpp) compare ")


def steps(page: Path) -> Iterator[tuple[str, str]]:
    """What the page asks for, in order: ("on", instant), ("file", name and text) and ("run", command)."""
    name, block = "", []
    for line in [*page.read_text(encoding="utf-8").splitlines(), ""]:
        if found := re.fullmatch(r"<!-- on (\S+) -->", line):
            yield "on", found[1]
        if line.startswith("    "):
            if line.startswith("    hadir "):
                yield "run", line.removeprefix("    hadir ")
            else:
                block.append(line[4:])
            continue
        if block:
            yield "file", "\n".join([name, *block])
            block = []
        if found := re.search(r"`([\w.]+\.yaml)`:$", line):
            name = found[1]


class Office:
    """The directory in which the guide is followed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.said: dict[str, str] = {}

    def on(self, instant: str) -> None:
        """Set the server's clock."""
        state = self.directory / "state"
        state.mkdir(exist_ok=True)
        now_ms = int(datetime.fromisoformat(instant).timestamp() * 1000)
        (state / "simulated-clock").write_text(str(now_ms))

    def file(self, text: str) -> None:
        """Write a file that the page shows."""
        name, _, content = text.partition("\n")
        if name == "server.yaml":
            content = content.replace("regulations/", f"{ROOT}/regulations/") + "\nclock: simulated"
        (self.directory / name).write_text(f"{content}\n", encoding="utf-8")

    def run(self, command: str) -> None:
        """Run a command of the page; it must end well, or, for a comparison, find the differences."""
        if "lama.csv" in command and not (self.directory / "lama.csv").exists():
            self.write_old_list()
        words = shlex.split(command.replace("regulations/", f"{ROOT}/regulations/"))
        mains = {"server": server.cli.main, "tpp": server.allowance.cli.tpp, "simulate": simulation.__main__.main}
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            more = ("--config", "server.yaml") if words[0] == "server" else ()
            code = mains[words[0]]([*words[1:], *more])
        assert code == (1 if DIFFERS.match(command) else 0), f"hadir {command}: {err.getvalue()}"
        self.said[command] = out.getvalue()

    def rows(self, name: str) -> list[dict]:
        """A table of the newest run of October."""
        parts = open_services(configuration.load(self.directory / "server.yaml"))
        with parts.database.read() as connection:
            run = months.latest_runs(connection, "2026-10")[-1]
            found = months.table_of(connection, run["run"], name).to_pylist()
        parts.database.close()
        return found

    def write_old_list(self) -> None:
        """The office's own list: ours, but for a lateness not deducted, a golongan II taxed, somebody forgotten."""
        staff = {row["employee_id"]: row for row in self.rows("employees")}
        cuts = [row for row in self.rows("lines") if row["kind"] == "late" and row["date"]]
        spared, cut = next(
            (row["employee_id"], -row["rupiah"])
            for row in cuts
            if staff[row["employee_id"]]["golongan"].startswith("II/")
        )
        with (self.directory / "lama.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(["No", "NIP", "Nama", "TPP Kotor", "Potongan", "Iuran", "PPh 21", "Diterima"])
            for number, row in enumerate(self.rows("payments")[:-1], 1):
                who = staff[row["employee_id"]]
                if row["employee_id"] == spared:
                    row["deductions"] -= cut
                    row["net"] += cut
                amounts = [row[name] for name in ("gross", "deductions", "dues", "tax", "net")]
                shown = [f"{amount:,}".replace(",", ".") for amount in amounts]
                writer.writerow([number, who["nip"], who["name"], *shown])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """An office in which the whole page was followed."""
    office = Office(tmp_path_factory.mktemp("office"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(office.directory)
        patch.setenv("COLUMNS", "250")
        office.on(BEGIN)
        for what, text in steps(GUIDE):
            getattr(office, what)(text)
    return office


def said(office: Office, part: str) -> str:
    return next(text for command, text in office.said.items() if part in command)


def test_the_comparison_names_the_day_that_the_old_list_spared_and_who_is_missing(office):
    (path,) = office.directory.glob("comparison/*/perbandingan.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["item"] for row in rows] == ["deductions", "net"]
    assert "Daftar lama tidak memotong" in rows[0]["explanation"]
    assert "terlambat" in rows[0]["explanation"]
    people = next(office.directory.glob("comparison/*/perbandingan-pegawai.csv")).read_text(encoding="utf-8")
    assert people.count("Hanya perhitungan ini") == 1


def test_the_month_was_reviewed_approved_locked_and_paid_with_every_step_on_record(office):
    history = said(office, "status 2026-10 --history")
    for word in ("review", "hana", "joko", "locked", "SP2D-771", "SP2D-802", "susulan"):
        assert word in history, word
    assert "rejected" in said(office, "objection list")


def test_the_reports_say_that_unsigned_marks_count_and_whose_decree_adopts_what(office):
    (folder,) = office.directory.glob("reports/*")
    text = "".join(page.extract_text() for page in PdfReader(folder / "daftar-pembayaran.pdf").pages)
    assert "tanpa tanda tangan" in text
    assert "Keputusan Wali Kota 12/2026" in text
    names = {path.stem for path in folder.iterdir()}
    assert {"peringatan-disiplin", "spt-belum-selesai", "pembayaran-ditahan", "payment-list", "susulan"} <= names


def test_the_late_letter_is_paid_as_susulan_and_the_locked_month_stays(office):
    assert re.search(r"^1 people, net Rp[\d.]+; \d+ still wait$", office.said[SUSULAN], re.MULTILINE)
    (folder,) = office.directory.glob("reports/*")
    with (folder / "susulan.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["net"]) > 0 for row in rows] == [True]
    with (folder / "susulan-rincian.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [int(line["rupiah"]) for line in lines if line["account"] == "deduction"] == [
        int(line["after"]) - int(line["before"]) for line in lines if line["account"] == "deduction"
    ]
    assert "Semula" in "".join(page.extract_text() for page in PdfReader(folder / "slip-susulan.pdf").pages)
    assert "the same, value for value" in said(office, "recompute")


def test_files_alone_give_what_the_server_gave_before_the_corrections(office):
    assert "E00025" in said(office, "tpp explain")
    assert list((office.directory / "trial").rglob("perbandingan.pdf"))


def test_the_page_in_indonesian_asks_for_the_same_in_the_same_order():
    assert list(steps(IN_INDONESIAN)) == list(steps(GUIDE))
