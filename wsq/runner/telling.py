"""What is told outside: alerts that are new and those that have cleared, ends of executions, and a daily digest.

All processes of a workspace share what was told, in a file beside the database; whoever holds its lock tells.
A message is on record there as soon as it was taken, and none is sent while nothing can be written there. So one is
told again only when its process was killed between the two, which is better than never.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from functools import partial
from time import monotonic, sleep
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from wsq.errors import WsqError
from wsq.projections import Execution, RecurringTask
from wsq.queries import boards
from wsq.rules import schedule
from wsq.runner import heartbeat, outside
from wsq.runner.outside import Lane, NotSent, send, warn
from wsq.runner.report import to_plain
from wsq.statistics import health
from wsq.statistics.health import Alert, Passing
from wsq.statistics.since import Since, since
from wsq.store.duckdb.notes import LockedNote
from wsq.store.engine import Engine
from wsq.store.log import Log

MOST_AT_ONCE = 20
"""New alerts that are told one by one; when there are more, the others are told by their number."""

EVERY = 60.0
"""Seconds between two looks at alerts while nothing is done: passes may come much more often."""

MOST_ENDS = 200
"""Ends of executions that wait to be told; of more the oldest are dropped."""

AHEAD = timedelta(minutes=5)
"""How far the last digest may lie in the future, by clocks that differ, and still be taken for the last one."""

LONGEST_TEXT = 10_000
"""Characters of a message's text; of its ``content`` Discord takes no more than 2,000."""

FAMILIES = {"failing": "failures", "failed_repeatedly": "failures", "never_ran": "slots", "late": "slots"}
"""Kinds that go over into each other: the end of one is not told as long as another of its family stands."""

FILE = "told"
_MENTION = re.compile(r"@(?=channel|all|here|everyone)", re.IGNORECASE)
_MARKUP = re.compile(r"[\\*_~`\[\]|]")  # a bracket that is none makes no link of the parenthesis behind it
_ANGLES = re.compile(r"[<>]")

End = tuple[str, str]
"""What ended: an execution's store and id."""


class Told(msgspec.Struct, kw_only=True):
    """What all processes together have told: the alerts that stand, and until when the last digest went.

    `ends` are to be told still, that first whose turn is next.
    """

    alerts: dict[str, Alert] = {}
    digest: datetime | None = None
    ends: list[End] = []


