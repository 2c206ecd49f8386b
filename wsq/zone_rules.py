"""The rules of time zones: one source for all of wsq, the newest on this machine.

A machine often has two sets of them: the operating system's, which Python takes by itself, and the package `tzdata`.
The one with the newest version is used for every zone that it has, the others for the rest. A folder that was named
with ``PYTHONTZPATH`` and does not say its version goes before them. Python's own search path is left alone.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

_NAME = re.compile(r"[A-Za-z0-9_+-]+(?:/[A-Za-z0-9_+-]+)*")
_VERSION = re.compile(r"(?:# version )?([0-9]{4}[a-z]*)")
_RELEASED = {"2025a": date(2025, 1, 15), "2025b": date(2025, 3, 22)}
_LONGEST_LINE = 100
_COMPARED = datetime(2000, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)


class Source(NamedTuple):
    """A set of rules: its version, such as ``2026f``, empty if it does not say; and where it is."""

    version: str
    folder: Path

    def is_old(self, today: date) -> bool:
        """Whether it was released more than a year ago; a release of unknown date counts from the end of its year."""
        if not self.version:
            return False
        released = _RELEASED.get(self.version, date(int(self.version[:4]), 12, 31))
        return (today - released).days > 366


def sources() -> tuple[Source, ...]:
    """The sets of rules on this machine, the one that is used first."""
    return _sources(zoneinfo.TZPATH)


def version() -> str:
    """The version of the rules that are used first; empty if they do not say it."""
    return next((source.version for source in sources()), "")


def zone(name: str) -> ZoneInfo:
    """The rules of a time zone by its IANA name; the same object each time. It cannot be pickled.

    Raises:
        LookupError: No set of rules on this machine has it.
    """
    return _zone(name, zoneinfo.TZPATH)


def same(one: str, other: str) -> bool:
    """Whether two names stand for the same rules from 2000 to 2050; of unknown zones only equal names do.

    Some systems keep apart, for the time before 1970, what is one zone with two names elsewhere.
    """
    return one == other or (_data(one) or one) == (_data(other) or other) or _agree(one, other)


@cache
def _agree(one: str, other: str) -> bool:
    """Whether two zones have the same offsets: every six hours, and each hour before one at which they have changed."""
    try:
        zones = zone(one), zone(other)
    except LookupError:
        return False
    at, before = _COMPARED[0], None
    while at < _COMPARED[1]:
        first, second = (at.astimezone(each).utcoffset() for each in zones)
        if first != second:
            return False
        if before not in (None, first):
            hours = (at - timedelta(hours=hour) for hour in range(6))
            if any(hour.astimezone(zones[0]).utcoffset() != hour.astimezone(zones[1]).utcoffset() for hour in hours):
                return False
        at, before = at + timedelta(hours=6), first
    return True


@cache
def names() -> tuple[str, ...]:
    """The names of all zones, sorted."""
    return tuple(sorted({name for source in sources() for name in _named(source)}))


@cache
def _sources(path: tuple[str, ...]) -> tuple[Source, ...]:
    found = {folder: _version(folder) for folder in map(Path, path) if folder.is_dir()}
    package = find_spec("tzdata")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent / "zoneinfo"
        found[folder] = _version(folder)
    by_age = sorted((Source(version, folder) for folder, version in found.items()), key=lambda s: s.version)[::-1]
    unsaid = [source for source in by_age if not source.version]
    first = unsaid if unsaid and not _is_usual(path) else []
    return (*first, *(source for source in by_age if source not in first))


def _is_usual(path: tuple[str, ...]) -> bool:
    """Whether Python has its usual search path."""
    import sysconfig

    return list(path) == (sysconfig.get_config_var("TZPATH") or "").split(":")


def _version(folder: Path) -> str:
    for name in ("tzdata.zi", "+VERSION"):
        try:
            with (folder / name).open(encoding="utf-8", errors="replace") as file:
                match = _VERSION.match(file.readline(_LONGEST_LINE))
        except OSError:
            continue
        if match:
            return match[1]
    return ""


@cache
def _zone(name: str, path: tuple[str, ...]) -> ZoneInfo:
    for file in _files(name, path):
        try:
            with file.open("rb") as data:
                return ZoneInfo.from_file(data, key=name)
        except (OSError, ValueError):  # it is a folder, or no rules
            continue
    raise LookupError(name)


def _files(name: str, path: tuple[str, ...]) -> Iterator[Path]:
    return (source.folder / name for source in _sources(path) if _NAME.fullmatch(name))


def _data(name: str) -> bytes | None:
    for file in _files(name, zoneinfo.TZPATH):
        try:
            return file.read_bytes()
        except OSError:
            continue
    return None


def _named(source: Source) -> Iterator[str]:
    """The names in a set's one-line-a-rule form: ``Z name …`` for a zone, ``L target name`` for a link."""
    try:
        text = (source.folder / "tzdata.zi").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        kind, *words = line.split(" ", 3)
        if kind in ("Z", "L") and len(words) > 1:
            yield words[kind == "L"]
