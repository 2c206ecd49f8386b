"""`wsq doctor`: check the workspace. Each check reports problems in one sentence, and what to do."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import wsq
from wsq import settings as configuration
from wsq import zone_rules
from wsq.cli import opening
from wsq.cli.file_checks import problems
from wsq.cli.output import count, local, plain, say
from wsq.errors import InvalidInput, MissingDatabase, SettingError, WsqError
from wsq.runner.report import as_json
from wsq.statistics.health import Alert

SHOWN = 3
"""Maximum number of alerts shown per check; the others are counted."""


class Finding(NamedTuple):
    """The result of a check: a remark if all is well, else the problem."""

    ok: bool
    sentence: str


class _Examined:
    """A workspace that is checked; its alerts are computed on first use."""

    def __init__(self, ws: wsq.Workspace, zone: str) -> None:
        self.ws, self.zone = ws, zone

    @cached_property
    def alerts(self) -> list[Alert]:
        """All current alerts."""
        return self.ws.alerts()


def doctor_command(given: Namespace) -> int:
    """Run all checks and print the results, after a repair if that is asked for; return 1 if there are problems."""
    if given.backup is not None and not given.repair:
        raise InvalidInput("--backup says where --repair makes its backup, and --repair is not given.")
    repaired = {"repair": _repaired(given)} if given.repair else {}
    findings = repaired | _examine(given)
    if given.json:
        say(as_json([{"check": check, "ok": ok, "sentence": text} for check, (ok, text) in findings.items()]))
    else:
        for check, (ok, text) in findings.items():
            say(f"{'ok     ' if ok else 'problem'}  {check}: {plain(text)}")
        problems = sum(not finding.ok for finding in findings.values())
        say(f"{count(problems, 'problem')} found." if problems else "Everything is healthy.")
    return 0 if all(finding.ok for finding in findings.values()) else 1


def _repaired(given: Namespace) -> Finding:
    settings = opening.settings(given)
    beside = Path() if configuration.is_server(settings.database) else Path(settings.database).parent
    try:
        with opening.workspace(given, settings) as ws:
            done = ws.repair(given.backup or beside)
    except (InvalidInput, MissingDatabase, SettingError):  # of what is given, and not of the workspace
        raise
    except WsqError as error:
        return Finding(ok=False, sentence=str(error))
    if done is None:
        return Finding(ok=True, sentence="There was nothing to repair.")
    found = [
        f"{count(done.differences, 'difference')} between the projections and the log" if done.differences else "",
        f"{count(done.figures, 'event')} with figures that are not usable, which count as unknown"
        if done.figures
        else "",
    ]
    words = " and ".join(filter(None, found))
    said = [f"Folded the projections anew: {words}."] if words else []
    if done.schedules:
        said.append(f"{count(done.schedules, 'schedule')} had been put ahead by a clock: back on time from now.")
    return Finding(ok=True, sentence=f"{' '.join(said)} Before that copied to {done.backup}.")


def _examine(given: Namespace) -> dict[str, Finding]:
    """Return all findings by check; only the first if the workspace cannot be opened."""
    settings = opening.settings(given)
    try:
        with opening.workspace(given, settings) as ws:
            examined = _Examined(ws, settings.timezone)
            opened = Finding(ok=True, sentence=f"{ws.place} opens and has {count(len(ws.stores()), 'store')}.")
            return {"workspace": opened, **{check: _made(look, examined) for check, look in _CHECKS.items()}}
    except MissingDatabase:
        raise
    except WsqError as error:
        return {"workspace": Finding(ok=False, sentence=str(error))}


def _made(look: Callable[[_Examined], Finding], examined: _Examined) -> Finding:
    try:
        return look(examined)
    except WsqError as error:
        return Finding(ok=False, sentence=str(error))


def _log(examined: _Examined) -> Finding:
    differences = examined.ws.verify()
    if not differences:
        return Finding(ok=True, sentence="The log has no gaps, and the projections match it.")
    found = f"{count(len(differences), 'difference')} between the projections and the log, such as: {differences[0]}"
    return Finding(ok=False, sentence=f"{found} Run wsq verify to see all.")


def _settlements(examined: _Examined) -> Finding:
    violations = examined.ws.unsettled()
    if not violations:
        return Finding(ok=True, sentence="Every scheduled run is accounted for exactly once.")
    found = f"{count(len(violations), 'record')} of scheduled runs not matching the log: {violations[0]}"
    return Finding(ok=False, sentence=found)


def _alerts(check: str, *kinds: str) -> Callable[[_Examined], Finding]:
    """Return a check that reports alerts of these kinds; information is not a problem."""

    def look(examined: _Examined) -> Finding:
        alerts = [alert for alert in examined.alerts if alert.kind in kinds]
        if not alerts:
            return Finding(ok=True, sentence=_well(check, examined))
        more = f" And {len(alerts) - SHOWN:,} more." if len(alerts) > SHOWN else ""
        sentences = " ".join(alert.sentence for alert in alerts[:SHOWN])
        return Finding(ok=all(alert.level == "information" for alert in alerts), sentence=sentences + more)

    return look


def _well(check: str, examined: _Examined) -> str:
    seen = examined.ws.scheduler() if check == "scheduler" else None
    if seen is not None:
        last = local(seen.last.started_at, examined.zone)
        return f"The last pass was at {last} on {seen.last.host}; usually one runs every {seen.usual:g} s."
    return _WELL[check]


_WELL = {
    "scheduler": "No scheduler was seen, and no task is waiting for one.",
    "slots": "No run is late.",
    "tasks": "No task is failing.",
    "budgets": "No budget of today is 80 % used.",
    "leases": "No run was abandoned by its worker.",
    "pauses": "Nothing is paused.",
}


def _provider(examined: _Examined) -> Finding:
    provider = examined.ws.provider()
    if provider.kind == "offline":
        return Finding(ok=True, sentence="The offline provider is used, and no language model.")
    return Finding(ok=True, sentence=f"{provider.name} is used; its credentials are set.")


def _notifications(examined: _Examined) -> Finding:
    settings = examined.ws.settings
    if settings.unsaid:
        return Finding(ok=False, sentence=settings.unsaid)
    if settings.alert_url is None:
        return Finding(ok=True, sentence="No alerts are sent.")
    daily = f", and a digest at {settings.digest}" if settings.digest else ""
    return Finding(ok=True, sentence=f"Alerts are sent to {configuration.host_of(settings.alert_url)}{daily}.")


def _zones(examined: _Examined) -> Finding:
    """The rules of time zones: which are used, which others there are, and whether they are old."""
    if not (found := zone_rules.sources()):
        return Finding(ok=False, sentence="This machine has no rules of time zones. Install the package tzdata.")
    used, *others = found
    text = f"Times follow the rules {_described(used)}."
    if others:
        text += f" Not used: {', '.join(map(_described, others))}."
    old = used.is_old(examined.ws.clock.now().date())
    return Finding(ok=not old, sentence=f"{text} They are over a year old: update the package tzdata." if old else text)


def _writes(examined: _Examined) -> Finding:
    examined.ws.try_to_write()
    return Finding(ok=True, sentence="It can be written to.")


def _files(examined: _Examined) -> Finding:
    settings = examined.ws.settings
    found = problems(settings)
    well = (
        f"The owner can write to every file, and nobody else has more access than mode {settings.file_mode:04o} gives."
    )
    return Finding(ok=not found, sentence=" ".join(found) or well)


def _secrets(examined: _Examined) -> Finding:
    found = examined.ws.settings.exposed
    return Finding(ok=not found, sentence=" ".join(found) or "No key or password is exposed.")


def _described(source: zone_rules.Source) -> str:
    return f"{source.version or 'of no version'} in {source.folder}"


_CHECKS: dict[str, Callable[[_Examined], Finding]] = {
    "write": _writes,
    "files": _files,
    "secrets": _secrets,
    "log": _log,
    "settlements": _settlements,
    "scheduler": _alerts("scheduler", "scheduler", "no_credentials"),
    "slots": _alerts("slots", "never_ran", "late", "schedule_ahead"),
    "tasks": _alerts("tasks", "failing", "failed_repeatedly", "unknown_zone"),
    "budgets": _alerts("budgets", "over_budget"),
    "leases": _alerts("leases", "lease_expired", "lease_ahead"),
    "pauses": _alerts("pauses", "paused"),
    "zones": _zones,
    "provider": _provider,
    "outside": _notifications,
}
