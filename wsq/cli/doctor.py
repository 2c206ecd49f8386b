"""`wsq doctor`: is everything healthy? Each check finds what is wrong, in one sentence, and what would help."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import wsq
from wsq import settings as configuration
from wsq.cli.output import count, local, plain, say
from wsq.errors import WsqError
from wsq.runner.report import as_json
from wsq.statistics.health import Alert

TOLD = 3
"""How many alerts of a check are told in full; of the others it is said how many there are."""


class Finding(NamedTuple):
    """What a check came to: a remark when all is well, else the reason why not."""

    ok: bool
    sentence: str


class _Patient:
    """A workspace under examination; its alerts are asked for by the first check that looks at them."""

    def __init__(self, ws: wsq.Workspace, zone: str) -> None:
        self.ws, self.zone = ws, zone

    @cached_property
    def alerts(self) -> list[Alert]:
        """What is not as it should be."""
        return self.ws.alerts()


def doctor_command(given: Namespace) -> int:
    """Make every check and tell what was found; 1 when anything is not well."""
    findings = examine(given.database)
    if given.json:
        say(as_json([{"check": check, "ok": ok, "sentence": told} for check, (ok, told) in findings.items()]))
    else:
        for check, (ok, told) in findings.items():
            say(f"{'ok     ' if ok else 'problem'}  {check}: {plain(told)}")
        problems = sum(not finding.ok for finding in findings.values())
        say(f"{count(problems, 'problem')} found." if problems else "Everything is healthy.")
    return 0 if all(finding.ok for finding in findings.values()) else 1


def examine(database: str | None = None) -> dict[str, Finding]:
    """Every check's finding, by the check's name; the others are left out when the workspace cannot be opened."""
    settings = configuration.load(database=database)
    if "://" not in settings.database and not Path(settings.database).exists():
        missing = f"There is no workspace at {settings.database}; it is made when it is first used, as by wsq add."
        return {"workspace": Finding(ok=False, sentence=missing)}
    try:
        with wsq.open(database) as ws:
            patient = _Patient(ws, settings.timezone)
            opened = Finding(ok=True, sentence=f"{ws.place} opens and has {count(len(ws.stores()), 'store')}.")
            return {"workspace": opened, **{check: _made(look, patient) for check, look in _CHECKS.items()}}
    except WsqError as error:
        return {"workspace": Finding(ok=False, sentence=str(error))}


def _made(look: Callable[[_Patient], Finding], patient: _Patient) -> Finding:
    try:
        return look(patient)
    except WsqError as error:
        return Finding(ok=False, sentence=str(error))


def _log(patient: _Patient) -> Finding:
    differences = patient.ws.verify()
    if not differences:
        return Finding(ok=True, sentence="The log has no gap, and the projections are what it says.")
    found = f"{count(len(differences), 'difference')} between the projections and the log, such as: {differences[0]}"
    return Finding(ok=False, sentence=f"{found} See wsq verify.")


def _settlements(patient: _Patient) -> Finding:
    violations = patient.ws.unsettled()
    if not violations:
        return Finding(ok=True, sentence="Every slot that came due belongs to exactly one settlement.")
    found = f"{count(len(violations), 'settlement is', 'settlements are')} not what the log says: {violations[0]}"
    return Finding(ok=False, sentence=found)


def _alerted(check: str, *kinds: str) -> Callable[[_Patient], Finding]:
    """A check that finds what `ws.alerts` tells of these kinds; what is only information is no problem."""

    def look(patient: _Patient) -> Finding:
        told = [alert for alert in patient.alerts if alert.kind in kinds]
        if not told:
            return Finding(ok=True, sentence=_well(check, patient))
        more = f" And {len(told) - TOLD:,} more." if len(told) > TOLD else ""
        sentences = " ".join(alert.sentence for alert in told[:TOLD])
        return Finding(ok=all(alert.level == "information" for alert in told), sentence=sentences + more)

    return look


def _well(check: str, patient: _Patient) -> str:
    seen = patient.ws.scheduler() if check == "scheduler" else None
    if seen is not None:
        last = local(seen.last.started_at, patient.zone)
        return f"The last pass was at {last} on {seen.last.host}, usually one comes every {seen.usual:g} s."
    return _WELL[check]


_WELL = {
    "scheduler": "None was seen, and no task is waiting for one.",
    "slots": "No slot is waiting for longer than it should.",
    "tasks": "No task is failing.",
    "budgets": "No budget of today is spent to four fifths.",
    "leases": "No execution was left by its worker.",
    "pauses": "Nothing is paused.",
}


def _provider(patient: _Patient) -> Finding:
    provider = patient.ws.provider()
    if provider.kind == "offline":
        told = "The offline provider answers; no language model is asked."
        return Finding(ok=True, sentence=told)
    return Finding(ok=True, sentence=f"{provider.name} answers; the credentials for it are set.")


def _outside(patient: _Patient) -> Finding:
    settings = patient.ws.settings
    if settings.unsaid:
        return Finding(ok=False, sentence=settings.unsaid)
    if settings.alert_url is None:
        return Finding(ok=True, sentence="No alerts are told outside.")
    daily = f", and at {settings.digest} a digest" if settings.digest else ""
    return Finding(ok=True, sentence=f"Alerts go to {configuration.host_of(settings.alert_url)}{daily}.")


_CHECKS: dict[str, Callable[[_Patient], Finding]] = {
    "log": _log,
    "settlements": _settlements,
    "scheduler": _alerted("scheduler", "scheduler"),
    "slots": _alerted("slots", "never_ran", "late"),
    "tasks": _alerted("tasks", "failing", "failed_repeatedly"),
    "budgets": _alerted("budgets", "over_budget"),
    "leases": _alerted("leases", "lease_expired"),
    "pauses": _alerted("pauses", "paused"),
    "provider": _provider,
    "outside": _outside,
}
