"""`wsq-process`: one pass of the scheduler for cron, or one every few seconds under ``--watch``.

Exit status 0: everything due was settled. 1: an execution failed. 2: it could not do its work, and says
why in one sentence. 128 and the signal's number: it was told to stop.

What a pass with nothing to do does not need is loaded late or not at all.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple

from wsq import settings as configuration
from wsq.cli.flags import Flag, help_text, parse
from wsq.cli.output import complain, confess, count, created, local, outcome, plain, ready, say, seconds
from wsq.cli.signals import Stopped, stoppable
from wsq.errors import (
    InvalidInput,
    MissingCredentials,
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
    "One pass of the scheduler over every store: executions whose worker was lost are taken up again, and "
    "every slot that has come due is settled. Run it from cron every few minutes, or with --watch."
)
STATUSES = (
    "Exit status: 0 when everything due was settled, 1 when an execution failed, 2 when the work could not "
    "be done, 128 and the signal's number when it was told to stop."
)
FLAGS = (
    Flag("--database", "The workspace: a path to a DuckDB file; else WSQ_DATABASE.", "PATH"),
    Flag("--stores", "Serve these stores only, by id and separated by commas; else WSQ_STORES.", "A,B"),
    Flag("--now", "Set the clock to this instant for the pass; ISO 8601 with an offset. Not with --watch.", "ISO"),
    Flag("--dry-run", "Say what would run, and write nothing."),
    Flag("--json", "Print one JSON object per pass on one line, and nothing else on standard output."),
    Flag("--quiet", "Say nothing of a pass that found nothing to do."),
    Flag("--watch", "Make a pass every so many seconds until told to stop.", "SECONDS"),
    Flag("--meanwhile", "While what it has started runs, look every so many seconds what else is due.", "SECONDS"),
    Flag("--max-concurrency", "Carry out at most so many at the same time; else WSQ_MAX_CONCURRENCY or 16.", "N"),
    Flag("--tethered", "Stop when standard input ends; so wsq serve takes its scheduler along."),
    Flag("--version", "Show the version and exit."),
    Flag("--help", "Show this and exit; -h does the same."),
)
LASTING = (SettingError, MissingCredentials, NewerWorkspace, NotAWorkspace, NotFound)
"""Errors that the next tick would meet again: they end a watch. Others are logged, and it goes on."""

LONGEST_WATCH = 86_400.0


class Options(NamedTuple):
    """How passes are made and told. `watch` is the seconds between two of them, None for a single one.

    `meanwhile` is the same for as long as the executions of a single one run; None for not looking again.
    """

    now: datetime | None = None
    watch: float | None = None
    meanwhile: float | None = None
    dry_run: bool = False
    json: bool = False
    quiet: bool = False
    tethered: bool = False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments` and return the exit status; without them those of the command line.

    In the latter case the process ends here: everything was closed and written, and taking the
    interpreter and DuckDB apart would cost an idle pass another sixth of its time.
    """
    if arguments is not None:
        return _run(arguments)
    gc.set_threshold(50_000)  # looking through what is only being loaded takes an idle pass some milliseconds
    os._exit(_run(sys.argv[1:]))


def _run(arguments: Sequence[str]) -> int:
    ready()
    try:
        with stoppable():
            return _answer(arguments)
    except Stopped as stop:
        complain(PROGRAM, stop)
        return stop.status


def _answer(arguments: Sequence[str]) -> int:
    if {"-h", "--help"}.intersection(arguments):
        say(help_text(PROGRAM, ABOUT, FLAGS, STATUSES))
        return 0
    try:
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
    except (WsqError, OSError) as error:
        complain(PROGRAM, error)
    except Exception as error:  # noqa: BLE001 - Python's own status would say that an execution failed
        confess(PROGRAM, error)
    return 2


def run(settings: configuration.Settings, options: Options, provider: Provider | None = None) -> int:
    """Make the passes that `options` ask for; returns the exit status.

    Args:
        settings: The workspace, the stores and how many executions run at the same time.
        options: How many passes are made, by which clock, and how they are told.
        provider: Answers instead of the one that the settings choose.

    Raises:
        WsqError: The work could not be done; what runs already is stopped, its leases released.
    """
    pings, farewell = _pings(settings, options), _Farewell()
    if pings is None:
        return _passes(settings, options, provider, None, None)
    pings.begin()
    try:
        return _passes(settings, options, provider, pings, farewell)
    except Exception as error:
        pings.end(2, str(error))
        raise
    finally:
        pings.close(farewell.left())


