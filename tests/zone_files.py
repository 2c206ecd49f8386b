"""Rules of time zones made by hand: TZif files in folders that say which version they are."""

from __future__ import annotations

import struct
import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

from wsq import zone_rules
from wsq.rules import values


def tzif(*periods: tuple[int, int]) -> bytes:
    """The rules of a zone whose clock is ahead of UTC by so many minutes from each of these seconds since 1970 on.

    The first period reaches back without an end.
    """
    names = [f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}" for _, minutes in periods]
    kinds = b"".join(struct.pack(">lBB", minutes * 60, 0, 6 * place) for place, (_, minutes) in enumerate(periods))
    times = b"".join(struct.pack(">q", since) for since, _ in periods[1:])
    after = bytes(range(1, len(periods)))
    texts = b"".join(name.encode() + b"\0" for name in names)
    last = periods[-1][1]
    footer = f"<{names[-1]}>{'+' if last < 0 else '-'}{abs(last) // 60}:{abs(last) % 60:02}"
    head = b"TZif2" + bytes(15)
    counts = struct.pack(">6l", 0, 0, 0, len(periods) - 1, len(periods), len(texts))
    return head + bytes(24) + head + counts + times + after + kinds + texts + f"\n{footer}\n".encode()


def rules_in(folder: Path, version: str | None, zones: dict[str, bytes]) -> Path:
    """A folder with these zones; what it is a version of stands in it, if any."""
    for name, data in zones.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    if version is not None:
        (folder / "tzdata.zi").write_text(f"# version {version}\n" + "".join(f"Z {name} 0\n" for name in zones))
    return folder


def of_the_package(name: str) -> bytes:
    """The rules that the package `tzdata` has for a zone."""
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


def all_names() -> list[str]:
    """The zones of the package `tzdata`."""
    return resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()


@contextmanager
def pythons_path(*folders: Path) -> Iterator[None]:
    """Have Python look for zones in these folders, as with ``PYTHONTZPATH``."""
    before = zoneinfo.TZPATH
    try:
        _look_in(list(map(str, folders)))
        yield
    finally:
        _look_in(list(before))


def _look_in(folders: list[str]) -> None:
    zoneinfo.reset_tzpath(folders)
    ZoneInfo.clear_cache()
    for cached in (zone_rules._sources, zone_rules._zone, zone_rules._agree):  # a folder of this name had other rules
        cached.cache_clear()
    values.zone.cache_clear()
