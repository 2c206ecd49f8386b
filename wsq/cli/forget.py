"""`wsq forget`: the one change of what was written before."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import wsq
from wsq.cli.output import count, local, plain, say, table
from wsq.errors import InvalidInput

if TYPE_CHECKING:
    from wsq.commands.erasure import Forgotten, Mention

MOST_TOLD = 50
"""Mentions that are listed; of more it is said how many there are."""


def forget_command(given: Namespace) -> int:
    """Forget a contact or a document; 1 when it was not confirmed."""
    with wsq.open(given.database) as ws:
        store = ws.store(given.store)
        if not (given.yes or _confirmed(given)):
            say("Nothing was forgotten.")
            return 1
        done = store.forget_contact(given.id) if given.what == "contact" else store.forget_document(given.id)
        zone, place = ws.settings.timezone, Path(ws.place)
    _tell(given, done, zone)
    _tell_of_copies(place)
    return 0


def _confirmed(given: Namespace) -> bool:
    if sys.stdin is None or not sys.stdin.isatty():
        raise InvalidInput(f"Nobody can be asked here whether to forget {given.what} {given.id!r}: say so with --yes.")
    say(
        f"All that is on record of {given.what} {given.id!r} in store {given.store!r} is to be forgotten, also in past"
        " events, with every conversation of the agent that speaks of it. This cannot be undone."
    )
    try:
        return input("Forget it? [y/N] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False


def _tell(given: Namespace, done: Forgotten, zone: str) -> None:
    if not (done.events or done.conversations):
        say(f"There was nothing left to forget of {given.what} {done.id}; the file was written anew.")
        return
    say(
        f"Forgotten: {given.what} {done.id}, in {count(done.events, 'event')},"
        f" with {count(done.conversations, 'conversation')}."
    )
    if done.mentions:
        many = count(len(done.mentions), "event")
        say(f"What people and models wrote elsewhere is as it was; {many} may speak of it:")
        say(_listed(done.mentions, zone))
        if len(done.mentions) > MOST_TOLD:
            say(f"… and {len(done.mentions) - MOST_TOLD:,} more.")


def _listed(mentions: Iterable[Mention], zone: str) -> str:
    rows = [(m.store_id, m.seq, m.name, m.about or "–", local(m.recorded_at, zone)) for m in mentions]
    return table(("STORE", "EVENT", "WHAT", "ID", "WHEN"), rows[:MOST_TOLD])


def _tell_of_copies(place: Path) -> None:
    """What this cannot reach."""
    say("Backups and exports made before hold it still, and so does whoever it was sent to.")
    for old in sorted(place.parent.glob(f"{place.name}.v*.bak")):
        say(f"{plain(str(old))} is such a backup, made before an upgrade: remove it.")