def _pings(settings: configuration.Settings, options: Options) -> Pings | None:
    """Who tells outside that passes are made; None when nobody is to, and then nothing for it is loaded."""
    if settings.alert_url or settings.ping_url:
        from wsq.cli import journal

        journal.keep()
    if settings.unsaid and not options.dry_run:
        from wsq.cli import journal

        journal.warn("not_told", settings.unsaid)
    if settings.ping_url is None or options.dry_run:
        return None
    from wsq.runner.webhook import Pings

    return Pings(settings.ping_url, watching=options.watch is not None)


class _Farewell:
    """How long is still waited at the end for what is being sent: once, however many send."""

    def __init__(self) -> None:
        self._since: float | None = None

    def left(self) -> float:
        """Seconds, counted from the first time that this was asked."""
        from wsq.runner.webhook import CLOSE_TIMEOUT

        if self._since is None:
            self._since = monotonic()
        return CLOSE_TIMEOUT - (monotonic() - self._since)


def _passes(
    settings: configuration.Settings,
    options: Options,
    provider: Provider | None,
    pings: Pings | None,
    farewell: _Farewell | None,
) -> int:
    if options.watch is None:
        ws = _open(settings, options, provider)
        return _closing(ws, lambda: Passes(ws, options, pings).once(), farewell)
    ws = _open_in_time(settings, options, options.watch, provider)
    return _closing(ws, lambda: Passes(ws, options, pings).watch(), farewell)


def _closing(ws: Workspace, work: Callable[[], int], farewell: _Farewell | None) -> int:
    try:
        return work()
    finally:
        if farewell is not None:
            farewell.left()
        try:
            ws.close()
        except (WsqError, OSError) as error:
            from wsq.cli import journal

            journal.warn("not_closed", f"What ran could not be given back in good order: {error!r}")


def _open(settings: configuration.Settings, options: Options, provider: Provider | None) -> Workspace:
    from wsq.api import Workspace
    from wsq.clock import ShiftedClock

    clock = ShiftedClock(options.now) if options.now is not None else None
    return Workspace(settings, clock=clock, provider=provider)


def _open_in_time(
    settings: configuration.Settings, options: Options, pause: float, provider: Provider | None
) -> Workspace:
    """Open the workspace, trying again while it is held by somebody else or cannot be written."""
    while True:
        try:
            return _open(settings, options, provider)
        except LASTING:
            raise
        except WsqError as error:
            from wsq.cli import journal

            journal.warn("tick_failed", error)
            threading.Event().wait(pause)


