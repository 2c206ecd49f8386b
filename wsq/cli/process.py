"""`wsq-process`: one pass of the scheduler, for cron, or one every few seconds with ``--watch``.

Exit status 0: everything due was settled. 1: an execution failed. 2: it could not do its work, and prints the reason.
128 + the signal's number: it was stopped by a signal.

Modules that an idle pass does not need are imported late or not at all.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from wsq import settings as configuration
from wsq.cli.flags import Flag, help_text, parse
from wsq.cli.output import count, created, local, outcome, plain, print_error, say, seconds, warn_of_exposure
from wsq.cli.signals import run_program
from wsq.clock import SystemClock
from wsq.errors import (
    InvalidInput,
    MissingCredentials,
    MissingDatabase,
    NewerWorkspace,
    NotAWorkspace,
    NotFound,
    SettingError,
    WsqError,
)
from wsq.version import VERSION

if TYPE_CHECKING:
    from tqdm import tqdm

    from wsq.agent.providers import Provider
    from wsq.api import Workspace
    from wsq.projections import Execution
    from wsq.runner.report import ProcessReport
    from wsq.runner.webhook import Pings

PROGRAM = "wsq-process"
ABOUT = (
    "One pass of the scheduler over every store: it resumes runs whose worker was lost, and runs or skips "
    "everything that is due. Run it from cron every few minutes, or with --watch."
)
STATUSES = (
    "Exit status: 0 if everything due was handled, 1 if a run failed, 2 if the work could not "
    "be done, 128 + the signal's number if it was stopped by a signal."
)
FLAGS = (
    Flag("--database", "The workspace: a path to a DuckDB file; else WSQ_DATABASE.", "PATH"),
    Flag("--stores", "Serve these stores only, by id and separated by commas; else WSQ_STORES.", "A,B"),
    Flag("--now", "Set the clock to this instant for the pass; ISO 8601 with an offset. Not with --watch.", "ISO"),
    Flag("--dry-run", "Show what would run, and write nothing."),
    Flag("--json", "Print one JSON object per pass on one line, and nothing else on standard output."),
    Flag("--quiet", "Print nothing for a pass without due tasks."),
    Flag("--watch", "Make a pass every so many seconds until stopped.", "SECONDS"),
    Flag("--meanwhile", "While tasks run, check for other due ones every so many seconds.", "SECONDS"),
    Flag("--max-concurrency", "Run at most so many tasks at a time; else WSQ_MAX_CONCURRENCY or 16.", "N"),
    Flag("--tethered", "Stop when standard input ends; used by wsq serve for its scheduler."),
    Flag("--version", "Show the version and exit."),
    Flag("--help", "Show this and exit; -h does the same."),
)
LASTING = (SettingError, MissingCredentials, MissingDatabase, NewerWorkspace, NotAWorkspace, NotFound)
"""Errors that the next pass would have too: they end a watch. Others are logged, and the watch goes on."""

LONGEST_WATCH = 86_400.0


class Options(NamedTuple):
    """Options of the passes. `watch` is the seconds between passes; None for a single one.

    `meanwhile` is the same while the executions of a single pass run; None for no further passes.
    """

    now: datetime | None = None
    watch: float | None = None
    meanwhile: float | None = None
    dry_run: bool = False
    json: bool = False
    quiet: bool = False
    tethered: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` and return the exit status; by default with those of the command line.

    In the latter case the process exits here: everything is closed and written, and tearing down the interpreter and
    DuckDB would take another sixth of an idle pass's time.
    """
    if arguments is not None:
        return _run(arguments)
    gc.set_threshold(50_000)  # collections during imports take an idle pass some milliseconds
    os._exit(_run(sys.argv[1:]))


def _run(arguments: Sequence[str]) -> int:
    return run_program(PROGRAM, lambda: _answer(arguments))


def _answer(arguments: Sequence[str]) -> int:
    if {"-h", "--help"}.intersection(arguments):
        say(help_text(PROGRAM, ABOUT, FLAGS, STATUSES))
        return 0
    given = parse(arguments, FLAGS)
    if "--version" in given:
        say(f"{PROGRAM} {VERSION}")
        return 0
    options, settings = _options(given), _settings(given)
    if options.tethered:
        _stop_at_end_of_input()
    from wsq.store.duckdb import instance

    instance.make_ready()
    return run(settings, options)


