"""Stop on SIGTERM and SIGINT: clean up, but exit in time in any case."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wsq.cli.output import prepare_streams, print_error, print_unexpected
from wsq.errors import WsqError

CLEAN_UP = 4.5
"""Seconds that a command has for cleaning up before it is killed."""

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopped(KeyboardInterrupt):
    """The process was stopped by a signal; `status` is its exit status."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"Stopped by {signal.Signals(self.number).name}."

    @property
    def status(self) -> int:
        """128 + the signal's number."""
        return 128 + self.number


def run_program(program: str, work: Callable[[], int]) -> int:
    """Return the exit status of `work`; 2 after an error, which is printed, and 128 + the number of a signal."""
    prepare_streams()
    try:
        with stoppable():
            try:
                return work()
            except (WsqError, OSError) as error:
                print_error(program, error)
            except Exception as error:  # noqa: BLE001 - Python would exit with 1, which means a failed execution
                print_unexpected(program, error)
            return 2
    except Stopped as stop:
        print_error(program, stop)
        return stop.status


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first signal; later ones are ignored.

    After the first signal the process has `CLEAN_UP` seconds. Then it exits whatever it waits for, even if this block
    has ended: it must not wait any longer for another process's lock.

    SIGINT stays ignored if it was ignored when the process started, as in a script's background: Ctrl+C is meant for
    the foreground there.
    """
    watchdog = _Watchdog()

    def stop(number: int, _frame: object) -> None:
        if watchdog.status is None:
            watchdog.wake(128 + number)
            raise Stopped(number)

    handled = [each for each in _SIGNALS if each != signal.SIGINT or signal.getsignal(each) != signal.SIG_IGN]
    former = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if watchdog.status is None or isinstance(interrupt, Stopped):
            raise
        raise Stopped(watchdog.status - 128) from None  # DuckDB makes a plain one of what a handler raises in it
    finally:
        if watchdog.status is None:
            watchdog.dismiss()
            for number, handler in former.items():
                signal.signal(number, handler)


class _Watchdog:
    """A thread started in advance: a signal handler must not take the locks of starting one."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()
        threading.Thread(target=self._watch, name="wsq-watchdog", daemon=True).start()

    def wake(self, status: int) -> None:
        """Exit with `status` in `CLEAN_UP` seconds."""
        self.status = status
        self._asleep.release()

    def dismiss(self) -> None:
        """End the thread without exiting."""
        self._asleep.release()

    def _watch(self) -> None:
        self._asleep.acquire()
        if self.status is not None:
            threading.Event().wait(CLEAN_UP)
            os._exit(self.status)
