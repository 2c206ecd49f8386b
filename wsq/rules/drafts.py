"""A document that is the draft of an e-mail, and the link with which a person opens it in their mail program."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

from wsq.errors import InvalidInput
from wsq.rules import values

TITLE = "Draft:"
"""How the title of a draft begins."""

LONGEST = 8_000
"""Characters that a link may have; of a longer text it holds the beginning, and says so."""

CUT = "\n[The rest stands in the document.]"

_HEADERS = ("to", "cc", "subject")


def is_draft(title: str) -> bool:
    """Whether a document with this title is the draft of an e-mail."""
    return title.casefold().startswith(TITLE.casefold())


def mailto(content: str) -> str | None:
    """The ``mailto:`` link (RFC 6068) of a draft; None when nothing of it can be opened as an e-mail.

    The text begins with lines such as ``To:``, ``Cc:`` and ``Subject:`` and an empty line. Of the addresses
    those count that are addresses; of the headers no others, whatever a stranger has written there.
    """
    headers, body = _parts(content)
    recipients = _addresses(headers.get("to", ""))
    subject = headers.get("subject", "")
    if not recipients and not subject:
        return None
    fields = {"cc": ",".join(_addresses(headers.get("cc", ""))), "subject": subject, "body": body}
    given = {name: value for name, value in fields.items() if value}
    link = _link(recipients, given)
    if len(link) > LONGEST and body:
        link = _link(recipients, given | {"body": _as_much_as_fits(recipients, given)})
    return link


def _parts(content: str) -> tuple[dict[str, str], str]:
    """The headers by their names in small letters, and what follows them."""
    headers: dict[str, str] = {}
    lines = content.lstrip().splitlines()
    for number, line in enumerate(lines):
        name, colon, value = line.partition(":")
        if not line.strip():
            return headers, "\n".join(lines[number + 1 :]).strip()
        if not colon or not name.strip().replace("-", "").isalpha():
            return headers, "\n".join(lines[number:]).strip()
        if name.strip().casefold() in _HEADERS:
            headers.setdefault(name.strip().casefold(), value.strip())
    return headers, ""


def _addresses(said: str) -> list[str]:
    found = []
    for each in said.replace(";", ",").split(","):
        address = each.rpartition("<")[2].rstrip("> \t") if "<" in each else each.strip()
        with suppress(InvalidInput):
            found.append(values.email(address)[0])
    return found


def _link(recipients: list[str], fields: dict[str, str]) -> str:
    query = "&".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    return f"mailto:{','.join(quote(address, safe='@') for address in recipients)}" + (f"?{query}" if query else "")


def _quoted(value: str) -> str:
    return quote(value.replace("\r\n", "\n").replace("\n", "\r\n"), safe="", errors="replace")


def _as_much_as_fits(recipients: list[str], fields: dict[str, str]) -> str:
    room = LONGEST - len(_link(recipients, fields | {"body": CUT}))
    kept, used = 0, 0
    for character in fields["body"]:
        used += len(_quoted(character))
        if used > room:
            break
        kept += 1
    return fields["body"][:kept].rstrip() + CUT