class _Record:
    """What was told, while it is in this process's charge."""

    def __init__(self, note: LockedNote) -> None:
        self._note = note
        self._door = threading.Lock()
        self._is_proven = False
        self.told = _read(note.read())

    @contextmanager
    def changing(self) -> Iterator[Told]:
        """Change it, and have it written.

        Raises:
            NotSent: It cannot be written.
        """
        with self._door:
            yield self.told
            self._write()

    def prove(self) -> None:
        """Find out, once, whether it can be written, before what should be on record then is sent."""
        if not self._is_proven:
            with self._door:
                self._write(force=True)

    def _write(self, *, force: bool = False) -> None:
        try:
            self._note.write(msgspec.json.encode(self.told), force=force)
        except OSError as error:
            raise NotSent(f"Nothing is told outside, since no record of it can be kept: {error}.") from error
        self._is_proven = True


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
        self._door = threading.RLock()
        self._fresh: list[End] = []
        self._record: _Record | None = None

    def ended(self, row: Execution) -> None:
        """An execution was ended by this process."""
        if _outcome(row) is not None:
            with self._door:
                self._fresh.append((row.store_id, row.id))
            self._lane.put(self._tell_fresh_ends)

    def look(self, now: datetime, *, at_once: bool = True) -> None:
        """Have alerts and the digest looked at as of `now`; not `at_once`: only when that is a minute ago here."""
        if not at_once and self._looked_at is not None and monotonic() - self._looked_at < EVERY:
            return
        self._looked_at = monotonic()
        self._lane.put(lambda: self._tell_all(now))

    def close(self) -> None:
        """Wait at most `outside.PATIENCE` seconds for what is being told; ends are kept for the next look."""
        self._lane.close()
        with self._door:
            if not self._fresh:
                return
            try:
                if self._record is not None:  # its thread still sends something
                    self._keep_fresh_ends(self._record)
                else:
                    self._in_charge(self._keep_fresh_ends)
            except (NotSent, WsqError, OSError) as error:
                self._lane.complain(str(error))
            if self._fresh:
                warn(f"{_ends(len(self._fresh))} not told, since what is told could not be put on record.")

    # On its thread

    def _tell_fresh_ends(self) -> None:
        """Tell what has ended here; while another process tells, it is waited for as long as for one message."""
        until = monotonic() + outside.LONGEST
        while self._fresh and not self._in_charge(self._tell_ends) and monotonic() < until:
            sleep(0.05)

    def _tell_all(self, now: datetime) -> None:
        """Tell what nobody has told yet; whoever comes while another process does it leaves it to that one."""
        if not self._is_example():
            self._in_charge(lambda record: self._tell_each(record, now))

    def _is_example(self) -> bool:
        return self._log.ask(boards.workspace).demo

    def _in_charge(self, work: Callable[[_Record], None]) -> bool:
        """Do it with the record in this process's charge; False, without doing it, while another has that."""
        with self._log.engine.shared_note(FILE) as note:
            if note is None:
                return False
            self._record = record = _Record(note)
            try:
                work(record)
            finally:
                with self._door:
                    self._record = None
        return True

    def _tell_each(self, record: _Record, now: datetime) -> None:
        """Of what is refused for what it says the rest is independent; a peer that is gone is asked no more."""
        refused: NotSent | None = None
        for tell in (self._tell_alerts, self._tell_digest, self._tell_ends):
            try:
                tell(record, now)
            except NotSent as error:
                if not error.is_lasting:
                    raise
                refused = refused or error
        if refused is not None:
            raise refused

    def _tell_alerts(self, record: _Record, now: datetime) -> None:
        told, seen = record.told, passing(self._log.engine, now)
        stand = self._log.ask_of_all(lambda cursor: health.alerts(cursor, now, seen, self._timezone))
        stopped = any(alert.kind == "scheduler" for alert in stand)  # then late slots are its doing
        fresh = [
            each for each in stand if each.key not in told.alerts and not (stopped and _family(each)[0] == "slots")
        ]
        for alert in fresh[:MOST_AT_ONCE]:
            self._send(record, _of_alert("alert", alert.sentence, alert, now))
            with record.changing():
                told.alerts[alert.key] = alert
        if others := fresh[MOST_AT_ONCE:]:
            self._send(record, message("alert", f"And {len(others):,} more alerts; wsq doctor tells them.", now))
            with record.changing():
                told.alerts |= {alert.key: alert for alert in others}
        self._tell_cleared(record, stand, now)

    def _tell_cleared(self, record: _Record, stand: Iterable[Alert], now: datetime) -> None:
        told = record.told
        standing = {alert.key for alert in stand}
        families = {_family(alert) for alert in stand}
        cleared = [alert for key, alert in told.alerts.items() if key not in standing]
        ended = [alert for alert in cleared if _family(alert) not in families]
        for alert in ended[:MOST_AT_ONCE]:
            self._send(record, _of_alert("resolved", f"It is over: {alert.sentence}", alert, now))
            with record.changing():
                del told.alerts[alert.key]
        if others := ended[MOST_AT_ONCE:]:
            self._send(record, message("resolved", f"And {len(others):,} more alerts are over.", now))
        if cleared:
            with record.changing():
                for alert in cleared:
                    told.alerts.pop(alert.key, None)

    def _tell_digest(self, record: _Record, now: datetime) -> None:
        """Sum up once a day, by the first pass at its time or after; of days that were slept through the newest."""
        if self._digest is None:
            return
        slot, last = _newest(self._digest, self._timezone, now), record.told.digest
        if last is not None and last > now + AHEAD:  # by a clock that was wrong: it would silence all until then
            last = None
        if last is not None and last >= slot:
            return
        begun = last or slot - timedelta(days=1)
        stores = self._log.ask(boards.stores)
        found = [self._log.ask(partial(since, store_id=row.id, begun=begun, until=now, now=now)) for row in stores]
        self._send(record, _of_digest(found, begun, now, self._timezone))
        with record.changing() as told:
            told.digest = now

    def _tell_ends(self, record: _Record, _now: datetime | None = None) -> None:
        """Tell what ended here, and what was not told before; what could not be sent is the last next time.

        So an end whose message is refused for ever does not keep the others back.
        """
        self._keep_fresh_ends(record)
        for end in list(record.told.ends):
            try:
                found = self._log.ask(partial(_to_be_told, end=end))
                if found is not None:
                    self._send(record, _of_end(*found))
            except NotSent:
                with record.changing() as told:
                    told.ends.remove(end)
                    told.ends.append(end)
                raise
            with record.changing() as told:
                told.ends.remove(end)
            self._keep_fresh_ends(record)

    def _keep_fresh_ends(self, record: _Record) -> None:
        """Put on record what has ended here: it waits there for its turn, whatever becomes of this process."""
        with self._door:
            fresh, self._fresh = self._fresh, []
        if not fresh or self._is_example():
            return
        wanted = [end for end in fresh if self._log.ask(partial(_to_be_told, end=end)) is not None]
        if not wanted:
            return
        try:
            with record.changing() as told:
                told.ends += [end for end in wanted if end not in told.ends]
                if (more := len(told.ends) - MOST_ENDS) > 0:
                    del told.ends[:more]
                    warn(f"{_ends(more)} not told any more, since {MOST_ENDS} wait already.")
        except NotSent:
            with self._door:
                self._fresh = [*wanted, *self._fresh][-MOST_ENDS:]
            raise

    def _send(self, record: _Record, body: dict[str, Any]) -> None:
        full = {**body, "workspace": self._log.engine.place}
        record.prove()
        send(self._url, msgspec.json.encode(to_plain(full)), {"Content-Type": "application/json"})


