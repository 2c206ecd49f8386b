"""Commands on recurring tasks, and what they do to slots that have come due already."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from msgspec import UNSET

from wsq import zone_rules
from wsq.commands import budgets, corrections
from wsq.commands.common import at_version, differing, existing, existing_store
from wsq.errors import InvalidInput, NotFound
from wsq.events import recurring as e
from wsq.projections import Execution, Project, RecurringTask, Running
from wsq.queries.ahead import is_ahead
from wsq.queries.settlements import settled_between, settled_to
from wsq.rules import naming, schedule, values
from wsq.store import leases
from wsq.store.transaction import Transaction
from wsq.vocabulary import DEFAULT_NOTIFY_ON, SkipReason, Unit


def recurring_task(tx: Transaction, store_id: str, task_id: str) -> RecurringTask:
    """The store's recurring task by its id."""
    return existing(tx, RecurringTask, "recurring_tasks", store_id, task_id)


def schedule_of(task: RecurringTask) -> schedule.Schedule:
    """The rule by which the task's slots are found."""
    return schedule.from_fields(**{name: getattr(task, name) for name in schedule.FIELDS})


def _anchor(grid: schedule.Schedule) -> dict[str, Any]:
    """The anchor as the fields of an event."""
    local = grid.local.isoformat() if isinstance(grid.local, datetime) else None
    return {"anchor": grid.anchor, "anchor_local": local}


def owed(task: RecurringTask, until: datetime) -> schedule.Slots | None:
    """The task's slots that are due by `until` (inclusive) and not settled; None when there is none."""
    if task.next_execution_at is None:
        return None
    return schedule.owed_slots(schedule_of(task), task.next_execution_at, until)


def plan_of(task: RecurringTask) -> schedule.Plan:
    """The task's grid, and how its start was given."""
    return schedule.Plan(starting=task.starting, grid=schedule_of(task))


def create_recurring_task(
    tx: Transaction,
    store_id: str,
    name: str,
    prompt: str,
    *,
    every: str | timedelta,
    starting: str | datetime | None = None,
    timezone: str | None = None,
    description: str = "",
    project_id: str | None = None,
    assignees: Iterable[str] = (),
    model: str | None = None,
    missed: str = "skip",
    budget_per_day: float | None = None,
    time_limit: str | timedelta = "5 minutes",
    skip_unchanged: bool = False,
    enabled: bool = True,
    notify: Iterable[str] = (),
    notify_on: Iterable[str] = DEFAULT_NOTIFY_ON,
) -> RecurringTask:
    """Create a recurring task; its first slot is the next occurrence of `starting`, or one interval from now.

    `every` is an interval such as ``"4 hours"``: whole minutes, hours or days, at most 3,650 days. `starting` is a wall
    time of `timezone` (IANA; None: the store's) or an instant; slots lie whole intervals from there, None: from now.
    The agent works in `project_id` (None: the whole store) with `model` (None: the store's, else the settings'), and
    `assignees` are those of the tasks that it creates. `missed` says what happens to missed slots: ``skip`` or
    ``run_once``. It may spend `budget_per_day` US dollars in a day of the store's time zone (None: $1), and work for
    `time_limit`, 1 second to 1 hour. With `skip_unchanged`, a slot is skipped if nothing in its project (without one:
    the store) has changed since its last execution. `notify`, free names or addresses, are notified of executions that
    end as `notify_on` says: any of ``failed``, ``could_not`` and ``done``. While not `enabled`, it has no slots.

    Raises:
        InvalidInput: An argument is out of range.
        NotFound: There is no such project.
    """
    given = {
        "name": name, "prompt": prompt, "description": description, "assignees": assignees, "model": model,
        "missed": missed, "budget_per_day": budget_per_day, "time_limit": time_limit, "enabled": enabled,
        "skip_unchanged": skip_unchanged, "notify": notify, "notify_on": notify_on,
    }  # fmt: skip
    return _create(tx, store_id, given, schedule.parse_every(every), starting, timezone, project_id)


def _create(
    tx: Transaction,
    store_id: str,
    given: dict[str, Any],
    interval: tuple[int, Unit],
    starting: Any,
    timezone: str | None,
    project_id: str | None,
) -> RecurringTask:
    zone = values.timezone(timezone) if timezone is not None else None
    fields = _cleaned(given)
    values.notified_of(fields["notify"], fields["notify_on"])
    store = existing_store(tx, store_id)
    if project_id is not None:
        _open_project(tx, store_id, project_id)
    plan = schedule.planned(interval, starting, zone or store.timezone, tx.now)
    grid = plan.grid
    created = e.RecurringTaskCreated(
        recurring_task_id=tx.new_id(),
        interval_value=grid.value,
        interval_unit=grid.unit,
        starting=plan.starting,
        **_anchor(grid),
        timezone=grid.timezone,
        project_id=project_id,
        next_execution_at=schedule.first_slot(grid, plan.starting, tx.now) if fields["enabled"] else None,
        **fields,
    )
    tx.record(store_id, created)
    return recurring_task(tx, store_id, created.recurring_task_id)


