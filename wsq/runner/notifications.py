"""Notifications sent to a webhook: new and resolved alerts, ended executions, and a daily digest.

All processes of a workspace share the record of what was sent, in a file beside the database; the one that holds its
lock sends. Each message is recorded right after it was accepted, and none is sent while the record cannot be written.
So a message is only sent twice if the process is killed in between.
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

import msgspec

from wsq.errors import WsqError
from wsq.projections import Execution, RecurringTask
from wsq.queries import boards
from wsq.rules import schedule
from wsq.rules.providers import nothing_runs
from wsq.rules.values import zone
from wsq.runner import heartbeat, webhook
from wsq.runner.report import to_plain
from wsq.runner.webhook import BackgroundQueue, NotSent, send, warn
from wsq.statistics import health
from wsq.statistics.health import Alert, SchedulerHealth
from wsq.statistics.since import Since, since
from wsq.store.engine import Engine, LockedNote
from wsq.store.log import Log
from wsq.vocabulary import NOTIFY_ON, phrase

MOST_AT_ONCE = 20
"""New alerts that are sent one by one; further ones are only counted."""

EVERY = 60.0
"""Minimum seconds between two checks while idle: passes may come much more often."""

MOST_ENDS = 200
"""Maximum number of ended executions that wait to be sent; the oldest are dropped."""

AHEAD = timedelta(minutes=5)
"""How far in the future the last digest may lie, since clocks differ, and still count."""

LONGEST_TEXT = 10_000
"""Maximum characters of a message's text; Discord accepts 2,000 in ``content``."""

FAMILIES = {"failing": "failures", "failed_repeatedly": "failures", "never_ran": "slots", "late": "slots"}
"""Groups of kinds that replace each other: an alert is not resolved while another of its group is open."""

FILE = "told"  # the name in existing workspaces
_MENTION = re.compile(r"@(?=channel|all|here|everyone)", re.IGNORECASE)
_MARKUP = re.compile(r"[\\*_~`\[\]|]")  # an escaped bracket cannot start a link
_ANGLES = re.compile(r"[<>]")

End = tuple[str, str]
"""An ended execution: its store's id and its own."""


class Sent(msgspec.Struct, kw_only=True):
    """What was sent: the open alerts, and when the last digest was sent.

    `ends` are still to be sent, the next one first.
    """

    alerts: dict[str, Alert] = {}
    digest: datetime | None = None
    ends: list[End] = []


class _Record:
    """The record of what was sent, locked by this process."""

    def __init__(self, note: LockedNote) -> None:
        self._note = note
        self._lock = threading.Lock()
        self._is_writable = False
        self.sent = _read(note.read())

    @contextmanager
    def changing(self) -> Iterator[Sent]:
        """Change the record, and write it.

        Raises:
            NotSent: The record cannot be written.
        """
        with self._lock:
            yield self.sent
            self._write()

    def check_writable(self) -> None:
        """Check once that the record can be written, before anything is sent."""
        if not self._is_writable:
            with self._lock:
                self._write(force=True)

    def _write(self, *, force: bool = False) -> None:
        try:
            self._note.write(msgspec.json.encode(self.sent), force=force)
        except OSError as error:
            raise NotSent(f"No notifications are sent, since their record cannot be written: {error}.") from error
        self._is_writable = True


def scheduler_health(engine: Engine, now: datetime, missing: str | None = None) -> SchedulerHealth:
    """Return the state of the scheduler at `now`, from its heartbeats.

    `missing` is what is missing for anything to run in this process. It does not matter while the scheduler, which may
    be another process, can run what is due.
    """
    seen, here = heartbeat.scheduler(engine, now), nothing_runs(missing) if missing else None
    if seen is None:
        return SchedulerHealth(usual=heartbeat.USUAL.total_seconds(), refused=here)
    return SchedulerHealth(
        usual=seen.usual,
        missed=seen.missed,
        last_at=seen.last.started_at,
        host=seen.last.host,
        refused=heartbeat.refusal(seen) or (here if seen.missed else None),
    )


