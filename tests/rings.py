"""Which tests a run takes, and in which order: `--ring quick` (the default), `all` or `long`; see docs/testing.md."""

from __future__ import annotations

import json
import math
import os
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RINGS = ("quick", "all", "long")
QUICK = ("rules", "domain", "agent", "views")
"""Folders of the quick ring; so are the modules that stand in none."""
MEMORY, ROOM = Path("/dev/shm"), 4 * 2**30
"""A file system in memory, and how much it must have free for the tests' files."""
DURATIONS = HERE / "durations.json"

_chosen = {"ring": "quick"}


def count(few: int, many: int) -> int:
    """`many` in the long ring, `few` in the others; for modules and tests, as conftests are loaded too early."""
    return many if _chosen["ring"] == "long" else few


def within(seconds: float) -> float:
    """The limit of a test marked `timed`: so many seconds in the long ring, where it is alone, else ten times that."""
    return seconds if _chosen["ring"] == "long" else 10 * seconds


def is_alone(item: pytest.Item | None) -> bool:
    """Whether a test measures time, and so has the machine alone."""
    if item is None:
        return False
    timed = _chosen["ring"] == "long" and item.get_closest_marker("timed") is not None
    return timed or item.get_closest_marker("alone") is not None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("rings")
    group.addoption("--ring", choices=RINGS, default="quick", help="how much to run; what is named runs in any ring")
    group.addoption("--record", action="store_true", help=f"write the files' durations to {DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    """Choose the ring; single files are spread test by test, as there are not enough of them for both workers.

    Files are in memory where there is room, as most tests else wait for the disk, and no test turns the machine off;
    in the long ring they are on the disk.
    """
    _chosen["ring"] = config.getoption("ring")
    if _chosen["ring"] != "long" and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    if len(_named(config)) in (1, 2) and config.option.dist == "loadfile":
        config.option.dist = "worksteal"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import what the quick ring has no test of."""
    if _chosen["ring"] != "quick" or not collection_path.is_dir() or collection_path.parent != HERE:
        return None
    named = any(path.is_relative_to(collection_path) for path, _ in _named(config))
    return None if named or collection_path.name in QUICK else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the ring's tests and those that are named; begin with files of unknown duration, then with the longest."""
    named = _named(config)
    kept = [item for item in items if _belongs(item, named)]
    if len(kept) < len(items):
        taken = set(kept)
        config.hook.pytest_deselected(items=[item for item in items if item not in taken])
    seconds = json.loads(DURATIONS.read_text("utf-8"))
    kept.sort(key=lambda item: (-seconds.get(item.path.relative_to(HERE).as_posix(), math.inf), str(item.path)))
    items[:] = kept


def is_twin(item: pytest.Item) -> bool:
    """Whether a test is the one of two that runs on a PostgreSQL server."""
    given = getattr(item, "callspec", None)
    return given is not None and given.params.get("kept_in") == "server"


def needs_server(item: pytest.Item) -> bool:
    """Whether a test needs a PostgreSQL server."""
    return is_twin(item) or "postgres" in getattr(item, "fixturenames", ())


def uses_browser(item: pytest.Item) -> bool:
    """Whether a test opens pages in a browser: it has the fixture `chromium`, directly or by another."""
    return "chromium" in getattr(item, "fixturenames", ())


def _belongs(item: pytest.Item, named: list[tuple[Path, str]]) -> bool:
    if _chosen["ring"] == "long":
        return True
    if item.get_closest_marker("long"):
        return False
    if any(_is_named(item, *each) for each in named):
        return True
    if _chosen["ring"] == "all":
        return not (is_twin(item) and item.get_closest_marker("long_on_server"))
    folder = item.path.parent
    quick = folder == HERE or folder.name in QUICK
    return (
        quick and not needs_server(item) and (not uses_browser(item) or item.get_closest_marker("journey") is not None)
    )


def _named(config: pytest.Config) -> list[tuple[Path, str]]:
    """What the command line names, as paths and tests within; the folder of all tests is no choice."""
    parts = [argument.partition("::") for argument in config.args]
    paths = [(config.invocation_params.dir.joinpath(path).resolve(), inside) for path, _, inside in parts]
    return [(path, inside) for path, inside in paths if path not in (HERE, HERE.parent)]


def _is_named(item: pytest.Item, path: Path, inside: str) -> bool:
    return item.path.is_relative_to(path) and f"::{item.nodeid.partition('::')[2]}".startswith(f"::{inside}")