def run(settings: configuration.Settings, options: Options, provider: Provider | None = None) -> int:
    """Make the passes that `options` specify; return the exit status.

    Args:
        settings: The workspace, the stores and the maximum concurrency.
        options: The passes, their clock and their output.
        provider: A provider to use instead of the settings'.

    Raises:
        WsqError: The work could not be done; running executions are stopped, and their leases released.
    """
    pings, deadline = _pings(settings, options), _CloseDeadline()
    if pings is None:
        return _passes(settings, options, provider, None, None)
    pings.begin()
    try:
        return _passes(settings, options, provider, pings, deadline)
    except Exception as error:
        pings.end(2, str(error))
        raise
    finally:
        pings.close(deadline.left())


def _pings(settings: configuration.Settings, options: Options) -> Pings | None:
    """Return the pings of the ping service; None if none is set, and then nothing is imported for it."""
    unsaid = None if options.dry_run else settings.unsaid
    if settings.alert_url or settings.ping_url or unsaid:
        from wsq.cli import logs

        logs.set_up()
        if unsaid:
            logs.warn("not_sent", unsaid)
    if settings.ping_url is None or options.dry_run:
        return None
    from wsq.runner.webhook import Pings

    return Pings(settings.ping_url, watching=options.watch is not None)


class _CloseDeadline:
    """The shared deadline for pending requests at the end."""

    def __init__(self) -> None:
        self._since: float | None = None

    def left(self) -> float:
        """Return the seconds left, counted from the first call."""
        from wsq.runner.webhook import CLOSE_TIMEOUT

        if self._since is None:
            self._since = monotonic()
        return CLOSE_TIMEOUT - (monotonic() - self._since)


def _passes(
    settings: configuration.Settings,
    options: Options,
    provider: Provider | None,
    pings: Pings | None,
    deadline: _CloseDeadline | None,
) -> int:
    if options.watch is None:
        ws = _open(settings, options, provider)
        _warn(settings, options)
        return _closing(ws, lambda: Passes(ws, options, pings).once(), deadline)
    ws = _open_in_time(settings, options, options.watch, provider)
    _warn(settings, options)
    return _closing(ws, lambda: Passes(ws, options, pings).watch(), deadline)


def _warn(settings: configuration.Settings, options: Options) -> None:
    if not options.quiet:
        warn_of_exposure(PROGRAM, settings)


def _closing(ws: Workspace, work: Callable[[], int], deadline: _CloseDeadline | None) -> int:
    try:
        return work()
    finally:
        if deadline is not None:
            deadline.left()
        try:
            ws.close()
        except (WsqError, OSError) as error:
            from wsq.cli import logs

            logs.warn("not_closed", f"Closing the workspace failed: {error!r}")


def _open(settings: configuration.Settings, options: Options, provider: Provider | None) -> Workspace:
    from wsq.api import Workspace
    from wsq.clock import ShiftedClock

    clock = ShiftedClock(options.now) if options.now is not None else None
    return Workspace(settings, clock=clock, provider=provider, create=False)


def _open_in_time(
    settings: configuration.Settings, options: Options, pause: float, provider: Provider | None
) -> Workspace:
    """Open the workspace; retry while it is locked or not writable."""
    while True:
        try:
            return _open(settings, options, provider)
        except LASTING:
            raise
        except WsqError as error:
            from wsq.cli import logs

            logs.warn("tick_failed", error)
            threading.Event().wait(pause)


