"""Posts and who holds them: imported whole, never two in one, and the class of the post is what a month is paid by."""

from __future__ import annotations

from datetime import date

import pytest
from harness import Server
from made_office import MONTH, at, make_office, refused, said

from server.allowance import month as months
from server.month import staff

POSTS = "post,title,agency,unit,job_class\nJ1,Kepala Seksi,dinkes,seksi,10\nJ2,Analis,dinkes,seksi,9\n"
HEADER = "employee_id,post,capacity,from,to,document\n"


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Server:
    server = make_office(tmp_path_factory.mktemp("posts"))
    write(server, "posts", POSTS)
    return server


def write(server: Server, name: str, text: str):
    path = server.directory / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    return path


def members(server: Server) -> staff.Staff:
    parts = server.services()
    with parts.database.read() as connection:
        found = staff.of_month(connection, date(2026, 10, 1), date(2026, 10, 31), at("2026-11-03T10:00"), None, None)
    parts.database.close()
    return found


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("B1,J9,definitive,2026-01-01,,SK 1\n", "there is no post 'J9'"),
        ("B1,J1,acting,2026-01-01,,SK 1\n", "the capacity 'acting' is none of definitive, plt, plh"),
        ("B1,J1,definitive,2026-02-01,2026-01-01,SK 1\n", "row 2, column 'to': before from"),
        ("B1,J1,definitive,2026-01-01,,\n", "column 'document': empty"),
        (
            "B1,J1,definitive,2026-01-01,,SK 1\nB1,J2,definitive,2026-03-01,,SK 2\n",
            "employee B1 holds J1 and J2 on 2026-03-01",
        ),
        (
            "B1,J1,definitive,2026-01-01,,SK 1\nB2,J1,definitive,2026-03-01,,SK 2\n",
            "post J1 is held by B1 and B2 on 2026-03-01",
        ),
    ],
)
def test_what_contradicts_itself_is_refused_whole(office, rows, message):
    write(office, "postings", HEADER + rows)
    files = [str(office.directory / f"{name}.csv") for name in ("posts", "postings")]
    done = office.command("import", *files, "--by", "rina")
    assert done.code != 0
    assert message in done.out + done.err
    assert not [note for note in members(office).notes if note["what"] == "post"]


def test_the_class_of_the_post_on_the_last_day_of_service_pays_the_month(tmp_path):
    office = make_office(tmp_path)
    rows = (
        "B1,J2,definitive,2026-01-01,2026-10-11,SK 1\n"
        "B1,J1,definitive,2026-10-12,,SK 2\n"
        "B2,J2,definitive,2026-10-12,,SK 3\n"
        "B2,J1,plh,2026-10-05,2026-10-11,ND 4\n"
    )
    write(office, "posts", POSTS)
    write(office, "postings", HEADER + rows)
    files = [str(office.directory / f"{name}.csv") for name in ("posts", "postings")]
    said(office, "2026-11-02T08:00", "import", *files, "--by", "rina")
    said(office, "2026-11-02T09:00", "close", MONTH, "--draft", "--agency", "dinkes")
    found = members(office)
    classes = {row["employee_id"]: row["job_class"] for row in found.rows}
    assert (classes["B1"], classes["B2"]) == ("10", "9")
    told = [note["reason"] for note in found.notes if note["what"] == "post"]
    assert "Kepala Seksi (kelas 10) sejak 2026-10-12: sebulan penuh menurut kelas ini" in told
    assert "Plh Kepala Seksi (kelas 10) 2026-10-05 s.d. 2026-10-11: tanpa TPP tambahan" in told
    assert "kelas 10 menurut jabatan, 9 menurut data pegawai" in told
    parts = office.services()
    with parts.database.read() as connection:
        (run,) = months.latest_runs(connection, MONTH, "dinkes")
        gross = {
            row["employee_id"]: row["gross"] for row in months.table_of(connection, run["run"], "payments").to_pylist()
        }
    parts.database.close()
    assert gross["B1"] == 2 * gross["B2"]


def test_a_post_is_for_the_officer_of_its_agency(tmp_path):
    office = make_office(tmp_path)
    path = write(office, "posts", POSTS)
    assert "grant hr" in refused(office, "2026-11-02T08:00", "import", str(path), "--by", "tres")


def test_posts_are_exported_as_they_were_imported(tmp_path):
    office = make_office(tmp_path)
    write(office, "posts", POSTS)
    said(office, "2026-11-02T08:00", "import", str(office.directory / "posts.csv"), "--by", "rina")
    said(office, "2026-11-02T08:00", "export", "--out", str(tmp_path / "out"), "--by", "rina")
    assert (tmp_path / "out" / "posts.csv").read_text(encoding="utf-8") == POSTS
