"""What is told outside: alerts that are new and those that have cleared, ends of executions, and a daily digest.

All processes of a workspace share what was told, in a file beside the database; whoever holds its lock tells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import partial
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wsq.projections import Execution, RecurringTask
from wsq.queries import boards
from wsq.rules import schedule
from wsq.runner import heartbeat
from wsq.runner.outside import Lane, send, warn
from wsq.runner.report import to_plain
from wsq.statistics import health
from wsq.statistics.health import Alert, Passing
from wsq.statistics.since import Since, since
from wsq.store.engine import Engine
from wsq.store.log import Log

MOST_AT_ONCE = 20
"""New alerts that are told one by one; when there are more, the others are told by their number."""

EVERY = 60.0
"""Seconds between two looks at alerts while nothing is done: passes may come much more often."""

LONGEST_TEXT = 10_000
"""Characters of a message's text; of its ``content`` Discord takes no more than 2,000."""

FAMILIES = {"failing": "failures", "failed_repeatedly": "failures", "never_ran": "slots", "late": "slots"}
"""Kinds that go over into each other: the end of one is not told as long as another of its family stands."""

FILE = "told"
_MENTION = re.compile(r"@(?=channel|all|here|everyone)", re.IGNORECASE)


class Told(msgspec.Struct, kw_only=True):
    """What all processes together have told: the alerts that stand, and until when the last digest went."""

    alerts: dict[str, Alert] = {}
    digest: datetime | None = None


def passing(engine: Engine, now: datetime) -> Passing:
    """What the notes of passes say of the scheduler at `now`."""
    seen = heartbeat.scheduler(engine, now)
    if seen is None:
        return Passing(usual=heartbeat.USUAL.total_seconds())
    return Passing(usual=seen.usual, missed=seen.missed, last_at=seen.last.started_at, host=seen.last.host)


class Teller:
    """Tells what there is to tell of one workspace, on a thread of its own; no method but `close` waits.

    Raises nothing: what goes wrong is logged. Of an example workspace nothing is told.

    Args:
        log: The workspace's.
        url: Where messages are posted to.
        timezone: The zone in which texts tell times, and in which `digest` is a wall time, such as ``08:00``.
        digest: When a day is summed up; None: never.
    """

    def __init__(self, log: Log, url: str, *, timezone: str, digest: str | None) -> None:
        self._log = log
        self._url = url
        self._timezone = timezone
        self._digest = digest
        self._lane = Lane("wsq-teller")
        self._looked_at: float | None = None

    def ended(self, row: Execution) -> None:
        """An execution was ended by this process."""
        if _outcome(row) is not None:
            self._lane.put(lambda: self._tell_end(row))

    def look(self, now: datetime, *, at_once: bool = True) -> None:
        """Have alerts and the digest looked at as of `now`; not `at_once`: only when that is a minute ago here."""
        if not at_once and self._looked_at is not None and monotonic() - self._looked_at < EVERY:
            return
        self._looked_at = monotonic()
        self._lane.put(lambda: self._tell_all(now))

    def close(self) -> None:
        """Wait at most `outside.PATIENCE` seconds for what is being told."""
        self._lane.close()

    # On its thread

    def _tell_end(self, row: Execution) -> None:
        task = None if self._is_example() else self._log.ask(lambda cursor: _task_of(cursor, row))
        if task is not None and task.notify and _outcome(row) in task.notify_on:
            self._send(_of_end(row, task))

    def _is_example(self) -> bool:
        return self._log.ask(boards.workspace).demo

    def _tell_all(self, now: datetime) -> None:
        """Tell what nobody has told yet; whoever comes while another process does it leaves it to that one."""
        if self._is_example():
            return
        with self._log.engine.shared_note(FILE) as kept:
            if kept is None:
                return
            told = _read(kept.read())
            try:
                self._tell_alerts(told, now)
                self._tell_digest(told, now)
            finally:
                kept.write(msgspec.json.encode(told))

    def _tell_alerts(self, told: Told, now: datetime) -> None:
        seen = passing(self._log.engine, now)
        stand = self._log.ask_of_all(lambda cursor: health.alerts(cursor, now, seen, self._timezone))
        stopped = any(alert.kind == "scheduler" for alert in stand)  # then late slots are its doing
        fresh = [
            each for each in stand if each.key not in told.alerts and not (stopped and _family(each)[0] == "slots")
        ]
        for alert in fresh[:MOST_AT_ONCE]:
            self._send(_of_alert("alert", alert.sentence, alert, now))
            told.alerts[alert.key] = alert
        if others := fresh[MOST_AT_ONCE:]:
            self._send(message("alert", f"And {len(others):,} more alerts; wsq doctor tells them.", now))
            told.alerts |= {alert.key: alert for alert in others}
        self._tell_cleared(told, stand, now)

    def _tell_cleared(self, told: Told, stand: Iterable[Alert], now: datetime) -> None:
        standing = {alert.key for alert in stand}
        families = {_family(alert) for alert in stand}
        cleared = [alert for key, alert in told.alerts.items() if key not in standing]
        ended = [alert for alert in cleared if _family(alert) not in families]
        for alert in ended[:MOST_AT_ONCE]:
            self._send(_of_alert("resolved", f"It is over: {alert.sentence}", alert, now))
            del told.alerts[alert.key]
        if others := ended[MOST_AT_ONCE:]:
            self._send(message("resolved", f"And {len(others):,} more alerts are over.", now))
        for alert in cleared:
            told.alerts.pop(alert.key, None)

    def _tell_digest(self, told: Told, now: datetime) -> None:
        """Sum up once a day, by the first pass at its time or after; of days that were slept through the newest."""
        if self._digest is None:
            return
        slot = _newest(self._digest, self._timezone, now)
        if told.digest is not None and told.digest >= slot:
            return
        begun = told.digest or slot - timedelta(days=1)
        stores = self._log.ask(boards.stores)
        found = [self._log.ask(partial(since, store_id=row.id, begun=begun, until=now, now=now)) for row in stores]
        self._send(_of_digest(found, begun, now, self._timezone))
        told.digest = now

    def _send(self, body: dict[str, Any]) -> None:
        full = {**body, "workspace": self._log.engine.place}
        send(self._url, msgspec.json.encode(to_plain(full)), {"Content-Type": "application/json"})


