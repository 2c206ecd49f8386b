"""Warnings about what anybody can cause as often as they like."""

from __future__ import annotations

import logging
import threading

EVERY = 60.0
"""Seconds between two lines of the same sentence."""


class Rarely:
    """Logs each sentence once a minute at most, with how often it was left out meanwhile."""

    def __init__(self, log: logging.Logger, action: str) -> None:
        self._log = log
        self._action = action
        self._lock = threading.Lock()
        self._last: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warn(self, now: float, sentence: str, *given: object) -> None:
        """Log a sentence, unless it was logged in the last minute; `now` is in seconds of a monotonic clock."""
        with self._lock:
            if now - self._last.get(sentence, -EVERY) < EVERY:
                self._left_out[sentence] = self._left_out.get(sentence, 0) + 1
                return
            self._last[sentence] = now
            left_out = self._left_out.pop(sentence, 0)
        times = f" ({left_out:,} more since the last such line)" if left_out else ""
        self._log.warning(f"{sentence}%s", *given, times, extra={"action": self._action})
