"""What `wsq doctor` finds on the files of a workspace: whose they are, and who else may use them."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from wsq.cli.output import count
from wsq.errors import SettingError
from wsq.files import user_name
from wsq.settings import Settings, is_server
from wsq.views.auth.setup import users_file

_OTHERS = 0o066
"""What the group and everybody else may do with a file."""


def problems(settings: Settings) -> list[str]:
    """Return a sentence for each kind of problem; none if all is well."""
    database = None if is_server(settings.database) else Path(settings.database)
    beside = dict(_status(_beside(database))) if database else {}
    login = dict(_status(_of_the_login(settings)))
    found = [_owners(database, beside | login)] if database else []
    found.append(_open_files(beside | login, settings.file_mode))
    return [sentence for sentence in found if sentence]


def _beside(database: Path) -> Iterator[Path]:
    """Yield the files of a workspace. Copies in ``private`` belong to one process each."""
    yield database
    for end in ("wal", "log", "wsq"):
        yield Path(f"{database}.{end}")
    side = Path(f"{database}.wsq")
    for folder in (side, side / "passes", side / "running"):
        with suppress(OSError):  # it is missing, or another user's, which is found then
            yield from folder.iterdir()


def _of_the_login(settings: Settings) -> Iterator[Path]:
    try:
        path = users_file(settings).path
    except SettingError:  # there is no place for one
        return
    for end in ("", ".lock", ".secret"):
        yield Path(f"{path}{end}")


def _status(paths: Iterator[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in paths:
        try:
            yield path, path.stat()
        except FileNotFoundError:  # none, or another process has just removed it
            continue


def _owners(database: Path, found: dict[Path, os.stat_result]) -> str | None:
    """Name the files that the database's owner cannot write to."""
    owner = found[database]
    locked = [
        path
        for path, each in found.items()
        if each.st_uid != owner.st_uid
        and not each.st_mode & stat.S_IWOTH
        and not (each.st_mode & stat.S_IWGRP and each.st_gid == owner.st_gid)
    ]
    if not locked:
        return None
    whose, name = user_name(found[locked[0]].st_uid), user_name(owner.st_uid)
    return (
        f"{name}, the owner of {database}, cannot write to {_named(locked)} (owner {whose}). "
        f"Run chown -R {name}: {_words(locked)}."
    )


def _open_files(found: dict[Path, os.stat_result], mode: int) -> str | None:
    """Name the files that give others more than `mode` does."""
    wide = [path for path, each in found.items() if each.st_mode & _OTHERS & ~mode]
    if not wide:
        return None
    shown = stat.S_IMODE(found[wide[0]].st_mode)
    group, others = (
        "".join(letter for bit, letter in ((4, "r"), (2, "w"), (4, "X")) if mode >> shift & bit) for shift in (3, 0)
    )
    return (
        f"Other users of this machine can open {_named(wide)} (mode {shown:04o}). "
        f"Run chmod -R g={group},o={others} {_words(wide)}, or set WSQ_FILE_MODE if that is meant."
    )


def _named(paths: list[Path]) -> str:
    more = f" and {count(len(paths) - 1, 'other file')}" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"


def _words(paths: list[Path]) -> str:
    """Return the paths as words of a shell's command, without what is inside another one."""
    return " ".join(shlex.quote(str(path)) for path in paths if not {*path.parents}.intersection(paths))