class Passes:
    """The passes of one run. Other threads put what the main thread should print into the inbox."""

    def __init__(self, ws: Workspace, options: Options, pings: Pings | None = None) -> None:
        self.ws = ws
        self._pings = pings
        self.options = options
        self.status = 0
        """The exit code of a single run: the highest of all its passes, even if a later one succeeds."""
        self._summary = ""
        self._open = 0
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._names: dict[str, str] = {}
        self._unserved: dict[str, str] = {}
        self._bar: tqdm[None] | None = None

    def once(self) -> int:
        """Make one pass, and the `meanwhile` passes until it ends; return the exit status."""
        self._bar = self._progress()
        try:
            self._begin()
            next_pass = self._next_pass()
            while self._open:
                item = self._next_item(next_pass)
                if item is not None:
                    item()
                    continue
                self._survive(self._begin)
                next_pass = self._next_pass()
        finally:
            if self._bar is not None:
                self._bar.close()
                self._bar = None
        if self._pings is not None:
            self._pings.end(self.status, self._summary)
        return self.status

    def watch(self) -> int:
        """Make a pass every so many seconds, while earlier executions run, until stopped."""
        pause = self.options.watch or 1.0
        due_at = monotonic()
        while True:
            self._survive(self._begin)
            due_at = max(due_at + pause, monotonic())  # passes missed meanwhile are not made up
            while (item := self._next_item(due_at)) is not None:
                self._survive(item)

    def _next_pass(self) -> float | None:
        """Return when the next `meanwhile` pass begins, on the monotonic clock; None for never."""
        return None if self.options.meanwhile is None else monotonic() + self.options.meanwhile

    def _next_item(self, until: float | None) -> Callable[[], None] | None:
        """Return the next item of the inbox; None if `until`, on the monotonic clock, comes first."""
        left = None if until is None else until - monotonic()
        try:
            return self._inbox.get(timeout=left) if left is None or left > 0 else None
        except Empty:
            return None

    def _begin(self) -> None:
        remark = self._clock_remark()
        begun = self.ws.begin_pass(
            dry_run=self.options.dry_run,
            interval=self.options.watch,
            on_end=lambda row: self._inbox.put(lambda: self._execution(row)),
            is_shifted=self.options.now is not None,
        )
        if remark:
            print_error(PROGRAM, remark)
        if not callable(begun):
            self._report(begun)
            return
        from wsq.cli import logs

        logs.set_up()
        self._open += 1
        threading.Thread(target=self._await, args=[begun], name="wsq-pass", daemon=True).start()

    def _clock_remark(self) -> str | None:
        """Say that the clock may be wrong; the pass goes on. A machine that was off for days gets the same remark."""
        from wsq.runner import heartbeat

        if self.options.now is not None:
            shown, apart = local(self.options.now, self._zone), self.options.now - SystemClock().now()
            if abs(apart) <= heartbeat.GAP:
                return None
            side = "ahead of" if apart > timedelta() else "behind"
            return f"--now sets the clock to {shown}, {_days(apart)} {side} this machine's. The pass goes on."
        gap = self.ws.clock_gap()
        if gap is None:
            return None
        shown = local(self.ws.clock.now(), self._zone)
        return f"The clock shows {shown}, {_days(gap)} after the last pass. The pass goes on."

    def _await(self, ended: Callable[[], ProcessReport]) -> None:
        def conclude(report: ProcessReport | None, trouble: BaseException | None) -> None:
            self._open -= 1
            if trouble is not None:
                raise trouble
            if report is not None:
                self._report(report)

        try:
            report = ended()
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            trouble = error
            self._inbox.put(lambda: conclude(None, trouble))
        else:
            self._inbox.put(lambda: conclude(report, None))

    def _survive(self, work: Callable[[], None]) -> None:
        """Run it; log errors that the next pass may not have, so that the watch goes on."""
        try:
            work()
        except LASTING:
            raise
        except Exception as error:  # noqa: BLE001 - logged, an unexpected one with its traceback
            from wsq.cli import logs

            if isinstance(error, WsqError):
                logs.warn("tick_failed", error)
            else:
                logs.set_up()
                logs.logger.exception("Unexpected error in a pass.", extra={"action": "tick_failed"})
            self._ended(2, str(error) or type(error).__name__)

    # Output

    def _ended(self, status: int, summary: str) -> None:
        """Record the end of a pass. With `--watch` it is pinged at once; a single run is pinged once at its end."""
        if status >= self.status:
            self.status, self._summary = status, summary
        if self.options.watch is not None and self._pings is not None:
            self._pings.end(status, summary)

    def _report(self, report: ProcessReport) -> None:
        unserved = report.unserved | report.unplanned
        status = 2 if unserved else 1 if report.failed else 0
        self._ended(status, "\n".join([_closing_line(report), *unserved.values()]))
        for which, sentence in unserved.items():
            if self._unserved.get(which) != sentence:  # a watch prints it once
                print_error(PROGRAM, sentence)
        self._unserved = unserved
        if self.options.quiet and not (report.due or report.executions):
            return
        if self.options.json:
            self._say(report.to_json())
            return
        for each in report.would_run:
            slots = f" ({count(each.slots, 'scheduled run')})" if each.slots > 1 else ""
            when = local(each.scheduled_for, self._zone)
            self._say(f"{when}  {each.store_id}  {plain(each.name)}  would run{slots}")
        self._say(_closing_line(report))

    def _execution(self, row: Execution) -> None:
        if self._bar is not None:
            self._bar.update()
        if self.options.json:
            return
        parts = [
            local(row.completed_at or row.started_at, self._zone),
            row.store_id,
            plain(self._name(row)),
            row.status,
            outcome(row),
            seconds(row.duration) if row.status != "skipped" else "",
            created(row),
        ]
        self._say("  ".join(filter(None, parts)))

    def _name(self, row: Execution) -> str:
        """Return the task's name; its id if it was deleted."""
        task = row.recurring_task_id
        if task not in self._names:
            tasks = self.ws.store(row.store_id).recurring_tasks()
            self._names.update((each.id, each.name) for each in tasks)
        return self._names.setdefault(task, task)

    @property
    def _zone(self) -> str:
        return self.ws.settings.timezone

    # On a terminal

    def _progress(self) -> tqdm[None] | None:
        """Return a progress bar of the due tasks, if a person is watching."""
        if self.options.dry_run or sys.stderr is None or not sys.stderr.isatty():
            return None
        due = self.ws.begin_pass(dry_run=True)
        if callable(due) or not due.due:
            return None
        from tqdm import tqdm

        return tqdm(total=due.due, unit="task", leave=False)

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        say(text)
        if self._bar is not None:
            self._bar.refresh()


