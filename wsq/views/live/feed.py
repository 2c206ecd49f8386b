"""A store's board as browsers see it: read once for all pages, updated with patches."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from wsq.api import Store
from wsq.errors import NotFound
from wsq.events import Recorded
from wsq.events.recurring import ModelAnswered, ModelCharged, RecurringTaskUpdated
from wsq.events.stores import StoreUpdated
from wsq.projections import Execution, RecurringTask, Task, keys, reduce
from wsq.projections.display import one_line
from wsq.queries.executions import Run
from wsq.queries.log import Position
from wsq.rules import searching
from wsq.rules.budgets import Spending
from wsq.runner.progress import Doing
from wsq.views.live.runs import newest
from wsq.views.page import cards
from wsq.views.page.cards import Card

FOLDED = ("tasks", "recurring_tasks", "projects", "task_executions")
"""The tables whose rows the board shows."""

ARCHIVED = ("tasks", "projects")
"""Tables whose archived rows are not kept here, and may be restored."""

SHORTEST_DAY = timedelta(hours=23)
"""The day on which clocks are set forward has 23 hours."""

Rows = dict[str, Any]


class Feed:
    """The state of one store's board. `rev` counts the patches; each patch leads to the next revision.

    Rows are read once, and again when the log was restored; otherwise only new events are read, and folded into the
    rows by the same reducers as in the database: one read per change, however large the board. Each card carries the
    `rev` of its last change, so that browsers can tell old from new.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.rev = 0
        self._lock = threading.Lock()
        self._rows: dict[str, Rows] = {}
        self._settled: dict[str, tuple[int, ...]] = {}
        self._last: Position | None = None
        self._cards: dict[str, Card] = {}
        self._stale: set[str] | None = None  # ids of cards to render again; None for all
        self._projects: list[Card] = []
        self._doing: dict[str, Card] = {}
        self._spendings: Mapping[str, Spending] = {}
        self._spent: Card | None = None
        self._sent_spent: Card | None = None
        self._day: datetime | None = None
        self._costs_are_due = False

    def refresh(self, now: datetime | None = None) -> Card | None:
        """Read what is new; return the patch, or None if nothing has changed.

        With `now`, also updates costs after the end of a day.
        """
        with self._lock:
            self._costs_are_due |= now is not None and self.is_outdated(now)
            try:
                self._catch_up()
                if self._costs_are_due:
                    self._read_costs()
            except NotFound:  # the store does not exist before its first command
                self._rows, self._last, self._stale = {table: {} for table in FOLDED}, None, None
            return self._patch(self._draw_stale(), self._draw_projects(), self._spent)

    def is_outdated(self, now: datetime) -> bool:
        """Whether the day that the shown costs belong to may be over."""
        return self._day is not None and now - self._day >= SHORTEST_DAY

    def snapshot(self) -> Card:
        """Return the whole board as last read."""
        with self._lock:
            return {
                "type": "snapshot",
                "rev": self.rev,
                "cards": list(self._cards.values()),
                "projects": self._projects,
                "doing": self._doing,
                "spent": self._spent,
            }

    def find(self, text: str) -> list[str]:
        """Return the ids of the cards that contain all words of a text, in full descriptions and prompts too."""
        words = searching.words(text, "The search", str.casefold)
        with self._lock:
            names = {id_: project.name for id_, project in self._rows.get("projects", {}).items()}
            rows = [*self._rows.get("tasks", {}).values(), *self._rows.get("recurring_tasks", {}).values()]
            return [row.id for row in rows if searching.holds(_held(row, names), words)]

    def running(self) -> set[str]:
        """Return the ids of running executions."""
        with self._lock:
            runs = self._rows.get("task_executions", {}).values()
            return {run.id for run in runs if run.status == "running"}

    def follow(self, now: Mapping[str, Doing]) -> Card | None:
        """Update what the running executions do; return the message for browsers, None if nothing has changed."""
        with self._lock:
            before, self._doing = self._doing, {id_: cards.doing_line(doing) for id_, doing in now.items()}
            news: Card = {id_: line for id_, line in self._doing.items() if before.get(id_) != line}
            news |= dict.fromkeys(before.keys() - now.keys())
            return {"type": "doing", "doing": news} if news else None

    def _catch_up(self) -> None:
        last, self._last = self._last, None  # until complete: a partial update requires reading everything again
        news = self.store.events_since(last) if last is not None else None
        if last is None or news is None:
            self._last = self._read_all()
            return
        self._costs_are_due |= any(map(_costs, news))
        complete = all(map(self._fold, news))
        self._last = (Position.of(news[-1]) if news else last) if complete else self._read_all()

    def _read_all(self) -> Position | None:
        """Read all rows; return up to which event, or None if somebody wrote meanwhile: they must be read again."""
        self._costs_are_due, self._stale = True, None
        before = self.store.position()
        runs = self.store.recent_runs(cards.RUNS_SHOWN)
        self._rows = {
            "tasks": _by_id(self.store.tasks()),
            "recurring_tasks": _by_id(self.store.recurring_tasks()),
            "projects": _by_id(self.store.projects()),
        }
        self._keep(runs)
        return before if self.store.position() == before else None

    def _read_costs(self) -> None:
        """Read what the day has cost so far, per recurring task and in total."""
        whole = self.store.spending()
        self._spendings, self._spent, self._day = self.store.spendings(), cards.spent_line(whole), whole.since
        self._mark_stale(self._rows["recurring_tasks"])
        self._costs_are_due = False

    def _fold(self, event: Recorded) -> bool:
        """Apply an event to the rows; return False if a row is needed that is not here."""
        for table, (key, *_) in keys(event):
            if table not in FOLDED:
                continue
            known = self._rows[table].pop(key, None)
            row = reduce(table, known, event)
            self._mark_stale(_card_of(each) for each in (known, row) if each is not None)
            if row is None and table in ARCHIVED:
                return False
            if row is not None and getattr(row, "archived_at", None) is None:
                self._rows[table][key] = row
        return True

    def _mark_stale(self, ids: Iterable[str]) -> None:
        if self._stale is not None:
            self._stale.update(ids)

    def _draw_stale(self) -> dict[str, Card | None]:
        """Return the cards that may have changed; None for removed ones.

        Only those: with thousands of cards, rendering all takes longer than reading what is new.
        """
        runs = self._newest_runs()
        tasks, recurring = self._rows["tasks"], self._rows["recurring_tasks"]
        stale = {*self._cards, *tasks, *recurring} if self._stale is None else self._stale
        drawn: dict[str, Card | None] = {id_: cards.task_card(task) for id_, task in tasks.items() if id_ in stale}
        drawn |= {
            id_: cards.recurring_card(task, runs[id_], self._spendings.get(id_))
            for id_, task in recurring.items()
            if id_ in stale
        }
        return drawn | dict.fromkeys(stale - drawn.keys())

    def _newest_runs(self) -> dict[str, list[Run]]:
        """Return the newest runs of each task on the board, and forget older ones."""
        known: dict[str, list[Run]] = {id_: [] for id_ in self._rows["recurring_tasks"]}
        for row in sorted(self._rows["task_executions"].values(), key=attrgetter("seq"), reverse=True):
            if row.recurring_task_id in known:
                run = Run(execution=row, settled=self._settled.get(row.id, (row.slots,)))
                known[row.recurring_task_id].append(run)
        runs = {id_: newest(each, cards.RUNS_SHOWN) for id_, each in known.items()}
        self._keep(runs)
        return runs

    def _keep(self, runs: Mapping[str, Sequence[Run]]) -> None:
        kept = [run for each in runs.values() for run in each]
        self._rows["task_executions"] = _by_id(run.execution for run in kept)
        self._settled = {run.execution.id: run.settled for run in kept}

    def _draw_projects(self) -> list[Card]:
        named = sorted((project.name.casefold(), project.name, id_) for id_, project in self._rows["projects"].items())
        return [{"id": id_, "name": one_line(name)} for _, name, id_ in named]

    def _patch(self, drawn: dict[str, Card | None], projects: list[Card], spent: Card | None) -> Card | None:
        changed = [card for id_, card in drawn.items() if card and _unmarked(self._cards.get(id_)) != card]
        gone = sorted(id_ for id_, card in drawn.items() if card is None and id_ in self._cards)
        moved = projects != self._projects
        self._stale = set()
        if self.rev and not (changed or gone or moved or spent != self._sent_spent):
            return None
        self.rev += 1
        marked = {card["id"]: card | {"rev": self.rev} for card in changed}
        news = [cards.news(card, self._cards.get(id_)) for id_, card in marked.items()]
        self._cards |= marked
        for id_ in gone:
            del self._cards[id_]
        self._projects, self._sent_spent = projects, spent
        patch: dict[str, Any] = {
            "type": "patch",
            "from": self.rev - 1,
            "rev": self.rev,
            "cards": news,
            "gone": gone,
            "spent": spent,
        }
        return patch | ({"projects": projects} if moved else {})


def _held(row: Task | RecurringTask, project_names: Mapping[str, str]) -> str:
    """Return all text of a row that people may search, case-folded."""
    own = [row.title] if isinstance(row, Task) else [row.name, row.prompt]
    return "\n".join([*own, row.description, *row.assignees, project_names.get(row.project_id or "", "")]).casefold()


def _costs(event: Recorded) -> bool:
    """Whether an event changes the cost or the budget of a day."""
    fact = event.fact
    if isinstance(fact, ModelAnswered | ModelCharged):
        return bool(fact.cost_usd or fact.input_tokens or fact.output_tokens)
    return isinstance(fact, RecurringTaskUpdated | StoreUpdated)


def _card_of(row: Any) -> str:
    """Return the id of the card that shows a row."""
    return str(row.recurring_task_id if isinstance(row, Execution) else row.id)


def _unmarked(card: Card | None) -> Card | None:
    return {name: value for name, value in card.items() if name != "rev"} if card else None


def _by_id(rows: Iterable[Any]) -> Rows:
    return {row.id: row for row in rows}
