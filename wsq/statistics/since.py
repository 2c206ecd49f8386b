"""What has happened in a store since an instant: from the log and its projections, without a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from msgspec import structs

from wsq.commands.stores import WORKSPACE
from wsq.projections import Row
from wsq.projections.display import as_card, as_table, printable
from wsq.queries import boards
from wsq.queries.spending import TRIED_AT, UNPRICED
from wsq.rules.values import zone_or_utc
from wsq.store.engine import Cursor
from wsq.vocabulary import phrase

MOST_ROWS = 50
"""Rows of a kind that are listed one by one; the figures count all."""


ITSELF = "wsq"
"""Who did what nobody asked for: a task that fails again and again is disabled by a rule."""


class Ended(Row, frozen=True, kw_only=True):
    """An execution that failed (`reason` is then its stable word) or whose agent says that it could not."""

    _plural: ClassVar[str] = "failures"
    _columns: ClassVar[tuple[str, ...]] = ("ended_at", "name", "status", "verdict", "reason", "said")

    recurring_task_id: str
    execution_id: str
    name: str
    ended_at: datetime
    status: str
    verdict: str | None
    reason: str | None
    said: str


class Skipped(Row, frozen=True, kw_only=True):
    """Slots of a recurring task that were skipped for one reason: by how many executions, and how many slots."""

    _plural: ClassVar[str] = "skipped"
    _columns: ClassVar[tuple[str, ...]] = ("name", "reason", "executions", "slots")

    recurring_task_id: str
    name: str
    reason: str
    executions: int
    slots: int


class Card(Row, frozen=True, kw_only=True):
    """What became of a card, by one agent or one person, or by several agents.

    `what` names it in the order in which it happened first: ``made``, ``moved`` to another lane, ``finished``, or
    several of them, as in ``made and finished``. `happened_at` is when the last of it did.
    """

    _plural: ClassVar[str] = "cards"
    _columns: ClassVar[tuple[str, ...]] = ("happened_at", "title", "what", "who", "by_agent")

    task_id: str
    title: str
    what: str
    by_agent: bool
    who: str
    happened_at: datetime


class Change(Row, frozen=True, kw_only=True):
    """That somebody made, edited, enabled, disabled or deleted a recurring task, or paused or resumed something.

    `about` is the recurring task's name, ``the store`` or ``the workspace``.
    """

    _plural: ClassVar[str] = "changes"
    _columns: ClassVar[tuple[str, ...]] = ("happened_at", "about", "what", "who", "reason")

    recurring_task_id: str | None
    about: str
    what: str
    who: str
    reason: str | None
    happened_at: datetime


class Since(Row, frozen=True, kw_only=True):
    """What has happened in a store from `since` (inclusive) to `until` (exclusive, but for now).

    Executions count when they ended in it: `done`, `nothing_to_do`, `could_not` and `unknown` (completed, by
    verdict), `failed`, `cancelled`; `skipped_slots` are slots. `spent_usd` is what the priced ones cost in US dollars;
    `unpriced` counts those that took tokens of a model without a known price. `tried_usd` is what dry runs that began
    in it are counted at. Cards made, moved to another lane and finished are counted by whether an agent did it. Of
    `ended` (failed and could not), `cards` and `changes` there are at most 50 each, the newest first; of `cards` one
    for all that the same did to a card, and `touched` is how many there are. `skipped` is by task and reason.
    """

    _plural: ClassVar[str] = "stores"
    _columns: ClassVar[tuple[str, ...]] = (
        "store_id", "done", "nothing_to_do", "could_not", "unknown", "failed", "cancelled", "skipped_slots",
        "spent_usd", "unpriced", "made_by_agents", "made_by_people", "finished_by_agents", "finished_by_people",
    )  # fmt: skip
    _brief: ClassVar[tuple[str, ...]] = ("store_id", "since")
    _machinery: ClassVar[frozenset[str]] = frozenset(("ended", "skipped", "cards", "changes", "timezone", "touched"))

    store_id: str
    since: datetime
    until: datetime
    timezone: str
    done: int = 0
    nothing_to_do: int = 0
    could_not: int = 0
    unknown: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped_slots: int = 0
    spent_usd: float = 0.0
    tried_usd: float = 0.0
    unpriced: int = 0
    made_by_agents: int = 0
    made_by_people: int = 0
    moved_by_agents: int = 0
    moved_by_people: int = 0
    finished_by_agents: int = 0
    finished_by_people: int = 0
    edits: int = 0
    pauses: int = 0
    touched: int = 0
    ended: tuple[Ended, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    cards: tuple[Card, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether nothing has happened."""
        return not self.tried_usd and not any(getattr(self, name) for name in _COUNTS)

    def text(self) -> str:
        """All of it as lines of plain text, one for each thing; one line when nothing has happened."""
        begun = f"{self.since.astimezone(zone_or_utc(self.timezone)):%Y-%m-%d %H:%M %Z}"
        if self.is_nothing:
            return f"Nothing happened since {begun}."
        return "\n".join(
            [
                f"Since {begun}: {', '.join(self._counted())}.",
                *(f"- {' '.join(line.split())}" for line in self._lines()),
            ]
        )

    def _counted(self) -> list[str]:
        counts = [_numbered(number, words) for name, words in _COUNTS.items() if (number := getattr(self, name))]
        spent = (self.spent_usd, "spent"), (self.tried_usd, "spent on trying prompts out")
        return counts + [f"${dollars:,.2f} {what}" for dollars, what in spent if dollars]

    def _lines(self) -> Iterable[str]:
        for each in self.ended:
            why = phrase(each.reason or "no reason")
            how = f"failed ({why})" if each.status == "failed" else "could not"
            yield f"{each.name!r} {how}: {each.said}"
        for gap in self.skipped:
            yield f"{gap.name!r} skipped {_numbered(gap.slots, 'scheduled runs')}: {phrase(gap.reason)}"
        for card in self.cards:
            yield f"{card.title!r} was {card.what} by {'an agent' if card.by_agent else card.who}"
        for change in self.changes:
            why = f": {change.reason}" if change.reason else ""
            about = change.about if change.recurring_task_id is None else repr(change.about)
            yield f"{about} was {change.what} by {change.who}{why}"

    def _repr_html_(self) -> str:
        if self.is_nothing:
            return f"<p>{self.text()}</p>"
        parts: tuple[Sequence[Row], ...] = (self.ended, self.skipped, self.cards, self.changes)
        return "\n".join([as_card("Since", self._telling()), *(_table(rows) for rows in parts if rows)])

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: FBT001 - IPython's protocol
        if len(printer.stack) > 1:
            super()._repr_pretty_(printer, cycle)
        else:
            printer.text(printable(self.text()))


