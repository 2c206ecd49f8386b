"""`wsq demo`: an example workspace in its own file, whose history was really produced, with a moved clock."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import wsq
from wsq import settings as configuration
from wsq.cli.output import say
from wsq.clock import Clock, ShiftedClock, SystemClock, sleep
from wsq.errors import InvalidInput, SettingError
from wsq.rules import values
from wsq.settings.sources import users_own

STORE = "demo"
PLAN = "Plan the day"
DAYS = 2
"""Days of history."""

_TASKS = (
    ("Book the venue for the evening", "done", "Launch event", "Grace"),
    ("Agree the date with the harbour", "done", "Launch event", "Grace"),
    ("Send the invitations", "in_review", "Launch event", "Ada"),
    ("Order name badges", "todo", "Launch event", "Edsger"),
    ("Find a photographer", "doing", "Launch event", "Grace"),
    ("Rehearse the demonstration", "todo", "Launch event", "Ada"),
    ("Write the product page", "in_review", "Online shop", "Ada"),
    ("Translate the product page", "todo", "Online shop", "Edsger"),
    ("Fix the basket on small screens", "doing", "Online shop", "Edsger"),
    ("Set the shipping costs", "done", "Online shop", "Grace"),
    ("Answer the tax office", "todo", "Online shop", "Grace"),
    ("Draft the press release", "doing", "Press", "Ada"),
    ("Collect quotes from early customers", "todo", "Press", "Edsger"),
    ("List the magazines to write to", "done", "Press", "Ada"),
)
_PROJECTS = {
    "Launch event": "An evening at the harbour on which the new lamp is shown.",
    "Online shop": "Everything that must work before the first order.",
    "Press": "What is written about us, and by whom.",
}
_CONTACTS = (
    ("Ada Okafor", "ada@northwind.example", "Leads the launch.", "Launch event"),
    ("Grace Lindqvist", "grace@northwind.example", "Events and money.", "Launch event"),
    ("Edsger Bakker", "edsger@northwind.example", "The shop and its screens.", "Online shop"),
    ("Mina Torres", "mina@harbourpost.example", "Writes on design for the Harbour Post.", "Press"),
)
_DOCUMENTS = (
    (
        "Brief",
        (
            "# Northwind lamp\n\nA lamp that follows the daylight. For people who work at home.\n\n"
            '**Tone:** calm, exact, a little dry. **Never:** "smart".\n'
        ),
        "Launch event",
    ),
    (
        "Running order of the evening",
        "1. 18:30 doors\n2. 19:00 welcome (Ada)\n3. 19:10 the lamp in the dark\n4. 19:40 questions\n",
        "Launch event",
    ),
    (
        "Shipping costs",
        "| To | Days | Cost |\n| --- | --- | --- |\n| here | 1 | 4.90 |\n| abroad | 4 | 12.50 |\n",
        "Online shop",
    ),
)


class MovedClock:
    """Runs in real time from the instant it was last moved to."""

    def __init__(self) -> None:
        self._clock: Clock = SystemClock()

    def now(self) -> datetime:
        """Return the current instant."""
        return self._clock.now()

    def move_to(self, instant: datetime) -> None:
        """Set the clock to `instant`; it goes on from there."""
        self._clock = ShiftedClock(instant)

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await sleep(self._clock, seconds)


def demo_command(given: Namespace) -> int:
    """Create the example workspace, and print how to use it."""
    path = prepared(given.database)
    say(f"The example workspace is {path}. It is always offline: no language model is used.")
    say("To see it:  wsq serve --demo" + (f" --database {path}" if given.database else ""))
    say(f"Or on the command line:  wsq list --database {path} --store {STORE}")
    return 0


def prepared(database: str | None = None) -> Path:
    """Return the path of the example workspace, created if missing.

    Raises:
        InvalidInput: The file is not an example workspace.
        SettingError: There is no folder for it, or `database` is not a path.
    """
    path = _place(database)
    if path.exists():
        with wsq.open(path, create=False) as ws:
            if not ws.is_demo:
                raise InvalidInput(f"{path} is a workspace but not an example. Choose another file with --database.")
        return path
    with tempfile.TemporaryDirectory(prefix="wsq-demo-") as folder:  # so that a partial file is never left
        clock = MovedClock()
        with wsq.open(Path(folder, "demo.duckdb"), clock=clock) as ws:
            fill(ws, clock)
            ws.backup(path)
    return path


def fill(ws: wsq.Workspace, clock: MovedClock) -> None:
    """Fill an empty workspace with content and history, up to the clock's current instant."""
    now = clock.now()
    ws.mark_as_demo()
    begin = now - timedelta(days=DAYS, hours=1)
    clock.move_to(begin)
    ws.create_store(STORE, name="Northwind launch")
    ada, grace, edsger = (ws.store(STORE).as_actor(name) for name in ("Ada", "Grace", "Edsger"))
    people = {"Ada": ada, "Grace": grace, "Edsger": edsger}
    projects = {name: ada.create_project(name, description=about).id for name, about in _PROJECTS.items()}
    for name, email, notes, project in _CONTACTS:
        grace.create_contact(name, email=email, notes=notes, project_id=projects[project])
    for title, content, project in _DOCUMENTS:
        ada.create_document(title, content, project_id=projects[project])
    for title, status, project, who in _TASKS:
        clock.move_to(clock.now() + timedelta(seconds=40))
        people[who].create_task(title, status=status, project_id=projects[project], assignees=[who])
    _daily(ada, projects)
    zone = values.zone(ws.settings.timezone)
    for instant in _wall_times((time(9), time(16)), begin, now - timedelta(minutes=10), zone):
        clock.move_to(instant - timedelta(minutes=5))
        for plan in (task for task in ada.tasks(status="doing") if task.title == PLAN):
            ada.move_task(plan.id, status="done")
        clock.move_to(instant + timedelta(seconds=2))
        ws.process(stores=[STORE])
    _often(ws, edsger, projects, clock, now)


