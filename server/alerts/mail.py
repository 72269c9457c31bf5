"""Mail of what is new among the alerts, each once, to those who look after the devices."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterable, Sequence
from email.message import EmailMessage

from sqlalchemy import Connection, select

from server.alerts.models import mailed
from server.alerts.service import Shown
from server.config import Mail
from server.errors import Unavailable

_TIMEOUT_S = 30.0


def unmailed(connection: Connection, found: Iterable[Shown]) -> list[Shown]:
    """The open alerts that rest on anything that no mail has named."""
    known: dict[str, set[str]] = {}
    for alert, rests_on in connection.execute(select(mailed.c.alert, mailed.c.rests_on)):
        known.setdefault(alert, set()).update(json.loads(rests_on))
    return [one for one in found if one.open and not known.get(one.alert.id, set()).issuperset(one.alert.rests_on)]


def keep(connection: Connection, sent: Iterable[Shown], now_ms: int) -> None:
    """Remember that these alerts were mailed, with what they rested upon."""
    for one in sent:
        row = {"alert": one.alert.id, "rests_on": json.dumps(one.alert.rests_on), "at_ms": now_ms}
        connection.execute(mailed.insert(), row)


def send(mail: Mail, subject: str, lines: Sequence[str]) -> None:
    """Hand a mail to the relay; Unavailable, naming it, when it is not taken for everybody it is for."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, ", ".join(mail.to), subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(lines) + "\n")
    try:
        with smtplib.SMTP(*mail.address, timeout=_TIMEOUT_S) as relay:
            refused = relay.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise Unavailable(f"{mail.relay} did not take the mail ({error}): the same is tried next time") from error
    if refused:
        raise Unavailable(f"{mail.relay} took the mail, but not for {', '.join(sorted(refused))}: all get it again")