_CLEAN: dict[str, Callable[[Any], Any]] = {
    "name": values.name,
    "prompt": values.prompt,
    "description": partial(values.text, what="description"),
    "assignees": values.assignees,
    "model": values.model,
    "missed": values.missed,
    "budget_per_day": values.budget,
    "time_limit": lambda limit: values.time_limit(limit).total_seconds(),
    "enabled": partial(values.flag, what="enabled"),
    "skip_unchanged": partial(values.flag, what="skip_unchanged"),
    "notify": partial(values.assignees, what="notify"),
    "notify_on": values.outcomes,
}
"""What makes of a given value that of an event, for each field that says nothing of the schedule."""

_CLEARED = {"description": "", "assignees": (), "notify": (), "notify_on": DEFAULT_NOTIFY_ON}
"""What None stands for in an update, where it is no value of the field."""


def _cleaned(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of an event; those left out are left out."""
    return {name: _CLEAN[name](value) for name, value in given.items() if value is not UNSET}


def update_recurring_task(
    tx: Transaction,
    store_id: str,
    recurring_task_id: str,
    *,
    name: Any = UNSET,
    prompt: Any = UNSET,
    description: Any = UNSET,
    every: Any = UNSET,
    starting: Any = UNSET,
    timezone: Any = UNSET,
    project_id: Any = UNSET,
    assignees: Any = UNSET,
    model: Any = UNSET,
    missed: Any = UNSET,
    budget_per_day: Any = UNSET,
    time_limit: Any = UNSET,
    skip_unchanged: Any = UNSET,
    notify: Any = UNSET,
    notify_on: Any = UNSET,
    expected_version: int | None = None,
) -> RecurringTask:
    """Change what is given; a new interval, start or zone moves the grid and settles what was due."""
    row = recurring_task(tx, store_id, recurring_task_id)
    at_version(row, expected_version)
    if project_id is not UNSET and project_id is not None:
        _open_project(tx, store_id, project_id)
    given = {
        "name": name, "prompt": prompt, "description": description, "assignees": assignees, "model": model,
        "missed": missed, "budget_per_day": budget_per_day, "time_limit": time_limit,
        "skip_unchanged": skip_unchanged, "notify": notify, "notify_on": notify_on,
    }  # fmt: skip
    cleared = {field: _CLEARED[field] if v is None and field in _CLEARED else v for field, v in given.items()}
    changes = _differing(row, _cleaned(cleared) | {"project_id": project_id})
    changes |= _moved_grid(tx, row, every, starting, timezone)
    if changes:
        if "next_execution_at" in changes:
            settle_as_skipped(tx, row, "rescheduled", nxt=changes["next_execution_at"])
        tx.record(store_id, e.RecurringTaskUpdated(recurring_task_id=recurring_task_id, **changes))
    return recurring_task(tx, store_id, recurring_task_id)


def _differing(row: RecurringTask, fields: dict[str, Any]) -> dict[str, Any]:
    """Of an event's fields those that are given and not what the row has already."""
    changes = differing(row, fields)
    if changes.get("time_limit") == row.time_limit.total_seconds():
        del changes["time_limit"]
    if changes.keys() & {"notify", "notify_on"}:
        values.notified_of(changes.get("notify", row.notify), changes.get("notify_on", row.notify_on))
    return changes


def enable_recurring_task(tx: Transaction, store_id: str, recurring_task_id: str) -> RecurringTask:
    """Switch a task on: it goes on with the next point of its grid. Enabling twice changes nothing.

    Where a clock was ahead and has been put right, it goes on from now; see `wsq.commands.corrections`.
    """
    row = recurring_task(tx, store_id, recurring_task_id)
    return row if row.enabled else _enable(tx, row, settled_to(tx, [recurring_task_id], tx.now)[recurring_task_id])


def _enable(tx: Transaction, row: RecurringTask, settled: datetime) -> RecurringTask:
    if row.project_id is not None:
        _open_project(tx, row.store_id, row.project_id)
    corrections.give_back(tx, row, settled)
    plan = corrections.anchored(plan_of(row), tx.now)
    if plan.grid.anchor != row.anchor:
        tx.record(row.store_id, e.RecurringTaskUpdated(recurring_task_id=row.id, **_anchor(plan.grid)))
    nxt = _next_slot(tx, row, plan.grid, settled)
    tx.record(row.store_id, e.RecurringTaskEnabled(recurring_task_id=row.id, next_execution_at=nxt))
    return recurring_task(tx, row.store_id, row.id)


def disable_recurring_task(
    tx: Transaction, store_id: str, recurring_task_id: str, *, reason: str | None = None
) -> RecurringTask:
    """Switch a task off; a running execution ends normally. Disabling twice changes nothing."""
    row = recurring_task(tx, store_id, recurring_task_id)
    if row.enabled:
        why = values.text(reason, "reason").strip() or None if reason is not None else None
        settle_as_skipped(tx, row, "disabled", nxt=None)
        tx.record(store_id, e.RecurringTaskDisabled(recurring_task_id=recurring_task_id, reason=why))
    return recurring_task(tx, store_id, recurring_task_id)


def enable_many(tx: Transaction, task_ids: Iterable[str]) -> list[RecurringTask]:
    """Switch tasks on, of whichever stores; returns those that this changed. One that cannot be refuses them all."""
    rows = [row for row in _those(tx, task_ids) if not row.enabled]
    settled = settled_to(tx, [row.id for row in rows], tx.now)
    return [_enable(tx, row, settled[row.id]) for row in rows]


def disable_many(tx: Transaction, task_ids: Iterable[str], *, reason: str | None = None) -> list[RecurringTask]:
    """Switch tasks off, of whichever stores; returns those that this changed. One that is unknown refuses them all."""
    rows = [row for row in _those(tx, task_ids) if row.enabled]
    return [disable_recurring_task(tx, row.store_id, row.id, reason=reason) for row in rows]


def _those(tx: Transaction, task_ids: Iterable[str]) -> list[RecurringTask]:
    """The recurring tasks by their ids, each once, read together."""
    wanted = list(dict.fromkeys(task_ids))
    tx.fetch("recurring_tasks", [(task_id,) for task_id in wanted if naming.can_be_an_id(task_id)])
    rows = []
    for task_id in wanted:
        row = tx.row("recurring_tasks", task_id) if naming.can_be_an_id(task_id) else None
        if not isinstance(row, RecurringTask):
            raise NotFound(f"There is no recurring task {task_id!r} in any store; nothing was changed.")
        rows.append(row)
    return rows


def delete_recurring_task(tx: Transaction, store_id: str, recurring_task_id: str) -> RecurringTask:
    """Remove a task, cancelling its running execution; its executions stay. Returns the last row."""
    row = recurring_task(tx, store_id, recurring_task_id)
    running = tx.row("running_executions", recurring_task_id)
    if isinstance(running, Running):
        cancel(tx, store_id, running.execution_id, recurring_task_id)
    settle_as_skipped(tx, row, "deleted", nxt=None)
    last = recurring_task(tx, store_id, recurring_task_id)
    tx.record(store_id, e.RecurringTaskDeleted(recurring_task_id=recurring_task_id))
    return last


def cancel(tx: Transaction, store_id: str, execution_id: str, task_id: str) -> None:
    """End a running execution at once; what its worker writes later is refused.

    What it had set aside for a call that is under way is charged: nobody will hear what that came to.
    """
    row = tx.row("task_executions", execution_id)
    if isinstance(row, Execution):
        budgets.charge_reserved(tx, row)
    tx.record(store_id, e.ExecutionCancelled(execution_id=execution_id, recurring_task_id=task_id))
    leases.end(tx, execution_id)


def settle_as_skipped(tx: Transaction, row: RecurringTask, reason: SkipReason, *, nxt: datetime | None) -> None:
    """Settle every slot that is due by now as one skipped execution; nothing when none is."""
    try:
        slots = owed(row, tx.now)
    except InvalidInput:  # its zone is not known here
        assert row.next_execution_at is not None
        slots = schedule.nearly_owed_slots(schedule_of(row), row.next_execution_at, tx.now)
    if slots is not None:
        record_skip(tx, row, slots, reason, nxt=nxt)


def record_skip(
    tx: Transaction, row: RecurringTask, slots: schedule.Slots, reason: SkipReason, *, nxt: datetime | None
) -> str:
    """One skipped execution for `slots`; returns its id."""
    execution_id = tx.new_id()
    tx.record(
        row.store_id,
        e.ExecutionSkipped(
            execution_id=execution_id,
            recurring_task_id=row.id,
            scheduled_for=slots.newest,
            first_slot=slots.first,
            slots=slots.count,
            next_execution_at=nxt,
            project_id=row.project_id,
            reason=reason,
        ),
    )
    return execution_id


def _moved_grid(tx: Transaction, row: RecurringTask, every: Any, starting: Any, timezone: Any) -> dict[str, Any]:
    """What changes when the interval, the start or the zone is another; empty when none is."""
    if every is starting is timezone is UNSET:
        return {}
    old = plan_of(row)
    new = schedule.replanned(
        old,
        tx.now,
        every=None if every is UNSET else schedule.parse_every(every),
        starting=starting,
        timezone=None if timezone is UNSET else values.timezone(timezone),
    )
    if schedule.is_moved(old, new):
        return _planned(tx, row, new)
    if is_ahead(tx, row.id, tx.now):
        return _planned(tx, row, corrections.anchored(new, tx.now))
    return _spelled(row, new)


def _spelled(row: RecurringTask, plan: schedule.Plan) -> dict[str, Any]:
    grid = plan.grid
    spelled = {"interval_value": grid.value, "interval_unit": grid.unit, "timezone": grid.timezone}
    changes = differing(row, {**spelled, "starting": plan.starting})
    anchor = _anchor(grid)
    return changes | anchor if differing(row, anchor) else changes


def _planned(tx: Transaction, row: RecurringTask, plan: schedule.Plan) -> dict[str, Any]:
    """What changes with another plan; an enabled task goes on with its first slot that is not settled."""
    changes, settled = _spelled(row, plan), settled_to(tx, [row.id], tx.now)[row.id]
    corrections.give_back(tx, row, settled)
    if row.enabled:
        changes["next_execution_at"] = _next_slot(tx, row, plan.grid, settled)
    return changes


def _next_slot(tx: Transaction, row: RecurringTask, grid: schedule.Schedule, settled: datetime) -> datetime:
    """The first slot after `settled` of a grid with which a task goes on.

    Not of a wall time whose slot was settled before, or is now that it is due, by other rules of its zone: they may
    have had it earlier.
    """
    nxt = schedule.slot_after(grid, settled)
    if nxt - settled > schedule.MOVED or not zone_rules.same(row.timezone, grid.timezone):
        return nxt
    with suppress(InvalidInput):  # the zone is not known here
        due = owed(row, tx.now)
        lately = due.newest if due else settled_between(tx, row.store_id, row.id, nxt - schedule.MOVED, settled)
        nominal = lately and schedule.nominal_near(schedule_of(row), lately)
        if nominal and nominal == schedule.nominal_near(grid, nxt):
            return schedule.slot_after(grid, nxt)
    return nxt


def replanned(row: RecurringTask, now: datetime) -> datetime | None:
    """Where the rules of today have a task's next slot, if that is elsewhere; None too once either has come due."""
    if row.next_execution_at is None or values.unknown_zone("It", row.timezone):
        return None
    meant = schedule.meant_slot(schedule_of(row), row.next_execution_at)
    return meant if meant != row.next_execution_at and now < min(meant, row.next_execution_at) else None


def replan_recurring_task(tx: Transaction, store_id: str, recurring_task_id: str) -> None:
    """Plan the next slot of days by the rules of today, at the wall time that was meant; see `replanned`."""
    row = tx.row("recurring_tasks", recurring_task_id)
    if isinstance(row, RecurringTask) and (meant := replanned(row, tx.now)):
        tx.record(store_id, e.RecurringTaskReplanned(recurring_task_id=row.id, next_execution_at=meant))


def _from_now(tx: Transaction, row: RecurringTask) -> dict[str, Any]:
    return _planned(tx, row, corrections.anchored(plan_of(row), tx.now))


def go_on_from_now(tx: Transaction, store_id: str, recurring_task_id: str) -> None:
    """Have a task whose schedule is ahead, since a clock was, go on from now; its slots are settled once all the same.

    What a clock that was ahead has settled of the future is to be settled again.
    """
    row = recurring_task(tx, store_id, recurring_task_id)
    if not row.enabled:
        corrections.give_back(tx, row, settled_to(tx, [row.id], tx.now)[row.id])
    elif changes := _from_now(tx, row):
        settle_as_skipped(tx, row, "rescheduled", nxt=changes["next_execution_at"])
        tx.record(store_id, e.RecurringTaskUpdated(recurring_task_id=row.id, **changes))


def _open_project(tx: Transaction, store_id: str, project_id: str) -> Project:
    found = existing(tx, Project, "projects", store_id, project_id)
    if found.archived_at is not None:
        raise InvalidInput(f"Project {found.name!r} is archived; nothing recurring can be done for it.")
    return found
