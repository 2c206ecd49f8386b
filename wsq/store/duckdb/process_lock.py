"""The door between processes: one at a time goes through, in the order in which they came."""

from __future__ import annotations

import _thread
import fcntl
import os
import sys
import threading
from pathlib import Path

NOTE_LENGTH = 240
"""Bytes of the holder's name in the lock file; written in place, so that a full disk does not matter."""


class Gate:
    """A lock among processes that is fair and whose waiting can be given up.

    Two files are locked with ``flock``: ``turn`` by whoever is next, ``lock`` by whoever is inside.
    Within a process only one thread at a time may use a gate; the lease sees to that.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._place: _Place | None = None
        self._given_up: _Place | None = None

    def enter(self, patience: float) -> None:
        """Come to be the one inside, waiting at most `patience` seconds.

        Raises:
            TimeoutError: the patience is at its end; call `leave` all the same.
            OSError: the lock files cannot be made or locked; call `leave` all the same.
        """
        place = self._place = self._given_up or _Place(self._directory)
        self._given_up = None
        if not place.taken_up_again():
            place = self._place = _Place(self._directory)
            if place.at_once():
                place.sign()
                return
            place.queue()
        if not place.over.wait(patience):
            raise TimeoutError
        if place.error is not None:
            raise place.error
        place.sign()

    def leave(self) -> None:
        """Let the next one in, or stop waiting; does nothing when neither is the case."""
        place = self._place
        if place is None:
            return
        if place.give_up():
            self._given_up = place
        self._place = None

    def somebody_waits(self) -> bool:
        """Whether another process stands at the door; only for the one inside."""
        return self._place is not None and self._place.is_followed()

    def holder(self) -> str:
        """Who is inside, as far as it is known: "process 123 (python -m wsq)"."""
        try:
            note = (self._directory / "lock").read_bytes()[:NOTE_LENGTH].decode(errors="replace").strip(" \0\n")
        except OSError:
            note = ""
        return note or "another process"

    def forget(self) -> None:
        """After a fork, in the child: what the parent holds is the parent's."""
        for place in (self._place, self._given_up):
            if place is not None:
                place.close_only()
        self._place = self._given_up = None


class _Place:
    """A place in the queue. Where it has to wait, a thread stands in it, so that its owner can walk away."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, int] = {}
        self._mutex = threading.Lock()
        self._wanted = True
        self._queued = False
        self.over = threading.Event()
        self.error: OSError | None = None

    def at_once(self) -> bool:
        """Go in when nobody stands before us."""
        return self._acquire(fcntl.LOCK_NB)

    def queue(self) -> None:
        """Wait in a thread of our own; `over` is set when that has ended."""
        self._queued = True
        try:
            # Not threading.Thread: an interrupt could come between making it and starting it.
            _thread.start_new_thread(self._stand, ())
        except RuntimeError:
            self._queued = False
            raise

    def give_up(self) -> bool:
        """Release what is held; what a thread still waits for is released when it comes.

        Returns whether a thread still waits.
        """
        with self._mutex:
            self._wanted = False
            if not self._queued:
                self._release()
            return self._queued

    def taken_up_again(self) -> bool:
        """Whether a thread still waits in this place; its owner wants what it gets once more."""
        with self._mutex:
            if self._queued:
                self._wanted = True
            return self._queued

    def sign(self) -> None:
        """Leave our name for those who wait; no more than a courtesy, so it may fail."""
        try:
            os.pwrite(self._files["lock"], _name().ljust(NOTE_LENGTH)[:NOTE_LENGTH], 0)
        except OSError:
            return

    def is_followed(self) -> bool:
        """Whether somebody has taken the next turn."""
        try:
            fcntl.flock(self._files["turn"], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._files["turn"], fcntl.LOCK_UN)
        return False

    def close_only(self) -> None:
        """Close without unlocking: the locks are shared with the process that we were forked from."""
        files, self._files = self._files, {}
        for file in files.values():
            os.close(file)

    def _stand(self) -> None:
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
            if self._is_still_there(lock):
                return True
            self._release()

    def _open(self, name: str) -> int:
        if name not in self._files:
            self._directory.mkdir(exist_ok=True)
            self._files[name] = os.open(self._directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        return self._files[name]

    def _is_still_there(self, lock: int) -> bool:
        """Whether the others lock the same file: somebody may have deleted it while we waited."""
        try:
            return os.path.samestat(os.fstat(lock), (self._directory / "lock").stat())
        except FileNotFoundError:
            return False

    def _release(self) -> None:
        # Unlocked first and by name: a forked child may share the open files, and an interrupt in
        # between may at worst leave a file open that locks nothing.
        for file in list(self._files.values()):
            fcntl.flock(file, fcntl.LOCK_UN)
        while self._files:
            os.close(self._files.popitem()[1])


def _name() -> bytes:
    words = [Path(word).name if "/" in word else word for word in sys.orig_argv]
    return f"process {os.getpid()} ({' '.join(words)[:160]})".replace("\n", " ").encode(errors="replace")
