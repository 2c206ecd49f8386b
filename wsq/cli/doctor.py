"""`wsq doctor`: is everything healthy? Each check finds what is wrong, in one sentence, and what would help."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import wsq
from wsq import settings as configuration
from wsq.cli.output import count, local, plain, say
from wsq.errors import WsqError
from wsq.projections import RecurringTask
from wsq.rules.budgets import Spending
from wsq.runner.heartbeat import USUAL
from wsq.runner.report import as_json

FAILURES = 5
"""A task that failed so many times in a row needs somebody to look at it; by then it has been disabled."""

LATE = 3
"""A slot that is due for so many of the scheduler's usual intervals should have been settled."""


class Finding(NamedTuple):
    """What a check came to: a remark when all is well, else the reason why not."""

    ok: bool
    sentence: str


class _Patient(NamedTuple):
    """A workspace under examination."""

    ws: wsq.Workspace
    now: datetime
    tasks: list[RecurringTask]
    zone: str


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
            tasks = [task for store in ws.stores() for task in ws.store(store.id).recurring_tasks()]
            patient = _Patient(ws, ws.clock.now(), tasks, settings.timezone)
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


def _scheduler(patient: _Patient) -> Finding:
    seen = patient.ws.scheduler()
    if seen is None and not _scheduled(patient):
        return Finding(ok=True, sentence="None was seen, and no task is waiting for one.")
    if seen is None:
        return Finding(ok=False, sentence="No pass was ever seen; run wsq serve, or wsq-process from cron.")
    last = local(seen.last.started_at, patient.zone)
    told = f"The last pass was at {last} on {seen.last.host}, usually one comes every {seen.usual:g} s"
    if seen.missed:
        return Finding(ok=False, sentence=f"{told}; none has come since: see to wsq serve or to cron.")
    return Finding(ok=True, sentence=f"{told}.")


def _slots(patient: _Patient) -> Finding:
    seen = patient.ws.scheduler()
    patience = LATE * (timedelta(seconds=seen.usual) if seen else USUAL)
    late = [task for task in _scheduled(patient) if _next(task) < patient.now - patience]
    if not late:
        return Finding(ok=True, sentence="No slot is waiting for longer than it should.")
    oldest = min(late, key=_next)
    since = local(oldest.next_execution_at, patient.zone)
    told = f"{count(len(late), 'task is', 'tasks are')} due and not settled, such as {oldest.name!r} since {since}."
    return Finding(ok=False, sentence=told)


def _tasks(patient: _Patient) -> Finding:
    failing = [task for task in patient.tasks if task.failures_in_row >= FAILURES]
    if not failing:
        return Finding(ok=True, sentence=f"No task has failed {FAILURES} times in a row.")
    told = ", ".join(f"{task.name!r} ({task.failures_in_row} times, store {task.store_id})" for task in failing)
    return Finding(ok=False, sentence=f"Failing again and again: {told}; wsq history says why, wsq enable begins anew.")


def _budgets(patient: _Patient) -> Finding:
    told = []
    for about in patient.ws.stores():
        store = patient.ws.store(about.id)
        names = {task.id: task.name for task in patient.tasks}
        spendings = {f"store {about.id}": store.spending()}
        spendings |= {f"{names.get(i, i)!r} in store {about.id}": each for i, each in store.spendings().items()}
        told += [f"{whose} (${s.spent:,.2f} of ${s.budget:,.2f})" for whose, s in spendings.items() if _near(s)]
    if not told:
        return Finding(ok=True, sentence="No budget of today is spent to four fifths.")
    return Finding(ok=False, sentence=f"Spent to four fifths or more for today: {', '.join(told)}.")


def _near(spending: Spending) -> bool:
    return spending.is_warning and spending.spent > 0


def _leases(patient: _Patient) -> Finding:
    passed = patient.ws.sql("select execution_id from leases where expires_at <= $1", [patient.now])
    if not len(passed):
        return Finding(ok=True, sentence="No execution was left by its worker.")
    ids = ", ".join(passed["execution_id"][:3])
    told = f"{count(len(passed), 'execution was', 'executions were')} left by a worker ({ids})"
    return Finding(ok=False, sentence=f"{told}; the next pass of wsq-process takes them up again.")


def _provider(patient: _Patient) -> Finding:
    provider = patient.ws.provider()
    if provider.kind == "offline":
        told = "The offline provider answers; no language model is asked."
        return Finding(ok=True, sentence=told)
    return Finding(ok=True, sentence=f"{provider.name} answers; the credentials for it are set.")


_CHECKS: dict[str, Callable[[_Patient], Finding]] = {
    "log": _log,
    "scheduler": _scheduler,
    "slots": _slots,
    "tasks": _tasks,
    "budgets": _budgets,
    "leases": _leases,
    "provider": _provider,
}


def _scheduled(patient: _Patient) -> list[RecurringTask]:
    return [task for task in patient.tasks if task.next_execution_at is not None]


def _next(task: RecurringTask) -> datetime:
    assert task.next_execution_at is not None
    return task.next_execution_at
