"""`wsq add`, `list`, `show`, `run`, `history`, `enable`, `disable`, `delete`: recurring tasks."""

from __future__ import annotations

import sys
from argparse import Namespace

import wsq
from wsq.cli import opening
from wsq.cli.output import count, created, every, local, outcome, paragraphs, plain, print_error, say, seconds, table
from wsq.cli.parser import PROGRAM, STORE
from wsq.errors import InvalidInput, NotFound
from wsq.projections import Execution, RecurringTask
from wsq.runner.report import as_json
from wsq.vocabulary import MISSED_LABELS, NOTIFY_ON_LABELS


def add_command(given: Namespace) -> int:
    """Add a recurring task, and print its next run."""
    prompt = sys.stdin.read() if given.prompt == "-" else given.prompt
    with opening.store(given) as (store, zone):
        task = store.create_recurring_task(
            given.name,
            prompt,
            every=given.every,
            starting=given.starting,
            timezone=given.timezone,
            description=given.description,
            project_id=given.project,
            missed=given.missed,
            model=given.model,
            assignees=given.assignee,
            time_limit=given.time_limit,
            budget_per_day=given.budget,
            skip_unchanged=given.skip_unchanged,
            notify=given.notify,
            notify_on=[each.strip() for each in given.notify_on.split(",") if each.strip()],
        )
    if given.json:
        say(as_json(task))
        return 0
    say(f"Added {plain(task.name)!r} to store {task.store_id!r}, id {task.id}; {_next(task, zone)}")
    return 0


def list_command(given: Namespace) -> int:
    """List the recurring tasks of a store."""
    tasks: list[wsq.RecurringTask] = []
    latest: dict[str, wsq.Execution | None] = {}
    pause = None
    with opening.workspace(given) as ws:
        zone = ws.settings.timezone
        there = [store.id for store in ws.stores()]
        if given.store != STORE or STORE in there:  # the default store may not exist yet
            store = ws.store(given.store)
            tasks = store.recurring_tasks()
            latest = {} if given.json else {task.id: store.latest_execution(task.id) for task in tasks}
            pause = store.paused()
        blocked = ws.blocked_reason()
    if blocked:
        print_error(PROGRAM, blocked)
    if pause is not None and not given.json:
        command = "wsq resume" + ("" if pause.workspace else f" --store {given.store}")
        end = f"until {local(pause.until, zone)}" if pause.until else f"until {command}"
        say(f"{plain(str(pause))}; nothing starts {end}.")
    if given.json:
        say(as_json(tasks))
    elif tasks:
        rows = [_line(task, latest.get(task.id), zone) for task in tasks]
        say(table(("NAME", "ID", "EVERY", "NEXT RUN", "LATEST"), rows))
    else:
        others = ", ".join(store for store in there if store != given.store)
        hint = f" Other stores: {others}; choose one with --store." if others else ""
        say(f"There are no recurring tasks in store {given.store!r}. Add one with `wsq add`.{hint}")
    return 0


def _line(task: RecurringTask, latest: Execution | None, zone: str) -> tuple[str, ...]:
    upcoming = local(task.next_execution_at, zone) if task.enabled else "disabled"
    last = f"{latest.status}, {outcome(latest)}" if latest else "never ran"
    return task.name, task.id, every(task), upcoming, last


def show_command(given: Namespace) -> int:
    """Show a recurring task and its latest execution."""
    with opening.store(given) as (store, zone):
        task = _found(store, given.task)
        latest = store.latest_execution(task.id)
        spending, forecast = store.spending(task.id), store.forecast(task.id)
    if given.json:
        say(as_json({**task.as_dict(), "spending": spending, "forecast": forecast, "latest_execution": latest}))
        return 0
    for name, text in _facts(task, zone).items():
        if text:
            say(f"{name}: " + paragraphs(text).replace("\n", "\n    "))
    say(f"spent today: ${spending.spent:,.2f} of ${spending.budget:,.2f}")
    say(f"forecast: {forecast}")
    if latest is not None:
        say("")
        _print(latest, task.name, zone)
    return 0