_COUNTS = {
    "done": "done", "nothing_to_do": "with nothing to do", "could_not": "could not", "unknown": "of unknown verdict",
    "failed": "failed", "cancelled": "cancelled", "skipped_slots": "scheduled runs skipped",
    "unpriced": "of unknown cost",
    "made_by_agents": "cards made by agents", "made_by_people": "cards made by people",
    "moved_by_agents": "cards moved by agents", "moved_by_people": "cards moved by people",
    "finished_by_agents": "cards finished by agents", "finished_by_people": "cards finished by people",
    "edits": "changes of recurring tasks", "pauses": "pauses begun or ended",
}  # fmt: skip


def since(cursor: Cursor, store_id: str, begun: datetime, until: datetime | None, now: datetime) -> Since:
    """What has happened in a store from `begun` (inclusive) to `until` (exclusive; None: up to now)."""
    span = [store_id, begun, until]
    happened = [*_happenings(cursor, span)]
    cards = _by_card(happened)
    changed = [*_changes(cursor, span)]
    skipped = _skipped(cursor, span)
    return Since(
        store_id=store_id,
        since=begun,
        until=until or now,
        timezone=boards.store(cursor, store_id).timezone,
        **_executions(cursor, span),
        tried_usd=_tried(cursor, span),
        **Counter(f"{card.what}_by_{'agents' if card.by_agent else 'people'}" for card in happened),
        skipped_slots=sum(each.slots for each in skipped),
        edits=sum(each.recurring_task_id is not None for each in changed),
        pauses=sum(each.recurring_task_id is None for each in changed),
        ended=_ended(cursor, span),
        skipped=skipped,
        touched=len(cards),
        cards=tuple(cards[:MOST_ROWS]),
        changes=tuple(changed[::-1][:MOST_ROWS]),
    )


