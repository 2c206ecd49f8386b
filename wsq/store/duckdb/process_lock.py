"""A fair lock between processes, granted in the order of arrival."""

from __future__ import annotations

import _thread
import fcntl
import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from wsq.files import Files
from wsq.settings.values import without_password

NOTE_LENGTH = 240
"""Bytes of the holder's name in the lock file. It is written in place, so a full disk does not matter."""


class ProcessLock:
    """A fair lock between processes with a timeout.

    Two files are locked with ``flock``: ``turn`` by the next process, ``lock`` by the holder. Within a process
    only one thread at a time may use the lock; the lease ensures that.
    """

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._beside = files
        self._place: _Place | None = None
        self._given_up: _Place | None = None

    def acquire(self, timeout: float) -> None:
        """Acquire the lock, waiting at most `timeout` seconds.

        Raises:
            TimeoutError: The time is up; call `release` all the same.
            OSError: The lock files cannot be created or locked; call `release` all the same.
        """
        place = self._place = self._given_up or _Place(self._directory, self._beside)
        self._given_up = None
        if not place.resume():
            place = self._place = _Place(self._directory, self._beside)
            if place.try_now():
                place.sign()
                return
            place.queue()
        if not place.over.wait(timeout):
            raise TimeoutError
        if place.error is not None:
            raise place.error
        place.sign()

    def release(self) -> None:
        """Release the lock, or stop waiting for it. Does nothing otherwise."""
        place = self._place
        if place is None:
            return
        if place.abandon():
            self._given_up = place
        self._place = None

    def has_waiters(self) -> bool:
        """Whether another process is waiting. Call it only while holding the lock."""
        return self._place is not None and self._place.has_successor()

    def holder(self) -> str:
        """Describe the holder, as far as known: "process 123 (python -m wsq)"."""
        try:
            note = (self._directory / "lock").read_bytes()[:NOTE_LENGTH].decode(errors="replace").strip(" \0\n")
        except OSError:
            note = ""
        return note or "another process"

    def forget(self) -> None:
        """Reset after a fork, in the child: the parent's locks stay the parent's."""
        for place in (self._place, self._given_up):
            if place is not None:
                place.close_only()
        self._place = self._given_up = None


class _Place:
    """A place in the queue. A thread does the waiting, so that the caller can stop waiting at any time."""

    def __init__(self, directory: Path, files: Files) -> None:
        self._directory = directory
        self._beside = files
        self._files: dict[str, int] = {}
        self._mutex = threading.Lock()
        self._wanted = True
        self._queued = False
        self.over = threading.Event()
        self.error: OSError | None = None

    def try_now(self) -> bool:
        """Acquire the lock if it is free and nobody is waiting."""
        return self._acquire(fcntl.LOCK_NB)

    def queue(self) -> None:
        """Wait in a thread; `over` is set when it ends."""
        self._queued = True
        try:
            # Not threading.Thread: an interrupt could come between making it and starting it.
            _thread.start_new_thread(self._wait, ())
        except RuntimeError:
            self._queued = False
            raise

    def abandon(self) -> bool:
        """Release what is held; a thread that is still waiting releases the lock once it gets it.

        Returns whether a thread is still waiting.
        """
        with self._mutex:
            self._wanted = False
            if not self._queued:
                self._release()
            return self._queued

    def resume(self) -> bool:
        """Whether a thread is still waiting in this place; the caller takes its place again."""
        with self._mutex:
            if self._queued:
                self._wanted = True
            return self._queued

    def sign(self) -> None:
        """Write our name for waiting processes; best effort."""
        with suppress(OSError):
            os.pwrite(self._files["lock"], _name().ljust(NOTE_LENGTH)[:NOTE_LENGTH], 0)

    def has_successor(self) -> bool:
        """Whether another process is next in line."""
        try:
            fcntl.flock(self._files["turn"], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._files["turn"], fcntl.LOCK_UN)
        return False

    def close_only(self) -> None:
        """Close without unlocking: the locks are shared with the parent process."""
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)

    def _wait(self) -> None:
        try:
            self._acquire(0)
        except OSError as error:
            self.error = error
        with self._mutex:
            self._queued = False
            if not self._wanted:
                self._release()
        self.over.set()

    def _acquire(self, how: int) -> bool:
        while True:
            turn, lock = self._open("turn"), self._open("lock")
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | how)
                fcntl.flock(lock, fcntl.LOCK_EX | how)
            except BlockingIOError:
                return False
            fcntl.flock(turn, fcntl.LOCK_UN)
            if self._is_current(lock):
                return True
            self._release()

    def _open(self, name: str) -> int:
        if name not in self._files:
            self._files[name] = self._beside.open(self._directory / name)
        return self._files[name]

    def _is_current(self, lock: int) -> bool:
        """Whether the lock file is still the one on disk: it may have been deleted while we waited."""
        try:
            return os.path.samestat(os.fstat(lock), (self._directory / "lock").stat())
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        # Unlock first, explicitly: a forked child may share the open files. An interrupt in between leaves at worst
        # an open file that locks nothing.
        for file in list(self._files.values()):
            fcntl.flock(file, fcntl.LOCK_UN)
        while self._files:
            os.close(self._files.popitem()[1])


def _name() -> bytes:
    words = [Path(word).name if "/" in word else word for word in sys.orig_argv]
    command = without_password(" ".join(words))[:160]
    return f"process {os.getpid()} ({command})".replace("\n", " ").encode(errors="replace")
