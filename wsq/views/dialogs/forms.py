# ruff: noqa: D102 - what the methods of a form do, `Form` says
"""The dialogs' forms: each holds the typed values, validates them, and passes them to a command.

A form uses the command's own rules, so that errors are shown next to the field while one types. Its fields are named as
the command's arguments, and hold what a browser can hold: texts, flags, lists of texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

import param

from wsq.agent import prices
from wsq.api import Store
from wsq.errors import InvalidInput, WsqError
from wsq.projections.rows import Contact, Document, Project, RecurringTask, Task
from wsq.rules import drafts, placeholders, schedule, values
from wsq.rules.budgets import TASK_PER_DAY, forecast
from wsq.views.page import markdown, words
from wsq.vocabulary import DEFAULT_NOTIFY_ON, LANES, MISSED, UNITS

Row = Contact | Document | Project | RecurringTask | Task

FORETOLD = 3
"""Number of next runs that a form shows."""

_DOLLARS = re.compile(r"\$? *([0-9]{1,9}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})")
_WALL_TIME = re.compile(r"(?:[01]?[0-9]|2[0-3]):[0-5][0-9]")


class Refused(InvalidInput):
    """A form is invalid; `problems` has a sentence for each invalid field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(next(iter(problems.values())))
        self.problems = dict(problems)


class Form(param.Parameterized):  # type: ignore[misc]  # param is not typed
    """The values typed into a dialog. There is a subclass for every kind of row that people edit."""

    __abstract = True

    _meanings: ClassVar[Mapping[str, Callable[[Any], Any]]] = {}
    """How to read each argument of the command from the form; raises `InvalidInput`."""

    _typed_in: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """The fields that an argument is read from, if not the one with its name."""

    def __init__(self, **fields: Any) -> None:
        # By default param names an object by its class and a number; here the name is a typed value.
        super().__init__(**({"name": ""} | fields if "name" in self._meanings else fields))

    @classmethod
    def typed(cls, fields: Mapping[str, Any]) -> Self:
        """Return the form with these fields; others have their defaults.

        Raises:
            InvalidInput: A field is unknown or has a wrong type.
        """
        if fields.keys() - set(cls._names()):
            raise InvalidInput("The form has an unknown field.")
        try:
            return cls(**fields)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"The form has an invalid value: {str(error).rstrip('.')}.") from error

    @classmethod
    def blank(cls, store: Store) -> Self:
        """Return the form for a new row."""
        del store
        return cls()

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the form for an existing row."""
        raise NotImplementedError

    @classmethod
    def row(cls, store: Store, row_id: str) -> Any:
        """Return the edited row."""
        raise NotImplementedError

    def fields(self) -> dict[str, Any]:
        """Return its values by field."""
        return {name: getattr(self, name) for name in self._names()}

    def problems(self) -> dict[str, str]:
        """Return a sentence for each invalid field; empty if it can be saved, as far as known."""
        found = {}
        for name, meaning in self._meanings.items():
            try:
                meaning(self)
            except InvalidInput as problem:
                found[name] = str(problem)
        return found

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """Return remarks to show while one types."""
        del store, row_id
        return {}

    def about(self, store: Store) -> dict[str, Any]:
        """Return the options to choose from."""
        del store
        return {}

    def create(self, store: Store) -> Row:
        """Create a row.

        Raises:
            Refused: A field is invalid.
            WsqError: The command refused it.
        """
        meant = self._meant(self._meanings)
        return store.together(lambda board: self._create(board, dict(meant)))

    def save(self, store: Store, row_id: str, version: int) -> Row:
        """Update the row with the changed fields; the others keep their exact values.

        Raises:
            Refused: A field is invalid.
            Conflict: The row is no longer at `version`.
            WsqError: The command refused it.
        """
        before = self.of(self.row(store, row_id))
        touched = [name for name in self._meanings if self._differs(before, name)]
        meant = self._meant(touched)
        return store.together(lambda board: self._update(board, row_id, version, dict(meant)))

    def _meant(self, names: Iterable[str]) -> dict[str, Any]:
        problems = {name: text for name, text in self.problems().items() if name in names}
        if problems:
            raise Refused(problems)
        return {name: self._meanings[name](self) for name in names}

    def _differs(self, other: Form, name: str) -> bool:
        return any(getattr(self, each) != getattr(other, each) for each in self._typed_in.get(name, (name,)))

    @classmethod
    def _names(cls) -> list[str]:
        return [name for name in cls.param if name != "name" or "name" in cls._meanings]

    def _create(self, store: Store, meant: dict[str, Any]) -> Row:
        raise NotImplementedError

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Row:
        raise NotImplementedError


def _starting(form: RecurringTaskForm) -> str | datetime | None:
    """Return None, a wall time, or the instant of the typed date and time in the form's zone."""
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


