"""A month made by hand, in the columns of a computed month, of any size: the reports' tests read it."""

import datetime as dt
from typing import Any

from server.reports.model import Meta, MonthReport, Note, Signatory, from_tables

GIVEN = ("Yohanis", "Maria", "Abdul", "Siti", "Petrus", "Fransina", "La Ode", "Johana", "Marthen", "Nurhayati")
FAMILY = ("Latuconsina", "Pattiasina", "Tuhumury", "Lestaluhu", "Sahetapy", "Rumakiek", "Wattimena", "Tomasoa", "Pelu")
META = Meta(
    month="2026-10",
    regulation="Perwali Ambon 60/2022 jo. SE 841.9/27/SE/2025",
    regulation_version="2025-03-01",
    engine_version="0.1.0",
    input_hash="5f0c7e2a9b41d3886c1e0f77aa52c94be1",
    government="Pemerintah Kota Ambon",
    place="Ambon",
    issued=dt.date(2026, 11, 5),
    notes=(
        Note("Jam simulasi: semua peristiwa dibuat oleh simulasi.", "A simulated clock: nothing of this happened."),
    ),
    agencies={"kominfo": "Dinas Komunikasi, Informatika dan Persandian"},
    signatories={
        "": (
            Signatory("Pengguna Anggaran", "Dr. J. Latuconsina, M.Si.", "197001011995031001"),
            Signatory("Pejabat Penatausahaan Keuangan"),
            Signatory("Bendahara Pengeluaran", "M. Tomasoa, S.E.", "198505052010012002"),
        )
    },
)
# Day codes by a person's number and the day: mostly present, each exception somewhere.
_CODES = (
    "H",
    "H",
    "TL",
    "H",
    "H",
    "PSW",
    "DL",
    "H",
    "TL+PSW",
    "H",
    "H",
    "C",
    "H",
    "S",
    "H",
    "TK",
    "WFH",
    "H",
    "I",
    "H",
)


class Rows:
    """Rows in memory that answer as an Arrow table does."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self._rows = rows

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows."""
        return self._rows


def tables(count: int, agency: str = "kominfo") -> dict[str, list[dict[str, Any]]]:
    """The rows of the four tables for a number of people."""
    rows: dict[str, list[dict[str, Any]]] = {"payments": [], "lines": [], "days": [], "employees": []}
    for number in range(count):
        key = f"{agency}-{number:05d}"
        rows["employees"].append(_employee(number, key, agency))
        days = [_day(number, key, dt.date(2026, 10, day)) for day in range(1, 32)]
        lines = _lines(key, days)
        rows["days"].extend(days)
        rows["lines"].extend(lines)
        rows["payments"].append(_payment(number, key, lines))
    return rows


def reports(rows: dict[str, list[dict[str, Any]]], meta: Meta = META) -> list[MonthReport]:
    """The reports of such rows, as from the tables that the engine gives."""
    made = {name: Rows(content) for name, content in rows.items()}
    return from_tables(made["payments"], made["lines"], made["days"], made["employees"], meta)


def _employee(number: int, key: str, agency: str) -> dict[str, Any]:
    return {
        "employee_id": key,
        "nip": f"19{70 + number % 30}{1 + number % 12:02d}1220100{1 + number % 9}{1 + number % 2}{number % 1000:03d}",
        "name": f"{GIVEN[number % 10]} {FAMILY[number * 7 % 9]}",
        "job_class": str(5 + number % 9),
        "golongan": ("II/c", "III/a", "III/d", "IV/a")[number % 4],
        "agency": agency,
        "unit": "Bidang Layanan E-Government",
        "account": f"0102{number:08d}" if number % 19 else "",
        "npwp": f"09.{number % 1000:03d}.456.7-941.000",
    }


def _day(number: int, key: str, date: dt.date) -> dict[str, Any]:
    code = "L" if date.weekday() >= 5 else _CODES[(number * 3 + date.day * (1 + number % 4)) % len(_CODES)]
    marks = code in ("H", "TL", "PSW", "TL+PSW")
    return {
        "employee_id": key,
        "date": date,
        "code": code,
        "first_in": f"{date}T0{8 if 'TL' in code else 7}:21:08+09:00" if marks else None,
        "last_out": f"{date}T16:03:41+09:00" if marks else None,
        "late_s": 1268 if "TL" in code else 0,
        "early_s": 1579 if "PSW" in code else 0,
    }


def line(key: str, kind: str, text: str, rupiah: int, **more: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("date", "fact", "article", "base", "numerator", "denominator", "rounding", "certainty"))
    return {"employee_id": key, "kind": kind, "account": kind, "text": text, "rupiah": rupiah, **empty, **more}


def _lines(key: str, days: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = [
        line(key, "gross", "Prestasi kerja", 3_000_000, article="Pasal 5 ayat (1)", certainty="P"),
        line(key, "gross", "Beban kerja", 2_000_000, article="Pasal 5 ayat (2)", certainty="P"),
    ]
    for day in days:
        cost = {"TL": (5, "Terlambat 21 menit 8 detik"), "TK": (30, "Tanpa keterangan satu hari")}.get(day["code"])
        if cost:
            lines.append(
                line(
                    key,
                    "deduction",
                    cost[1],
                    -2_000_000 * cost[0] // 1000,
                    date=day["date"],
                    fact=f"entri kominfo-gerbang/{4000 + day['date'].day}",
                    article="Pasal 12 ayat (2) huruf a",
                    base=2_000_000,
                    numerator=cost[0],
                    denominator=1000,
                    rounding="half_up 1",
                    certainty="A",
                )
            )
    gross = sum(line["rupiah"] for line in lines)
    lines.append(line(key, "dues", "BPJS Kesehatan 1 %", -gross // 100, base=gross, numerator=1, denominator=100))
    lines.append(line(key, "tax", "PPh 21 final golongan III", -gross // 20, base=gross, article="PP 80/2010 Pasal 4"))
    return lines


def _payment(number: int, key: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    sums = {kind: sum(line["rupiah"] for line in lines if line["kind"] == kind) for kind in _KINDS}
    status, reason = "payable", ""
    if number % 23 == 5:
        status, reason = "held", "PBB 2026 belum lunas: menunggu bukti bayar (Pasal 21)"
    return {
        "employee_id": key,
        "gross": sums["gross"],
        "deductions": -sums["deduction"],
        "dues": -sums["dues"],
        "tax": -sums["tax"],
        "net": sum(sums.values()),
        "status": status,
        "reason": reason,
    }


_KINDS = ("gross", "deduction", "dues", "tax")
