"""`wsq forget`: erase a contact or a document, also from past events."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from wsq.cli import opening
from wsq.cli.output import count, local, plain, say, table
from wsq.errors import InvalidInput

if TYPE_CHECKING:
    from wsq.commands.erasure import Forgotten, Mention

MAX_MENTIONS = 50
"""Maximum number of mentions of each kind that are listed; the others are counted."""


def forget_command(given: Namespace) -> int:
    """Forget a contact or a document; return 1 if not confirmed."""
    with opening.store(given) as (store, zone):
        if not (given.yes or _confirmed(given)):
            say("Nothing was forgotten.")
            return 1
        done = store.forget_contact(given.id) if given.what == "contact" else store.forget_document(given.id)
        place = Path(store.workspace.place)
    _print(given, done, zone)
    _print_copies(place)
    return 0


def _confirmed(given: Namespace) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidInput(f"Cannot ask for confirmation here. Use --yes to forget {given.what} {given.id!r}.")
    say(
        f"This erases all data of {given.what} {given.id!r} in store {given.store!r}, also in past events, and every"
        " agent conversation that mentions it. It cannot be undone."
    )
    try:
        return input("Forget it? [y/N] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False


def _print(given: Namespace, done: Forgotten, zone: str) -> None:
    if not (done.events or done.conversations):
        say(f"There was nothing left to forget of {given.what} {done.id}. The file was rewritten.")
        return
    say(
        f"Forgotten: {given.what} {done.id}, in {count(done.events, 'event')},"
        f" and {count(done.conversations, 'conversation')}."
    )
    for found, about in (
        (done.mentions, "Text that people and models wrote elsewhere is unchanged; {} may mention it:"),
        (done.partial_mentions, "A part of the name, which may mean somebody else, stands in {}:"),
    ):
        if found:
            say(about.format(count(len(found), "place")))
            say(_listed(found, zone))
        if len(found) > MAX_MENTIONS:
            say(f"… and {len(found) - MAX_MENTIONS:,} more.")


def _listed(mentions: Iterable[Mention], zone: str) -> str:
    rows = [(m.store_id, m.seq, m.name, m.about or "–", local(m.recorded_at, zone), m.part or "–") for m in mentions]
    return table(("STORE", "EVENT", "WHAT", "ID", "WHEN", "PART"), rows[:MAX_MENTIONS])


def _print_copies(place: Path) -> None:
    """Print what was not erased."""
    say("Earlier backups and exports still contain it, and so does everything that was sent elsewhere.")
    for old in sorted(place.parent.glob(f"{place.name}.v*.bak")):
        say(f"{plain(str(old))} is a backup made before an upgrade. Remove it.")