# What messages say


def message(type_: str, text: str, at: datetime, /, **given: Any) -> dict[str, Any]:
    """A message: its `text` as Slack and Mattermost take it, as `content` for Discord, and its fields.

    What people and models wrote calls nobody together there and is no markup.
    """
    quiet = _MENTION.sub("@\u200b", text)
    escaped = quiet.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {
        "type": type_,
        "text": _at_most(escaped, LONGEST_TEXT),
        "content": _at_most(quiet, 2_000),
        "allowed_mentions": {"parse": []},
        "at": at,
        **given,
    }


def _of_alert(kind: str, text: str, alert: Alert, now: datetime) -> dict[str, Any]:
    return message(
        kind, text, now, kind=alert.kind, level=alert.level, key=alert.key, store=alert.store_id,
        task=alert.recurring_task_id, execution=alert.execution_id, since=alert.since,
    )  # fmt: skip


def _of_end(row: Execution, task: RecurringTask) -> dict[str, Any]:
    how = {
        "failed": f"failed ({(row.reason or 'unknown').replace('_', ' ')})",
        "could_not": "could not",
        "done": "is done",
    }
    said = " ".join((row.error or row.output or "").split())
    text = f"{task.name!r} {how[_outcome(row) or 'done']}: {_at_most(said, 1_000)} (for {', '.join(task.notify)})"
    return message(
        "execution", text, row.completed_at or row.started_at, store=row.store_id, task=task.id, task_name=task.name,
        execution=row.id, status=row.status, verdict=row.verdict, reason=row.reason, error=row.error,
        notify=task.notify,
    )  # fmt: skip


def _of_digest(found: list[Since], begun: datetime, now: datetime, timezone: str) -> dict[str, Any]:
    told = [each for each in found if not each.is_nothing]
    if told:
        text = "\n".join(each.text() if len(found) == 1 else f"{each.store_id}: {each.text()}" for each in told)
    else:
        text = f"Nothing happened since {begun.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}."
    counts = [{name: getattr(each, name) for name in Since._columns} for each in told]
    return message("digest", text, now, since=begun, stores=counts)


def _outcome(row: Execution) -> str | None:
    """The word of `notify_on` that an execution's end is, None when it is none."""
    word = row.verdict if row.status == "completed" else row.status
    return word if word in ("failed", "could_not", "done") else None


def _task_of(cursor: Any, row: Execution) -> RecurringTask | None:
    found = boards.select(
        cursor,
        "recurring_tasks",
        RecurringTask,
        "WHERE store_id = $1 AND id = $2",
        [row.store_id, row.recurring_task_id],
    )
    return found[0] if found else None


def _family(alert: Alert) -> tuple[str, str | None, str | None]:
    return FAMILIES.get(alert.kind, alert.kind), alert.store_id, alert.recurring_task_id


def _newest(wall: str, timezone: str, now: datetime) -> datetime:
    """The newest instant, at `now` or before, at which the zone's clock showed `wall`."""
    hour, minute = wall.split(":")
    today = now.astimezone(ZoneInfo(timezone)).date()
    days = (today - timedelta(days=back) for back in (0, 1, 2))
    slots = (schedule.wall_instant(datetime.combine(day, time(int(hour), int(minute))), timezone) for day in days)
    return next(slot for slot in slots if slot <= now)


def _read(note: bytes | None) -> Told:
    """What was told; what cannot be understood is told anew."""
    if note is None:
        return Told()
    try:
        return msgspec.json.decode(note, type=Told)
    except msgspec.DecodeError:
        warn("What was told so far cannot be read, and is told anew.")
        return Told()


def _at_most(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