def _notify_on(form: RecurringTaskForm) -> tuple[str, ...]:
    ends = values.outcomes(form.notify_on, "When")
    names = tuple(each for each in form.notify if each.strip())
    return values.told_of(names, ends, "When")


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
    """A recurring task: what to do, when, and what it may cost."""

    name = param.String(default="", constant=False, doc="Its name.")
    description = param.String(default="", doc="What it is for.")
    prompt = param.String(default="", doc="What the agent should do each time.")
    every = param.String(default="1", doc="The interval, in units.")
    unit = param.Selector(default="days", objects=list(UNITS), doc="The unit of `every`.")
    starting = param.String(
        default="", doc="First run: a time of day, or a date and time in its zone; by default one interval from now."
    )
    timezone = param.String(default="UTC", doc="The IANA time zone of its schedule.")
    project_id = param.String(default=None, allow_None=True, doc="The project that the agent works in.")
    assignees = param.List(default=[], item_type=str, doc="Assignees of created tasks.")
    model = param.String(default="", doc="The model; by default the store's.")
    missed = param.Selector(default=MISSED[0], objects=list(MISSED), doc="What happens to missed runs.")
    budget_per_day = param.String(default="", doc="US dollars; by default the usual budget.")
    time_limit = param.String(default="5 minutes", doc="Maximum working time of a run.")
    skip_unchanged = param.Boolean(default=False, doc="Whether to skip a run if nothing has changed.")
    notify = param.List(default=[], item_type=str, doc="Who to notify of the outcome.")
    notify_on = param.List(default=list(DEFAULT_NOTIFY_ON), item_type=str, doc="Outcomes to notify of.")

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
        "notify": lambda form: values.assignees(form.notify, "Tell"),
        "notify_on": _notify_on,
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
    def row(cls, store: Store, row_id: str) -> RecurringTask:
        return store.recurring_task(row_id)

    def about(self, store: Store) -> dict[str, Any]:
        """Return the models with a known price, and the default one."""
        return {"models": prices.models(), "usual_model": store.usual_model()}

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """Return unknown placeholders, the next runs in UTC, and the expected cost of a day, as far as known."""
        kept = [f"{{{{{name}}}}}" for name in placeholders.unknown(self.prompt)]
        wrong = self.problems()
        remarks: dict[str, Any] = {"kept": kept, "next": [], "cost": None}
        if wrong.keys() & {"every", "starting", "timezone"}:
            return remarks
        try:
            slots = store.upcoming(recurring_task_id=row_id, count=FORETOLD, **self._moved(store, row_id))
            remarks["next"] = [slot.isoformat() for slot in slots]
            remarks["cost"] = self._cost(store, row_id, None if "budget_per_day" in wrong else _dollars(self))
        except WsqError:
            pass  # for example deleted meanwhile: saving reports it
        return remarks

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

    def _create(self, store: Store, meant: dict[str, Any]) -> RecurringTask:
        return store.create_recurring_task(meant.pop("name"), meant.pop("prompt"), **meant)

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> RecurringTask:
        return store.update_recurring_task(row_id, expected_version=version, **meant)


def _as_typed(starting: str | None, timezone: str) -> str:
    """Return a start for the form: an instant as date and time in its zone, with seconds only if needed."""
    if starting is None or "T" not in starting:
        return starting or ""
    local = datetime.fromisoformat(starting).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if local.second else "minutes")


