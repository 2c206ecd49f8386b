# ruff: noqa: D102 - what the methods of a form do, `Form` says
"""The form of a recurring task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Self

import param

from wsq import zone_rules
from wsq.agent import prices
from wsq.api import Store
from wsq.errors import InvalidInput, WsqError
from wsq.projections.rows import RecurringTask
from wsq.rules import placeholders, schedule, values
from wsq.rules.budgets import TASK_PER_DAY, forecast
from wsq.views.dialogs.form import LONG, VERBATIM, Form
from wsq.views.dialogs.layout import Beside, Field, Folded, Item, Remark
from wsq.views.page import words
from wsq.vocabulary import DEFAULT_NOTIFY_ON, MISSED, MISSED_LABELS, NOTIFY_ON_LABELS, UNITS

FORETOLD = 3
"""How many of the next slots a form shows."""

COPIED = 190
"""How many characters of a name its copy begins with."""

WHOLE = {"type": "number", "min": "1", "step": "1", "inputmode": "numeric"}

_DOLLARS = re.compile(r"\$? *([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})")
_WALL_TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")


def _starting(form: RecurringTaskForm) -> str | datetime | None:
    """None, a wall time, or the instant at which the zone's clock shows the date and time that were typed."""
    text: str = form.starting.strip()
    if not text:
        return None
    if _WALL_TIME.fullmatch(text):
        return text
    try:
        local: datetime = datetime.fromisoformat(text)
    except ValueError as problem:
        raise values.refusal("First run", text, "a time of day such as 09:00, or a date and a time") from problem
    if local.tzinfo is not None:
        return local
    if not schedule.EARLIEST.year < local.year < schedule.LATEST.year:
        raise values.refusal("First run", text, "a date from 1971 to 2199")
    return schedule.wall_instant(local, values.timezone(form.timezone, "Time zone"))


def _dollars(form: RecurringTaskForm) -> float | None:
    text = form.budget_per_day.strip()
    if not text:
        return None
    match = _DOLLARS.fullmatch(text)
    if match is None:
        raise values.refusal("Budget per day", text, "US dollars such as 0.50, or nothing for the usual $1")
    return values.budget(float(match[1]), "Budget per day")


def _notified_of(form: RecurringTaskForm) -> tuple[str, ...]:
    ends = values.outcomes(form.notify_on, "When")
    names = tuple(each for each in form.notify if each.strip())
    return values.notified_of(names, ends, "When")


def _interval(form: RecurringTaskForm) -> str:
    every = f"{form.every.strip()} {form.unit}"
    try:
        schedule.parse_every(every)
    except InvalidInput as problem:
        raise InvalidInput(
            f"Every is {values.shown(form.every)} {form.unit}, expected a whole number, "
            "from 1 minute to 3650 days altogether."
        ) from problem
    return every


