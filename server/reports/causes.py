"""The facts that changed a month after its lock, as `server.month.since` names them in English, told in Indonesian."""

import re

from server.reports.language import Language

_KINDS = "employee|posting|leave|order|correction|work|dues|objection"
_STATES = "requested|approved|rejected|withdrawn|withdrawing|issued|accepted|reported|confirmed|cancelled|filed"
_FACT = re.compile(rf"(^|; )({_KINDS}) (\d+)(?: ({_STATES}))?(?= \()")
_COMMON = tuple(
    (re.compile(rf"(^|; ){pattern}(?=;|$)"), rf"\1{told}")
    for pattern, told in (
        (r"(\d+) calendars recorded", r"\2 kalender dicatat"),
        (r"(\d+) shifts recorded", r"\2 jam kerja dicatat"),
        (r"(\d+) sites recorded", r"\2 lokasi dicatat"),
        (r"(\d+) months of old marks recorded", r"\2 bulan rekaman mesin lama dicatat"),
        (r"(\d+) limits of attested marks recorded", r"\2 batas rekaman yang disaksikan dicatat"),
        (r"(\d+) entries of devices arrived", r"\2 rekaman perangkat tiba"),
        (r"device (\S+) was revoked", r"perangkat \2 dicabut"),
    )
)


def in_indonesian(text: str) -> str:
    """The causes of a later payment; what is not one of them stays as it is."""
    say = Language("id")

    def told(found: re.Match[str]) -> str:
        state = f" {say.named('fact_state', found[4])}" if found[4] else ""
        return f"{found[1]}{say.named('fact', found[2])} {found[3]}{state}"

    text = _FACT.sub(told, text)
    for pattern, replacement in _COMMON:
        text = pattern.sub(replacement, text)
    return text
