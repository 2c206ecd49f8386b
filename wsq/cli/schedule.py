"""`wsq schedule`: let this machine run `wsq-process` every few minutes, with its best scheduler."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from wsq import settings as configuration
from wsq.cli import opening
from wsq.cli.output import count, local, plain, say
from wsq.cli.schedulers import ALL
from wsq.cli.schedulers.base import Entry, Installed, Scheduling, checked, name_for
from wsq.clock import SystemClock
from wsq.errors import MissingDatabase, SettingError, WsqError
from wsq.files import PRIVATE, Files
from wsq.runner.heartbeat import LATE, Scheduler
from wsq.runner.report import as_json

PROCESS = "wsq-process"

_WRITTEN_BY_INIT = {"ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"}
"""Variables that `wsq init --with-key` writes to wsq.toml."""


def schedule_command(given: Namespace) -> int:
    """Install the schedule, show its state, or remove it."""
    settings = opening.settings(given)
    if configuration.is_server(settings.database):  # the schedule would have to contain its password
        place = configuration.without_password(settings.database)
        raise SettingError(
            f"The workspace is {place}, expected a file: `wsq schedule` only supports workspaces on this machine."
        )
    return {"install": _install, "status": _status, "remove": _remove}[given.what](given, settings)


# Installing


def _install(given: Namespace, settings: configuration.Settings) -> int:
    opening.workspace(given, settings).close()  # fail now rather than at every pass
    by, database = _chosen(given.by), settings.database
    entry = entry_for(database, given.every, SystemClock().now())
    by.install(entry)
    if by.logs_to_file:  # the log contains task names, so only the owner may read it
        os.close(Files(Path(database)).open(Path(entry.log), PRIVATE))
    for other in _with_entry(entry.name):
        if other.word != by.word:
            other.remove(entry.name)
    say(f"{by.word} now runs {PROCESS} every {count(entry.every, 'minute')} for {plain(database)}.")
    say(by.hint(entry))
    for sentence in (*_unseen(), *configuration.load(database=database).exposed):
        say(sentence)
    return 0


def _chosen(word: str | None) -> Scheduling:
    """Return the requested scheduler, or the best available one.

    Raises:
        WsqError: It is unavailable, or none is available.
    """
    if word is None:
        hindrances = []
        for each in ALL:
            hindrance = each.hindrance()
            if hindrance is None:
                return each
            hindrances.append(hindrance.rstrip("."))
        why = "; ".join(hindrances)
        raise WsqError(
            f"No scheduler is available: {why}. Keep `wsq serve` or `wsq-process --watch 300` running instead."
        )
    by = next(each for each in ALL if each.word == word)
    hindrance = by.hindrance()
    if hindrance:
        raise WsqError(hindrance)
    return by


def entry_for(database: str, every: int, since: datetime) -> Entry:
    """Return the entry of a workspace's file, with the current settings.

    Raises:
        InvalidInput: A path cannot be written in a schedule.
        WsqError: This installation has no `wsq-process`.
    """
    program = Path(sys.executable).with_name(PROCESS)
    if not os.access(program, os.X_OK):
        raise WsqError(f"There is no {program}. Install wsq with pip, and use the wsq command that it installs.")
    config = configuration.file_in_use()
    return checked(
        Entry(
            name=name_for(database),
            program=str(program),
            database=database,
            folder=str(config.parent if config else Path("/")),  # a folder where no other user can put a wsq.toml
            log=f"{database}.log",
            every=every,
            since=since,
        )
    )


def _unseen() -> Iterable[str]:
    """Yield sentences about settings that only this shell's environment has."""
    unseen = configuration.only_in_environment()
    if not unseen:
        return
    config = configuration.file_in_use()
    names = " and ".join(configuration.VARIABLES[setting] for setting in unseen)
    yield f"The scheduler will not see {names}, which only this environment sets."
    if config:
        yield f"Write it to {config} ({', '.join(unseen)} = …)."
    elif _WRITTEN_BY_INIT.intersection(configuration.VARIABLES[setting] for setting in unseen):
        yield "Run `wsq init --user --with-key` to write the key to a wsq.toml that it reads, and install again."
    else:
        yield "Run `wsq init --user` to create a wsq.toml that it reads, and install again."


