"""The engine's words in both languages: the text of a line, the reason of a payment, from what the summary names.

Lines and reasons are computed in Indonesian, the language of the papers; English is told from them here, so that
no figure and no stored byte depends on who reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from server.allowance.wording import KINDS

# Indonesian patterns of the engine's own reasons and facts; `{0}`, `{1}` are what the groups found.
_PHRASES = tuple(
    (re.compile(pattern), english)
    for pattern, english in (
        (r"tidak ada besaran TPP untuk kelas jabatan", "there is no amount for the class of the post"),
        (r"di luar masa kerja sepanjang bulan", "outside the employment all month"),
        (r"jumlah yang diterima kurang dari nol", "the net is below zero"),
        (r"tidak ada tarif untuk (.+)", "there is no rate for {0}"),
        (r"(.+) belum ada atau tidak dikenal", "{0} is missing or unknown"),
        (r"nilai (\S+) belum ada", "the score for {0} is missing"),
        (r"(\d{4}-\d\d-\d\d): belum diputuskan: (.+)", "{0}: undecided: {1}"),
        (
            r"(\d{4}-\d\d-\d\d): waktu rekaman (\S+) belum pasti, (.+) sampai (.+): (.+)",
            "{0}: the time of mark {1} is uncertain, {2} to {3}: {4}",
        ),
        (
            r"(\d{4}-\d\d-\d\d): waktu rekaman belum pasti, (.+) sampai (.+): (.+)",
            "{0}: the time of a mark is uncertain, {1} to {2}: {3}",
        ),
        (r"jumlah bersih Rp(\S+) sampai Rp(\S+)", "net Rp{0} to Rp{1}"),
        (
            r"(\S+): terlalu banyak kemungkinan \(lebih dari (\d+) cara atau (\d+) hasil\): (.+)",
            "{0}: too many possibilities (more than {1} ways or {2} outcomes): {3}",
        ),
        # As engines before 4 said it.
        (r"(\d{4}-\d\d-\d\d): waktu rekaman belum pasti", "{0}: the time of a mark is uncertain"),
        (r"waktu rekaman belum pasti: (.+)", "the time of marks is uncertain: {0}"),
        (
            r"langkah pajak (\S+) tidak dapat diterapkan pada susulan",
            "tax step {0} cannot be applied to a later payment",
        ),
        (r"(.+) belum ada atau tanpa tarif", "{0} is missing or has no rate"),
        (r"hubungan kerja (.+) tidak disebut dalam peraturan", "the employment {0} is not named in the regulation"),
        (r"NIP (\S+) juga dipakai (\S+)", "NIP {0} is also that of {1}"),
        (r"keberatan (\S+) belum dijawab", "objection {0} is not answered"),
        (r"(.+) belum ada", "{0} is missing"),
        (r"(.*)'(.*)' bukan tanggal \(seperti (\S+)\)", "{0}'{1}' is not a date (such as {2})"),
        (
            r"(.*)'(.*)' bukan waktu dengan offset \(seperti (\S+)\)",
            "{0}'{1}' is no time with offset (such as {2})",
        ),
        (r"(.*)jenis '(.*)' tidak ada dalam peraturan", "{0}the kind '{1}' is not in the regulation"),
        (r"(.*)tanpa waktu selesai", "{0}has no end"),
        (r"(.*)tanpa tanggal mulai", "{0}has no date on which it begins"),
        (r"(.*)berakhir (\S+), sebelum mulai (\S+)", "{0}ends on {1}, before it begins on {2}"),
        (r"(.*)berakhir (\S+), tidak setelah mulai (\S+)", "{0}ends at {1}, not after it begins at {2}"),
    )
)
# What steps.NAMED calls the columns of the employees.
_NAMES = {
    "penghasilan bruto lain": "other gross income",
    "dasar BPJS": "the base of BPJS",
    "penghasilan bruto tahun berjalan": "the year's gross income so far",
    "PPh 21 yang telah dipotong tahun berjalan": "the year's income tax withheld so far",
    "iuran pensiun dan hari tua tahun berjalan": "the year's pension contributions so far",
    "kelas jabatan": "the class of the post",
}
# What the engine calls papers by, at the beginning of a reason or in its list of what is undecided.
_PAPERS = {"leave": "cuti", "order": "surat tugas", "correction": "koreksi"}
_PAPER = re.compile(rf"(^|[:;,)] )({'|'.join(_PAPERS)})(?= \S)")
_AMOUNT = re.compile(r"-?\d{1,3}(\.\d{3})+")
# What a later payment adds to the text of a line.
_CHANGED = re.compile(r": semula (\S+), menjadi (\S+)$")
_LATER = re.compile(r" atas susulan, dibayar (\d{4}-\d\d)$")
_MINUTES = re.compile(r" (\d+) menit$")


@dataclass(frozen=True)
class Words:
    """The names of a regulation's steps and gates, each with `id` and `en`, by their identifiers."""

    steps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    gates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, summary: Mapping[str, Any]) -> Words:
        """The words of a computed month, from its summary."""
        return cls(summary.get("steps", {}), summary.get("gates", {}))

    def line(self, line: Mapping[str, Any]) -> str:
        """The text of a line (a row of `lines`) in English; as it is where its step is not known."""
        text = str(line.get("text") or "")
        name = self.steps.get(str(line.get("step") or ""), {}).get("en")
        if name is None:
            return text
        kind = str(line.get("kind") or "")
        words = "" if kind in ("amount", "working") else KINDS.get(kind, ("", kind))[1]
        changed, later = _CHANGED.search(text), _LATER.search(text)
        length = _MINUTES.search(text[: changed.start()] if changed else text)
        minutes = f" {length[1]} minutes" if length else ""
        more = f": before {changed[1]}, now {changed[2]}" if changed else ""
        more += f" on the later payment, paid {later[1]}" if later else ""
        return f"{name}: {words}{minutes}{more}" if words else f"{name}{more}"

    def part(self, line: Mapping[str, Any]) -> Fraction:
        """The fraction of its base on which the step of a line counts: the 40 % for discipline."""
        return Fraction(self.steps.get(str(line.get("step") or ""), {}).get("share", "1"))

    def reason(self, reason: str) -> str:
        """Why a payment is held or is none, in English; a part that nobody translated stays as it is."""
        names = {entry["id"]: entry["en"] for entry in self.gates.values()}
        return "; ".join(names.get(part) or english(part) for part in reason.split("; "))


def english(part: str) -> str:
    """One of the engine's own reasons in English; as it is where nobody translated it."""
    for pattern, phrase in _PHRASES:
        found = pattern.fullmatch(part)
        if found:
            return phrase.format(*(_NAMES.get(text, _grouped(text)) for text in found.groups()))
    return part


def indonesian(reason: str) -> str:
    """Why a payment is held or is none, with the papers in it by their Indonesian names."""
    return _PAPER.sub(lambda found: found[1] + _PAPERS[found[2]], reason)


def _grouped(text: str) -> str:
    """An amount with its thousands as English has them; anything else as it is."""
    return text.replace(".", ",") if _AMOUNT.fullmatch(text) else text
