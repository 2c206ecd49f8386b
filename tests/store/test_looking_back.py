"""Looking back answers every question as it was answered then, at any event and at any instant."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from IPython.lib.pretty import pretty

import wsq
from tests.conftest import NOON
from tests.store.histories import History, unruly
from wsq.clock import ManualClock
from wsq.errors import InvalidInput, UnreadableLog
from wsq.projections import TABLES
from wsq.store import log, past, rows
from wsq.store.folding import fold
from wsq.store.instants import instants

MOMENTS = 5
"""Moments at which one looks back; each takes a database of its own."""

ONES = 3
"""Rows of each kind that are asked for by their ids."""


def answers(store: Any) -> dict[str, Any]:
    """What a store says to every question that it can be asked, of some of its rows by their ids."""
    asked: dict[str, Any] = {
        "row": store.row(),
        "projects": store.projects(include_archived=True),
        "contacts": store.contacts(),
        "documents": store.documents(include_archived=True),
        "lines": store.document_lines(),
        "holding": store.documents_holding("PLAN"),
        "counts": store.project_counts(),
        "tasks": store.tasks(include_archived=True),
        "open": store.tasks(status="todo"),
        "recurring": store.recurring_tasks(),
        "executions": store.executions(limit=100),
        "page": store.executions(limit=3),
        "runs": store.recent_runs(3),
        "head": store.head(),
        "events": store.events(),
    }
    for project in asked["projects"][:ONES]:
        asked[project.id] = (store.project(project.id), store.tasks(project.id), store.documents(project.id))
        asked[project.id] += (store.contacts(project.id), store.recurring_tasks(project.id))
    for one, many in (("contact", "contacts"), ("document", "documents"), ("task", "tasks")):
        asked |= {row.id: getattr(store, one)(row.id) for row in asked[many][-ONES:]}
    for task_id in {row.recurring_task_id for row in asked["executions"][-ONES:]}:
        asked[task_id] = (store.latest_execution(task_id), store.executions(task_id))
    for task in asked["recurring"][:ONES]:
        asked[f"about {task.id}"] = (store.recurring_task(task.id), store.forecast(task.id))
    for execution in asked["executions"][:ONES]:
        asked[execution.id] = (store.execution(execution.id), store.documents_made_by(execution.id))
    return asked


class Remembered(History):
    """A history of which is remembered what its stores said after some of its deeds."""

    def __init__(self, ws: wsq.Workspace, clock: ManualClock, chance: random.Random, often: float) -> None:
        super().__init__(ws, clock, chance)
        self.often = often
        self.seen: list[tuple[wsq.Store, int, dict[str, Any], dict[str, Any]]] = []

    def deeds(self) -> list[Callable[[wsq.Store], object]]:
        """The same; before the next one it is remembered how things stand."""
        for store in self.stores:
            if self.chance.random() < self.often:
                said = answers(store)
                talks = {row.id: store.transcript(row.id) for row in said["executions"][:ONES]}
                self.seen.append((store, said["head"], said, talks))
        return super().deeds()


def test_every_question_is_answered_as_it_was_then(tmp_path: Path) -> None:
    # Given a history, and what its stores said while it went on
    chance, clock = random.Random(20), ManualClock(NOON)
    with wsq.open(tmp_path / "w.duckdb", clock=clock, provider=unruly(chance), actor="ada") as ws:
        history = Remembered(ws, clock, chance, often=0.08)
        history.live(45)
        assert len(history.seen) >= MOMENTS

        # When one looks back at some of these moments
        for store, seq, said, talks in chance.sample(history.seen, MOMENTS):
            past = store.as_of(seq)

            # Then each answer is what it was, and so is every conversation that was not given up since
            assert answers(past) == said
            for execution_id, lines in talks.items():
                if store.execution(execution_id).pruned_at is None:
                    assert past.transcript(execution_id) == lines


def test_what_was_not_there_yet_or_no_more_is_not_found(ws: wsq.Workspace, acme: wsq.Store) -> None:
    # Given tasks of which one was deleted, and another came later
    gone = acme.create_recurring_task("Gone", "List the tasks", every="1 day")
    acme.delete_recurring_task(gone.id)
    then = acme.head()
    later = acme.create_recurring_task("Later", "List the tasks", every="1 day")
    acme.delete_recurring_task(later.id)

    # When one looks back at the moment between them
    past = acme.as_of(then)

    # Then the executions of the former can be asked for, of the latter nothing is known
    assert past.executions(gone.id) == acme.executions(gone.id) == []
    with pytest.raises(wsq.NotFound, match=later.id):
        past.executions(later.id)
    with pytest.raises(wsq.NotFound, match="no store 'acme'"):
        acme.as_of(0).projects()
    assert acme.as_of(10_000).seq == acme.head()


def test_the_rows_after_every_event_are_the_fold_up_to_it(tmp_path: Path) -> None:
    # Given a history
    chance, clock = random.Random(3), ManualClock(NOON)
    with wsq.open(tmp_path / "w.duckdb", clock=clock, provider=unruly(chance), actor="ada") as ws:
        History(ws, clock, chance).live(40)
        acme = ws.store("acme")
        events = acme.events()

        # When the rows of each of its moments are asked for, all tables at once and some for themselves
        seqs = [event.seq for event in events]
        worlds = ws._log.worlds_at("acme", seqs, TABLES)
        apart = {table: ws._log.worlds_at("acme", seqs, {table}) for table in ("tasks", "execution_steps")}

        # Then they are what the events up to there make
        for place, seq in enumerate(seqs):
            expected = fold(events[:seq])
            assert worlds[place] == expected
            assert all(mine[place] == {table: expected[table]} for table, mine in apart.items())


def test_a_log_too_long_to_be_read_at_once_is_read_from_a_copy(
    acme: wsq.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given more events than may be read while the workspace is held
    monkeypatch.setattr(log, "READ_AT_ONCE", 3)
    for n in range(5):
        acme.create_task(f"Task {n}")

    # Then the past is what it is
    assert [task.title for task in acme.as_of(5).tasks()] == ["Task 0", "Task 1", "Task 2", "Task 3"]
    assert [change.name for change in acme.difference(4)] == ["Task 3", "Task 4"]


def test_an_instant_means_all_events_before_the_first_that_was_recorded_later(
    acme: wsq.Store, clock: ManualClock
) -> None:
    # Given events of which two share an instant, and one was recorded by a clock that had been put back
    minutes = lambda n: NOON + timedelta(minutes=n)
    for title, at in (("one", 0), ("two", 10), ("three", 10), ("back", 5), ("four", 20)):
        clock.move_to(minutes(at))
        acme.create_task(title)

    def titles(instant: object) -> list[str]:
        return [task.title for task in acme.as_of(instant).tasks()]

    # Then those of one instant are there together, and the one from before is there when those before it are
    assert titles(minutes(0)) == titles(minutes(5)) == titles(minutes(9)) == ["one"]
    assert titles(minutes(10)) == titles(minutes(19)) == ["one", "two", "three", "back"]
    assert titles(minutes(20)) == titles(minutes(99)) == ["one", "two", "three", "back", "four"]
    with pytest.raises(wsq.NotFound):
        titles(minutes(-1))
    with pytest.raises(wsq.InvalidInput, match="time zone"):
        titles(NOON.replace(tzinfo=None))


@pytest.mark.parametrize("point", ["x", 2.5, -1, True, None, NOON.replace(tzinfo=None)])
def test_a_moment_that_cannot_be_is_refused_in_one_sentence(acme: wsq.Store, point: Any) -> None:
    acme.create_task("One")

    for asked in (acme.as_of, acme.difference):
        with pytest.raises(InvalidInput, match="time zone"):
            asked(point)
    assert (acme.as_of(0).seq, acme.as_of(0).events()) == (0, [])
    assert acme.as_of(10**30).seq == acme.head()


def test_two_moments_are_compared_row_by_row(ws: wsq.Workspace, acme: wsq.Store, clock: ManualClock) -> None:
    # Given a board at two moments
    launch = acme.create_project("Launch")
    ada = acme.create_contact("Ada", email="ada@example.com")
    kept, first, second = (acme.create_task(title) for title in ("Kept", "First", "Second"))
    then = acme.as_of(clock.now())
    clock.advance(60)
    acme.update_project(launch.id, description="Ship it")
    acme.delete_contact(ada.id)
    acme.create_document("Brief", "Calm.")
    acme.move_task(second.id, position=0)
    acme.update_task(first.id, title="Foremost")
    acme.archive_task(first.id)
    triage = acme.create_recurring_task("Triage", "List the tasks", every="1 day")
    acme.run_now(triage.id)
    now = acme.as_of(acme.head())

    # When they are compared
    told = acme.difference(then.seq)

    # Then each row that differs is told with what it was and is, and no other
    assert [(each.what, each.kind, each.name) for each in told] == [
        ("changed", "project", "Launch"),
        ("deleted", "contact", "Ada"),
        ("created", "document", "Brief"),
        ("archived", "task", "Foremost"),
        ("changed", "task", "Second"),
        ("created", "recurring task", "Triage"),
        ("created", "execution", "Triage"),
    ]
    by_name = {(each.kind, each.name): each for each in told}
    assert by_name["project", "Launch"].before == {"description": ""}
    assert by_name["project", "Launch"].after == {"description": "Ship it"}
    assert by_name["contact", "Ada"].before["email"] == "ada@example.com"
    assert by_name["contact", "Ada"].after == {}
    assert by_name["task", "Foremost"].before == {"title": "First", "archived_at": None}
    assert set(by_name["task", "Second"].after) == {"rank"}
    assert by_name["execution", "Triage"].after["status"] == "completed"
    assert pretty(told).splitlines()[1].split() == [
        "changed",
        "project",
        "Launch",
        "description:",
        "–",
        "→",
        "Ship",
        "it",
    ]

    # And it is the same by instants and by what was looked back at, and backwards the other way round
    assert acme.difference(NOON, clock.now()) == then.difference(now) == told
    assert [(each.id, each.before, each.after) for each in now.difference(then)] == [
        (each.id, each.after, each.before) for each in told
    ]
    assert then.difference(then) == []
    assert kept.id not in {each.id for each in told}
    ws.store("beta").create_task("Apart")
    with pytest.raises(wsq.InvalidInput, match="another store"):
        then.difference(ws.store("beta").as_of(1))


def test_a_difference_between_any_two_moments_is_what_the_rows_of_both_say(tmp_path: Path) -> None:
    # Given a history
    chance, clock = random.Random(9), ManualClock(NOON)
    with wsq.open(tmp_path / "w.duckdb", clock=clock, provider=unruly(chance), actor="ada") as ws:
        History(ws, clock, chance).live(25)
        acme = ws.store("acme")

        # When any two of its moments are compared
        for _ in range(2):
            since, until = (chance.randint(2, acme.head()) for _ in range(2))
            told = {(each.kind, each.id): each for each in acme.difference(since, until)}

            # Then what came, went and changed is what the answers at both show
            for kind, question in (("task", "tasks"), ("document", "documents"), ("project", "projects")):
                was, is_ = (
                    {row.id: row for row in getattr(acme.as_of(seq), question)(include_archived=True)}
                    for seq in (since, until)
                )
                assert {key[1] for key in told if key[0] == kind} >= was.keys() ^ is_.keys()
                for row_id in was.keys() & is_.keys():
                    change = told.get((kind, row_id))
                    differing = was[row_id].version != is_[row_id].version
                    for name, value in (change.after if change else {}).items():
                        assert getattr(is_[row_id], name) == value != getattr(was[row_id], name)
                    assert change is None or differing


def test_long_answers_are_those_that_short_ones_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a history, and that a single row counts as many, which are brought over in other ways
    chance, clock = random.Random(8), ManualClock(NOON)
    with wsq.open(tmp_path / "w.duckdb", clock=clock, provider=unruly(chance), actor="ada") as ws:
        History(ws, clock, chance).live(12)
        said = {store.id: answers(ws.store(store.id)) for store in ws.stores()}
        monkeypatch.setattr(rows, "MANY", 1)
        monkeypatch.setattr(past, "MANY", 1)

        # When the projections are made anew, then they are as they were
        ws.rebuild()
        assert ws.verify() == []

        # And when one looks back at the newest moment, it is as it is now
        assert said == {store: answers(ws.store(store).as_of(10_000)) for store in said}


@pytest.mark.parametrize("args", ['{"task_id": 7}', '{"task_id', "", "{}],[1,2,{}"])
def test_an_event_that_cannot_be_read_is_named_when_looking_back(ws: wsq.Workspace, acme: wsq.Store, args: str) -> None:
    # Given three tasks, and a log that was spoilt where the second is made
    acme.create_task("Before")
    spoilt = acme.create_task("Spoilt")
    acme.create_task("After")
    (seq,) = (event.seq for event in acme.events() if getattr(event.fact, "task_id", None) == spoilt.id)
    with ws._log.engine.write() as cursor:
        cursor.query("UPDATE events SET args = $2 WHERE store_id = 'acme' AND seq = $1", [seq, args])

    # Then it is named where it is in the way, and nowhere else
    with pytest.raises(UnreadableLog, match=f"Store 'acme', event {seq}: .*'task.create' cannot be read"):
        acme.as_of(seq + 1).tasks()
    assert [task.title for task in acme.as_of(seq - 1).tasks()] == ["Before"]
    assert acme.as_of(seq + 1).contacts() == []


@pytest.mark.parametrize(
    "times", [[0, None, 2**32 * 10**6 - 1], [-1, None, 1], [2**32 * 10**6 + 1, 999_999], [None], []]
)
def test_an_instant_is_told_to_the_microsecond(times: list[int | None]) -> None:
    begun = datetime(1970, 1, 1, tzinfo=UTC)
    assert instants(times) == [n if n is None else begun + timedelta(microseconds=n) for n in times]