def _closing_line(report: ProcessReport) -> str:
    where = f"in {count(report.stores, 'store')}"
    if not report.due and not report.executions:
        return f"Nothing was due {where}."
    outcomes = [
        f"{number:,} {what}"
        for number, what in (
            (report.completed, "completed"),
            (report.failed, "failed"),
            (report.skipped, "skipped"),
            (report.cancelled, "cancelled"),
            (report.resumed, "resumed"),
        )
        if number
    ]
    due = f"{count(report.due, 'task was', 'tasks were')} due {where}"
    if outcomes:
        return f"{due}: {', '.join(outcomes)}."
    return f"{due}." if report.would_run else f"{due}; another pass is running them."


def _days(apart: timedelta) -> str:
    return count(round(abs(apart) / timedelta(days=1)), "day")


def _options(given: dict[str, str | bool]) -> Options:
    options = Options(
        now=_instant(str(given["--now"])) if "--now" in given else None,
        watch=_pause("--watch", str(given["--watch"])) if "--watch" in given else None,
        meanwhile=_pause("--meanwhile", str(given["--meanwhile"])) if "--meanwhile" in given else None,
        dry_run="--dry-run" in given,
        json="--json" in given,
        quiet="--quiet" in given,
        tethered="--tethered" in given,
    )
    if options.now is not None and options.watch is not None:
        raise InvalidInput("--now sets the clock for a single pass and cannot be used with --watch.")
    if options.meanwhile is not None and options.watch is not None:
        raise InvalidInput("--meanwhile is for a single pass and cannot be used with --watch.")
    return options


def _settings(given: dict[str, str | bool]) -> configuration.Settings:
    def value(name: str) -> str | None:
        return str(given[name]) if name in given else None

    return configuration.load(
        database=value("--database"),
        stores=value("--stores"),
        max_concurrency=value("--max-concurrency"),
        flags=True,
    )


def _instant(text: str) -> datetime:
    expected = "an instant with its offset, from 1970 to 2199, such as 2026-03-02T12:00:00+01:00"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.utcoffset() is None or not 1970 <= instant.year < 2200:
        raise InvalidInput(f"--now is {text!r}, expected {expected}.")
    return instant


def _pause(flag: str, text: str) -> float:
    try:
        pause = float(text)
    except ValueError:
        pause = 0.0
    if not 0 < pause <= LONGEST_WATCH:
        raise InvalidInput(f"{flag} is {text!r}, expected seconds, more than 0 and at most a day.")
    return pause


def _stop_at_end_of_input() -> None:
    """Send this process SIGTERM when the process at the other end of standard input has ended."""

    def wait_for_the_end() -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:  # there is no standard input
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="wsq-tether", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