class Notifier:
    """Sends one workspace's notifications, on its own thread; only `close` blocks.

    Raises nothing: errors are logged. Example workspaces send nothing.

    Args:
        log: The workspace's log.
        url: The URL that messages are posted to.
        timezone: The zone of times in texts and of `digest`, a wall time such as ``08:00``.
        digest: When the daily digest is sent; None for never.
        missing: Returns what is missing for anything to run in this process; None if nothing is.
    """

    def __init__(
        self,
        log: Log,
        url: str,
        *,
        timezone: str,
        digest: str | None,
        missing: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._log = log
        self._url = url
        self._timezone = timezone
        self._digest = digest
        self._missing = missing
        self._queue = BackgroundQueue("wsq-notifier")
        self._looked_at: float | None = None
        self._lock = threading.RLock()
        self._fresh: list[End] = []
        self._record: _Record | None = None

    def ended(self, row: Execution) -> None:
        """Notify of an execution that this process ended."""
        if _outcome(row) is not None:
            with self._lock:
                self._fresh.append((row.store_id, row.id))
            self._queue.put(self._send_fresh_ends)

    def look(self, now: datetime, *, at_once: bool = True) -> None:
        """Check alerts and the digest as of `now`; without `at_once`, only if the last check is a minute ago."""
        if not at_once and self._looked_at is not None and monotonic() - self._looked_at < EVERY:
            return
        self._looked_at = monotonic()
        self._queue.put(lambda: self._send_all(now))

    def close(self) -> None:
        """Wait at most `webhook.CLOSE_TIMEOUT` seconds for pending messages; unsent ends are kept."""
        self._queue.close()
        with self._lock:
            if not self._fresh:
                return
            try:
                if self._record is not None:  # its thread is still sending
                    self._keep_fresh_ends(self._record)
                else:
                    self._with_record(self._keep_fresh_ends)
            except (NotSent, WsqError, OSError) as error:
                self._queue.report(str(error))
            if self._fresh:
                warn(f"Not notified of {_ends(len(self._fresh))}, since they could not be recorded.")

    # On the notifier's thread

    def _send_fresh_ends(self) -> None:
        """Send the ends of this process; waits for another sending process as long as for one message."""
        until = monotonic() + webhook.TIMEOUT
        while self._fresh and not self._with_record(self._send_ends) and monotonic() < until:
            sleep(0.05)

    def _send_all(self, now: datetime) -> None:
        """Send what has not been sent yet; does nothing while another process is sending."""
        if not self._is_example():
            self._with_record(lambda record: self._send_each(record, now))

    def _is_example(self) -> bool:
        return self._log.read(boards.workspace).demo

    def _with_record(self, work: Callable[[_Record], None]) -> bool:
        """Run `work` with the locked record; returns False, without running it, if another process holds the lock."""
        with self._log.engine.shared_note(FILE) as note:
            if note is None:
                return False
            self._record = record = _Record(note)
            try:
                work(record)
            finally:
                with self._lock:
                    self._record = None
        return True

    def _send_each(self, record: _Record, now: datetime) -> None:
        """Send all kinds; a refused message does not stop the others, an unreachable receiver does."""
        refused: NotSent | None = None
        for send_kind in (self._send_alerts, self._send_digest, self._send_ends):
            try:
                send_kind(record, now)
            except NotSent as error:
                if not error.is_lasting:
                    raise
                refused = refused or error
        if refused is not None:
            raise refused

    def _send_alerts(self, record: _Record, now: datetime) -> None:
        sent, seen = record.sent, scheduler_health(self._log.engine, now, self._missing())
        current = self._log.read_all(lambda cursor: health.alerts(cursor, now, seen, self._timezone))
        stopped = any(alert.kind == "scheduler" for alert in current)  # which explains late slots
        fresh = [
            each for each in current if each.key not in sent.alerts and not (stopped and _family(each)[0] == "slots")
        ]
        for alert in fresh[:MOST_AT_ONCE]:
            self._send(record, _of_alert("alert", alert.sentence, alert, now))
            with record.changing():
                sent.alerts[alert.key] = alert
        if others := fresh[MOST_AT_ONCE:]:
            self._send(record, message("alert", f"And {len(others):,} more alerts. Run wsq doctor to see them.", now))
            with record.changing():
                sent.alerts |= {alert.key: alert for alert in others}
        self._send_resolved(record, current, now)

    def _send_resolved(self, record: _Record, current: Iterable[Alert], now: datetime) -> None:
        sent = record.sent
        open_keys = {alert.key for alert in current}
        families = {_family(alert) for alert in current}
        gone = [alert for key, alert in sent.alerts.items() if key not in open_keys]
        resolved = [alert for alert in gone if _family(alert) not in families]
        for alert in resolved[:MOST_AT_ONCE]:
            self._send(record, _of_alert("resolved", f"Resolved: {alert.sentence}", alert, now))
            with record.changing():
                del sent.alerts[alert.key]
        if others := resolved[MOST_AT_ONCE:]:
            self._send(record, message("resolved", f"And {len(others):,} more alerts are resolved.", now))
        if gone:
            with record.changing():
                for alert in gone:
                    sent.alerts.pop(alert.key, None)

    def _send_digest(self, record: _Record, now: datetime) -> None:
        """Send the digest once a day, with the first check at or after its time; missed days are not made up."""
        if self._digest is None:
            return
        slot, last = _newest(self._digest, self._timezone, now), record.sent.digest
        if last is not None and last > now + AHEAD:  # a wrong clock, which would suppress all digests until then
            last = None
        if last is not None and last >= slot:
            return
        begun = last or slot - timedelta(days=1)
        stores = self._log.read(boards.stores)
        found = [self._log.read(partial(since, store_id=row.id, begun=begun, until=now, now=now)) for row in stores]
        self._send(record, _of_digest(found, begun, now, self._timezone))
        with record.changing() as sent:
            sent.digest = now

    def _send_ends(self, record: _Record, _now: datetime | None = None) -> None:
        """Send ended executions: this process's and recorded ones. One that fails is moved to the end.

        So a message that is refused forever does not block the others.
        """
        self._keep_fresh_ends(record)
        for end in list(record.sent.ends):
            try:
                found = self._log.read(partial(_to_send, end=end))
                if found is not None:
                    self._send(record, _of_end(*found))
            except NotSent:
                with record.changing() as sent:
                    sent.ends.remove(end)
                    sent.ends.append(end)
                raise
            with record.changing() as sent:
                sent.ends.remove(end)
            self._keep_fresh_ends(record)

    def _keep_fresh_ends(self, record: _Record) -> None:
        """Move this process's ended executions to the record, where they survive the process."""
        with self._lock:
            fresh, self._fresh = self._fresh, []
        if not fresh or self._is_example():
            return
        wanted = [end for end in fresh if self._log.read(partial(_to_send, end=end)) is not None]
        if not wanted:
            return
        try:
            with record.changing() as sent:
                sent.ends += [end for end in wanted if end not in sent.ends]
                if (more := len(sent.ends) - MOST_ENDS) > 0:
                    del sent.ends[:more]
                    warn(f"Not notified of {_ends(more)}, since {MOST_ENDS} are already waiting.")
        except NotSent:
            with self._lock:
                self._fresh = [*wanted, *self._fresh][-MOST_ENDS:]
            raise

    def _send(self, record: _Record, body: dict[str, Any]) -> None:
        full = {**body, "workspace": self._log.engine.place}
        record.check_writable()
        send(self._url, msgspec.json.encode(to_plain(full)), {"Content-Type": "application/json"})


# Message texts


def message(type_: str, text: str, at: datetime, /, **given: Any) -> dict[str, Any]:
    """Build a message: its `text` for Slack and Mattermost, `content` for Discord, and its fields.

    Text from people and models mentions nobody and contains no markup: everything is escaped as in Markdown. Slack does
    not support these escapes, so markup is turned off there, and backslashes are shown.
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
        "failed": f"failed ({phrase(row.reason or 'unknown')})",
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
    active = [each for each in found if not each.is_nothing]
    if active:
        text = "\n".join(each.text() if len(found) == 1 else f"{each.store_id}: {each.text()}" for each in active)
    else:
        text = f"Nothing happened since {begun.astimezone(zone(timezone)):%Y-%m-%d %H:%M %Z}."
    counts = [{name: getattr(each, name) for name in Since._columns} for each in active]
    return message("digest", text, now, since=begun, stores=counts)


def _outcome(row: Execution) -> str | None:
    """Return the word of `notify_on` for an execution's end; None if there is none."""
    word = row.verdict if row.status == "completed" else row.status
    return word if word in NOTIFY_ON else None


def _to_send(cursor: Any, *, end: End) -> tuple[Execution, RecurringTask] | None:
    """Return an execution and its task; None if nobody is to be notified of its end."""
    store_id, execution_id = end
    row = boards.find(cursor, "task_executions", Execution, store_id, execution_id)
    if row is None:
        return None
    task = boards.find(cursor, "recurring_tasks", RecurringTask, store_id, row.recurring_task_id)
    if task is None or not task.notify or _outcome(row) not in task.notify_on:
        return None
    return row, task


def _ends(number: int) -> str:
    return "1 ended execution" if number == 1 else f"{number:,} ended executions"


def _family(alert: Alert) -> tuple[str, str | None, str | None]:
    return FAMILIES.get(alert.kind, alert.kind), alert.store_id, alert.recurring_task_id


def _newest(wall: str, timezone: str, now: datetime) -> datetime:
    """Return the newest instant, `now` or earlier, at which the zone's clock showed `wall`."""
    hour, minute = wall.split(":")
    today = now.astimezone(zone(timezone)).date()
    days = (today - timedelta(days=back) for back in (0, 1, 2))
    slots = (schedule.wall_instant(datetime.combine(day, time(int(hour), int(minute))), timezone) for day in days)
    return next(slot for slot in slots if slot <= now)


def _read(note: bytes | None) -> Sent:
    """Return the record; a damaged one starts empty."""
    if note is None:
        return Sent()
    try:
        return msgspec.json.decode(note, type=Sent)
    except msgspec.DecodeError:
        warn("The record of sent notifications is damaged. Open alerts are sent again.")
        return Sent()


def _at_most(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
