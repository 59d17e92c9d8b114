"""Sends a message as mail, through the server that the settings name."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from podium.core.errors import Invalid, Refused, Unavailable

_SECONDS = 20.0
_MOST = 20


def addresses(text: str) -> list[str]:
    """Mail addresses from a list with commas; `Invalid` when one is none, or there are more than 20."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    for each in found:
        name, mail = parseaddr(each)
        local, _, host = mail.rpartition("@")
        if name or mail != each or not local or "." not in host.strip(".") or not each.isascii() or " " in each:
            raise Invalid("One of these is not a mail address.", field="to", fix="Write a@example.org,b@example.org.")
    if not 1 <= len(found) <= _MOST:
        raise Invalid(f"A channel has 1 to {_MOST} mail addresses.", field="to")
    return found


def send(server: str, sender: str, to: list[str], subject: str, text: str, identifier: str) -> None:
    """Send once. `server`: `smtp://user:password@host:587` (STARTTLS when offered) or `smtps://host:465`.

    Raises `Refused` when trying again is of no use, `Unavailable` when it may be.
    """
    if not server or not sender:
        raise Refused("No mail server is set.", field="mail_server", fix="Set mail_server and mail_from.")
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, ", ".join(to), subject
    made["Message-ID"] = f"<{identifier}@podium>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    try:
        with _connect(server) as connection:
            connection.send_message(made)
    except smtplib.SMTPRecipientsRefused as problem:
        permanent = all(code >= 500 for code, _words in problem.recipients.values())
        raise (Refused if permanent else Unavailable)("The mail server refused every address.", field="to") from None
    except (OSError, smtplib.SMTPException) as problem:
        raise Unavailable(f"The mail server did not take it ({type(problem).__name__}).", field="mail_server") from None


def _connect(server: str) -> smtplib.SMTP:
    parts = urlsplit(server)
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise Refused("The setting is not a mail server's address.", field="mail_server", fix="Write smtp://host:587.")
    secure = ssl.create_default_context()
    if parts.scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(parts.hostname, parts.port or 465, timeout=_SECONDS, context=secure)
    else:
        connection = smtplib.SMTP(parts.hostname, parts.port or 587, timeout=_SECONDS)
        connection.ehlo()
        if connection.has_extn("starttls"):
            connection.starttls(context=secure)
            connection.ehlo()
    if parts.username:
        connection.login(unquote(parts.username), unquote(parts.password or ""))
    return connection
