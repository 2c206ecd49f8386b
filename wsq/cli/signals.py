"""Being told to stop: SIGTERM and SIGINT end a command in good order, and in any case in time."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 4.5
"""Seconds that a command has for giving back what it holds before it is ended for good."""

_TOLD = (signal.SIGTERM, signal.SIGINT)


class Stopped(KeyboardInterrupt):
    """The process was told to stop by a signal; `status` is what it exits with."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"Stopped by {signal.Signals(self.number).name}."

    @property
    def status(self) -> int:
        """128 and the signal's number."""
        return 128 + self.number


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise `Stopped` in the main thread at the first signal; later ones only repeat what is known.

    From the first signal on the process has `PATIENCE` seconds. Then it exits whatever it waits for, also
    when it does so after the end of this block: another process's lock cannot be waited for any longer.

    SIGINT stays ignored where it was when the process began, as in a script's background: the Ctrl+C that comes
    there is meant for what runs in front.
    """
    watchdog = _Watchdog()

    def stop(number: int, _frame: object) -> None:
        if watchdog.status is None:
            watchdog.wake(128 + number)
            raise Stopped(number)

    told = [number for number in _TOLD if number != signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    former = {number: signal.signal(number, stop) for number in told}
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
    """A thread that was started in good time: a signal's handler may not take the locks of starting one."""

    def __init__(self) -> None:
        self.status: int | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()
        threading.Thread(target=self._watch, name="wsq-watchdog", daemon=True).start()

    def wake(self, status: int) -> None:
        """Exit with `status` in `PATIENCE` seconds."""
        self.status = status
        self._asleep.release()

    def dismiss(self) -> None:
        """Nothing came: go away."""
        self._asleep.release()

    def _watch(self) -> None:
        self._asleep.acquire()
        if self.status is not None:
            threading.Event().wait(PATIENCE)
            os._exit(self.status)