# Status


class _State:
    """The state of a workspace's schedule."""

    def __init__(self, name: str, seen: Scheduler | None, now: datetime) -> None:
        self.name = name
        self.entries = [found for by in ALL if (found := by.found(name)) is not None]
        self.seen = seen
        self.now = now

    @property
    def installed(self) -> Installed | None:
        return self.entries[0] if self.entries else None

    @property
    def is_missing(self) -> bool:
        """Whether passes are overdue; a new installation has some time for its first pass.

        If the time of installation is unknown, that time has passed.
        """
        if self.installed is None:
            return True
        grace = LATE * timedelta(minutes=self.installed.every or 5)
        since = self.installed.since
        return (self.seen is None or self.seen.missed) and (since is None or self.now - since > grace)

    @property
    def next_pass(self) -> datetime | None:
        """When the next pass is due at the latest; None if unknown."""
        expected = self.seen.expected_at if self.seen is not None and not self.seen.missed else None
        if self.installed is None or self.installed.every is None:
            return expected
        latest = (self.seen.last.started_at if expected and self.seen else self.now) + timedelta(
            minutes=self.installed.every
        )
        return min(expected, latest) if expected else latest

    @property
    def as_plain(self) -> dict[str, Any]:
        installed = self.installed
        return {
            "installed": installed is not None,
            "name": self.name,
            "with": installed and installed.by,
            "where": installed and installed.where,
            "every_minutes": installed and installed.every,
            "since": installed and installed.since,
            "last_pass": self.seen and self.seen.last.started_at,
            "next_pass": self.next_pass,
            "missing": self.is_missing,
        }


def _status(given: Namespace, settings: configuration.Settings) -> int:
    name = name_for(settings.database)
    try:
        with opening.workspace(given, settings) as ws:
            state = _State(name, ws.scheduler(), SystemClock().now())
    except MissingDatabase as missing:
        words = " and ".join(by.word for by in _with_entry(name))
        hint = f" {words} still runs {PROCESS} for it, until `wsq schedule remove`." if words else ""
        raise MissingDatabase(f"{missing}{hint}") from None
    if given.json:
        say(as_json(state.as_plain))
    else:
        _print(state, settings.database, settings.timezone)
    return 1 if state.is_missing else 0


def _print(state: _State, database: str, zone: str) -> None:
    installed, seen = state.installed, state.seen
    if installed is None:
        say(f"Nothing is installed for {plain(database)}. Run wsq schedule install.")
    else:
        often = f"every {count(installed.every, 'minute')}" if installed.every else "with a changed schedule"
        say(f"Installed with {installed.by}, {often}: {installed.name} in {plain(installed.where)}.")
    for other in state.entries[1:]:
        say(f"Also with {other.by}: {other.name} in {plain(other.where)}. Install again to keep only one.")
    say(
        f"Last pass: {local(seen.last.started_at, zone)} on {plain(seen.last.host)}."
        if seen
        else "No pass has run yet."
    )
    if installed and state.is_missing:
        say("Passes are missing. Check the log, and whether the machine was on.")
    elif state.next_pass:
        say(f"Next pass: by {local(state.next_pass, zone)}.")


# Removing


def _remove(given: Namespace, settings: configuration.Settings) -> int:
    """Remove what is installed, also if the workspace is gone."""
    name = name_for(settings.database)
    schedulers = list(_with_entry(name))
    if not schedulers:
        opening.workspace(given, settings).close()
    for by in schedulers:
        by.remove(name)
    words = " and ".join(by.word for by in schedulers)
    say(f"Removed from {words}: {name}." if schedulers else f"Nothing is installed for {plain(settings.database)}.")
    return 0


def _with_entry(name: str) -> Iterable[Scheduling]:
    return [by for by in ALL if by.found(name) is not None]