class RecurringTaskForm(Form):
    """A recurring task: what is to be done, when, and what it may cost."""

    name = param.String(default="", label="Name", constant=False, doc="What it is called.")
    description = param.String(default="", doc="What it is about.")
    prompt = param.String(default="", doc="What the agent is asked to do each time.")
    every = param.String(default="1", doc="How many units from one run to the next.")
    unit = param.Selector(default="days", objects=list(UNITS), doc="The unit of `every`.")
    starting = param.String(
        default="",
        label="First run",
        doc="A time of day, a date and time of its zone, or nothing: an interval from now.",
    )
    timezone = param.String(default="UTC", label="Time zone", doc="The IANA zone of its clock.")
    project_id = param.String(default=None, label="Project", allow_None=True, doc="The project that the agent sees.")
    assignees = param.List(default=[], item_type=str, doc="Assignees of created tasks.")
    model = param.String(default="", doc="The model that is asked; nothing means the store's.")
    missed = param.Selector(
        default=MISSED[0],
        objects={label: missed for missed, label in MISSED_LABELS.items()},
        label="Missed runs",
        doc="What happens to runs that were due while no scheduler was running.",
    )
    budget_per_day = param.String(default="", doc="US dollars; nothing means the usual amount.")
    time_limit = param.String(default="5 minutes", doc="How long one run may take.")
    skip_unchanged = param.Boolean(
        default=False, label="Skip when nothing has changed", doc="Whether it is skipped when nothing has changed."
    )
    notify = param.List(default=[], item_type=str, doc="Who is notified of how it ends.")
    notify_on = param.List(default=list(DEFAULT_NOTIFY_ON), label="When", item_type=str, doc="Of which ends.")

    _kind = "recurring_task"

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "description": lambda form: values.text(form.description, "Description"),
        "prompt": lambda form: values.prompt(form.prompt, "Prompt"),
        "every": _interval,
        "starting": _starting,
        "timezone": lambda form: values.timezone(form.timezone.strip(), "Time zone"),
        "project_id": lambda form: form.project_id or None,
        "assignees": lambda form: values.assignees(form.assignees, "Assignees"),
        "model": lambda form: values.model(form.model.strip() or None, "Model"),
        "missed": lambda form: form.missed,
        "budget_per_day": _dollars,
        "time_limit": lambda form: values.time_limit(form.time_limit, "Time limit"),
        "skip_unchanged": lambda form: form.skip_unchanged,
        "notify": lambda form: values.assignees(form.notify, "Notify"),
        "notify_on": _notified_of,
    }
    _typed_in: ClassVar = {
        "every": ("every", "unit"),
        "starting": ("starting", "timezone"),
        "notify_on": ("notify_on", "notify"),
    }

    @classmethod
    def blank(cls, store: Store) -> Self:
        return cls(timezone=store.timezone())

    @classmethod
    def of(cls, row: RecurringTask) -> Self:
        return cls(
            name=row.name,
            description=row.description,
            prompt=row.prompt,
            every=str(row.interval_value),
            unit=row.interval_unit,
            starting=_as_typed(row.starting, row.timezone),
            timezone=row.timezone,
            project_id=row.project_id,
            assignees=list(row.assignees),
            model=row.model or "",
            missed=row.missed,
            budget_per_day="" if row.budget_per_day is None else f"{row.budget_per_day:.9g}",
            time_limit=words.length(row.time_limit),
            skip_unchanged=row.skip_unchanged,
            notify=list(row.notify),
            notify_on=list(row.notify_on),
        )

    @classmethod
    def copy_of(cls, row: RecurringTask) -> Self:
        form = cls.of(row)
        form.name = f"{row.name[:COPIED]} (copy)"
        return form

    def _title(self, *, is_new: bool, copied: bool) -> str:
        return f"{'Duplicate' if copied else 'New' if is_new else 'Edit'} recurring task"

    def layout(self, store: Store) -> Sequence[Item]:
        names = ", ".join(f"{{{{{name}}}}}" for name in placeholders.NAMES)
        zones = {"suggestions": zone_rules.names()}
        ends = [[end, text.capitalize()] for end, text in NOTIFY_ON_LABELS.items()]
        return (
            Remark("scheduler"),
            Field("name", attributes=LONG),
            Field("description", "multiline", "What it is about; the agent reads it too.", {"rows": "2"}),
            Field(
                "prompt", "multiline", f"What the agent is asked to do, each time. Filled in: {names}.", {"rows": "6"}
            ),
            Remark("unknown_placeholders"),
            Beside((Field("every", attributes=WHOLE), Field("unit"))),
            Beside((Field("starting", "start"), Field("timezone", attributes=VERBATIM, more=zones))),
            Remark("upcoming"),
            Field("project_id", "project", "With a project, the agent sees and changes only that project."),
            Beside(
                (
                    Field("assignees", hint="Assignees of created tasks, comma-separated."),
                    Field(
                        "model",
                        hint="Left empty, the store's.",
                        attributes=VERBATIM | {"placeholder": store.usual_model()},
                        more={"suggestions": prices.models()},
                    ),
                )
            ),
            Folded("Advanced", self._advanced(ends)),
        )

    def _advanced(self, ends: list[list[str]]) -> Sequence[Item]:
        budget = {"inputmode": "decimal", "placeholder": "1.00"}
        notified = "Who is notified of how it ends: shown here, and sent by the webhook. Comma-separated."
        return (
            Beside(
                (
                    Field("missed", hint="What happens when no scheduler was running in time."),
                    Field("budget_per_day", hint="US dollars; left empty, the usual $1.", attributes=budget),
                )
            ),
            Beside((Field("time_limit", hint="For one run, at most 1 hour."), Field("skip_unchanged"))),
            Beside((Field("notify", hint=notified), Field("notify_on", "choices", more={"choices": ends}))),
        )

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """Unknown placeholders, the next slots and the cost of a day, where these are known.

        The slots come twice: in UTC as ``next``, and as the task's wall clock shows them as ``shown``.
        """
        kept = [f"{{{{{name}}}}}" for name in placeholders.unknown(self.prompt)]
        wrong = self.problems()
        found: dict[str, Any] = {"kept": kept, "next": [], "cost": None}
        if wrong.keys() & {"every", "starting", "timezone"}:
            return found
        try:
            slots = store.upcoming(recurring_task_id=row_id, count=FORETOLD, **self._moved(store, row_id))
            found["next"] = [slot.isoformat() for slot in slots]
            rules = values.zone(self.timezone.strip())
            found["shown"] = [f"{slot.astimezone(rules):%Y-%m-%dT%H:%M %Z}" for slot in slots]
            found["cost"] = self._cost(store, row_id, None if "budget_per_day" in wrong else _dollars(self))
        except WsqError:
            pass  # such as a deleted task: saving reports it
        return found

    def _moved(self, store: Store, row_id: str | None) -> dict[str, Any]:
        names = ("every", "starting", "timezone")
        before = self.of(self.row(store, row_id)) if row_id is not None else None
        return self._meant([name for name in names if before is None or self._differs(before, name)])

    def _cost(self, store: Store, row_id: str | None, budget: float | None) -> str:
        every = _interval(self)
        if row_id is not None:
            expected = store.forecast(row_id, every=every)
        else:
            expected = forecast(*schedule.parse_every(every), [])
        most = words.money(TASK_PER_DAY if budget is None else budget)
        unknown = " until it has run" if expected.cost_per_day is None else ""
        return f"{expected}{unknown}; at most {most} a day."


def _as_typed(starting: str | None, timezone: str) -> str:
    """A start as the form shows it: an instant as its zone's date and time, seconds only where there are some."""
    if starting is None or "T" not in starting:
        return starting or ""
    try:
        local = datetime.fromisoformat(starting).astimezone(values.zone(timezone)).replace(tzinfo=None)
    except InvalidInput:
        return starting
    return local.isoformat(timespec="seconds" if local.second else "minutes")