def _facts(task: RecurringTask, zone: str) -> dict[str, str | None]:
    """Return what people want to know of a task, by name; what is empty is left out."""
    state = "enabled" if task.enabled else f"disabled: {task.disabled_reason}" if task.disabled_reason else "disabled"
    notified = ", ".join(NOTIFY_ON_LABELS[each] for each in task.notify_on)
    return {
        "name": task.name,
        "id": task.id,
        "description": task.description,
        "state": state,
        "failures in a row": str(task.failures_in_row) if task.failures_in_row else None,
        "every": f"{every(task)}, in {task.timezone}",
        "next run": local(task.next_execution_at, zone) if task.next_execution_at else None,
        "last run": local(task.last_executed_at, zone) if task.last_executed_at else "never",
        "missed runs": MISSED_LABELS[task.missed].lower(),
        "skip unchanged": "yes" if task.skip_unchanged else None,
        "project": task.project_id,
        "assignees": ", ".join(task.assignees),
        "model": task.model,
        "time limit": seconds(task.time_limit),
        "notify": f"{', '.join(task.notify)}, when {notified}" if task.notify and notified else None,
        "prompt": task.prompt,
    }


def run_command(given: Namespace) -> int:
    """Run a recurring task now; return 1 if it did not complete."""
    with opening.store(given) as (store, zone):
        task = _found(store, given.task)
        execution = store.run_now(task.id)
    if given.json:
        say(as_json(execution))
    else:
        _print(execution, task.name, zone)
    return 0 if execution.status == "completed" else 1


def history_command(given: Namespace) -> int:
    """List the executions of a recurring task, even of a deleted one (by id)."""
    with opening.store(given) as (store, zone):
        try:
            task_id = _found(store, given.task).id
        except NotFound:
            if not store.executions(given.task, limit=1):
                raise
            task_id = given.task
        executions = store.executions(task_id, limit=given.limit)
    if given.json:
        say(as_json(executions))
    elif executions:
        rows = [_past(row, zone) for row in executions]
        say(table(("STARTED", "ID", "TRIGGER", "STATUS", "OUTCOME", "TOOK", "CREATED"), rows))
    else:
        say("It has not run yet.")
    return 0


def _past(row: Execution, zone: str) -> tuple[str, ...]:
    started = local(row.started_at, zone)
    return started, row.id, row.trigger, row.status, outcome(row), seconds(row.duration), created(row) or "–"


def enable_command(given: Namespace) -> int:
    """Enable a recurring task, and print its next run."""
    with opening.store(given) as (store, zone):
        task = store.enable_recurring_task(_found(store, given.task).id)
    say(f"{plain(task.name)!r} is enabled; {_next(task, zone)}")
    return 0


def disable_command(given: Namespace) -> int:
    """Disable a recurring task."""
    with opening.store(given) as (store, _zone):
        task = store.disable_recurring_task(_found(store, given.task).id, reason=given.reason)
    say(f"{plain(task.name)!r} is disabled. Enable it again with `wsq enable`.")
    return 0


def delete_command(given: Namespace) -> int:
    """Delete a recurring task."""
    with opening.store(given) as (store, _zone):
        task = store.delete_recurring_task(_found(store, given.task).id)
    say(f"{plain(task.name)!r} is deleted. Its runs: `wsq history {task.id}`.")
    return 0


def _found(store: wsq.Store, name_or_id: str) -> RecurringTask:
    """Return the task by id, else the only one with this name, case-insensitively."""
    tasks = store.recurring_tasks()
    by_id = [task for task in tasks if task.id == name_or_id]
    wanted = name_or_id.strip().casefold()
    named = by_id or [task for task in tasks if task.name.casefold() == wanted]
    if len(named) > 1:
        ids = ", ".join(task.id for task in named)
        raise InvalidInput(f"{count(len(named), 'recurring task')} are named {name_or_id!r}. Choose one by id: {ids}.")
    return named[0] if named else store.recurring_task(name_or_id)  # raises, and names the nearest


def _next(task: RecurringTask, zone: str) -> str:
    if task.next_execution_at is None:
        return "it is disabled and does not run."
    return f"its next run is {local(task.next_execution_at, zone)}."


def _print(execution: Execution, name: str, zone: str) -> None:
    """Print an execution's outcome in full."""
    facts = [
        f"{plain(name)}: {execution.status}",
        outcome(execution),
        seconds(execution.duration),
        created(execution),
        f"started {local(execution.started_at, zone)}",
    ]
    say(", ".join(filter(None, facts)))
    for text in (execution.error, execution.output):
        if text:
            say(paragraphs(text))
    if execution.created_task_ids:
        say(f"Tasks created: {', '.join(execution.created_task_ids)}")
