"""What the engine computes becomes reports as it stands: columns, signs, statuses."""

import csv
import re
from pathlib import Path

import made_month
import pytest

from server.reports.model import from_tables
from server.reports.write import write_reports

pytest.importorskip("pyarrow", reason="pyarrow does not import beside this numpy", exc_type=ImportError)

from server.allowance.catalogue import Words, indonesian
from server.allowance.compute import compute
from server.allowance.inputs import read_inputs
from server.allowance.regulation import load

ROOT = Path(__file__).parents[3]
EMPLOYEES = """employee_id,nip,name,employment,agency,site,zone,job_class,golongan,start_date,appointed_date,flags
E1,198501012010011001,Siti Latuconsina,PNS,kominfo,balai,WIT,7,III/a,2010-01-01,2011-01-01,
E2,199001012015011002,Yohanis Pelu,PNS,kominfo,balai,WIT,7,III/b,2015-01-01,2016-01-01,pbb_unpaid
"""


def test_a_computed_month_adds_up_and_is_written(tmp_path: Path) -> None:
    (tmp_path / "employees.csv").write_text(EMPLOYEES, encoding="utf-8")
    marks = [f"E1,2026-10-{day:02d}T{at}+09:00,balai,kiosk" for day in range(1, 32) for at in ("07:45:30", "17:00:00")]
    (tmp_path / "marks.csv").write_text("\n".join(["employee_id,at,site,source", *marks]), encoding="utf-8")
    regulation = load(ROOT / "regulations" / "ambon" / "2026.yaml")
    inputs = read_inputs(tmp_path, regulation.calendar).checked()
    result = compute(inputs, regulation, made_month.META.month)
    reports = from_tables(result.payments, result.lines, result.days, inputs.employees, made_month.META)
    (report,) = reports
    assert [len(person.days) for person in report.employees] == [31, 31]
    late = next(person for person in report.employees if person.employee_id == "E1")
    assert {day.code for day in late.days} >= {"L", "TL"}
    assert late.days[0].first_in == "07:45:30"
    assert {line.account for line in late.lines} >= {"gross", "deduction", "tax"}
    assert write_reports(reports, tmp_path / "out", ("id", "en"))


def test_in_english_the_lines_and_reasons_are_english_and_the_figures_the_same(tmp_path: Path) -> None:
    (tmp_path / "employees.csv").write_text(EMPLOYEES, encoding="utf-8")
    (tmp_path / "marks.csv").write_text(
        "employee_id,at,site,source\nE1,2026-10-05T07:45:30+09:00,balai,kiosk\n", encoding="utf-8"
    )
    regulation = load(ROOT / "regulations" / "ambon" / "2026.yaml")
    inputs = read_inputs(tmp_path, regulation.calendar).checked()
    result = compute(inputs, regulation, made_month.META.month)
    words = Words.of(result.summary)
    reports = from_tables(result.payments, result.lines, result.days, inputs.employees, made_month.META, words)
    write_reports(reports, tmp_path / "out", ("id", "en"), ("csv",))
    (folder,) = (tmp_path / "out").iterdir()
    rows = {}
    for name in ("rincian-tpp", "tpp-lines"):
        with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows[name] = list(csv.DictReader(file))
    texts = {row["text"] for row in rows["tpp-lines"]}
    assert {"Discipline (40 %): absent without notice", "Discipline (40 %): late 15 minutes"} <= texts
    assert not [text for text in texts if re.search("terlambat|menit|tidak|Potongan", text)]
    figures = [[{**row, "text": ""} for row in table] for table in rows.values()]
    assert figures[0] == figures[1]
    held = (folder / "held-payments.csv").read_text(encoding="utf-8")
    assert "no proof that the property tax is paid" in held
    assert not re.search("belum|tidak", held)


REASONS = (
    "tidak ada besaran TPP untuk kelas jabatan",
    "nilai productivity belum ada",
    "dasar BPJS belum ada",
    "penghasilan bruto tahun berjalan belum ada",
    "PTKP belum ada atau tidak dikenal",
    "tidak ada tarif untuk kelas jabatan",
    "di luar masa kerja sepanjang bulan",
    "jumlah yang diterima kurang dari nol",
    "2026-10-05: belum diputuskan: correction SK/1",
    "2026-10-05: belum diputuskan: correction SK/1: H, TL 0:31",
    "2026-10-05: waktu rekaman K01/7 belum pasti, 07:15:00 sampai 2026-10-06 07:55:00: H, TL 0:00–0:25",
    "2026-10-05: waktu rekaman belum pasti, 07:15:00 sampai 07:55:00: H, TL 0:25",
    "2026-10-05–2026-10-06: terlalu banyak kemungkinan (lebih dari 5000 cara atau 200 hasil): K01/7, order D/1",
    "jumlah bersih Rp-639.152 sampai Rp1.723.326",
    "2026-10-05: waktu rekaman belum pasti",
    "waktu rekaman belum pasti: K01/7",
    "keberatan 3 belum dijawab",
    "NIP 198501012010011001 juga dipakai E2",
    "langkah pajak ter tidak dapat diterapkan pada susulan",
    "ptkp belum ada atau tanpa tarif",
)


def test_papers_and_amounts_in_a_reason_are_told_in_the_readers_language() -> None:
    held = "2026-10-05: belum diputuskan: leave 445/2, order order ST-1: I; jumlah bersih Rp-1.000 sampai Rp2.500.000"
    assert indonesian(held) == held.replace("leave 445", "cuti 445").replace("order order", "surat tugas order")
    assert indonesian("correction 7: jenis 'x' tidak ada dalam peraturan").startswith("koreksi 7: ")
    assert Words().reason(held).endswith("; net Rp-1,000 to Rp2,500,000")


@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_of_the_engine_has_its_english(reason: str) -> None:
    told = Words().reason(reason)
    assert not re.search(
        r"\b(tidak|belum|ada|nilai|dasar|waktu|jumlah|sampai|lebih|terlalu|hasil|untuk|kurang|keberatan|penghasilan|juga|dipakai|langkah|tanpa)\b",
        told,
    )
    assert Words().reason(f"{reason}; {reason}") == f"{told}; {told}"