def _arg(name: str) -> str:
    """An argument of an event, as an SQL expression."""
    return f"json_extract_string(args, '$.{name}')"


_SPAN = "store_id = $1 AND {0} >= $2 AND ($3::TIMESTAMPTZ IS NULL OR {0} < $3)"
_ENDED = f"FROM task_executions WHERE {_SPAN.format('completed_at')}"


def _executions(cursor: Cursor, span: list[Any]) -> dict[str, Any]:
    """How many ended how, and what they cost."""
    sql = f"""SELECT CASE status WHEN 'completed' THEN coalesce(verdict, 'unknown') ELSE status END AS how, count(*),
        coalesce(sum(cost_usd), 0)::DOUBLE PRECISION,
        count(*) FILTER (WHERE {UNPRICED}) {_ENDED} AND status <> 'skipped'
        GROUP BY how"""
    found = cursor.query(sql, span)
    counted = {how: number for how, number, _, _ in found}
    return {
        **counted,
        "spent_usd": sum(cost for _, _, cost, _ in found),
        "unpriced": sum(unpriced for *_, unpriced in found),
    }


def _tried(cursor: Cursor, span: list[Any]) -> float:
    sql = f"SELECT coalesce(sum({TRIED_AT}), 0)::DOUBLE PRECISION FROM dry_runs WHERE {_SPAN.format('started_at')}"  # noqa: S608
    ((dollars,),) = cursor.query(sql, span)
    return float(dollars)


def _ended(cursor: Cursor, span: list[Any]) -> tuple[Ended, ...]:
    sql = f"""SELECT recurring_task_id, id, completed_at, status, verdict, reason,
        left(coalesce(error, output), 500) {_ENDED} AND (status = 'failed' OR verdict = 'could_not')
        ORDER BY completed_at DESC, seq DESC LIMIT {MOST_ROWS}"""
    found = cursor.query(sql, span)
    names = _names(cursor, span[0], (row[0] for row in found))
    return tuple(
        Ended(
            recurring_task_id=task, execution_id=id_, name=names[task], ended_at=at, status=status,
            verdict=verdict, reason=reason, said=" ".join((said or "").split()),
        )
        for task, id_, at, status, verdict, reason, said in found
    )  # fmt: skip


def _skipped(cursor: Cursor, span: list[Any]) -> tuple[Skipped, ...]:
    sql = f"""SELECT recurring_task_id, reason, count(*), sum(slots)::BIGINT {_ENDED} AND status = 'skipped'
        GROUP BY recurring_task_id, reason"""
    found = cursor.query(sql, span)
    names = _names(cursor, span[0], (row[0] for row in found))
    rows = [
        Skipped(recurring_task_id=task, name=names[task], reason=reason, executions=count, slots=slots)
        for task, reason, count, slots in found
    ]
    return tuple(sorted(rows, key=lambda row: (row.name, row.reason, row.recurring_task_id)))


def _by_card(happened: Iterable[Card]) -> list[Card]:
    """All that the same has done to a card as one, the newest first."""
    by_card: dict[tuple[str, str], list[Card]] = {}
    for each in happened:
        by_card.setdefault((each.task_id, "agent" if each.by_agent else each.who), []).append(each)
    cards = [
        structs.replace(all_of_it[-1], what=" and ".join(dict.fromkeys(each.what for each in all_of_it)))
        for all_of_it in by_card.values()
    ]
    return sorted(cards, key=lambda each: each.happened_at)[::-1]


def _happenings(cursor: Cursor, span: list[Any]) -> Iterable[Card]:
    sql = f"""SELECT c.task, coalesce(t.title, c.task), c.name, c.status, c.actor, c.recorded_at FROM (
            SELECT {_arg("task_id")} AS task, name, {_arg("status")} AS status, actor, recorded_at, seq FROM events
            WHERE {_SPAN.format("recorded_at")} AND name IN ('task.create', 'task.move')) c
        LEFT JOIN tasks t ON t.id = c.task WHERE c.name = 'task.create' OR c.status IS NOT NULL ORDER BY c.seq"""  # noqa: S608
    for task, title, name, status, actor, at in cursor.query(sql, span):
        what = "made" if name == "task.create" else "finished" if status == "done" else "moved"
        by_agent = actor.startswith("agent:")
        yield Card(task_id=task, title=title, what=what, by_agent=by_agent, who=actor, happened_at=at)


