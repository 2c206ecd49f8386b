"""`wsq pause`, `resume`, `since`: pause stores, and show what has happened."""

from __future__ import annotations

import re
from argparse import Namespace
from datetime import datetime, time, timedelta

from wsq.cli import opening
from wsq.cli.output import local, paragraphs, plain, say
from wsq.errors import InvalidInput
from wsq.rules import schedule, values
from wsq.runner.report import as_json

_EXPECTED = 'an instant with its offset, a wall time such as "17:00", or a duration such as "2 hours"'
_WALL_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def pause_command(given: Namespace) -> int:
    """Pause the workspace or a store."""
    with opening.workspace(given) as ws:
        zone = ws.settings.timezone
        until = None if given.until is None else _instant("--until", given.until, ws.clock.now(), zone, ahead=True)
        paused = ws if given.store is None else ws.store(given.store)
        row = paused.pause(until=until, reason=given.reason)
    command = "wsq resume" + (f" --store {given.store}" if given.store else "")
    end = f"until {local(row.paused_until, zone)}" if row.paused_until else f"until {command}"
    why = f" ({plain(row.paused_reason)})" if row.paused_reason else ""
    say(f"{_named(given.store)} is paused {end}{why}. Due runs are skipped; runs in progress finish.")
    return 0


def resume_command(given: Namespace) -> int:
    """Resume after a pause."""
    with opening.workspace(given) as ws:
        paused = ws if given.store is None else ws.store(given.store)
        paused.resume()
        left = [store for row in ws.stores() if (store := ws.store(row.id)).paused() and given.store in (None, row.id)]
    say(f"{_named(given.store)} is resumed. Schedules are unchanged.")
    for store in left:
        other = "the workspace is paused: wsq resume" if given.store else f"wsq resume --store {store.id}"
        say(f"Store {store.id!r} is still paused; {other}.")
    return 0


def since_command(given: Namespace) -> int:
    """Show what has happened since a time."""
    with opening.workspace(given) as ws:
        zone = ws.settings.timezone
        begun = _instant("WHEN", given.when, ws.clock.now(), zone, ahead=False)
        found = ws.since(begun) if given.store is None else [ws.store(given.store).since(begun)]
    if given.json:
        say(as_json(list(found)))
        return 0
    active = [each for each in found if not each.is_nothing]
    if not active:
        say(f"Nothing happened since {local(begun, zone)}.")
    for each in active:
        say(paragraphs(f"{each.store_id}: {each.text()}"))
    return 0


def _named(store: str | None) -> str:
    return "The workspace" if store is None else f"Store {store!r}"


def _instant(what: str, text: str, now: datetime, zone: str, *, ahead: bool) -> datetime:
    """Return the instant that `text` means; a wall time means its next (`ahead`) or last occurrence."""
    if wall := _WALL_TIME.fullmatch(text.strip()):
        return _occurrence(time(int(wall[1]), int(wall[2])), now, zone, ahead=ahead)
    try:
        value, unit = schedule.parse_every(text)
        length = timedelta(**{unit: value})
        return now + length if ahead else now - length
    except InvalidInput:
        pass
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        instant = None
    if instant is None or instant.utcoffset() is None:
        raise InvalidInput(f"{what} is {text!r}, expected {_EXPECTED}.")
    return instant


def _occurrence(wall: time, now: datetime, zone: str, *, ahead: bool) -> datetime:
    today = now.astimezone(values.zone(zone)).date()
    days = [today + timedelta(days=n) for n in range(-2, 3)]
    instants = [schedule.wall_instant(datetime.combine(day, wall), zone) for day in days]
    return min(i for i in instants if i > now) if ahead else max(i for i in instants if i <= now)