# What messages say


def message(type_: str, text: str, at: datetime, /, **given: Any) -> dict[str, Any]:
    """A message: its `text` as Slack and Mattermost take it, as `content` for Discord, and its fields.

    What people and models wrote calls nobody together there and is no markup: all that could be is escaped, as
    Markdown has it. Slack knows no such escapes, so it is told that there is no markup, and shows backslashes.
    """
    escaped = _MARKUP.sub(r"\\\g<0>", _MENTION.sub("@\u200b", text))
    entities = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {
        "type": type_,
        "text": _at_most(entities, LONGEST_TEXT),
        "mrkdwn": False,
        "content": _at_most(_ANGLES.sub(r"\\\g<0>", escaped), 2_000),
        "allowed_mentions": {"parse": []},
        "at": at,
        **given,
    }


def _of_alert(kind: str, text: str, alert: Alert, now: datetime) -> dict[str, Any]:
    return message(
        kind, " ".join(text.split()), now, kind=alert.kind, level=alert.level, key=alert.key, store=alert.store_id,
        task=alert.recurring_task_id, execution=alert.execution_id, since=alert.since,
    )  # fmt: skip


def _of_end(row: Execution, task: RecurringTask) -> dict[str, Any]:
    how = {
        "failed": f"failed ({(row.reason or 'unknown').replace('_', ' ')})",
        "could_not": "could not",
        "done": "is done",
    }
    said = _at_most(" ".join((row.error or row.output or "").split()), 1_000)
    text = f"{task.name!r} {how[_outcome(row) or 'done']}: {said} (for {', '.join(task.notify)})"
    text = " ".join(text.split())
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


def _to_be_told(cursor: Any, *, end: End) -> tuple[Execution, RecurringTask] | None:
    """An execution with its task; None when nobody is to be told how it ended, or not any more."""
    rows = boards.select(cursor, "task_executions", Execution, "WHERE store_id = $1 AND id = $2", list(end))
    if not rows:
        return None
    mine = [end[0], rows[0].recurring_task_id]
    tasks = boards.select(cursor, "recurring_tasks", RecurringTask, "WHERE store_id = $1 AND id = $2", mine)
    if not tasks or not tasks[0].notify or _outcome(rows[0]) not in tasks[0].notify_on:
        return None
    return rows[0], tasks[0]


def _ends(number: int) -> str:
    return "1 end of an execution is" if number == 1 else f"{number:,} ends of executions are"


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