def _daily(ada: wsq.Store, projects: dict[str, str]) -> None:
    ada.create_recurring_task(
        "Morning plan",
        f"Create a task called '{PLAN}' in doing. Then summarise the board.",
        every="1 day",
        starting="09:00",
        description="A card to begin the day with, and where we stand.",
        assignees=["Ada"],
    )
    ada.create_recurring_task(
        "Newsletter draft",
        "Write a friendly newsletter of three paragraphs about what was finished since yesterday.",
        every="1 day",
        starting="16:00",
        description="More than the offline provider's simple rules understand: it takes a language model.",
        project_id=projects["Press"],
    )
    old = ada.create_recurring_task("Import from the old shop", "List the tasks", every="4 hours")
    ada.disable_recurring_task(old.id, reason="The old shop was switched off.")


def _often(ws: wsq.Workspace, edsger: wsq.Store, projects: dict[str, str], clock: MovedClock, now: datetime) -> None:
    """Create two alternating tasks, a minute apart: a card appears and disappears while one watches."""
    minute = timedelta(minutes=1)
    clock.move_to(now - 5 * minute)
    edsger.create_recurring_task(
        "Shop check",
        "Create a task called 'Look at the shop' in doing.",
        every="2 minutes",
        description="Every two minutes, so that something happens while you watch.",
        project_id=projects["Online shop"],
    )
    clock.move_to(now - 4 * minute)
    edsger.create_recurring_task(
        "Shop check, filed",
        "Move 'Look at the shop' to done. Then archive 'Look at the shop'.",
        every="2 minutes",
        description="Puts away what the shop check made.",
        project_id=projects["Online shop"],
    )
    for before in (3, 2, 1):
        clock.move_to(now - before * minute + timedelta(seconds=1))
        ws.process(stores=[STORE])
    clock.move_to(now)


def _wall_times(times: tuple[time, ...], since: datetime, until: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the instants in between at which clocks in `zone` show one of `times`, oldest first."""
    first = since.astimezone(zone).date()
    days = [first + timedelta(days=n) for n in range((until - since).days + 2)]
    instants = (datetime.combine(day, at, zone) for day in days for at in times)
    return sorted(instant for instant in instants if since < instant < until)


def _place(database: str | None) -> Path:
    if database is not None:
        settings = configuration.load(database=database, flags=True)
        if "://" in settings.database:
            raise SettingError(f"--database is {database!r}, expected a path: an example workspace is a file.")
        return Path(settings.database)
    from platformdirs import user_data_path

    folder = users_own(user_data_path)
    if folder is None:
        raise SettingError("This user has no home folder for the example. Choose a file with --database.")
    return folder / "demo.duckdb"