_DONE = {
    "create": "made", "update": "edited", "enable": "enabled", "disable": "disabled", "delete": "deleted",
    "pause": "paused", "resume": "resumed",
}  # fmt: skip


def _changes(cursor: Cursor, span: list[Any]) -> Iterable[Change]:
    sql = f"""SELECT seq, name, {_arg("recurring_task_id")}, {_arg("reason")}, actor, recorded_at FROM events
        WHERE ({_SPAN.format("recorded_at")} AND (name IN ('store.pause', 'store.resume')
            OR starts_with(name, 'recurring_task.') AND split_part(name, '.', 2) NOT IN ('execute', 'replan')))
        OR ({_SPAN.replace("$1", "$4").format("recorded_at")} AND name IN ('workspace.pause', 'workspace.resume'))
        ORDER BY recorded_at, store_id, seq"""  # noqa: S608
    found = cursor.query(sql, [*span, WORKSPACE])
    names = _names(cursor, span[0], (row[2] for row in found if row[2] is not None))
    by_failure = _disabled_by_failure(cursor, span[0], found)
    for seq, name, task, reason, actor, at in found:
        room, what = name.split(".")
        about = names[task] if task is not None else f"the {room}"
        who = ITSELF if (seq, task) in by_failure else "an agent" if actor.startswith("agent:") else actor
        yield Change(recurring_task_id=task, about=about, what=_DONE[what], who=who, reason=reason, happened_at=at)


def _disabled_by_failure(cursor: Cursor, store_id: str, found: list[tuple[Any, ...]]) -> set[tuple[int, str]]:
    """The events, by seq and task, that disabled a task because it failed too often: a rule's, not a person's.

    Such an event follows the failure in one transaction, with at most the skip of due slots between them.
    """
    disabled = {
        (seq - back, task, actor, at): (seq, task)
        for seq, name, task, _, actor, at in found
        if name == "recurring_task.disable"
        for back in (1, 2)
    }
    if not disabled:
        return set()
    sql = f"""SELECT seq, {_arg("recurring_task_id")}, actor, recorded_at FROM events
        WHERE store_id = $1 AND name = 'task_execution.fail' AND seq IN (SELECT unnest($2::BIGINT[]))"""  # noqa: S608
    failures = cursor.query(sql, [store_id, sorted({seq for seq, *_ in disabled})])
    return {disabled[failure] for failure in failures if failure in disabled}


def _names(cursor: Cursor, store_id: str, tasks: Iterable[str]) -> dict[str, str]:
    """The recurring tasks' names, of deleted ones that with which they were made."""
    wanted = list(dict.fromkeys(tasks))
    given = [store_id, wanted]
    ids = "(SELECT unnest($2::VARCHAR[]))"
    alive = dict(cursor.query(f"SELECT id, name FROM recurring_tasks WHERE store_id = $1 AND id IN {ids}", given))  # noqa: S608
    if len(alive) == len(wanted):
        return alive
    sql = f"""SELECT {_arg("recurring_task_id")} AS task, {_arg("name")} FROM events
        WHERE store_id = $1 AND name = 'recurring_task.create' AND {_arg("recurring_task_id")} IN {ids}"""  # noqa: S608
    return {task: task for task in wanted} | dict(cursor.query(sql, given)) | alive


def _table(rows: Sequence[Row]) -> str:
    kind = type(rows[0])
    return as_table(kind._plural, kind._columns, [[getattr(row, name) for name in kind._columns] for row in rows], 0)


def _numbered(number: int, words: str) -> str:
    """A number and what it counts, given in the plural."""
    nouns = ("runs", "cards", "changes", "pauses")
    said = [word[:-1] if number == 1 and word in nouns else word for word in words.split(" ")]
    return " ".join([f"{number:,}", *said])