class TaskForm(Form):
    """A task on the board."""

    title = param.String(default="", doc="Its title.")
    description = param.String(default="", doc="What to do.")
    assignees = param.List(default=[], item_type=str, doc="Who does it.")
    project_id = param.String(default=None, allow_None=True, doc="The project that it belongs to.")
    status = param.Selector(default=LANES[0], objects=list(LANES), doc="The lane to create it in.")

    _meanings: ClassVar = {
        "title": lambda form: values.name(form.title, "Title"),
        "description": lambda form: values.text(form.description, "Description"),
        "assignees": lambda form: values.assignees(form.assignees, "Assignees"),
        "project_id": lambda form: form.project_id or None,
        "status": lambda form: form.status,
    }

    @classmethod
    def of(cls, row: Task) -> Self:
        return cls(
            title=row.title,
            description=row.description,
            assignees=list(row.assignees),
            project_id=row.project_id,
            status=row.status,
        )

    @classmethod
    def row(cls, store: Store, row_id: str) -> Task:
        return store.task(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Task:
        return store.create_task(meant.pop("title"), **meant)

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Task:
        lane = meant.pop("status", None)
        saved = store.update_task(row_id, expected_version=version, **meant)
        return store.move_task(row_id, status=lane) if lane is not None else saved


class ProjectForm(Form):
    """A project."""

    name = param.String(default="", constant=False, doc="Its name.")
    description = param.String(default="", doc="What it is for; the agent reads it.")

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "description": lambda form: values.text(form.description, "Description"),
    }

    @classmethod
    def of(cls, row: Project) -> Self:
        return cls(name=row.name, description=row.description)

    @classmethod
    def row(cls, store: Store, row_id: str) -> Project:
        return store.project(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Project:
        return store.create_project(meant["name"], description=meant["description"])

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Project:
        return store.update_project(row_id, expected_version=version, **meant)


def _address(form: ContactForm) -> str | None:
    text = form.email.strip()
    return values.email(text, "E-mail")[0] if text else None


class ContactForm(Form):
    """A person, and the projects they belong to."""

    name = param.String(default="", constant=False, doc="Their name.")
    email = param.String(default="", doc="Their e-mail address, if known.")
    notes = param.String(default="", doc="Notes about them.")
    project_ids = param.List(default=[], item_type=str, doc="Their projects.")

    _meanings: ClassVar = {
        "name": lambda form: values.name(form.name, "Name"),
        "email": _address,
        "notes": lambda form: values.text(form.notes, "Notes"),
        "project_ids": lambda form: tuple(dict.fromkeys(form.project_ids)),
    }

    @classmethod
    def of(cls, row: Contact) -> Self:
        return cls(name=row.name, email=row.email or "", notes=row.notes, project_ids=list(row.project_ids))

    @classmethod
    def row(cls, store: Store, row_id: str) -> Contact:
        return store.contact(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Contact:
        first, *rest = meant["project_ids"] or (None,)
        made = store.create_contact(meant["name"], email=meant["email"], notes=meant["notes"], project_id=first)
        for project_id in rest:
            made = store.add_contact_to_project(made.id, project_id)
        return made

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Contact:
        linked = meant.pop("project_ids", None)
        row = store.update_contact(row_id, expected_version=version, **meant)
        for project_id, add in _relinked(row.project_ids, linked):
            change = store.add_contact_to_project if add else store.remove_contact_from_project
            row = change(row_id, project_id)
        return row


class DocumentForm(Form):
    """A document, and the projects that it belongs to."""

    title = param.String(default="", doc="Its title.")
    content = param.String(default="", doc="Its text, in Markdown.")
    project_ids = param.List(default=[], item_type=str, doc="Its projects.")

    _meanings: ClassVar = {
        "title": lambda form: values.name(form.title, "Title"),
        "content": lambda form: values.content(form.content, "Text"),
        "project_ids": lambda form: tuple(dict.fromkeys(form.project_ids)),
    }

    def about(self, store: Store) -> dict[str, Any]:
        """Return the maximum number of characters that its preview shows."""
        del store
        return {"previewed": markdown.LIMIT}

    def remarks(self, store: Store, row_id: str | None) -> dict[str, Any]:
        """Return the mailto link of an e-mail draft; None for other documents."""
        del store, row_id
        return {"mailto": drafts.mailto(self.content) if drafts.is_draft(self.title) else None}

    @classmethod
    def of(cls, row: Document) -> Self:
        return cls(title=row.title, content=row.content, project_ids=list(row.project_ids))

    @classmethod
    def row(cls, store: Store, row_id: str) -> Document:
        return store.document(row_id)

    def _create(self, store: Store, meant: dict[str, Any]) -> Document:
        first, *rest = meant["project_ids"] or (None,)
        made = store.create_document(meant["title"], meant["content"], project_id=first)
        for project_id in rest:
            made = store.add_document_to_project(made.id, project_id)
        return made

    def _update(self, store: Store, row_id: str, version: int, meant: dict[str, Any]) -> Document:
        linked = meant.pop("project_ids", None)
        row = store.update_document(row_id, expected_version=version, **meant)
        for project_id, add in _relinked(row.project_ids, linked):
            change = store.add_document_to_project if add else store.remove_document_from_project
            row = change(row_id, project_id)
        return row


def _relinked(before: Iterable[str], after: Iterable[str] | None) -> list[tuple[str, bool]]:
    """Return which links to projects to remove (False) and to add (True)."""
    if after is None:
        return []
    old, new = set(before), list(after)
    return [(each, False) for each in sorted(old - set(new))] + [(each, True) for each in new if each not in old]


FORMS: Mapping[str, type[Form]] = {
    "recurring_task": RecurringTaskForm,
    "task": TaskForm,
    "project": ProjectForm,
    "contact": ContactForm,
    "document": DocumentForm,
}
"""The form of every kind of row."""