class Passes:
    """The passes of one run. Other threads leave in `inbox` what the main thread, and it alone, is to tell."""

    def __init__(self, ws: Workspace, options: Options, pings: Pings | None = None) -> None:
        self.ws = ws
        self._pings = pings
        self.options = options
        self.status = 0
        """What a single run exits with: the gravest of all its passes, also when a later look met no trouble."""
        self._told = ""
        self._open = 0
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._names: dict[str, str] = {}
        self._unserved: dict[str, str] = {}
        self._bar: tqdm[None] | None = None

    def once(self) -> int:
        """One pass, to its end, and those that were asked for meanwhile; returns the exit status."""
        self._bar = self._progress()
        try:
            self._begin()
            look_at = self._next_look()
            while self._open:
                if self._tell_next(look_at):
                    continue
                self._survive(self._begin)
                look_at = self._next_look()
        finally:
            self._end_progress()
        if self._pings is not None:
            self._pings.end(self.status, self._told)
        return self.status

    def watch(self) -> int:
        """A pass every so many seconds, while the executions of earlier ones run; until it is told to stop."""
        pause = self.options.watch or 1.0
        due_at = monotonic()
        while True:
            self._survive(self._begin)
            due_at = max(due_at + pause, monotonic())  # a tick that took long is not made up for
            self._listen(due_at)

    def _next_look(self) -> float | None:
        """When a pass is to begin beside the one that runs, on the monotonic clock; None for never."""
        return None if self.options.meanwhile is None else monotonic() + self.options.meanwhile

    def _tell_next(self, until: float | None) -> bool:
        """Tell what ends next; False when that instant of the monotonic clock has come before."""
        left = None if until is None else until - monotonic()
        if left is not None and left <= 0:
            return False
        try:
            told = self._inbox.get(timeout=left)
        except Empty:
            return False
        told()
        return True

    def _begin(self) -> None:
        begun = self.ws.begin_pass(
            dry_run=self.options.dry_run,
            interval=self.options.watch,
            on_end=lambda row: self._inbox.put(lambda: self._execution(row)),
            is_shifted=self.options.now is not None,
        )
        if not callable(begun):
            self._report(begun)
            return
        from wsq.cli import journal

        journal.keep()
        self._open += 1
        threading.Thread(target=self._await, args=[begun], name="wsq-pass", daemon=True).start()

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

    def _listen(self, until: float) -> None:
        """Tell what ends until that instant of the monotonic clock."""
        while (left := until - monotonic()) > 0:
            try:
                told = self._inbox.get(timeout=left)
            except Empty:
                return
            self._survive(told)

    def _survive(self, work: Callable[[], None]) -> None:
        """Do it; what the next tick may not meet again is logged, and the watch goes on."""
        try:
            work()
        except LASTING:
            raise
        except WsqError as error:
            from wsq.cli import journal

            journal.warn("tick_failed", error)
            self._ended(2, str(error))
        except Exception as error:  # noqa: BLE001 - logged with its traceback
            from wsq.cli import journal

            journal.keep()
            journal.logger.exception("A pass met something unforeseen.", extra={"action": "tick_failed"})
            self._ended(2, str(error) or type(error).__name__)

    # Telling

    def _ended(self, status: int, told: str) -> None:
        """A pass has ended. Under a watch that is told outside; a single run tells its end once, when it has come."""
        if status >= self.status:
            self.status, self._told = status, told
        if self.options.watch is not None and self._pings is not None:
            self._pings.end(status, told)

    def _report(self, report: ProcessReport) -> None:
        status = 2 if report.unserved else 1 if report.failed else 0
        self._ended(status, "\n".join([_closing_line(report), *report.unserved.values()]))
        for store, sentence in report.unserved.items():
            if self._unserved.get(store) != sentence:  # a watch says it once
                complain(PROGRAM, sentence)
        self._unserved = report.unserved
        if self.options.quiet and not (report.due or report.executions):
            return
        if self.options.json:
            self._say(report.to_json())
            return
        for each in report.would_run:
            slots = f" ({count(each.slots, 'slot')})" if each.slots > 1 else ""
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
        """The task's name; its id when it has been deleted meanwhile."""
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
        """A bar over what is due, when a person is watching."""
        if self.options.dry_run or sys.stderr is None or not sys.stderr.isatty():
            return None
        due = self.ws.begin_pass(dry_run=True)
        if callable(due) or not due.due:
            return None
        from tqdm import tqdm

        return tqdm(total=due.due, unit="task", leave=False)

    def _end_progress(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

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
    came_to = [
        f"{number:,} {what}"
        for number, what in (
            (report.completed, "completed"),
            (report.failed, "failed"),
            (report.skipped, "skipped"),
            (report.cancelled, "cancelled"),
            (report.resumed, "taken up again"),
        )
        if number
    ]
    due = f"{count(report.due, 'task was', 'tasks were')} due {where}"
    if came_to:
        return f"{due}: {', '.join(came_to)}."
    return f"{due}." if report.would_run else f"{due}; another pass has taken up what was."


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
        raise InvalidInput("--now sets the clock for a single pass and cannot be given with --watch.")
    if options.meanwhile is not None and options.watch is not None:
        raise InvalidInput("--meanwhile is for a single pass; --watch looks again anyway.")
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
    """End as if by SIGTERM when whoever holds the other end of standard input is gone, however it went."""

    def wait_for_the_end() -> None:
        try:
            while os.read(0, 1024):
                pass
        except OSError:  # there is no standard input: nobody holds the other end
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="wsq-tether", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
